"""Do what a page says, to the letter: its blocks become files, its commands are run, in a copy of this folder.

A page says where a block goes in the sentence before it: `into FILE` is a new file, `at the end of FILE` adds to one, and
`in FILE, before the line LINE` puts the block in front of that line. Blocks called sh are run one command after another, and each has to
succeed; those called text are not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

from tests.support.command import ROOT, script

EXTEND = ROOT / "docs" / "extend"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What of this folder a person has who clones it: the parts, not what lies beside them.
_PARTS = (
    "rocmkit",
    "tests",
    "tools",
    "recipes",
    "dockerfiles",
    "docs",
    "benchmarks",
    "examples",
    "man",
    "run",
    "README.md",
    "CHANGELOG.md",
)
_OTHERS = ("README.ja.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml", "hatch_build.py")


class Block(NamedTuple):
    """A block of a page, and the sentence before it, in one line."""

    kind: str
    text: str
    sentence: str


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in its order."""
    found, end = [], 0
    for one in _BLOCK.finditer(page):
        before = page[end : one.start()].rstrip().rpartition("\n\n")[2]
        found.append(Block(one[1], one[2], " ".join(before.split())))
        end = one.end()
    return found


class Reader:
    """Does in a folder what pages say. `programs` is looked for programs before all other places."""

    def __init__(self, folder: Path, programs: Path | None = None) -> None:
        self.folder = folder
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "PYTEST", "COV"))}
        if programs:
            self._env["PATH"] = f"{programs}:{self._env['PATH']}"

    def put(self, block: Block) -> None:
        """Write a block where its sentence says."""
        new, added, before = (
            re.search(pattern, block.sentence)
            for pattern in (r"into `([^`]+)`:$", r"at the end of `([^`]+)`:$", r"in `([^`]+)`, before the line `([^`]+)`")
        )
        found = new or added or before
        assert found, f"it does not say where this goes: {block.sentence}"
        path = self.folder / found[1]
        assert path.exists() is not bool(new), f"{found[1]}: {block.sentence}"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if not new else []
        at = len(lines)
        if before:
            (at,) = [number for number, line in enumerate(lines) if line.startswith(before[2])]
            while at and not lines[at - 1].strip():  # what is between the two belongs to the line
                at -= 1
        path.write_text("".join([*lines[:at], block.text, *lines[at:]]), encoding="utf-8")

    def run(self, commands: str) -> str:
        """Run them as a shell does that ends at the first failure; what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout[-6000:]}"
        return done.stdout

    def follow(self, page: str) -> str:
        """Do all that a page says; what its commands print."""
        printed = ""
        for block in blocks(page):
            if block.kind == "sh":
                printed += self.run(block.text)
            elif block.kind != "text":
                self.put(block)
        return printed


def clone(folder: Path) -> Reader:
    """Someone with a copy of this folder, and in it a .venv as `./run tests` makes it."""
    copy = folder / "rocmkit"
    copy.mkdir()
    for name in (*_PARTS, *_OTHERS):
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif part.exists():
            shutil.copy(part, copy)
    # Whether compilers are installed is not what is tried here.
    programs = script(folder / "bin", "dpkg-query", "echo installed\n").parent
    place = copy / ".venv"
    venv.create(place, symlinks=True)
    (site,) = place.glob("lib/python3*/site-packages")
    # What is installed for these tests, and the copy's own rocmkit before it.
    (site / "these.pth").write_text(f"{copy}\n{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    (place / "place").write_text(str(place))
    (place / "installed-dev").touch()
    script(place / "bin", "rocmkit", f'exec {place}/bin/python -m rocmkit "$@"\n')
    for tool in ("ruff", "mypy", "lint-imports"):
        script(place / "bin", tool, f'PYTHONPATH={copy} exec {Path(sys.executable).parent / tool} "$@"\n')
    return Reader(copy, programs)
