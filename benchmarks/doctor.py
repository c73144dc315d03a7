"""How fast `rocmkit doctor` is, and what it survives, beside others: one run measures all.

python benchmarks/doctor.py [--runs N] [--torch auto|yes|no] [--work FOLDER] [--write]

Needs the package registry, for the environments that it makes; what is measured gets no network. See README.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
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
from scratch import FAKE_TORCH, HANGS, SEGFAULTS, Scratch, forget_bytecode, site_packages, version

HERE = Path(__file__).resolve().parent
COLD_RUNS = 3
SLOW_S, SLOW_RUNS = 2.0, 3  # what takes longer than this is run three times
LIMIT_S, TORTURE_LIMIT_S = 90.0, 30.0
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RIVALS = {
    "rocm-bootstrap": ("rocm-bootstrap-detect",),
    "gpu-doctor": ("gpu-doctor", "--check"),
    "env-doctor": ("env-doctor", "check"),
}
COLLECT = ("python", "-m", "torch.utils.collect_env")
GROUPS = {
    "start": "Start",
    "no torch": "No torch installed",
    "torch": "torch installed (a CPU build)",
    "tools hang": "Every tool on PATH hangs",
    "torch crashes": "torch crashes on import (SIGSEGV)",
    "torch hangs": "torch hangs on import",
}


@dataclass(frozen=True)
class Case:
    """One command line in one situation."""

    group: str
    tool: str
    argv: tuple[str, ...]
    venv: Path
    shown: str
    judged: Path | None = None  # an environment besides its own whose bytecode the cold run must not find
    env: dict[str, str] = field(default_factory=dict)
    path_first: Path | None = None
    budget_s: float | None = None
    torture: bool = False
    torch: bool = False

    @property
    def limit_s(self) -> float:
        return TORTURE_LIMIT_S if self.torture else LIMIT_S


@dataclass
class Measured:
    """A case, and what its runs came to so far."""

    case: Case
    cold_s: list[float]
    calls: list[str]
    runs: int = 0
    warm: list[child.Ran] = field(default_factory=list)


class Bench:
    """The cases, the environments they run in, and what has been measured so far."""

    def __init__(self, scratch: Scratch, torch: str) -> None:
        self.scratch = scratch
        self.notes: list[str] = []
        tell("building the wheel and installing rocmkit")
        self.rocmkit = scratch.rocmkit()
        self.versions = {"rocmkit": version(self.rocmkit, "rocmkit")}
        self.venvs: dict[str, Path] = {}
        for name in RIVALS:
            tell(f"installing {name}")
            self.venvs[name] = scratch.venv(name, name)
            self.versions[name] = version(self.venvs[name], name)
        self.torch = self._torch(torch)
        self.segfaults = scratch.fake_torch("torch-segfaults", SEGFAULTS)
        self.hangs = scratch.fake_torch("torch-hangs", HANGS)

    def _torch(self, wanted: str) -> Path | None:
        build = "" if wanted == "no" else self.scratch.torch_build()
        if not build or (wanted == "auto" and not build.endswith("+cpu")):
            why = (
                "not asked for"
                if wanted == "no"
                else f"the registry offers this Python {build or 'no'} build, and `--torch yes` was not given"
            )
            self.notes.append(f"Not measured: anything with a real torch ({why}).")
            return None
        tell(f"installing torch {build}")
        found = self.scratch.venv("torch", f"torch=={build}")
        self.versions["torch"] = version(found, "torch")
        return found

    def cases(self) -> list[Case]:
        return [*self._start(), *self._plain(), *self._hung_tools(), *self._bad_torch()]

    def _doctor(self, group: str, *options: str, shown: str = "", **more: Any) -> Case:
        argv = ("rocmkit", "doctor", *options)
        return Case(group, "rocmkit", argv, self.rocmkit, shown or " ".join(argv), **more)

    def _rivals(self, group: str, **more: Any) -> list[Case]:
        return [Case(group, name, argv, self.venvs[name], " ".join(argv), **more) for name, argv in RIVALS.items()]

    def _start(self) -> list[Case]:
        ours = [
            Case("start", "rocmkit", ("rocmkit", option), self.rocmkit, f"rocmkit {option}", budget_s=0.15)
            for option in ("--help", "--version")
        ]
        theirs = [Case("start", name, (argv[0], "--help"), self.venvs[name], f"{argv[0]} --help") for name, argv in RIVALS.items()]
        bare = Case("start", "python", ("python", "-c", "pass"), self.rocmkit, "python -c pass")
        return [*ours, *theirs, bare]

    def _plain(self) -> list[Case]:
        cases = [self._doctor("no torch", *options, budget_s=0.4) for options in ((), ("--json",))]
        cases += self._rivals("no torch")
        if self.torch:
            cases.append(
                self._doctor("torch", "--python", str(self.torch), shown="rocmkit doctor --python ENV", judged=self.torch, torch=True)
            )
            python_path = {"PYTHONPATH": str(site_packages(self.torch))}
            cases += self._rivals("torch", judged=self.torch, env=python_path, torch=True)
            cases.append(Case("torch", "collect_env", COLLECT, self.torch, " ".join(COLLECT), torch=True))
        return cases

    def _hung_tools(self) -> list[Case]:
        more: dict[str, Any] = {"path_first": self.scratch.hung_tools(), "torture": True}
        cases = [self._doctor("tools hang", *options, budget_s=6.0, **more) for options in ((), ("--json",))]
        python = str(self.scratch.hung_python())
        cases.append(self._doctor("tools hang", "--python", python, shown="rocmkit doctor --python (hangs too)", budget_s=6.0, **more))
        cases += self._rivals("tools hang", **more)
        if self.torch:
            cases.append(Case("tools hang", "collect_env", COLLECT, self.torch, " ".join(COLLECT), **more))
        return cases

    def _bad_torch(self) -> list[Case]:
        cases = []
        for group, venv in (("torch crashes", self.segfaults), ("torch hangs", self.hangs)):
            more: dict[str, Any] = {"env": {"PYTHONPATH": str(site_packages(venv))}, "torture": True, "torch": True}
            cases.append(self._doctor(group, "--python", str(venv), shown="rocmkit doctor --python ENV", budget_s=6.0, **more))
            cases.append(
                self._doctor(group, "--json", "--python", str(venv), shown="rocmkit doctor --json --python ENV", budget_s=6.0, **more)
            )
            cases += self._rivals(group, **more)
            cases.append(Case(group, "collect_env", COLLECT, venv, " ".join(COLLECT), torture=True, torch=True))
        return cases

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
        argv = [str(case.venv / "bin" / case.argv[0]), *case.argv[1:]]
        return child.run(argv, env, self.scratch.empty, case.limit_s)

    def cold(self, case: Case) -> list[float]:
        times = []
        for _ in range(COLD_RUNS):
            forget_bytecode(case.venv)
            if case.judged:
                forget_bytecode(case.judged)
            times.append(self.once(case).wall_s)
        return times

    def measure(self, runs: int) -> list[table.Row]:
        """Cold runs of each, one uncounted, then the counted ones in turns, so that a busy moment falls on all alike."""
        measured = []
        for case in self.cases():
            tell(f"{case.group}: {case.shown}")
            cold = [] if case.torture else self.cold(case)
            self.scratch.take_calls()
            first = self.once(case)
            entry = Measured(case, cold, self.scratch.take_calls())
            if first.exit is None:  # at the time limit every time: once is enough
                entry.warm.append(first)
                entry.runs = 1
            else:
                entry.runs = min(runs, SLOW_RUNS) if case.torture or first.wall_s > SLOW_S else runs
            measured.append(entry)
        for turn in range(runs):
            tell(f"warm run {turn + 1} of {runs}")
            for entry in measured:
                if len(entry.warm) < entry.runs:
                    entry.warm.append(self.once(entry.case))
        return [self._row(entry) for entry in measured]

    def _row(self, entry: Measured) -> table.Row:
        case, warm = entry.case, entry.warm
        number = FAKE_TORCH if case.group in {"torch crashes", "torch hangs"} else self.versions.get("torch", "")
        return table.Row(
            group=case.group,
            tool=case.tool,
            command=case.shown,
            exits=list(dict.fromkeys(ran.exit for ran in warm)),
            cold_s=entry.cold_s,
            warm_s=[ran.wall_s for ran in warm],
            cpu_s=[ran.cpu_s for ran in warm],
            limit_s=case.limit_s,
            survived=all(ran.survived for ran in warm),
            names_torch=all(number in ran.output for ran in warm) if case.torch else None,
            tools_called=entry.calls,
            left_behind=max(ran.left_behind for ran in warm),
            budget_s=case.budget_s,
        )


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
        help="measure with a real torch: auto does only where the registry offers a CPU build; yes may download gigabytes",
    )
    parser.add_argument("--work", type=Path, help="keep the environments in this folder and use them again")
    parser.add_argument("--write", action="store_true", help="write results.json and the table in README.md")
    chosen = parser.parse_args()
    if chosen.runs < 9:
        parser.error("--runs must be at least 9: a median of fewer says little")
    return chosen


def measure(root: Path, chosen: argparse.Namespace) -> tuple[dict[str, Any], list[table.Row]]:
    bench = Bench(Scratch(root), chosen.torch)
    cut = child.cut_network()
    machine: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "system": system(),
        "python": platform.python_version(),
        "gpu": "a GPU that KFD knows" if Path("/dev/kfd").exists() else "no AMD GPU",
        "versions": bench.versions,
        "runs": chosen.runs,
        "network_cut": cut,
        "load_before": load(),
    }
    rows = bench.measure(chosen.runs)
    return machine | {"load_after": load(), "notes": bench.notes}, rows


def main() -> None:
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    child.prepare()
    if chosen.work:
        chosen.work.mkdir(parents=True, exist_ok=True)
        machine, rows = measure(chosen.work.resolve(), chosen)
    else:
        with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
            machine, rows = measure(Path(root).resolve(), chosen)
    text = table.render(machine, GROUPS, rows)
    if chosen.write:
        results = {"machine": machine, "rows": [row.published() for row in rows]}
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        table.put(HERE / "README.md", text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
