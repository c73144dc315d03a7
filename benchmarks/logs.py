"""How fast `rocmkit explain --log` reads a log, in how much memory, beside grep and Python's re; and what its knowledge takes to load.

python benchmarks/logs.py [--size MB] [--runs N] [--write]

The logs are made here, and the same on every machine. See README.md.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import child
import table
from scratch import Scratch, machine, version

BEGIN, END = "<!-- logs: begin -->", "<!-- logs: end -->"
LIMIT_S = 600.0
#: Python's re looks for every pattern in turn: so much of the log is enough to know its pace.
RE_MB = 1
FAULT = "rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: No such file or directory for GPU arch : gfx906\n"
ONE_PATTERN = "rocBLAS error: (Cannot read|Could not (load|open)) .*TensileLibrary.*GPU arch ?: ?gfx[0-9a-f]{3,5}"
SOUGHT = "RK307"
#: All patterns of the knowledge base, one after the other, over each MiB; what Python's re cannot read is counted.
ALL_BY_RE = """
import re, sys
from rocmkit.kb.issues import issues
known, odd = [], 0
for pattern in sorted({line for issue in issues() for one in issue.signatures for line in one.lines}):
    try:
        known.append(re.compile(pattern.encode(), re.MULTILINE))
    except re.error:
        odd += 1
with open(sys.argv[1], "rb") as file:
    while block := file.read(1 << 20):
        for pattern in known:
            pattern.search(block)
print(len(known), "patterns,", odd, "not for re")
"""
#: Milliseconds, in a process of its own.
LOAD = """
import time
begin = time.perf_counter()
def passed(name, begin):
    print(name, round((time.perf_counter() - begin) * 1000, 1), sep="\\t")
from rocmkit.kb import issues as kb
from rocmkit.kb._load import ROOT
from rocmkit.logs.match import patterns
from rocmkit.model import load_yaml
passed("importing it", begin)
begin = time.perf_counter()
kb.issues()
passed("the issues", begin)
begin = time.perf_counter()
kb.trackers(), kb.words(), kb.contexts()
passed("what logs are read with", begin)
begin = time.perf_counter()
patterns()
passed("compiling the patterns", begin)
begin = time.perf_counter()
for path in sorted(ROOT.rglob("*.yaml")):
    if path.parent.name != "issues" and path.name != "logs.yaml":
        load_yaml(path.read_text(encoding="utf-8"), source=path.name, own=True)
