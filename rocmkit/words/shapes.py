"""Sentences known by their shape: an English sentence, whatever values are in it, and the same in another language. Pure.

A catalogue maps templates to templates: "{library} has no code for {gfx}". What is drawn for people is English that was filled in long
before, perhaps by another release, or on another machine, and stored as JSON. So a sentence is looked up by what is fixed in it, and what
stands between is its values, which may be sentences themselves.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_PLACEHOLDER = re.compile(r"\{([a-z_0-9]*)\}")
_WORD = re.compile(r"[A-Za-z]{2,}")
#: A word that no value can be glued to.
_WHOLE_WORD = re.compile(r"(?<![\0A-Za-z])[A-Za-z]{2,}(?![\0A-Za-z])")
_STOP, _STOP_OF_THEIRS = re.compile(r"(?<=[.]) (?=[A-Z`{])"), re.compile("[^。]+(?:。[)）]?|$)")
#: The end of a sentence, and no sentence.
_STOPPED = re.compile(r"[^A-Z`].*\.$")
#: Another sentence ends inside a value. That value is not what this one begins with, nor what it ends with, but for a detail.
_ENDS_BEFORE, _BEGINS_DETAIL = re.compile(r"[:;.] "), re.compile(r"[:;.(]\s?$")
_CODE = re.compile(r"`[^`]*`")
_LOWER = re.compile(r"\b[a-z]{2,}\b")
#: The value of this name is a number: "3 checks" is no end of another sentence.
_NUMBER, _IS_NUMBER = "number", re.compile(r"[0-9][0-9.,]*$")
#: With fewer letters that are fixed a template would fit nearly anything; so it would with fewer for each of its values.
_LEAST, _LEAST_EACH = 4, 3
#: Where several sentences, or parts of one, were put together: the strongest first. What stands in backquotes is not looked into.
_JOINTS = tuple(
    re.compile(rf"((?:`[^`]*`|[^`])*?)({joint})")
    for joint in (r"(?<=[.!?]) (?=[A-Z`(])", "; ", ": ", r"(?<=RK\d\d\d) ", r" (?=\([^()]*\)$)", ", ")
)
#: Four words of English: what is no name, number, path or list.
_ENGLISH = re.compile(r"(?:(?<![\w./`'=~-])[a-z]{2,}(?![\w./`=~-]).*?){4}")
_WIDE = "[\u3001-\u30ff\u4e00-\u9fff\uff08\uff09]"
#: Sentences inside sentences inside sentences.
_DEPTH = 4
#: So many answers are kept.
_KEPT = 8192
#: So many parts may be one sentence that has joints in itself.
_TOGETHER = 4
#: What is longer is no sentence of ours.
_LONGEST = 6000
#: So many letters are compared for one text, counted again for each part that they are in, and so many for each of very many. A line on
#: eight GPUs takes 100,000, nearly all others a few hundred.
_MOST, _EACH = 500_000, 5_000
#: Blanks in text of others that look like those which putting sentences together leaves, and what stands for them meanwhile.
_BLANK, _HELD = re.compile(rf"(?<=[。、]) |(?<={_WIDE}) (?={_WIDE})"), "\ue000"


class Shape(NamedTuple):
    """A template: what is fixed, in order, and the names of the values between."""

    template: str
    fixed: tuple[str, ...]
    names: tuple[str, ...]
    in_code: tuple[bool, ...]  # values in backquotes: they are typed as they stand
    weight: int  # letters that are fixed: of two shapes that fit, the one that says more is meant


class _TooMuch(Exception):
    """A text was put together of so many parts that it is none of ours."""


class Shapes:
    """A catalogue that is asked for filled-in sentences. `told` maps English templates to those of another language."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._whole = told
        self._left = _MOST  # letters that may still be compared for the text that is asked for
        self._given: set[str] = set()  # what was answered: lines are wrapped after they were told

    @functools.cached_property
    def _told(self) -> dict[str, str]:
        """Every template, and the sentences of those of several."""
        whole = dict(self._whole.items())
        return {**_single_sentences(whole), **whole}

    @functools.cached_property
    def _by_word(self) -> dict[str, list[str]]:
        """Templates by a word that is fixed in them: the longest, since it is rare."""
        found: dict[str, list[str]] = {}
        for template in self._told:
            if "{" in template:
                found.setdefault(max(_WHOLE_WORD.findall(_PLACEHOLDER.sub("\0", template)), key=len, default=""), []).append(template)
        return found

    def say(self, text: str) -> str:
        """`text` in the other language, or as it is where neither it nor a part of it is known."""
        self._left = min(max(self._left, 0) + _EACH, _MOST)
        try:
            return self._say(_BLANK.sub(_HELD, text)).replace(_HELD, " ")
        except _TooMuch:
            return text

    @functools.lru_cache(maxsize=_KEPT)  # noqa: B019 - there is one catalogue in a process
    def _say(self, text: str, depth: int = 0) -> str:
        plain = text.strip()
        if not plain or len(plain) > _LONGEST or depth > _DEPTH or not _WORD.search(plain) or text in self._given:
            return text
        told = self._whole.get(plain) or self._told.get(plain)
        if told is None:
            whole = self._filled(plain, depth)
            if whole is None or _english(whole):
                whole = min(filter(None, (whole, self._in_parts(plain, depth))), key=_left, default=None)
            told = whole if whole and not _LOWER.search(whole) else self._otherwise(plain, depth, whole)
        if not told:
            return text
        if len(self._given) >= _KEPT:
            self._given.clear()
        self._given.add(answer := text.replace(plain, told, 1))
        return answer

    def _filled(self, text: str, depth: int) -> str | None:
        self._left -= len(text)
        if self._left < 0:
            raise _TooMuch
        capital = text[0].isupper() and text[1:2].islower()  # it may begin a sentence that was the rest of one
        fits = [
            (shape, values)
            for one in ((text, text[0].lower() + text[1:]) if capital else (text,))
            for word in {"", *_WORD.findall(one)}
            for template in self._by_word.get(word, ())
            if known_by(shape := shape_of(template)) and (values := fit(shape, one)) is not None
        ]
        for shape, values in sorted(fits, key=_fitness):
            told = [value if code else self._value(value, depth + 1) for value, code in zip(values, shape.in_code, strict=True)]
            # What would be more English than not is another sentence, which only looks like this one.
            if sum(map(_english, told)) <= 2 * shape.weight:
                return _closed(_with(self._told[shape.template], dict(zip(shape.names, told, strict=True))))
        return None

    def _otherwise(self, text: str, depth: int, told: str | None) -> str | None:
        """`told`, or what leaves less of the text as it was: without parentheses, with the stop that was taken away or without one that was
        put behind parts."""
        ways = [told]
        if text[0] == "(" and text[-1] == ")":
            ways.append(f"({self._say(text[1:-1], depth + 1)})")
        elif text[-1] == "." and not text.endswith(".."):
            ways.append(self._say(text[:-1], depth + 1) + "。")
        elif text[-1] not in "!?:" and (stopped := self._told.get(f"{text}.") or self._filled(f"{text}.", depth)):
            ways.append(stopped.rstrip("。"))
        best = min(filter(None, ways), key=_left, default=None)
        return best if best is not None and best.rstrip("。") != text.rstrip(".") else None

    def _value(self, value: str, depth: int) -> str:
        """A value in the other language: a sentence, or a list whose last two are joined by a word."""
        told = self._say(value, depth)
        parts = re.split(r" (?:and|or) ", value)
        if told == value and all(part in self._told for part in parts):
            return "、".join(self._told[part] for part in parts)
        if told == value and (listed := re.fullmatch(r"(\S+(?:(?:,| and| or) \S+)*) (and|or) (\S+)", value)):
            most = re.sub("(?:,| and| or) ", "、", listed[1])
            return f"{most}、{listed[3]}" if listed[2] == "and" else f"{most}、または {listed[3]}"
        return told

    def _in_parts(self, text: str, depth: int) -> str | None:
        """A text that was put together: each part by itself. None where no part is known."""
        found = []
        for joint in _JOINTS:
            parts = _split(joint, text)
            told = list(self._runs(parts, depth + 1)) if len(parts) > 1 else parts
            if told != parts and not (joint is _JOINTS[-1] and any(map(_english, told))):  # a comma alone parts no sentences
                found.append(_closed("".join(told)))
        return min(found, key=_left, default=None)

    def _runs(self, parts: list[str], depth: int) -> Iterator[str]:
        """Parts and what joins them, by turns, told: several together where they are one sentence, else each by itself."""
        at = 0
        while at < len(parts):
            for end in range(min(len(parts), at + 2 * _TOGETHER - 1), at + 1, -2):
                together = "".join(parts[at:end])
                if end - at < len(parts) and (told := self._told.get(together) or self._filled(together, depth)):
                    yield told
                    break
            else:
                end = at + 1
                yield self._say(parts[at], depth)
            yield from parts[end : end + 1]
            at = end + 1


