"""Two looks at one machine, or at two: which findings came and went, and which facts are others. Pure: files are read in `sources`."""

from __future__ import annotations

from typing import Any, Literal

from rocmkit.errors import Exit, UsageError
from rocmkit.model import DataError, Model, convert
from rocmkit.report.compare import OtherWay, Outcome, Way, compare, other_ways, outcomes, sure_errors
from rocmkit.report.flat import Place, flat, row_of

_PREFIX = "rocmkit.doctor/"
#: No report of a machine comes near these.
_DEEPEST = 64
_MOST = 200_000


class Side(Model, kw_only=True):
    """One of the two looks."""

    source: str  # what was looked at
    rocmkit: str  # version that judged
    kb: str  # day of its knowledge base
    verdict: str  # the one word


class Told(Model, kw_only=True):
    """A finding of one side."""

    code: str  # RK307
    id: str  # rocblas-no-tensile
    title: str  # the fault, by name
    severity: str  # error, warning, note
    confidence: str  # sure where one of its faults is
    messages: tuple[str, ...]  # what is wrong, a sentence for each fault


class Other(Model, kw_only=True):
    """A finding of both sides that says something else."""

    code: str  # RK307
    id: str  # rocblas-no-tensile
    title: str  # the fault, by name
    severity: str  # of the new one
    old: tuple[str, ...]  # what was wrong
    new: tuple[str, ...]  # what is wrong


class Fact(Model, kw_only=True):
    """A fact that differs. A row that only one side has is one fact."""

    where: str  # its place: python.packages.torch
    old: Any  # null: not there
    new: Any  # null: not there


class Diff(Model, kw_only=True):
    """`rocmkit diff --json`."""

    schema: Literal["rocmkit.diff/1"] = "rocmkit.diff/1"  # the name of this shape
    old: Side  # the first file
    new: Side  # the second file
    verdict: tuple[str, ...]  # old and new, where they differ
    came: tuple[Told, ...]  # found in the new one alone
    went: tuple[Told, ...]  # found in the old one, and looked for in the new one without a finding
    unclear: tuple[Told, ...]  # found in the old one, and not made in the new one, or explained there by another finding
    changed: tuple[Other, ...]  # found in both, in other words
    ways: tuple[OtherWay, ...]  # speech systems whose best way is another one
    facts: tuple[Fact, ...]  # facts that differ
    exit: int  # 1: the new one has a sure error that the old one has not


class Look(Model, kw_only=True, forbid_unknown_fields=False):
    """A report of any version, as far as it is compared."""

    schema: str
    source: str = ""
    rocmkit: str = ""
    kb: str = ""
    verdict: str = "unknown"
    results: tuple[Outcome, ...]
    facts: dict[str, Any]
    routes: tuple[Way, ...] = ()


def look(data: object, *, source: str) -> Look:
    """A report as plain data. Raises UsageError."""
    hint = "compare two recordings (`rocmkit doctor --record FILE`) or two reports (`rocmkit doctor --json -o FILE`)"
    name = data.get("schema") if isinstance(data, dict) else None
    if name == "rocmkit.doctors/1":
        raise UsageError(f"{source}: several reports in one file", "write one report into each file")
    if not isinstance(name, str) or not name.startswith(_PREFIX):
        raise UsageError(f"{source}: neither a recording nor a report of doctor", hint)
    if _oversized(data):
        raise UsageError(f"{source}: nested deeper, or with more in it, than any report", hint)
    try:
        found = convert(data, Look, source=source)
        return Look(
            schema=found.schema,
            source=found.source or source,
            rocmkit=found.rocmkit,
            kb=found.kb,
            verdict=found.verdict,
            results=outcomes(found.results, source=source),
            facts=found.facts,
            routes=found.routes,
        )
    except DataError as error:
        raise UsageError(f"not a report of doctor: {error}", hint) from None


def _oversized(data: object) -> bool:
    """Whether plain data is nested deeper than _DEEPEST or holds more than _MOST values; without recursion."""
    level: list[object] = [data]
    values = 0
    for _ in range(_DEEPEST):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict | list):
                values += len(one)
                inner += one.values() if isinstance(one, dict) else one
        if values > _MOST:
            return True
        level = inner
        if not level:
            return False
    return True


def diff(old: Look, new: Look) -> Diff:
    """What is other in `new`."""
    found = compare(old.results, new.results)
    worse = sure_errors(new.results) - sure_errors(old.results)
    return Diff(
        old=_side(old),
        new=_side(new),
        verdict=(old.verdict, new.verdict) if old.verdict != new.verdict else (),
        came=tuple(map(_told, found.came)),
        went=tuple(map(_told, found.went)),
        unclear=tuple(map(_told, found.unclear)),
        changed=tuple(
            Other(code=now.code, id=now.id, title=now.title, severity=now.severity, old=_messages(before), new=_messages(now))
            for before, now in found.other
        ),
        ways=other_ways(old.routes, new.routes, source=new.source),
        facts=facts(old.facts, new.facts),
        exit=int(Exit.BLOCKED if worse else Exit.OK),
    )


def _side(one: Look) -> Side:
    return Side(source=one.source, rocmkit=one.rocmkit, kb=one.kb, verdict=one.verdict)


def _told(one: Outcome) -> Told:
    sure = any(fault.confidence == "sure" for fault in one.findings)
    return Told(
        code=one.code,
        id=one.id,
        title=one.title,
        severity=one.severity,
        confidence="sure" if sure else "likely",
        messages=_messages(one),
    )


def _messages(one: Outcome) -> tuple[str, ...]:
    return tuple(fault.message for fault in one.findings)


def facts(old: dict[str, Any], new: dict[str, Any]) -> tuple[Fact, ...]:
    """Facts that differ, in the order of their places.

    A row that one side lacks is one fact, named by what tells most of it; so is a section that one side could not read.
    """
    before, after = flat(old), flat(new)
    _fold(before, after)
    _fold(after, before)
    rows = [{row for place in side if (row := row_of(place))} for side in (before, after)]
    lone = rows[0] ^ rows[1]
    found: dict[Place, Fact] = {}
    for place in sorted({*before, *after}):
        row = row_of(place)
        if row in lone and row is not None:
            values = [_word(side, row) if row in there else None for side, there in zip((before, after), rows, strict=True)]
            found[row] = Fact(where=".".join(row), old=values[0], new=values[1])
        elif before.get(place) != after.get(place):
            found[place] = Fact(where=".".join(place), old=before.get(place), new=after.get(place))
    return tuple(found[place] for place in sorted(found))


def _fold(side: dict[Place, Any], other: dict[Place, Any]) -> None:
    """Where `side` has one value and `other` has parts, `other` gets one value too: that it is known. What is merely empty goes."""
    inner = {place[:length] for place in other for length in range(1, len(place))}
    wholes = {place for place in side if place in inner}
    empty = {place for place in wholes if side[place] in ({}, [])}
    for place in empty:
        del side[place]
    wholes -= empty
    parts = [place for place in other if any(place[:length] in wholes for length in range(1, len(place)))]
    for place in parts:
        del other[place]
    other.update(dict.fromkeys(wholes, "known"))


def _word(side: dict[Place, Any], row: Place) -> Any:
    """What a row is in one word: a version, a name; else that it is there."""
    words = (side.get((*row, field)) for field in ("version", "value", "gfx", "soname", "path", "name", "kind"))
    return next((word for word in words if isinstance(word, str) and word), True)
