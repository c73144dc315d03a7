"""Where the commands of a way install and run: the environment that is here, a new one, or a container. Never one with another's pip."""

from __future__ import annotations

import re
from typing import Literal

from rocmkit.doctor import advice
from rocmkit.doctor.checks._fixes import pin
from rocmkit.facts import Python
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.versions import within
from rocmkit.model import Model

NEW = "~/rocm-venv/bin/python"
#: The Python of a new environment: every package here is made for it.
USUAL = "3.12"
#: Where the version of torch is not known beforehand, it is asked for when there is one.
_PRESENT = '"torch==$({python} -c \'import importlib.metadata as m; print(m.version("torch"))\')"'
_TRANSFORMERS = re.compile(r"(?<![\w\"-])transformers(?![\w<>=-])")


class Place(Model, kw_only=True):
    """An environment."""

    kind: Literal["here", "new", "container"]  # new: what is wrong with the packages that are here is not in its way
    word: str  # its interpreter, as a word of a shell command
    python: Python | None = None  # whose pip is asked; None: that of `word`
    packages: dict[str, str] = {}  # what is in it, by normalised name
    make: tuple[str, ...] = ()  # commands that make it

    def pip(self, arguments: str) -> tuple[str, ...]:
        """Commands that call its pip, after those that make it."""
        return advice.pip(self.python, arguments) if self.python else (*self.make, f"{self.word} -m pip {arguments}")


def container() -> Place:
    """Inside an image."""
    return Place(kind="container", word="python3")


def refused(python: Python) -> bool:
    """Whether its own pip refuses to install (PEP 668)."""
    return bool(python.externally_managed and python.kind == "system")


def here(system: SpeechSystem, python: Python) -> Place:
    """The environment that is here; a new one where nothing can be installed into it, or where the system is not made for its Python."""
    if not suits(system, python):
        make = f"conda create -y -p ~/rocm-venv python={USUAL}" if python.kind == "conda" else f"python{USUAL} -m venv ~/rocm-venv"
        return Place(kind="new", word=NEW, make=(make,))
    if refused(python):
        return Place(kind="new", word=NEW, make=(f"{advice.quote(python.executable)} -m venv ~/rocm-venv",))
    return Place(kind="here", word=advice.quote(python.executable), python=python, packages=python.packages)


def kept(system: SpeechSystem, python: Python, torch: str | None = None) -> Place:
    """The environment that is here with all that is in it; a new one on top of it where something has to be added that it refuses."""
    word = advice.quote(python.executable)
    if refused(python) and not complete(system, python.packages, torch):
        make = f"{word} -m venv --system-site-packages ~/rocm-venv"
        return Place(kind="here", word=NEW, packages=python.packages, make=(make,))
    return Place(kind="here", word=word, python=python, packages=python.packages)


def after(system: SpeechSystem, python: Python, commands: tuple[str, ...]) -> Place:
    """The environment that commands leave behind."""
    made = any(line.startswith(f"{NEW} ") for line in commands)
    return Place(kind="new", word=NEW) if made else here(system, python)


def suits(system: SpeechSystem, python: Python) -> bool:
    """Whether the system's packages can be had for this Python."""
    return not system.python or within(system.python, advice.python_minor(python).removesuffix("t"))


def complete(system: SpeechSystem, packages: dict[str, str], torch: str | None) -> bool:
    """Whether all packages of the system are there, and go with that torch."""
    newer = _outgrown(system, torch) and not within("<5", packages.get("transformers", "4"))
    return set(system.packages) <= set(packages) and not newer


def reachable(system: SpeechSystem, packages: dict[str, str], torch: str | None) -> bool:
    """Whether what is missing has a release for that torch: of transformers there is an older one, of other packages none is known."""
    return complete(system, packages, torch) or not _outgrown(system, torch) or any(_TRANSFORMERS.search(one) for one in system.install)


def packages(system: SpeechSystem, place: Place, torch: str | None = None) -> tuple[str, ...]:
    """Commands that install the system's own packages, where they are not there.

    `torch`: the release that is there. It is named again where a package asks for torch, or pip puts the package index's CUDA build
    over it; and the newest packages want a newer one than some machines can have.
    """
    if complete(system, place.packages, torch):
        return ()
    release, lines = _release(torch), list[str]()
    pinned = pin("torch", release) if release else _PRESENT.replace("{python}", place.word)
    for arguments in system.install:
        if _outgrown(system, torch):
            arguments = _TRANSFORMERS.sub('"transformers<5"', arguments)
        lines += place.pip(f"install {arguments.replace('{torch}', pinned)}")
    return tuple(dict.fromkeys(lines))


def _release(torch: str | None) -> str | None:
    """The public part of a version, where it is one: 2.9.1 of 2.9.1+rocm6.3."""
    found = re.match(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}((a|b|rc)[0-9]{1,4})?(?=\+|$)", torch or "", re.ASCII)
    return found[0] if found else None


def _outgrown(system: SpeechSystem, torch: str | None) -> bool:
    release = _release(torch)
    return bool(system.torch and release and not within(system.torch, release))