def _single_sentences(told: Mapping[str, str]) -> dict[str, str]:
    """The sentences of messages of several: where a line has room for one alone, or the first depends on the machine. And what stands
    before a detail."""
    found: dict[str, str] = {}
    for template, string in told.items():
        if ". " in template:
            ours, theirs = _STOP.split(template), _STOP_OF_THEIRS.findall(string)
            values = [sorted(_PLACEHOLDER.findall(one)) for one in ours]
            if len(ours) == len(theirs) and values == [sorted(_PLACEHOLDER.findall(one)) for one in theirs]:
                found.update(zip(ours, theirs, strict=True))
        head, detail = template.rpartition(": {")[::2]
        if head and head.count("{") < 2 and string.endswith(f": {{{detail}") and "{" not in detail:  # a detail may be a program's own words
            found[head] = string.removesuffix(f": {{{detail}")
    return found


@functools.cache
def shape_of(template: str) -> Shape:
    """The shape of a template."""
    pieces = _PLACEHOLDER.split(template)
    fixed, names = pieces[::2], pieces[1::2]
    in_code = tuple("".join(fixed[: number + 1]).count("`") % 2 == 1 for number in range(len(names)))
    weight = sum(len("".join(_WORD.findall(part))) for part in fixed)
    return Shape(template, tuple(fixed), tuple(names), in_code, weight)


