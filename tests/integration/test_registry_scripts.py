"""The programs that `rocmkit bisect` writes for a report run with the real packages and nothing of rocmkit.

Marked `network`: pip brings the packages; torch as tests/integration/conftest.py takes it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rocmkit.report import bisectscript
from rocmkit.trial.matrix import Step
from rocmkit.trial.steps import OPERATIONS, Operation
from tests.support.registry import run

pytestmark = pytest.mark.network


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.do != "ort_placement"], ids=lambda one: one.id)
def test_every_step_runs(with_torch: Path, one: Operation, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(bisectscript.of_steps([Step(id=one.id, what=one.what, ask=one.step("cpu"), modules=one.modules)], "it dies"))
    done = run(with_torch, "-I", script, timeout_s=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "it lived"
