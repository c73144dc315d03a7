"""Whether watching a worker slows it: work on the processor, alone and while the watcher of `rocmkit smoke` looks at a machine of GPUs.

python benchmarks/watching.py [--runs N] [--write]

The processes and GPUs that are looked at are files in the kernel's formats, written by the tests' own writer. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import child
import table
from scratch import REPOSITORY, Scratch, machine, version

BEGIN, END = "<!-- watching: begin -->", "<!-- watching: end -->"
LIMIT_S = 900.0

LOOP = "total = 0\nfor at in range(15_000_000): total += at"
ALL = """
import os
for _ in os.sched_getaffinity(0):
    if not os.fork():
        total = 0
        for at in range(15_000_000): total += at
        os._exit(0)
for _ in os.sched_getaffinity(0): os.wait()
"""
WORKERS = {"on one core": LOOP, "on all cores": ALL}
#: Processes, and GPUs that all of them use.
CROWDS = {"1 process, 1 GPU": (1, 1), "1 process, 8 GPUs": (1, 8), "50 processes, 8 GPUs": (50, 8)}
#: Both ways in turn, in one process: prints the seconds of each run, and of the watcher its share of a core and its looks a second.
MEASURE = """
import json, os, subprocess, sys, tempfile, time
from pathlib import Path
from rocmkit.smoke.watch import Watcher
sys.path.append(sys.argv[1])
from tests.support.kernel_tree import crowd
argv, turns, processes, gpus = [sys.executable, "-c", sys.argv[2]], *map(int, sys.argv[3:])
found = {"alone": [], "watched": [], "share": [], "looks": []}
with tempfile.TemporaryDirectory() as folder:
    kernel, first = crowd(Path(folder), processes, gpus)
    for turn in range(turns):
        for way in ("alone", "watched") if turn % 2 else ("watched", "alone"):
            watcher = Watcher(kernel.cards, sys=str(kernel.sys), proc=str(kernel.proc))
            watcher.begin()
            if way == "watched":
                watcher.started(first)
            begin, spent = time.perf_counter(), time.process_time()
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
            took = time.perf_counter() - begin
            found[way].append(took)
            if way == "watched":
                found["share"].append((time.process_time() - spent) / took)
                found["looks"].append(watcher.end().samples / took)
print(json.dumps(found))
"""


def measured(rocmkit: Path, code: str, crowd: tuple[int, int], env: dict[str, str], folder: Path, runs: int) -> dict[str, float]:
    """The medians; the first run of each way is not counted."""
    argv = [str(rocmkit / "bin/python"), "-c", MEASURE, str(REPOSITORY), code, str(runs + 1), *map(str, crowd)]
    ran = child.run(argv, env, folder, LIMIT_S)
    if ran.exit != 0:
        raise SystemExit(ran.output)
    return {what: round(table.median(values[1:]), 4) for what, values in json.loads(ran.output.splitlines()[-1]).items()}


def render(where: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Everything that belongs between the markers."""
    lines = [
        f"{where['date']}: {where['cores']} cores ({where['architecture']}), Python {where['python']}, rocmkit {where['rocmkit']}; "
        f"{where['runs']} runs each way, in turn.",
        "",
        "| worker | watched are | alone, median s | watched | ratio | of a core | looks a second |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        ratio = row["watched"] / row["alone"]
        lines.append(
            f"| {row['worker']} | {row['crowd']} | {row['alone']:.3f} | {row['watched']:.3f} | {ratio:.3f} "
            f"| {row['share']:.1%} | {row['looks']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure whether watching a worker slows it.")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="write watching.json and the table in README.md")
    chosen = parser.parse_args()
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        scratch = Scratch(Path(root).resolve())
        rocmkit = scratch.rocmkit()
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("watching")), "LANG": "C.UTF-8", "TERM": "dumb"}
        rows = []
        for worker, code in WORKERS.items():
            for crowd, size in CROWDS.items():
                sys.stderr.write(f"{worker}: {crowd}\n")
                rows.append({"worker": worker, "crowd": crowd, **measured(rocmkit, code, size, env, scratch.empty, chosen.runs)})
        where = machine(rocmkit=version(rocmkit, "rocmkit"), runs=chosen.runs)
    text = render(where, rows)
    if chosen.write:
        table.publish("watching", text, {"machine": where, "rows": rows}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