passed("all else that doctor knows", begin)
"""


def build() -> Iterator[str]:
    """A healthy build."""
    chance, number = random.Random(1), 0
    while True:
        number += 1
        name = f"{chance.choice(('conv', 'gemm', 'attention', 'softmax', 'norm'))}_{chance.randrange(10_000)}"
        options = "-DUSE_ROCM -I/opt/rocm/include -O3 --offload-arch=gfx906"
        yield f"[{number}/99999] /opt/rocm/bin/clang++ {options} -o {name}.o -c src/{name}.cpp\n"


def near() -> Iterator[str]:
    """Each line mentions an error, and none says it."""
    number = 0
    while True:
        number += 1
        yield f"{number} if you see {FAULT}"


def full() -> Iterator[str]:
    """One error, over and over."""
    while True:
        yield FAULT


#: The log, and whether the error is in it.
SUBJECTS = {"a healthy build": (build, False), "near misses": (near, False), "one error": (full, True)}


@dataclass
class Case:
    """A command over `subject`, and what its runs came to so far."""

    subject: str
    command: str
    argv: list[str]
    size_bytes: int
    tells: bool | None  # whether it should name the failure; None: it names none
    runs: list[child.Ran] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        walls = [ran.wall_s for ran in self.runs]
        return {
            "subject": self.subject,
            "command": self.command,
            "size_bytes": self.size_bytes,
            "median_s": round(table.median(walls), 4),
            "minimum_s": round(min(walls), 4),
            "mb_per_s": round(self.size_bytes / table.median(walls) / 1e6, 1),
            "peak_mb": round(max(ran.peak_bytes for ran in self.runs) / 1e6, 1),
            "right": all((SOUGHT in ran.output) == self.tells for ran in self.runs) if self.tells is not None else None,
            "exits": sorted({str(ran.exit) for ran in self.runs}),
        }


def written(path: Path, lines: Iterator[str], size_bytes: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size_bytes:
            file.writelines(islice(lines, 10_000))
    return path


def cases(rocmkit: Path, folder: Path, size_mb: int) -> list[Case]:
    found = []
    for number, (subject, (lines, tells)) in enumerate(SUBJECTS.items()):
        log = written(folder / f"{number}.log", lines(), size_mb * 1_000_000)
        short = written(folder / f"{number}.short", lines(), RE_MB * 1_000_000)
        size = log.stat().st_size
        found.append(Case(subject, "rocmkit explain --log", [str(rocmkit / "bin/rocmkit"), "explain", "--log", str(log)], size, tells))
        if grep := shutil.which("grep"):
            found.append(Case(subject, "grep -Ec, one pattern", [grep, "-Ec", ONE_PATTERN, str(log)], size, None))
        python = str(rocmkit / "bin/python")
        found.append(Case(subject, "Python's re, all patterns", [python, "-c", ALL_BY_RE, str(short)], short.stat().st_size, None))
    return found


def loading(rocmkit: Path, env: dict[str, str], folder: Path, runs: int) -> dict[str, float]:
    """Median milliseconds of each step until the first line can be read."""
    times: dict[str, list[float]] = {}
    for _ in range(runs + 1):
        ran = child.run([str(rocmkit / "bin/python"), "-c", LOAD], env, folder, LIMIT_S)
        for line in ran.output.splitlines():
            name, _, value = line.partition("\t")
            times.setdefault(name, []).append(float(value))
    return {name: round(table.median(values[1:]), 1) for name, values in times.items()}  # the first compiled the modules


def render(machine: dict[str, Any], rows: list[dict[str, Any]], load: dict[str, float]) -> str:
    """Everything that belongs between the markers."""
    parts = [
        f"{machine['date']}: {machine['cores']} cores ({machine['architecture']}), Python {machine['python']}, rocmkit "
        f"{machine['rocmkit']}; {machine['runs']} warm runs each, files in the page cache, the start of the commands included. "
        f"Python's re has {RE_MB} MB of the log only."
    ]
    for subject in dict.fromkeys(row["subject"] for row in rows):
        lines = ["| command | MB | median s | MB/s | of rocmkit's | peak MB | exit | right |", "|---|--:|--:|--:|--:|--:|--:|--:|"]
        mine = [row for row in rows if row["subject"] == subject]
        for row in mine:
            right = {None: "", True: "yes", False: "**no**"}[row["right"]]
            lines.append(
                f"| {row['command']} | {row['size_bytes'] / 1e6:.0f} | {row['median_s']:.2f} | {row['mb_per_s']:.1f} "
                f"| {row['mb_per_s'] / mine[0]['mb_per_s']:.3f} | {row['peak_mb']:.0f} | {', '.join(row['exits'])} | {right} |"
            )
        parts.append(f"**{subject.capitalize()}**\n\n" + "\n".join(lines))
    steps = "\n".join(f"| {name} | {value:.1f} |" for name, value in load.items())
    parts.append(f"**Before the first line is read**\n\n| step | median ms |\n|---|--:|\n{steps}")
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure rocmkit explain --log.")
    parser.add_argument("--size", type=int, default=100, help="of each log, in MB")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write logs.json and the table in README.md")
    chosen = parser.parse_args()
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        scratch = Scratch(Path(root).resolve())
        rocmkit = scratch.rocmkit()
        wanted = cases(rocmkit, Path(root).resolve(), chosen.size)
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("logs")), "LANG": "C.UTF-8", "TERM": "dumb"}
        for turn in range(-1, chosen.runs):  # one uncounted, which brings the files into the page cache
            for case in wanted:
                sys.stderr.write(f"{'warming' if turn < 0 else f'run {turn + 1} of {chosen.runs}'}: {case.subject}: {case.command}\n")
                ran = child.run(case.argv, env, scratch.empty, LIMIT_S)
                if turn >= 0:
                    case.runs.append(ran)
        load = loading(rocmkit, env, scratch.empty, chosen.runs)
        where = machine(rocmkit=version(rocmkit, "rocmkit"), runs=chosen.runs)
    rows = [case.row() for case in wanted]
    text = render(where, rows, load)
    if chosen.write:
        table.publish("logs", text, {"machine": where, "rows": rows, "load_ms": load}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
