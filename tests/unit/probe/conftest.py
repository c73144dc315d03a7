"""Fixtures of the probes' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import SHARED_MACHINES


@pytest.fixture
def shared_machines() -> Path:
    if not SHARED_MACHINES.is_dir():
        pytest.skip(f"{SHARED_MACHINES} is not beside this checkout")
    return SHARED_MACHINES
