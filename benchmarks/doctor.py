"""How fast `rocmkit doctor` is, and what it survives, beside others: one run measures all.

python benchmarks/doctor.py [--runs N] [--torch auto|yes|no] [--sys FOLDER] [--work FOLDER] [--write]

Needs the package registry, for the environments that it makes; what is measured gets no network. See README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import child
import table
from cases import GROUPS, RIVALS, Case, Cases
from scratch import Scratch, forget_bytecode, machine, version

COLD_RUNS = 3
SLOW_S, SLOW_RUNS = 2.0, 3  # what takes longer than this is run three times
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Measured:
    """A case, and what its runs came to so far."""

    case: Case
    cold_s: list[float]
    calls: list[str]
    runs: int = 0
    warm: list[child.Ran] = field(default_factory=list)

    def row(self) -> table.Row:
        case, warm = self.case, self.warm
        return table.Row(
            group=case.group,
            tool=case.tool,
            command=case.command,
            exits=list(dict.fromkeys(ran.exit for ran in warm)),
            cold_s=self.cold_s,
            warm_s=[ran.wall_s for ran in warm],
            cpu_s=[ran.cpu_s for ran in warm],
            limit_s=case.limit_s,
            survived=all(ran.survived for ran in warm),
            sought=case.tells,
            told=all(case.tells in ran.output for ran in warm) if case.tells else None,
            tools_called=self.calls,
            left_running=max(ran.left_behind for ran in warm),
            budget_s=case.budget_s,
        )


class Bench:
    """Installs everything, then runs cases."""

    def __init__(self, scratch: Scratch, torch: str) -> None:
        self.scratch = scratch
        self.notes: list[str] = []
        tell("building the wheel and installing rocmkit")
        rocmkit = scratch.rocmkit()
        self.versions = {"rocmkit": version(rocmkit, "rocmkit")}
        rivals = {}
        for name in RIVALS:
            tell(f"installing {name}")
            rivals[name] = scratch.venv(name, name)
            self.versions[name] = version(rivals[name], name)
        self.cases = Cases(scratch, rocmkit, rivals, self._torch(torch))

    def _torch(self, wanted: str) -> tuple[Path, str] | None:
        build = "" if wanted == "no" else self.scratch.torch_build()
        if not build or (wanted == "auto" and not build.endswith("+cpu")):
            why = "not asked for" if wanted == "no" else "no CPU build of it is offered to this Python here"
            self.notes.append(f"Not measured: anything with a real torch ({why}).")
            return None
        tell(f"installing torch {build}")
        found = self.scratch.venv("torch", f"torch=={build}")
        self.versions["torch"] = version(found, "torch")
        return found, self.versions["torch"]

    def once(self, case: Case) -> child.Ran:
        """Run the command as from a shell in which its environment is activated."""
        places = [str(place) for place in (case.path_first, case.venv / "bin") if place]
        home = self.scratch.home(case.tool)
        env = {
            "PATH": ":".join([*places, SYSTEM_PATH]),
            "VIRTUAL_ENV": str(case.venv),
            "HOME": str(home),
            "TMPDIR": str(home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            **case.env,
        }
        return child.run([str(case.venv / "bin" / case.argv[0]), *case.argv[1:]], env, self.scratch.empty, case.limit_s)

    def cold(self, case: Case) -> list[float]:
        times = []
        for _ in range(COLD_RUNS):
            for venv in filter(None, (case.venv, case.judged)):
                forget_bytecode(venv)
            times.append(self.once(case).wall_s)
        return times

    def measure(self, cases: list[Case], runs: int) -> list[table.Row]:
        """Cold runs of each, one uncounted, then the counted ones in turns, so that a busy moment falls on all alike."""
        measured = []
        for case in cases:
            tell(f"{case.group}: {case.command}")
            cold = [] if case.torture else self.cold(case)
            self.scratch.take_calls()
            first = self.once(case)
            entry = Measured(case, cold, self.scratch.take_calls())
            if first.exit is None:  # at the time limit every time: once is enough
                entry.warm.append(first)
                entry.runs = 1
            else:
                entry.runs = min(runs, SLOW_RUNS) if first.wall_s > SLOW_S else runs
            measured.append(entry)
        for turn in range(runs):
            tell(f"warm run {turn + 1} of {runs}")
            for entry in measured:
                if len(entry.warm) < entry.runs:
                    entry.warm.append(self.once(entry.case))
        return [entry.row() for entry in measured]

    def measure_gpu(self, sys_folder: Path, runs: int) -> list[table.Row]:
        """The same with another machine's /sys in place of this one's. Cannot be undone in this process: comes last."""
        gfx = target(sys_folder)
        if not child.lay_over(sys_folder, Path("/sys")):
            self.notes.append("Not measured: a machine with an AMD GPU (no permission to lay another /sys over this one's).")
            return []
        return self.measure(self.cases.with_gpu(gfx), runs)


def target(sys_folder: Path) -> str:
    """The architecture of the first GPU in a copy of /sys, from what its kernel driver said."""
    for properties in sorted(sys_folder.glob("class/kfd/kfd/topology/nodes/*/properties")):
        for line in properties.read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "gfx_target_version" and int(number):
                major, minor, stepping = int(number) // 10000, int(number) // 100 % 100, int(number) % 100
                return f"gfx{major}{minor:x}{stepping:x}"
    raise SystemExit(f"{sys_folder} holds no GPU that KFD knows")


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def load() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def system() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines() if Path("/etc/os-release").exists() else []
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return names[0] if names else platform.system()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure rocmkit doctor beside others.")
    parser.add_argument("--runs", type=int, default=15, help="warm runs of each quick command (at least 9; default 15)")
    parser.add_argument(
        "--torch",
        choices=("auto", "yes", "no"),
        default="auto",
        help="measure with a real torch: auto does where a CPU build is offered; yes may download gigabytes",
    )
    parser.add_argument("--sys", type=Path, metavar="FOLDER", help="a copy of the /sys of a machine with an AMD GPU; measure on it too")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep the environments in this folder and use them again")
    parser.add_argument("--write", action="store_true", help="write results.json and the table in README.md")
    chosen = parser.parse_args()
    if chosen.runs < 9:
        parser.error("--runs must be at least 9: a median of fewer says little")
    return chosen


def measure(root: Path, chosen: argparse.Namespace) -> tuple[dict[str, Any], list[table.Row]]:
    bench = Bench(Scratch(root), chosen.torch)
    where = machine(
        system=system(),
        gpu="an AMD GPU" if Path("/dev/kfd").exists() else "no AMD GPU",
        versions=bench.versions,
        runs=chosen.runs,
        network_cut=child.cut_network(),
        load_before=load(),
    )
    rows = bench.measure(bench.cases.here(), chosen.runs)
    if chosen.sys:
        rows += bench.measure_gpu(chosen.sys.resolve(), chosen.runs)
    return where | {"load_after": load(), "notes": bench.notes}, rows


def main() -> None:
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    child.prepare()
    if chosen.work:
        chosen.work.mkdir(parents=True, exist_ok=True)
        where, rows = measure(chosen.work.resolve(), chosen)
    else:
        with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
            where, rows = measure(Path(root).resolve(), chosen)
    text = table.render(where, GROUPS, rows)
    if chosen.write:
        table.publish("results", text, {"machine": where, "rows": [row.published() for row in rows]})
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
