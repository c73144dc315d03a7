"""Which of a model's files are needed, by their names. Pure; read by rocmkit, and by the interpreter that downloads them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Iterable

#: A file of weights that is cut into pieces has this beside them, which names them.
INDEX = ".index.json"


def pick(names: Iterable[str], patterns: Iterable[str]) -> tuple[list[str], list[str]]:
    """Of `names` those that match one of `patterns`, and the patterns without which a model is not whole that match none.

    `a|b`: what the first of them matches that matches any. With a `*` in it, it may match nothing. `!a`: not what matches. No pattern
    but such: all. Weights in pieces match the name that they would have in one.
    """
    there, patterns = sorted(set(names)), list(patterns)
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    refused = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    there = [name for name in there if not any(fnmatchcase(name, pattern) for pattern in refused)]
    if not wanted:
        return there, ([] if there else ["*"])
    taken, lacking = set(), []
    for pattern in wanted:
        found = next((some for one in pattern.split("|") if (some := _matched(there, one))), [])
        taken.update(found)
        if not found and "*" not in pattern:
            lacking.append(pattern)
    return [name for name in there if name in taken], lacking


def _matched(there: list[str], pattern: str) -> list[str]:
    found = [name for name in there if fnmatchcase(name, pattern)]
    if found or pattern + INDEX not in there:
        return found
    stem, _, ending = pattern.rpartition(".")
    return [pattern + INDEX, *(name for name in there if fnmatchcase(name, f"{stem}-*-of-*.{ending}"))]
