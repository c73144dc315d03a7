"""The worker by itself, with a pipe for its answer, as the runner would start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rocmkit.model import Model
from rocmkit.trial.work import worker

Step = dict[str, Any]


class Answered(Model):
    code: int
    events: tuple[dict[str, Any], ...]
    lines: tuple[bytes, ...]  # the same as they came
    out: str
    err: str

    @property
    def last(self) -> dict[str, Any]:
        """How the last step that was begun ended."""
        return [event for event in self.events if {"step", "done", "failed"} & set(event)][-1]


def ask(
    steps: Sequence[Step],
    *,
    python: str | Path = sys.executable,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    folders: tuple[Path, ...] = (),
) -> Answered:
    """What a worker answers, with nothing between it and this test."""
    experiment = worker(str(python), "asked", steps, folders=folders)
    reading, writing = os.pipe()
    orders = json.dumps({"fd": writing, "inode": os.fstat(writing).st_ino, "actions": []})
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    with os.fdopen(reading, "rb") as answer:
        program = subprocess.Popen(
            experiment.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[writing],
            env={**clean, "ROCMKIT_TRIAL": orders, **(env or {})},
            cwd=cwd,
        )
        os.close(writing)
        out, err = program.communicate(json.dumps(experiment.request).encode(), timeout=300)
        lines = tuple(answer.read().splitlines(keepends=True))
    events = tuple(json.loads(line) for line in lines)
    return Answered(program.returncode, events, lines, out.decode(errors="replace"), err.decode(errors="replace"))
