"""What a command runs: the program's file, and the Python whose packages it imports."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from pathlib import Path

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?")
#: A kernel reads no more of a file's first line; pip writes a second one where the first would be longer.
_HEAD = 4096


def program(name: str) -> str | None:
    """The file that a shell would run for this word; None: there is none."""
    return shutil.which(name)


def gets_rights(path: str) -> bool:
    """Whether a program runs as somebody else than who starts it. It does not where that one is watched (execve(2))."""
    try:
        return bool(Path(path).stat().st_mode & (stat.S_ISUID | stat.S_ISGID)) and os.geteuid() != 0
    except OSError:
        return False


def python_of(path: str) -> str | None:
    """The Python that a program is, or that its first line names; None: it is no Python program as far as that shows."""
    if _PYTHON.fullmatch(Path(path).name):
        return path
    head = b""
    with contextlib.suppress(OSError):
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                head = file.read(_HEAD)
    if not head.startswith(b"#!"):
        return None
    lines = head[2:].decode("utf-8", "surrogateescape").split("\n")
    words = lines[0].split()
    if words and Path(words[0]).name == "env":
        words = [there for word in words[1:] if not word.startswith("-") and "=" not in word and (there := shutil.which(word))]
    elif words and Path(words[0]).name == "sh" and len(lines) > 1:
        # pip's way around a long or blank-holding path: a line that is a string to Python, and a command to the shell.
        found = re.match(r"'''exec' (?:\"([^\"]+)\"|(\S+)) ", lines[1])
        words = [found[1] or found[2]] if found else []
    return words[0] if words and _PYTHON.fullmatch(Path(words[0]).name) else None
