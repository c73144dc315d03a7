"""Passwords and tokens that this process was told, by where they stand. Their form need not tell: a program may print them anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

#: What options and variables are called whose value is one.
_CALLED = re.compile(
    r"(?:-{0,2}|[\w-]{0,64}[_-])(?:pass(?:word|wd|phrase|code)?|auth|secret|token|credentials?|(?:api|access|account|private|secret)[-_]?key)",
    re.IGNORECASE | re.ASCII,
)
#: A shorter word stands for something else too often (True, none), and so does a path.
_VALUE = re.compile(r"(?![/~.<-])\S{6,4096}")


def secrets(words: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those among the words of a command line (--token VALUE, TOKEN=VALUE) and in the environment."""
    return tuple(dict.fromkeys(value for name, value in _pairs(words, environ) if _CALLED.fullmatch(name) and _VALUE.fullmatch(value)))


def _pairs(words: Sequence[str], environ: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    yield from environ.items()
    yield from _assigned(words)
    yield from ((before, word) for before, word in pairwise(words) if before.startswith("-"))


def _assigned(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, sign, value = word.partition("=")
        if sign:
            yield name, value
