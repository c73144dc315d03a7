"""Toggles: what `rocmkit bisect` changes about a program to see whether it still dies."""

from __future__ import annotations

from functools import cache

from rocmkit.kb._load import document
from rocmkit.kb.values import Row
from rocmkit.model import Model


class Toggle(Row, kw_only=True):
    """One change, what it means if it cures, and how it is made to last."""

    id: str
    """Stable name in words: miopen-off."""
    does: str
    """What it changes, in words: "MIOpen off"."""
    means: str
    """What a cure by it says of the crash, in a sentence."""
    env: dict[str, str] = {}
    """Variables that it sets; {fresh} is an empty folder."""
    unset: tuple[str, ...] = ()
    """Variables that it takes away; * at the end stands for anything. If it does nothing else and none of them is set, it is not tried."""
    actions: tuple[str, ...] = ()
    """What it changes inside Python, by the names in `trial/inside/hooks/sitecustomize.py`."""
    stack_bytes: int | None = None
    """Limit of the stack that it sets."""
    packages: tuple[str, ...] = ()
    """Distributions one of which has to be installed for it to matter; empty: it always may."""
    control: bool = False
    """It shows where the crash lies and is no way to live: the GPU hidden."""
    fix: str
    """How to make it last, in a sentence."""
    commands: tuple[str, ...] = ()
    """The same as commands for the shell."""
    code: str = ""
    """The same as a line of Python at the beginning of the program."""
    page: str = ""
    """The code of the failure that it points to; empty: none."""


class _File(Model, kw_only=True):
    toggles: tuple[Toggle, ...]


@cache
def toggles() -> tuple[Toggle, ...]:
    """Every toggle, the likeliest cure first."""
    return document("toggles", _File).toggles
