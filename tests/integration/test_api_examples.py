"""The guide to the Python functions says what happens, and the example for GitHub Actions does what its comments say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rocmkit.model import load_yaml
from tests.conftest import ROOT
from tests.support.command import script

GUIDE = ROOT / "docs" / "guide" / "python-api.md"
WORKFLOW = ROOT / "examples" / "github-actions" / "rocmkit.yml"
MACHINES = ROOT / "tests" / "machines"
#: A block of Python, and what it prints, where the page says that.
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
#: Runs blocks one after another, as a notebook's cells, and tells what each printed and with what it ended.
CELLS = """
import contextlib, io, json, sys
cells, scope = json.load(sys.stdin), {"__name__": "__main__"}
told = []
for number, cell in enumerate(cells):
    out, code = io.StringIO(), None
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(cell, f"cell {number}", "exec"), scope)
        except SystemExit as end:
            code = end.code
    told.append([out.getvalue(), code])
print(json.dumps(told))
"""


def test_every_cell_of_the_guide_prints_what_it_says(tmp_path: Path) -> None:
    shutil.copy(MACHINES / "mi50-torch-rocm72.yaml", tmp_path / "machine.yaml")
    shutil.copy(sys.executable, tmp_path / "libfoo.so")
    cells = BLOCK.findall(GUIDE.read_text())
    assert len(cells) == GUIDE.read_text().count("```python") > 5
    done = subprocess.run(
        [sys.executable, "-c", CELLS],
        input=json.dumps([code for code, _ in cells]),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert [said for (said, _), (_, text) in zip(told, cells, strict=True) if text] == [text for _, text in cells if text]
    assert {code for _, code in told} == {None, 0}
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "blocked"
    ((verdict, *_),) = (said.splitlines() for (said, _), (cell, _) in zip(told, cells, strict=True) if "rocmkit.smoke(" in cell)
    assert verdict.startswith("inconclusive - nothing ran: 1 system skipped")


class Runner:
    """What a runner of GitHub Actions gives a step: folders, files, variables, `bash -eo pipefail`."""

    def __init__(self, folder: Path) -> None:
        self.job = load_yaml(WORKFLOW.read_text(), source=WORKFLOW.name)
        self.on = self.job[True]  # YAML's older word for that
        self.workspace, self.temporary, self.summary, self.path = (folder / name for name in ("work", "temp", "summary", "path"))
        self.workspace.mkdir()
        self.temporary.mkdir()
        self.path.touch()

    def step(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        (step,) = (one for one in self.job["jobs"]["doctor"]["steps"] if one["name"] == name)
        files = {"RUNNER_TEMP": self.temporary, "GITHUB_STEP_SUMMARY": self.summary, "GITHUB_PATH": self.path}
        environment = {**os.environ, **self.job["env"], **{key: str(file) for key, file in files.items()}, **variables}
        environment["PATH"] = ":".join([*reversed(self.path.read_text().split()), os.environ["PATH"]])
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(command, cwd=self.workspace, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def _installed(runner: Runner) -> None:
    """What its first step does, but that pip brings this checkout's rocmkit."""
    script(runner.temporary, "rocmkit", f'PYTHONPATH={ROOT} exec {sys.executable} -m rocmkit "$@"\n')
    runner.path.write_text(f"{runner.temporary}\n")


def test_the_workflow_keeps_a_report_of_a_machine_that_is_not_ready(runner: Runner) -> None:
    _installed(runner)
    (runner.workspace / "report").mkdir()
    (runner.workspace / "report" / "old.json").touch()
    done = runner.step("Doctor", SPEECH_PYTHON=sys.executable)
    kept = {file.name: file.read_text() for file in (runner.workspace / "report").iterdir()}
    assert kept.keys() == {"machine.yaml", "doctor.json", "doctor.html"}
    report = json.loads(kept["doctor.json"])
    assert done.returncode == report["exit"] != 0, done.stderr  # no card here
    assert kept["machine.yaml"].startswith("rocmkit_recording:")
    assert "<html" in kept["doctor.html"]
    assert "not applicable" in runner.summary.read_text().lower()


def test_the_workflow_fails_without_an_environment(runner: Runner) -> None:
    _installed(runner)
    done = runner.step("Doctor", SPEECH_PYTHON="/nowhere")
    assert (done.returncode, "/nowhere" in done.stderr) == (2, True)


def test_the_workflow_proves_only_where_it_is_asked_to(runner: Runner) -> None:
    _installed(runner)
    (runner.workspace / "report").mkdir()
    done = runner.step("Smoke", SPEECH_PYTHON=sys.executable, XDG_CACHE_HOME=str(runner.temporary))
    assert done.returncode == 3, done.stderr  # nothing is installed in that Python
    assert {file.name for file in (runner.workspace / "report").iterdir()} == {"smoke.html", "proof.zip"}
    (smoke,) = (step for step in runner.job["jobs"]["doctor"]["steps"] if step["name"] == "Smoke")
    assert "inputs.smoke" in smoke["if"]
    assert runner.on["workflow_dispatch"]["inputs"]["smoke"]["default"] is False


def test_the_workflow_runs_on_no_pull_request_and_may_do_nothing_on_github(runner: Runner) -> None:
    assert {*runner.on} == {"schedule", "workflow_dispatch"}
    assert runner.job["permissions"] == {}


def test_the_workflow_keeps_to_the_schema_of_github(runner: Runner) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    done: Any = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "ok -- validation done"), done.stdout
