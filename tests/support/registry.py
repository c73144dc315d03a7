"""Real packages from the package index, and real environments made of them.

`pip` is called plainly, so each machine's own settings say where packages come from.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OPTIONS = ("--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "-q")
#: What is said to pip of a machine, so that any interpreter gets the wheels of one.
PLATFORMS = (
    "manylinux_2_34_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_35_x86_64",
    "manylinux_2_38_x86_64",
)
# What pip set aside (~umpy-2.2.6.dist-info) is listed by importlib.metadata, though nothing of it can be imported; pip ignores it.
_LIST = """
import importlib.metadata, json, re
found = [d for d in importlib.metadata.distributions() if not d._path.name.startswith("~") and d.metadata["Name"]]
print(json.dumps({re.sub("[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in found}))
"""


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}


def run(*command: str | Path, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
    """A program, outside of this checkout."""
    return subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=_environ(),
        cwd="/",
        stdin=subprocess.DEVNULL,
    )


def _must(*command: str | Path) -> str:
    done = run(*command)
    assert done.returncode == 0, (command, done.stdout[-1000:], done.stderr[-2000:])
    return done.stdout


def fetch(folder: Path, requirement: str, *, python: str | None = None) -> Path:
    """The wheel of `requirement`, for this interpreter or for another one ("3.10") on x86-64."""
    before = set(folder.glob("*.whl"))
    other: list[str] = []
    if python:
        other = [f"--python-version={python}", "--implementation=cp", f"--abi=cp{python.replace('.', '')}"]
        other += [f"--platform={name}" for name in PLATFORMS]
    _must(sys.executable, "-m", "pip", "download", *OPTIONS, *other, "-d", folder, requirement)
    (found,) = set(folder.glob("*.whl")) - before
    return found


class Environment:
    """A virtual environment of the running interpreter, with its own pip; or a copy of another one, to break it."""

    def __init__(self, place: Path, like: Environment | None = None) -> None:
        self.place = place
        if like:
            shutil.copytree(like.place, place, symlinks=True)
        else:
            venv.create(place, with_pip=True, symlinks=True)
        self.python = place / "bin" / "python"
        (self.site,) = place.glob("lib/python3*/site-packages")

    def install(self, *what: str | Path) -> None:
        """Into it, without what it depends on."""
        _must(self.python, "-m", "pip", "install", *OPTIONS, *what)

    def install_all(self, *what: str) -> None:
        """Into it, with what it depends on."""
        _must(self.python, "-m", "pip", "install", *OPTIONS[1:], *what)

    def uninstall(self, *names: str) -> None:
        _must(self.python, "-m", "pip", "uninstall", "-y", "-q", *names)

    def listed(self) -> dict[str, str]:
        """What the environment's own Python says is installed: the oracle."""
        found: dict[str, str] = json.loads(_must(self.python, "-I", "-c", _LIST))
        return found

    def imports(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run a line of Python in it."""
        return run(self.python, "-I", "-B", "-c", code, timeout_s=120)

    def reinstall_and_kill(self, wheel: Path, *, at_s: float | None) -> float:
        """`pip install --force-reinstall`, killed after `at_s`, or as soon as pip sets aside what it replaces. Returns the seconds."""
        command = [str(self.python), "-m", "pip", "install", *OPTIONS, "--no-index", "--force-reinstall", str(wheel)]
        start = time.monotonic()
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environ(), start_new_session=True
        )
        try:
            while pip.poll() is None and not (self._moved() if at_s is None else time.monotonic() - start >= at_s):
                time.sleep(0.0005)
        finally:
            if pip.poll() is None:
                os.killpg(pip.pid, signal.SIGKILL)
            pip.wait()
        return time.monotonic() - start

    def clear(self, name: str) -> None:
        """Remove all that begins so, and what pip set aside."""
        for found in (*self.site.glob(f"{name}*"), *self.site.glob("~*")):
            shutil.rmtree(found) if found.is_dir() else found.unlink()

    def aside(self) -> list[str]:
        """What pip renamed and has not removed: `~umpy` of numpy."""
        return sorted(name for name in os.listdir(self.site) if name.startswith("~"))

    def _moved(self) -> bool:
        """Whether something lies in what pip set aside: the folder itself is made, removed again and only then moved there."""
        with contextlib.suppress(FileNotFoundError):
            return any(os.listdir(self.site / name) for name in self.aside() if (self.site / name).is_dir())
        return False


def source_of(requirement: str, python: str = sys.executable) -> str | None:
    """Where pip would take a wheel from, without taking it: an address; None where that Python's pip cannot be asked."""
    done = run(python, "-m", "pip", "install", *OPTIONS, "--ignore-installed", "--dry-run", "--report", "-", requirement)
    if done.returncode:
        return None
    report: Mapping[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return str(report["install"][0]["download_info"]["url"])


def place_with(requirement: str, place: Path, *more: str) -> Path | None:
    """The Python of a new environment at `place`, with `requirement` and `more` and what they depend on.

    It is of whichever Python here finds a wheel of `requirement` on a disk; None where each of them would download it.
    """
    for candidate in (sys.executable, *(shutil.which(f"python3.{minor}") for minor in range(10, 15))):
        source = source_of(requirement, candidate) if candidate else None
        if candidate and source and source.startswith("file:"):
            _must(candidate, "-m", "venv", place)
            _must(place / "bin/python", "-m", "pip", "install", *OPTIONS[1:], requirement, *more)
            return place / "bin/python"
    return None
