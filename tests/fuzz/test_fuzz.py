"""No changed file makes a reader crash, hang, or take much memory.

ROCMKIT_FUZZ_SECONDS: how long for each reader (20 if not set); ROCMKIT_FUZZ_SEED: which changes (drawn by lot if not set).
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

from tests.fuzz import child

ROOT = pathlib.Path(__file__).parents[2]
_START_SECONDS = 60


def run(reader: str, seed: int, seconds: float, folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.child", reader, "--seed", str(seed), "--seconds", str(seconds), "--folder", str(folder)]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds + child.INPUT_SECONDS + _START_SECONDS
    )
    about = f"{reader}, seed {seed}: inputs in {folder}, again with python -m tests.fuzz.child {reader} --input FILE\n"
    assert ran.returncode == 0, about + f"exit {ran.returncode}: " + ran.stderr[-4000:]
    answer = json.loads(ran.stdout)
    assert "problem" not in answer, about + f"{answer.get('input')}, number {answer.get('number')}: {answer['problem']}"
    assert answer["runs"] > 20
    assert answer["memory_mib"] <= child.MEMORY_MIB


@pytest.mark.parametrize("reader", child.READERS)
def test_a_short_while(reader: str, tmp_path: pathlib.Path) -> None:
    run(reader, 906, 1.5, tmp_path)


@pytest.mark.fuzz
@pytest.mark.parametrize("reader", child.READERS)
def test_a_long_while(reader: str, tmp_path: pathlib.Path) -> None:
    seed = int(os.environ.get("ROCMKIT_FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
    run(reader, seed, float(os.environ.get("ROCMKIT_FUZZ_SECONDS") or 20), tmp_path)


def test_what_goes_wrong_is_told(tmp_path: pathlib.Path) -> None:
    """The harness itself: an error that is not documented, and a reader that does not come back."""
    path = tmp_path / "x"
    path.write_bytes(b"")

    def careless(_: pathlib.Path) -> None:
        raise KeyError("x")

    def documented(_: pathlib.Path) -> None:
        raise ValueError("x")

    assert "KeyError" in (child.attempt(child.Reader(careless, list), path) or "")  # type: ignore[arg-type]
    assert child.attempt(child.Reader(documented, list), path) is None  # type: ignore[arg-type]
    script = (
        "import pathlib, time; from tests.fuzz import child; child.INPUT_SECONDS = 1;"
        "child.attempt(child.Reader(lambda path: time.sleep(60), list), pathlib.Path())"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert ran.returncode == 1
    assert "Timeout" in ran.stderr
