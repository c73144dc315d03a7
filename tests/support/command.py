"""Run rocmkit as a person does: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


class Ran:
    """How a run ended: exit code, both streams, seconds."""

    def __init__(self, code: int, out: bytes, err: bytes, seconds: float) -> None:
        self.code, self.seconds = code, seconds
        self.out, self.err = out.decode(), err.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def rocmkit(*arguments: str, env: dict[str, str | None] | None = None, timeout_s: float = 30) -> Ran:
    """`rocmkit ARGUMENTS` in a fresh process; a variable set to None is removed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "NO_COLOR"):
        environment.pop(name, None)
    for name, value in (env or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    start = time.monotonic()
    command = [sys.executable, "-m", "rocmkit", *arguments]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=timeout_s, check=False)
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - start)


def script(folder: Path, name: str, text: str) -> Path:
    """An executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path
