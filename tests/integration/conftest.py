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

from tests.support.crashes import Zoo, marked
from tests.support.registry import place_with
from tests.support.room import Room

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

#: What speech programs have beside PyTorch, and what the experiments need of it.
BESIDE = ("transformers", "numba", "llvmlite", "librosa", "resampy", "ctranslate2", "onnxruntime")


@pytest.fixture(scope="session")
def with_torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with PyTorch for the processor and all that stands beside it. No test changes it."""
    python = place_with("torch==2.13.0", tmp_path_factory.mktemp("torch") / "env", *BESIDE)
    return python or pytest.skip("pip would download torch, a CUDA build of gigabytes")


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
