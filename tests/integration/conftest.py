"""What several modules of tests use: environments and programs that are made once, and a room for experiments."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.support.crashes import Zoo, marked
from tests.support.registry import OPTIONS, place_with, run
from tests.support.room import Room
from tests.support.whisper_weights import PACKAGES, Forms, forms

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

#: What speech programs have beside PyTorch, and what the experiments need of it.
BESIDE = ("transformers", "numba", "llvmlite", "librosa", "resampy", "ctranslate2", "onnxruntime")


@pytest.fixture(scope="session")
def with_torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with PyTorch for the processor and all that stands beside it. No test changes it."""
    python = place_with("torch==2.13.0", tmp_path_factory.mktemp("torch") / "env", *BESIDE)
    return python or pytest.skip("pip would download torch, a CUDA build of gigabytes")


@pytest.fixture(scope="session")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Forms]:
    """The Python of an environment with every system that drives Whisper, on the processor, and the real weights of Whisper base."""
    folder = tmp_path_factory.mktemp("whisper")
    beside = ("faster-whisper", "transformers", "onnx", "onnxruntime", "tiktoken", "numba", "more-itertools", *PACKAGES)
    python = place_with("torch==2.13.0", folder / "env", *beside)
    if python is None:
        pytest.skip("pip would download torch, a CUDA build of gigabytes")
    source = run(python, "-m", "pip", "install", *OPTIONS, "--no-binary=openai-whisper", "openai-whisper==20250625")
    assert source.returncode == 0, source.stderr
    made = run(python, ROOT / "tests/support/whisper_weights.py", folder)
    assert made.returncode == 0, made.stderr
    return python, forms(folder)


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Programs and libraries that die."""
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(autouse=True)
def orphans_reaped() -> Iterator[None]:
    """A build in this very process makes it adopt orphans: what a killed rocmkit had started would stay a zombie of it."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)
    yield
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, OSError):
            if child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A runner whose scratch folders lie in a folder of their own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    room = Room(scratch)
    yield room
    for line in marked(room.mark):  # a test that failed leaves nothing behind either
        os.kill(int(line.split()[0]), signal.SIGKILL)