def known_by(shape: Shape) -> bool:
    """Whether enough of a template is fixed to know a sentence by it."""
    return shape.weight >= max(_LEAST, _LEAST_EACH * len(set(shape.names)))


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
        found = text.find(part, at, end)
        if found < 0:
            return None
        values += [text[at:found], *[""] * pending]
        pending, at = 0, found + len(part)
    values += [text[at:end], *[""] * pending]
    if (not first and values and _ENDS_BEFORE.search(_CODE.sub("", values[0]))) or (not last and values and _STOPPED.match(values[-1])):
        return None
    if not last and values and _ENDS_BEFORE.search(_CODE.sub("", values[-1])) and not _BEGINS_DETAIL.search(shape.fixed[-2]):
        return None
    seen: dict[str, str] = {}
    for name, value in zip(shape.names, values, strict=True):
        if seen.setdefault(name, value) != value or (name == _NUMBER and not _IS_NUMBER.match(value)):
            return None
    return tuple(values)


def _fitness(found: tuple[Shape, tuple[str, ...]]) -> tuple[int, int, int]:
    """What fits better comes first: more is fixed, fewer values run over the end of a sentence, the text is parted more finely."""
    shape, values = found
    return -shape.weight, sum(". " in value for value in values), -len(values)


def _left(told: str) -> int:
    """How much of a text is as it was."""
    return sum(map(len, _LOWER.findall(_CODE.sub("", told))))


def _english(text: str) -> int:
    """How long a text is that is English, but for what stands in backquotes; 0 for what is none."""
    plain = _CODE.sub("", text)
    return len(plain) if _ENGLISH.search(plain) else 0


def _with(template: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def _split(joint: re.Pattern[str], text: str) -> list[str]:
    """Parts and what joins them, by turns. At a colon only the first counts."""
    parts, at = [], 0
    while found := joint.match(text, at):  # a search would look for a beginning at every letter
        parts += [found[1], found[2]]
        at = found.end()
        if found[2] == ": ":
            break
    return [*parts, text[at:]]


def _closed(text: str) -> str:
    """Text in a language that has no blanks between its words, and none behind a full stop."""
    return _BLANK.sub("", text)
