"""Real interpreters with the hooks of an experiment in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from rocmkit.trial.work import INSIDE

HOOKS = INSIDE / "hooks"


class Ran:
    def __init__(self, done: subprocess.CompletedProcess[str], events: list[dict[str, str]]) -> None:
        self.code, self.out, self.err, self.events = done.returncode, done.stdout, done.stderr, events

    def told(self, key: str) -> list[str]:
        return [event[key] for event in self.events if key in event]


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def run(
    *arguments: str | Path,
    python: str | Path = sys.executable,
    path: Iterable[Path] = (),
    actions: Iterable[str] = (),
    orders: str | None = None,
    inode: int | None = None,
) -> Ran:
    """A Python with the hooks, and what came through the pipe, which is read while it runs: a pipe holds 64 KiB."""
    reading, writing = os.pipe()
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.extend(iter(lambda: os.read(reading, 1 << 16), b"")))
    reader.start()
    try:
        asked = {"fd": writing, "inode": os.fstat(writing).st_ino if inode is None else inode, "actions": list(actions)}
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env |= {"PYTHONPATH": os.pathsep.join(map(str, [HOOKS, *path])), "PYTHONDONTWRITEBYTECODE": "1"}
        env["ROCMKIT_TRIAL"] = json.dumps(asked) if orders is None else orders
        command = [str(python), *map(str, arguments)]
        done = subprocess.run(command, env=env, pass_fds=[writing], capture_output=True, text=True, timeout=120, check=False, cwd="/")
    finally:
        os.close(writing)
        reader.join()
        os.close(reading)
    text = b"".join(read)
    lines = text.decode("ascii").splitlines()
    assert all(len(line) < 4095 for line in lines)
    return Ran(done, [json.loads(line) for line in lines])


def say(code: str) -> str:
    return f"import json, sys\n{code}"
