"""Experiments for the worker that does steps: `inside/worker.py` in the examined interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rocmkit.trial.values import PLAIN, Device, Experiment, Limits

INSIDE = Path(__file__).with_name("inside")


def worker(
    python: str,
    name: str,
    steps: Sequence[dict[str, Any]],
    *,
    device: Device | None = None,
    limits: Limits = PLAIN,
    env: dict[str, str | None] | None = None,
    actions: tuple[str, ...] = (),
    stack_bytes: int | None = None,
    folders: tuple[Path, ...] = (),
) -> Experiment:
    """Ask the interpreter at `python` for `steps`, one after another in one process. `folders` hold files with more of them."""
    return Experiment(
        name=name,
        argv=(python, "-B", str(INSIDE / "worker.py"), *map(str, folders)),
        env=env or {},
        request={"steps": list(steps)},
        limits=limits,
        actions=actions,
        stack_bytes=stack_bytes,
        device=device,
    )
