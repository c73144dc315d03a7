"""How long `rocmkit doctor` takes over a folder of recordings, and in how much memory: 5, 50 and 500 of them.

python benchmarks/fleet.py [--runs N] [--write]

The recordings are copies of the machines of the tests. See README.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import child
import table
from scratch import Scratch, machine, version

BEGIN, END = "<!-- fleet: begin -->", "<!-- fleet: end -->"
LIMIT_S = 600.0
MACHINES = Path(__file__).resolve().parent.parent / "tests/machines"
SIZES = (5, 50, 500)
FORMS = ("text", "html", "json")


def rack(folder: Path, size: int) -> Path:
    """A folder of so many recordings, each kind of machine as often as any other, or once more."""
    folder.mkdir()
    for number, path in enumerate(islice(cycle(sorted(MACHINES.glob("*.yaml"))), size)):
        shutil.copy(path, folder / f"node{number:03d}.yaml")
    return folder


def row(form: str, size: int, runs: Iterable[child.Ran]) -> dict[str, Any]:
    runs = list(runs)
    if any(ran.exit != 1 for ran in runs):  # some of the machines are blocked
        raise SystemExit(runs[0].output[-2000:])
    return {
        "form": form,
        "size": size,
        "median_s": round(table.median([ran.wall_s for ran in runs]), 4),
        "minimum_s": round(min(ran.wall_s for ran in runs), 4),
        "cpu_s": round(table.median([ran.cpu_s for ran in runs]), 4),
        "peak_mb": round(max(ran.peak_bytes for ran in runs) / 1e6, 1),
    }


def more(rows: list[dict[str, Any]], key: str, factor: float) -> list[float | None]:
    """What one recording more costs, by row; nothing for the first of each form."""
    found: list[float | None] = [None]
    for before, after in pairwise(rows):
        alike = before["form"] == after["form"]
        found.append(factor * (after[key] - before[key]) / (after["size"] - before["size"]) if alike else None)
    return found


def render(where: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Everything that belongs between the markers."""
    lines = [
        f"{where['date']}: {where['cores']} cores ({where['architecture']}), Python {where['python']}, rocmkit {where['rocmkit']}; "
        f"{where['runs']} warm run{'s' * (where['runs'] != 1)} each, in turn, the start of the command included. "
        "Other programs make wall seconds longer, not CPU seconds.",
        "",
        "| format | recordings | median s | CPU s | of 5 | CPU ms for one more | peak MB | of 5 | kB for one more |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    first = {one["form"]: one for one in reversed(rows)}
    for one, ms, kb in zip(rows, more(rows, "cpu_s", 1e3), more(rows, "peak_mb", 1e3), strict=True):
        base = first[one["form"]]
        cells = [f"{value:.1f}" if value is not None else "" for value in (ms, kb)]
        cells.insert(1, f"{one['peak_mb']:.0f} | {one['peak_mb'] / base['peak_mb']:.2f}")
        time = f"{one['median_s']:.2f} | {one['cpu_s']:.2f} | {one['cpu_s'] / base['cpu_s']:.1f}"
        lines.append(f"| {one['form']} | {one['size']} | {time} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure rocmkit doctor over many recordings.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write fleet.json and the table in README.md")
    chosen = parser.parse_args()
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        place = Path(root).resolve()
        scratch = Scratch(place)
        rocmkit = scratch.rocmkit()
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("fleet")), "LANG": "C.UTF-8", "TERM": "dumb"}
        folders = {size: rack(place / f"rack{size}", size) for size in SIZES}
        runs: dict[tuple[str, int], list[child.Ran]] = {(form, size): [] for form in FORMS for size in SIZES}
        for turn in range(-1, chosen.runs):  # one uncounted, which brings the files into the page cache
            for (form, size), done in runs.items():
                sys.stderr.write(f"{'warming' if turn < 0 else f'run {turn + 1} of {chosen.runs}'}: {form}, {size}\n")
                words = ["doctor", "--from", str(folders[size]), "--format", form, "-o", str(place / "report")]
                ran = child.run([str(rocmkit / "bin/rocmkit"), *words], env, scratch.empty, LIMIT_S)
                if turn >= 0:
                    done.append(ran)
        rows = [row(form, size, done) for (form, size), done in runs.items()]
        where = machine(rocmkit=version(rocmkit, "rocmkit"), runs=chosen.runs)
    text = render(where, rows)
    if chosen.write:
        table.publish("fleet", text, {"machine": where, "rows": rows}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
