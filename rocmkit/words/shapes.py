"""Sentences known by their shape: an English sentence, whatever values are in it, and the same in another language. Pure.

A catalogue maps templates to templates: "{library} has no code for {gfx}". What is drawn for people is English that was filled in long
before, perhaps by another release, or on another machine, and stored as JSON. So a sentence is looked up by what is fixed in it, and what
stands between is its values, which may be sentences themselves.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_PLACEHOLDER = re.compile(r"\{([a-z_0-9]*)\}")
_WORD = re.compile(r"[A-Za-z]{2,}")
#: Where several sentences, or parts of one, were put together: the strongest first. What stands in backquotes is not looked into.
_JOINTS = tuple(re.compile(rf"((?:`[^`]*`|[^`])*?)({joint})") for joint in (r"(?<=[.!?]) (?=[A-Z`(])", "; ", ": ", r"(?<=RK\d\d\d) ", ", "))
#: Three words of English in a row: what is no name, number, path or list.
_ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")
_WIDE = "[\u3001-\u30ff\u4e00-\u9fff\uff08\uff09]"
#: Sentences inside sentences inside sentences.
_DEPTH = 4
#: What is longer is no sentence of ours.
_LONGEST = 6000


class Shape(NamedTuple):
    """A template: what is fixed, in order, and the names of the values between."""

    fixed: tuple[str, ...]
    names: tuple[str, ...]
    told: str
    weight: int  # letters that are fixed: of two shapes that fit, the one that says more is meant


class Shapes:
    """A catalogue that is asked for filled-in sentences. `told` maps English templates to those of another language."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._told = told

    @functools.cached_property
    def _by_word(self) -> dict[str, list[Shape]]:
        """Shapes by a word that is fixed in them: the longest, since it is rare."""
        found: dict[str, list[Shape]] = {}
        for template, told in self._told.items():
            if "{" in template and (shape := shape_of(template, told)) is not None:
                word = max((word for part in shape.fixed for word in _whole_words(part, shape)), key=len, default="")
                found.setdefault(word, []).append(shape)
        return found

    @functools.lru_cache(maxsize=8192)  # noqa: B019 - there is one catalogue in a process
    def say(self, text: str, depth: int = 0) -> str:
        """`text` in the other language, or as it is where neither it nor a part of it is known."""
        plain = text.strip()
        if not plain or len(plain) > _LONGEST or depth > _DEPTH or not _WORD.search(plain):
            return text
        told = self._told.get(plain) or self._filled(plain, depth) or self._in_parts(plain, depth)
        return text.replace(plain, told, 1) if told else text

    def _filled(self, text: str, depth: int) -> str | None:
        fits = [
            (shape, values)
            for word in {"", *_WORD.findall(text)}
            for shape in self._by_word.get(word, ())
            if (values := fit(shape, text)) is not None
        ]
        for shape, values in sorted(fits, key=lambda one: -one[0].weight):
            told = [self._value(value, depth + 1) for value in values]
            # What would be more English than not is another sentence, which only looks like this one.
            if sum(map(len, filter(_ENGLISH.search, told))) <= shape.weight:
                filled = dict(zip(shape.names, told, strict=True))
                return _closed(_PLACEHOLDER.sub(lambda found: filled.get(found[1], found[0]), shape.told))
        return None

    def _value(self, value: str, depth: int) -> str:
        """A value in the other language: a sentence, or a list whose last two are joined by a word."""
        told = self.say(value, depth)
        if told == value and (listed := re.fullmatch(r"(\S+(?:, \S+)*) (and|or) (\S+)", value)):
            return "、".join((*listed[1].split(", "), listed[3])) if listed[2] == "and" else f"{listed[1].replace(', ', '、')}、または {listed[3]}"
        return told

    def _in_parts(self, text: str, depth: int) -> str | None:
        """A text that was put together: each part by itself. None where no part is known."""
        for joint in _JOINTS:
            parts = _split(joint, text)
            told = [self.say(part, depth + 1) if number % 2 == 0 else part for number, part in enumerate(parts)]
            if told != parts and not (joint is _JOINTS[-1] and any(map(_ENGLISH.search, told))):  # a comma alone parts no sentences
                return _closed("".join(told))
        return None


def shape_of(template: str, told: str) -> Shape | None:
    """The shape of a template. None where too little in it is fixed to know it by."""
    pieces = _PLACEHOLDER.split(template)
    fixed, names = pieces[::2], pieces[1::2]
    weight = sum(len("".join(_WORD.findall(part))) for part in fixed)
    return Shape(tuple(fixed), tuple(names), told, weight) if weight >= 3 else None


def fit(shape: Shape, text: str) -> tuple[str, ...] | None:
    """The values with which a shape becomes the text; None where there are none.

    Each value is as short as it can be, which finds values wherever there are any. Of values that nothing parts, the first takes all.
    """
    first, *between, last = shape.fixed
    end = len(text) - len(last)
    if end < len(first) or not text.startswith(first) or not text.endswith(last):
        return None
    values, at = [], len(first)
    pending = 0  # values before this one that nothing parts from it
    for part in between:
        if not part:
            pending += 1
            continue
        found = text.find(part, at + 1, end)
        if found < 0:
            return None
        values += [text[at:found], *[""] * pending]
        pending, at = 0, found + len(part)
    if at >= end:
        return None
    values += [text[at:end], *[""] * pending]
    seen: dict[str, str] = {}
    if any(seen.setdefault(name, value) != value for name, value in zip(shape.names, values, strict=True)):
        return None
    return tuple(values)


def _whole_words(part: str, shape: Shape) -> Iterable[str]:
    """The words of a fixed part that no value can be glued to."""
    for found in _WORD.finditer(part):
        glued_before = found.start() == 0 and part is not shape.fixed[0]
        glued_after = found.end() == len(part) and part is not shape.fixed[-1]
        if not glued_before and not glued_after:
            yield found[0]


def _split(joint: re.Pattern[str], text: str) -> list[str]:
    """Parts and what joins them, by turns. At a colon only the first counts."""
    parts, at = [], 0
    for found in joint.finditer(text):
        if found.start() != at:
            break
        parts += [found[1], found[2]]
        at = found.end()
        if found[2] == ": ":
            break
    return [*parts, text[at:]]


def _closed(text: str) -> str:
    """Text in a language that has no blanks between its words, and none behind a full stop."""
    return re.sub(rf"(?<=[。、]) |(?<={_WIDE}) (?={_WIDE})", "", text)
