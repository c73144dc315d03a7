"""Patterns as people read them, and what can be said of one without a text: `Cannot read \\S+: .*` is "Cannot read …: …"."""

from __future__ import annotations

import re
from functools import cache, reduce

from rocmkit.model import Model

#: What stands for anything, and for a number until it is shown as N.
ANY, NUMBER = "…", "\ue000"
_QUANTIFIER = re.compile(r"(?:([*+?])|\{([0-9]{1,4})(,?)([0-9]{0,4})\})\??")
_GROUP = re.compile(r"\?(?:P?<(\w+)>|([imsU]*(?:-[imsU]+)?)(:|(?=\))))")
#: Escapes that match no character, but a place.
_PLACES = frozenset("bBAz")
_CLASSES = {"d": NUMBER, "s": " ", "t": " "}


class Shape(Model, kw_only=True):
    """What a pattern looks like. Lengths are of runs of literal characters, which every text that it matches holds."""

    shown: str
    """One text of those that it matches, with ANY and NUMBER for what differs."""
    whole: int | None
    """The length, where it is literal throughout."""
    lead: int
    """Of the run that it begins with."""
    tail: int
    """Of the run that it ends with."""
    best: int
    """Of the longest run."""
    groups: frozenset[str] = frozenset()
    """Named groups that take part in every match."""
    every: frozenset[str] = frozenset()
    """All named groups."""


@cache
def shape(pattern: str) -> Shape:
    """The shape of a pattern in RE2 syntax. Raises ValueError for what is none, or uses rarer parts of that syntax."""
    reader = _Reader(pattern)
    found = reader.either()
    if reader.rest():
        raise ValueError(f"a ) too many in {pattern!r}")
    return found


def readable(pattern: str) -> str:
    """A pattern as one line for people."""
    shown = re.sub(rf"{ANY}(?:\s*{ANY})+", ANY, re.sub(f"{NUMBER}+", "N", shape(pattern).shown))
    return re.sub(rf"^{ANY}\s*|\s{ANY}$", "", " ".join(shown.split()))


def _literal(text: str) -> Shape:
    size = len(text)
    return Shape(shown=text, whole=size, lead=size, tail=size, best=size)


def _wild(shown: str = ANY) -> Shape:
    return Shape(shown=shown, whole=None, lead=0, tail=0, best=0)


def _then(one: Shape, other: Shape) -> Shape:
    return Shape(
        shown=one.shown + other.shown,
        whole=None if one.whole is None or other.whole is None else one.whole + other.whole,
        lead=one.lead if one.whole is None else one.whole + other.lead,
        tail=other.tail if other.whole is None else one.tail + other.whole,
        best=max(one.best, other.best, one.tail + other.lead),
        groups=one.groups | other.groups,
        every=one.every | other.every,
    )


def _or(one: Shape, other: Shape) -> Shape:
    return Shape(
        shown=one.shown or other.shown,
        whole=None if one.whole is None or other.whole is None else min(one.whole, other.whole),
        lead=min(one.lead, other.lead),
        tail=min(one.tail, other.tail),
        best=min(one.best, other.best),
        groups=one.groups & other.groups,
        every=one.every | other.every,
    )


def _repeated(one: Shape, least: int, most: int | None) -> Shape:
    if least == most and one.whole is not None:
        return reduce(_then, [one] * least, _literal("")) if least * one.whole < 1000 else _wild()
    if least:
        run = (one.whole or 0) * least
        shown = one.shown * (min(least, 8) if one.whole == 1 else 1)
        lead, tail, best = max(one.lead, run), max(one.tail, run), max(one.best, run)
        return Shape(shown=shown, whole=None, lead=lead, tail=tail, best=best, groups=one.groups, every=one.every)
    if one.whole is None and one.shown != " ":
        return Shape(shown="" if most == 1 else one.shown, whole=None, lead=0, tail=0, best=0, every=one.every)
    shown = "" if one.whole == 1 and one.shown.isalnum() else one.shown
    return Shape(shown=shown, whole=None, lead=0, tail=0, best=0, every=one.every)


class _Reader:
    """A pattern, read from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at = pattern, 0

    def rest(self) -> str:
        return self._pattern[self._at :]

    def _take(self) -> str:
        if self._at >= len(self._pattern):
            raise ValueError(f"{self._pattern!r} ends too early")
        self._at += 1
        return self._pattern[self._at - 1]

    def either(self) -> Shape:
        """Alternatives, up to the end of the group."""
        found = self._sequence()
        while self.rest().startswith("|"):
            self._at += 1
            found = _or(found, self._sequence())
        return found

    def _sequence(self) -> Shape:
        parts = [_literal("")]
        while self.rest() and self.rest()[0] not in "|)":
            part = self._atom()
            if quantifier := _QUANTIFIER.match(self._pattern, self._at):
                self._at = quantifier.end()
                part = _repeated(part, *_bounds(quantifier))
            parts.append(part)
        return reduce(_then, parts)

    def _atom(self) -> Shape:
        first = self._take()
        if first == "(":
            return self._group()
        if first == "[":
            return self._class()
        if first == "\\":
            return self._escape()
        if first in "*+?":
            raise ValueError(f"nothing to repeat in {self._pattern!r}")
        return _literal("") if first in "^$" else _wild() if first == "." else _literal(first)

    def _group(self) -> Shape:
        name = None
        if self.rest().startswith("?"):
            opening = _GROUP.match(self._pattern, self._at)
            if opening is None:
                raise ValueError(f"a group of an unknown kind in {self._pattern!r}")
            self._at, name = opening.end(), opening[1]
        inner = self.either()
        if self._take() != ")":
            raise ValueError(f"a group that does not end in {self._pattern!r}")
        if name is None:
            return inner
        shown = name.upper() if inner.shown.strip() in {ANY, NUMBER, ""} else inner.shown
        return Shape(
            shown=shown,
            whole=inner.whole,
            lead=inner.lead,
            tail=inner.tail,
            best=inner.best,
            groups=inner.groups | {name},
            every=inner.every | {name},
        )

    def _escape(self) -> Shape:
        name = self._take()
        if name in _PLACES:
            return _literal("")
        if not name.isalnum():
            return _literal(name)
        if name in "dDsSwWt":
            return _wild(_CLASSES.get(name, ANY))
        raise ValueError(f"\\{name} in {self._pattern!r} is not known here")

    def _class(self) -> Shape:
        """A class of characters. A few alternatives, as in [Ee]rror, count as literal."""
        inverted = self.rest().startswith("^")
        self._at += inverted
        items = ""
        while not (self.rest().startswith("]") and items):
            taken = self._take()
            if taken == "[" and self.rest().startswith(":"):
                raise ValueError(f"a named class in {self._pattern!r} is not known here")
            items += taken + self._take() if taken == "\\" else taken
        self._at += 1
        if inverted:
            return _wild()
        if re.fullmatch(r"(?:0-9|\\d|\\?\.|,)+", items) and re.search(r"0-9|\\d", items):
            return _wild(NUMBER)
        members = re.sub(r"\\(?=[^a-zA-Z0-9])", "", items)
        if len(members) <= 4 and not re.search(r"\\|(?<=.)-(?=.)", members):
            return _literal(members[0])
        return _wild()


def _bounds(found: re.Match[str]) -> tuple[int, int | None]:
    if found[1]:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
    return int(found[2]), int(found[4]) if found[4] else None if found[3] else int(found[2])
