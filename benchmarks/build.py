"""What `rocmkit build` adds to the bare cmake and ninja commands, cold and with a warm ccache, and how long one waits for a plan.

python benchmarks/build.py [--runs N] [--project FOLDER] [--quick] [--write]

`--project` names a C++ project with a CMakeLists.txt; without it one is written here: units that each include much of the standard
library. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import child
import table
from scratch import Scratch, machine, version

BEGIN, END = "<!-- build: begin -->", "<!-- build: end -->"
LIMIT_S = 3600.0
UNITS, FEW = 40, 4

LISTS = """\
cmake_minimum_required(VERSION 3.16)
project(units LANGUAGES CXX)
file(GLOB UNITS ${CMAKE_SOURCE_DIR}/*.cpp)
add_library(units SHARED ${UNITS})
"""
UNIT = """\
#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <vector>
std::map<std::string, std::vector<int>> unit@(const std::string& text) {
    std::map<std::string, std::vector<int>> found;
    std::regex word("[a-z]+@?");
    for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) found[at->str()].push_back(at->position() + @);
    for (auto& one : found) std::sort(one.second.begin(), one.second.end(), std::greater<int>());
    return found;
}
"""
#: Both ways in turn, in one process, each from an empty folder: prints the seconds of each run.
MEASURE = """
import json, os, shutil, subprocess, sys, time
from rocmkit.build.execute import execute
from rocmkit.build.layouts import supposed
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Cost, Expect, Loaded, Recipe, Release, Step
from rocmkit.build.values import Ask
asked = json.loads(sys.argv[1])
configure = ("cmake", "-G", "Ninja", "-S", asked["project"], "-B", "{build}", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_COMPILER=c++")
steps = (
    Step(name="configure", stage="configure", run=configure, why="measured"),
    Step(name="compile", stage="build", run=("ninja", "-C", "{build}"), why="measured", progress=True),
)
release = Release(version="1", rocm=">=6", known="measured", why="measured", links=(), fetch={}, needs=(), steps=steps, expect=Expect(),
                  cost=Cost(core_minutes=1, memory_per_job_gib=1, disk_gib=1, measured="here"))
recipe = Recipe(name="units", title="Units", summary="Units", licence="MIT", releases=(release,))
ask = Ask(archs=("gfx906",), work=asked["work"], out=asked["work"], launcher=asked["launcher"])
made = plan(Loaded(recipe=recipe, texts={}, sha256="0" * 64), supposed("6.3"), ask)
found = {"plain": [], "rocmkit": []}
for _ in range(asked["turns"]):
    shutil.rmtree(asked["work"], ignore_errors=True)
    begin = time.perf_counter()
    for step in made.steps:
        log = os.path.join(asked["logs"], step.name)
        with open(log, "wb") as file:
            subprocess.run(step.argv, check=True, env={**os.environ, **step.env}, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    found["plain"].append(time.perf_counter() - begin)
    shutil.rmtree(asked["work"], ignore_errors=True)
    begin = time.perf_counter()
    ran = execute(made, tell=lambda now: None)
    found["rocmkit"].append(time.perf_counter() - begin)
    assert ran.outcome == "done", ran.failure
begin = time.perf_counter()
assert execute(made).outcome == "done"
found["again"] = [time.perf_counter() - begin]
print(json.dumps(found))
"""
#: A recipe for the plan that is waited for. Its steps are never done.
RECIPE = {
    "name": "units",
    "title": "Units",
    "summary": "Units.",
    "licence": "MIT",
    "releases": [
        {
            "version": "1",
            "rocm": ">=5",
            "known": "measured",
            "why": "measured",
            "links": ["https://cmake.org/"],
            "fetch": {},
            "needs": ["cmake", "ninja"],
            "cost": {"core_minutes": 1, "memory_per_job_gib": 1, "disk_gib": 1, "measured": "here"},
            "steps": [{"name": f"step-{n}", "stage": "build", "run": ["true", "{arch}"], "why": "measured"} for n in range(30)],
            "expect": {},
        }
    ],
}


def project(folder: Path, units: int) -> Path:
    """A C++ project of so many units."""
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(LISTS)
    for number in range(units):
        (folder / f"unit{number}.cpp").write_text(UNIT.replace("@", str(number)))
    return folder


def measured(rocmkit: Path, asked: dict[str, Any], env: dict[str, str], folder: Path, *, skip: int) -> dict[str, float]:
    """Median seconds of each way, without the first `skip` turns."""
    ran = child.run([str(rocmkit / "bin/python"), "-c", MEASURE, json.dumps(asked)], env, folder, LIMIT_S)
    if ran.exit != 0:
        raise SystemExit(ran.output)
    found = json.loads(ran.output.splitlines()[-1])
    return {way: round(table.median(seconds[skip:] or seconds), 3) for way, seconds in found.items()}


def waited(argv: list[str], env: dict[str, str], folder: Path, runs: int) -> float:
    """Median seconds of a command; the first run is not counted."""
    found = []
    for _ in range(runs + 1):
        ran = child.run(argv, env, folder, LIMIT_S)
        if ran.exit != 0:
            raise SystemExit(ran.output)
        found.append(ran.wall_s)
    return round(table.median(found[1:]), 4)


def render(machine: dict[str, Any], builds: list[dict[str, Any]], waits: dict[str, float]) -> str:
    """Everything that belongs between the markers."""
    lines = [
        f"{machine['date']}: {machine['cores']} cores ({machine['architecture']}), Python {machine['python']}, rocmkit "
        f"{machine['rocmkit']}; {machine['runs']} runs each way, in turn; {machine['project']}.",
        "",
        "| build | cmake and ninja, median s | by rocmkit | difference | ratio | again, all done |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in builds:
        plain, own = row["plain"], row["rocmkit"]
        lines.append(f"| {row['build']} | {plain:.2f} | {own:.2f} | {own - plain:+.2f} | {own / plain:.3f} | {row['again']:.2f} |")
    lines += ["", "| command | median s |", "|---|--:|", *(f"| `{name}` | {seconds:.3f} |" for name, seconds in waits.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what rocmkit build adds.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--project", type=Path, metavar="FOLDER", help="a C++ project with a CMakeLists.txt")
    parser.add_argument("--quick", action="store_true", help="few units, one run: to see that it works")
    parser.add_argument("--write", action="store_true", help="write build.json and the table in README.md")
    chosen = parser.parse_args()
    runs = 1 if chosen.quick else chosen.runs
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        scratch = Scratch(Path(root).resolve())
        rocmkit, work, logs = scratch.rocmkit(), scratch.root / "work", scratch.root / "logs"
        logs.mkdir()
        units = FEW if chosen.quick else UNITS
        source = chosen.project.resolve() if chosen.project else project(scratch.root / "units", units)
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("build")), "LANG": "C.UTF-8", "TERM": "dumb"}
        env["CCACHE_DIR"] = str(scratch.root / "ccache")
        asked = {"project": str(source), "work": str(work), "logs": str(logs), "launcher": None, "turns": runs}
        builds = []
        for build, launcher in (("cold", None), ("with a warm ccache", "ccache")):
            if launcher and not shutil.which(launcher):
                sys.stderr.write(f"{launcher} is not installed: left out\n")
                continue
            sys.stderr.write(f"{build}\n")
            turns = {"turns": runs + 1, "launcher": launcher} if launcher else {}
            builds.append({"build": build, **measured(rocmkit, {**asked, **turns}, env, scratch.empty, skip=1 if launcher else 0)})
        (scratch.root / "recipes/units").mkdir(parents=True)
        (scratch.root / "recipes/units/recipe.yaml").write_text(json.dumps(RECIPE))
        program = [str(rocmkit / "bin/rocmkit"), "build"]
        plan = [*program, str(scratch.root / "recipes/units"), "--arch", "gfx906", "--rocm-version", "6.3", "--dry-run"]
        waits = {
            "rocmkit build --help": waited([*program, "--help"], env, scratch.empty, runs),
            "rocmkit build RECIPE --arch gfx906 --rocm-version 6.3 --dry-run": waited(plan, env, scratch.empty, runs),
        }
        what = chosen.project.name if chosen.project else f"{units} C++ units"
        where = machine(rocmkit=version(rocmkit, "rocmkit"), runs=runs, project=what)
    text = render(where, builds, waits)
    if chosen.write:
        table.publish("build", text, {"machine": where, "builds": builds, "waits": waits}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
