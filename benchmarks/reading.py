"""How fast `rocmkit inspect` reads GPU code, and in how much memory, beside LLVM's tools and beside reading the bytes.

python benchmarks/reading.py --library FILE --tree FOLDER [--wheel FILE] [--for GFX] [--runs N] [--write]

FILE and FOLDER are real ones: see README.md for where to have them from. Commands that are not on this machine are left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import child
import table
from scratch import Scratch, machine, version

BEGIN, END = "<!-- reading: begin -->", "<!-- reading: end -->"
LIMIT_S = 600.0
SLOW_S = 10.0  # what takes longer than this runs once
#: Reads every byte of files and folders, as fast as Python can.
READ_ALL = """
import os, sys
def files(path):
    return (os.path.join(top, name) for top, _, names in os.walk(path) for name in names) if os.path.isdir(path) else [path]
buffer = memoryview(bytearray(1 << 20))
for path in files(sys.argv[1]):
    if not os.path.islink(path):
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
"""
#: Debian's names first, so that the version is known.
LLVM = ("-19", "-18", "-17", "-16", "-21", "-20", "")


@dataclass
class Case:
    """A command over `subject`. `tells` must stand in what it prints for it to have found the target."""

    subject: str
    command: str
    argv: list[str]
    size_bytes: int
    tells: str
    runs: list[child.Ran] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        walls = [ran.wall_s for ran in self.runs]
        return {
            "subject": self.subject,
            "command": self.command,
            "size_bytes": self.size_bytes,
            "median_s": round(table.median(walls), 4),
            "minimum_s": round(min(walls), 4),
            "gb_per_s": round(self.size_bytes / table.median(walls) / 1e9, 2),
            "peak_mb": round(max(ran.peak_bytes for ran in self.runs) / 1e6, 1),
            "tells": all(self.tells in ran.output for ran in self.runs) if self.tells else None,
            "exits": sorted({str(ran.exit) for ran in self.runs}),
        }


def llvm(name: str) -> str | None:
    """LLVM's tool of that name, under the names that distributions give it."""
    return next((found for suffix in LLVM if (found := shutil.which(name + suffix))), None)


def size_of(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def cases(rocmkit: Path, chosen: argparse.Namespace) -> list[Case]:
    """Each subject by rocmkit, by LLVM's tools where they can, and read byte by byte."""
    found = []
    binary = str(rocmkit / "bin/rocmkit")
    for subject in filter(None, (chosen.library, chosen.tree, chosen.wheel)):
        path, size = str(subject), size_of(subject)
        name = f"{subject.name} ({size / 1e9:.2f} GB)"

        def add(command: str, argv: list[str], tells: str = chosen.gfx, *, name: str = name, size: int = size) -> None:
            found.append(Case(name, command, argv, size, tells))

        add(f"rocmkit inspect --for {chosen.gfx}", [binary, "inspect", path, "--for", chosen.gfx])
        # What a wheel holds is for other cards, perhaps: then no card's name is the right answer.
        add("rocmkit inspect --json", [binary, "inspect", path, "--json"], "" if subject is chosen.wheel else chosen.gfx)
        objdump, bundler, objcopy, readelf = map(llvm, ("llvm-objdump", "clang-offload-bundler", "llvm-objcopy", "llvm-readelf"))
        if subject is chosen.library:
            if objdump:
                add("llvm-objdump --offloading", [objdump, "--offloading", path])
            if objcopy and bundler:
                script = '"$1" --dump-section=.hip_fatbin=fatbin "$2" /dev/null && "$3" --list --type=o --input=fatbin'
                add("llvm-objcopy, clang-offload-bundler --list (first bundle only)", ["sh", "-c", script, "sh", objcopy, path, bundler])
        elif subject is chosen.tree and readelf and bundler:
            script = (
                'find "$1" -name "*.co" -o -name "*.hsaco" | while read -r f; do "$2" --list --type=o --input="$f" || "$3" -h "$f"; done'
            )
            add("clang-offload-bundler --list, llvm-readelf -h, file by file", ["sh", "-c", script, "sh", path, bundler, readelf])
        if subject is not chosen.wheel:
            add("reading every byte", [sys.executable, "-c", READ_ALL, path], "")
        elif shutil.which("unzip"):
            add("unzip -t (unpacks all, keeps nothing)", ["unzip", "-tqq", path], "")
    return found


def render(machine: dict[str, Any], rows: list[dict[str, Any]], gfx: str) -> str:
    """Everything that belongs between the markers."""
    parts = [
        f"{machine['date']}: {machine['cores']} cores ({machine['architecture']}), Python {machine['python']}, "
        f"rocmkit {machine['rocmkit']}, {machine['llvm']}; {machine['runs']} warm runs each "
        f"(one of what takes over {SLOW_S:.0f} s), files in the page cache."
    ]
    for subject in dict.fromkeys(row["subject"] for row in rows):
        own = [row for row in rows if row["subject"] == subject]
        lines = [f"| command | median s | x `{own[0]['command']}` | GB/s | peak MB | exit | names {gfx} |", "|---|--:|--:|--:|--:|--:|--:|"]
        for row in own:
            told = {None: "", True: "yes", False: "**no**"}[row["tells"]]
            lines.append(
                f"| {row['command']} | {row['median_s']:.2f} | {row['median_s'] / own[0]['median_s']:.2f} | {row['gb_per_s']:.2f} "
                f"| {row['peak_mb']:.0f} | {', '.join(row['exits'])} | {told} |"
            )
        parts.append(f"**{subject}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure rocmkit inspect.")
    parser.add_argument("--library", type=Path, required=True, help="a large library with GPU code")
    parser.add_argument("--tree", type=Path, required=True, help="a folder of kernel files and libraries")
    parser.add_argument("--wheel", type=Path, help="a large wheel with GPU code")
    parser.add_argument("--for", dest="gfx", default="gfx906")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write reading.json and the table in README.md")
    chosen = parser.parse_args()
    for name in ("library", "tree", "wheel"):
        if path := getattr(chosen, name):
            setattr(chosen, name, path.resolve(strict=True))
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        scratch = Scratch(Path(root).resolve())
        rocmkit = scratch.rocmkit()
        wanted = cases(rocmkit, chosen)
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("reading")), "LANG": "C.UTF-8", "TERM": "dumb"}
        for turn in range(-1, chosen.runs):  # one uncounted, which brings the files into the page cache
            for case in wanted:
                if case.runs and case.runs[0].wall_s > SLOW_S:
                    continue
                sys.stderr.write(f"{'warming' if turn < 0 else f'run {turn + 1} of {chosen.runs}'}: {case.subject}: {case.command}\n")
                ran = child.run(case.argv, env, scratch.empty, LIMIT_S)
                if turn >= 0 or ran.wall_s > SLOW_S:
                    case.runs.append(ran)
        objdump = llvm("llvm-objdump")
        where = machine(rocmkit=version(rocmkit, "rocmkit"), llvm=Path(objdump).name if objdump else "no LLVM tools", runs=chosen.runs)
    rows = [case.row() for case in wanted]
    text = render(where, rows, chosen.gfx)
    if chosen.write:
        table.publish("reading", text, {"machine": where, "rows": rows}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
