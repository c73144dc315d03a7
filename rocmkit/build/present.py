"""Whether a need is there on a machine: there, missing, too old, or not to be seen."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Literal

from rocmkit.build.toolchain import Toolchain
from rocmkit.host.base import Host, NotAsked, ProcessDied
from rocmkit.kb.build import Need
from rocmkit.kb.versions import version
from rocmkit.model import Model

#: An interpreter or a compiler may take this long to say what it has.
LIMIT_S = 10.0
#: A pattern that fits more folders than this is not followed further.
_WIDEST = 64
_NUMBER = rb"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}"
#: -I and -S, so that no module of the environment itself takes part.
_PYTHON = ("-I", "-S", "-c")
_HEADER = "import os, sysconfig; print(os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')))"
_MODULE = "import importlib.util; print(importlib.util.find_spec('{name}') is not None)"


class Presence(Model, kw_only=True):
    """What was seen of one need."""

    state: Literal["there", "missing", "old", "unseen"]
    version: str | None = None  # of the program that is there, where a lowest one was asked for
    why: str = ""  # what is missing, or why it could not be seen


def presence(need: Need, lowest: str | None, toolchain: Toolchain, host: Host) -> Presence:
    """Look for a need. `lowest` is the version that a program has to have. Raises nothing."""
    try:
        return next(_looked(need, lowest, toolchain, host), Presence(state="there"))
    except (OSError, NotAsked, ProcessDied, ValueError) as error:
        return Presence(state="unseen", why=str(error))


def _looked(need: Need, lowest: str | None, toolchain: Toolchain, host: Host) -> Iterator[Presence]:
    """What speaks against it being there, or for it; nothing: it is there."""
    shown = need.shown_by
    for path in shown.files:
        if not any_of(host, filled(path, toolchain)):
            yield Presence(state="missing", why=f"{filled(path, toolchain)} is not there")
    if shown.one_of and not any(any_of(host, filled(path, toolchain)) for path in shown.one_of):
        yield Presence(state="missing", why=f"{filled(shown.one_of[0], toolchain)} is not there")
    for name in shown.python:
        if not _python_has(host, toolchain.python.executable, name):
            yield Presence(state="missing", why=f"{toolchain.python.executable} has no {name}")
    if shown.programs:
        program = find(host, shown.programs, toolchain)
        if program is None:
            yield Presence(state="missing", why=f"no {shown.programs[0]} on PATH")
        elif lowest is not None:
            yield _version(host, program, lowest)


def find(host: Host, names: tuple[str, ...], toolchain: Toolchain) -> str | None:
    """The first of the programs on PATH, or among the toolchain's own. Raises OSError, NotAsked."""
    for name in names:
        for place in (f"{toolchain.llvm}/{name}", f"{toolchain.root}/bin/{name}"):
            if host.exists(place):
                return place
        if found := host.which(name):
            return found
    return None


def filled(path: str, toolchain: Toolchain) -> str:
    """A place of the knowledge base on this toolchain's machine."""
    places = {"{rocm}": toolchain.root, "{lib}": toolchain.lib, "{llvm}": toolchain.llvm, "{openmp}": toolchain.openmp}
    for name, place in places.items():
        path = path.replace(name, place)
    return path


def any_of(host: Host, pattern: str) -> bool:
    """Whether something fits an absolute path in which `*` stands for any part of one name. Raises OSError, NotAsked."""
    places = ["/"]
    for part in filter(None, pattern.split("/")):
        if "*" not in part:
            places = [posixpath.join(place, part) for place in places]
            continue
        found = []
        for place in places:
            try:
                names = host.list(place, partial(_fits, pattern=part))
            except (FileNotFoundError, NotADirectoryError):
                continue
            found += [posixpath.join(place, name) for name in names]
        places = found[:_WIDEST]
    return any(host.exists(place) for place in places)


def _fits(name: str, *, pattern: str) -> bool:
    return fnmatchcase(name, pattern)


def _version(host: Host, path: str, lowest: str) -> Presence:
    """Whether the program is new enough, by the first version that it prints."""
    run = host.run((path, "--version"), _first_number, timeout_s=LIMIT_S)
    has, least = version(run.text), version(lowest)
    if has is None or least is None:
        return Presence(state="unseen", why=f"{path} printed no version")
    return Presence(state="there" if has >= least else "old", version=run.text)


def _first_number(data: bytes) -> bytes:
    found = re.search(_NUMBER, data[:4096])
    return found[0] if found else b""


def _python_has(host: Host, executable: str, name: str) -> bool:
    """Whether the interpreter has a module, or its header. Raises OSError, NotAsked, ValueError."""
    code = _HEADER if name == "Python.h" else _MODULE.format(name=name)
    run = host.run((executable, *_PYTHON, code), _answer, timeout_s=LIMIT_S)
    if run.text not in {"True", "False"}:
        raise ValueError(f"{executable} did not say whether it has {name}")
    return run.text == "True"


def _answer(data: bytes) -> bytes:
    found = re.search(rb"\b(?:True|False)\b", data)
    return found[0] if found else b""
