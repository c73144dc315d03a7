"""Versions as texts: any text is an answer, never an exception. `packaging` is imported on first use, which costs 10 ms."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version


def version(text: str) -> Version | None:
    """`text` as a version, or None."""
    from packaging.version import Version

    try:
        return Version(text)
    except ValueError:  # InvalidVersion, or a number too long for int()
        return None


@cache
def _specifiers(text: str) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(text)


@lru_cache(maxsize=1024)
def within(specifier: str, text: str) -> bool:
    """Whether version `text` satisfies `specifier`; pre-releases count, what is no version does not."""
    return (parsed := version(text)) is not None and _specifiers(specifier).contains(parsed, prereleases=True)


def numbers(text: str) -> tuple[int, ...] | None:
    """`6.2.4` as (6, 2, 4), for ordering; None for anything but digits and single dots."""
    return tuple(map(int, text.split("."))) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})*", text) else None


def series(text: str) -> tuple[int, ...] | None:
    """The first two numbers of a version: (6, 2) of `6.2.4-116`; None where it does not begin with two."""
    found = re.match(r"([0-9]{1,9}\.[0-9]{1,9})(?![0-9])", text)
    return numbers(found[1]) if found else None
