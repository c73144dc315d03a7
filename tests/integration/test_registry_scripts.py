"""The programs that `rocmkit bisect` writes for a report run with the real packages and nothing of rocmkit.

Marked `network`: pip brings the packages; torch as tests/integration/test_registry_hooks.py takes it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rocmkit.report import bisectscript
from rocmkit.trial.matrix import Step
from rocmkit.trial.steps import OPERATIONS, Operation
from tests.integration.test_registry_hooks import python as with_torch
from tests.support.registry import run

pytestmark = pytest.mark.network

torch_python = with_torch


@pytest.fixture(scope="module")
def python(torch_python: Path) -> Path:
    done = run(torch_python, "-m", "pip", "install", "-q", "numba", "librosa", "resampy", "ctranslate2", "onnxruntime", timeout_s=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return torch_python


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.do != "ort_placement"], ids=lambda one: one.id)
def test_every_step_runs(python: Path, one: Operation, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(bisectscript.of_steps([Step(id=one.id, what=one.what, ask=one.step("cpu"), modules=one.modules)], "it dies"))
    done = run(python, "-I", script, timeout_s=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "it lived"
