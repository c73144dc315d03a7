"""What it costs to run a program as an experiment, in a supervised and traced process of its own, beside running it plainly.

python benchmarks/trials.py [--runs N] [--python ENV] [--write]

`--python` names an environment with PyTorch, for the cases that compute with it. See README.md.
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
from scratch import Scratch, machine, version

BEGIN, END = "<!-- trials: begin -->", "<!-- trials: end -->"
LIMIT_S = 600.0

THREADS = "import threading\nfor _ in range(2000): t = threading.Thread(target=int); t.start(); t.join()"
FORKS = "import os\nfor _ in range(300):\n    pid = os.fork()\n    if not pid: os._exit(0)\n    os.waitpid(pid, 0)"
PRODUCTS = "import torch; a = torch.randn(1500, 512); b = torch.randn(512, 2048)\nfor _ in range(200): a @ b"
#: What is run, by the interpreter of rocmkit's environment, or by that of PyTorch.
SUBJECTS = {
    "a program that ends at once": ("rocmkit", "pass"),
    "2000 threads, one after another": ("rocmkit", THREADS),
    "300 child processes": ("rocmkit", FORKS),
    "import torch": ("torch", "import torch"),
    "200 matrix products on all cores": ("torch", PRODUCTS),
}
#: Both ways in turn, in one process: prints the seconds of each run.
MEASURE = """
import json, os, subprocess, sys, time
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment
run, argv, turns = runner(), json.loads(sys.argv[1]), int(sys.argv[2])
found = {"plain": [], "experiment": []}
for _ in range(turns):
    begin = time.perf_counter()
    subprocess.run(argv, check=True, env={**os.environ, "PYTHONFAULTHANDLER": "1"}, stdin=subprocess.DEVNULL)
    found["plain"].append(time.perf_counter() - begin)
    begin = time.perf_counter()
    trial = run(Experiment(name="subject", argv=tuple(argv)))
    found["experiment"].append(time.perf_counter() - begin)
    assert trial.outcome == "pass", trial
print(json.dumps(found))
"""


def measured(rocmkit: Path, python: str, code: str, env: dict[str, str], folder: Path, runs: int) -> dict[str, float]:
    """Median seconds of each way; the first of each is not counted."""
    argv = [str(rocmkit / "bin/python"), "-c", MEASURE, json.dumps([python, "-c", code]), str(runs + 1)]
    ran = child.run(argv, env, folder, LIMIT_S)
    if ran.exit != 0:
        raise SystemExit(ran.output)
    return {way: round(table.median(seconds[1:]), 4) for way, seconds in json.loads(ran.output.splitlines()[-1]).items()}


def render(machine: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Everything that belongs between the markers."""
    lines = [
        f"{machine['date']}: {machine['cores']} cores ({machine['architecture']}), Python {machine['python']}, rocmkit "
        f"{machine['rocmkit']}; {machine['runs']} runs each way, in turn.",
        "",
        "| program | plain, median s | as an experiment | difference | ratio |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        plain, experiment = row["plain"], row["experiment"]
        lines.append(f"| {row['subject']} | {plain:.3f} | {experiment:.3f} | {experiment - plain:+.3f} | {experiment / plain:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what an experiment costs.")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--python", metavar="ENV", help="environment with PyTorch")
    parser.add_argument("--write", action="store_true", help="write trials.json and the table in README.md")
    chosen = parser.parse_args()
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        scratch = Scratch(Path(root).resolve())
        rocmkit = scratch.rocmkit()
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("trials")), "LANG": "C.UTF-8", "TERM": "dumb"}
        pythons = {"rocmkit": str(rocmkit / "bin/python"), "torch": chosen.python and f"{chosen.python}/bin/python"}
        rows = []
        for subject, (who, code) in SUBJECTS.items():
            if python := pythons[who]:
                sys.stderr.write(f"{subject}\n")
                rows.append({"subject": subject, **measured(rocmkit, python, code, env, scratch.empty, chosen.runs)})
        where = machine(rocmkit=version(rocmkit, "rocmkit"), runs=chosen.runs)
    text = render(where, rows)
    if chosen.write:
        table.publish("trials", text, {"machine": where, "rows": rows}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
