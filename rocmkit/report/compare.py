"""Two lists of results, of two looks at a machine: what came, what went, what cannot be told any more."""

from __future__ import annotations

from collections.abc import Iterable

from rocmkit.model import Model, convert, to_builtins
from rocmkit.report.routes import WORDS, sentence


class Fault(Model, kw_only=True, forbid_unknown_fields=False):
    """A finding, as far as it is compared."""

    subject: str = ""
    message: str = ""
    confidence: str = "likely"


class Outcome(Model, kw_only=True, forbid_unknown_fields=False):
    """How a check ended, as far as that is compared. Reports of other versions of rocmkit are read as this, too."""

    code: str
    id: str = ""
    title: str = ""
    severity: str = "note"
    outcome: str = "skipped"
    unknown: bool = False
    cause: str | None = None
    findings: tuple[Fault, ...] = ()

    @property
    def found(self) -> bool:
        """Whether it found a fault."""
        return self.outcome == "found" and bool(self.findings)

    @property
    def judged(self) -> bool:
        """Whether it looked and found nothing, or had nothing to judge: then there is no such fault."""
        return self.outcome == "ok" or (self.outcome == "skipped" and not self.unknown and self.cause is None)


class Change(Model, kw_only=True):
    """Two results compared. Codes of RK307's kind do not change their meaning between versions."""

    came: tuple[Outcome, ...]  # found now, and not before
    went: tuple[Outcome, ...]  # found before, and looked for now without a finding
    unclear: tuple[Outcome, ...]  # found before, and now not made, or explained by another finding
    doubtful: tuple[Outcome, ...]  # looked for before without a finding, and now not known
    other: tuple[tuple[Outcome, Outcome], ...]  # found both times, in other words
    stayed: tuple[str, ...]  # codes found both times


class Way(Model, kw_only=True, forbid_unknown_fields=False):
    """A route, as far as it is compared."""

    system: str
    status: str = "unknown"
    how: str = ""
    rank: int = 0
    blocked_by: tuple[str, ...] = ()


class OtherWay(Model, kw_only=True):
    """The best way of speech systems, where it is another one."""

    systems: tuple[str, ...]  # kotoba-whisper, mms
    old: str  # how far it was, and what it was
    new: str  # how far it is, and what it is


def other_ways(old: object, new: object, *, source: str) -> tuple[OtherWay, ...]:
    """Speech systems whose best route is another one, where both looks have routes. Raises DataError."""
    sides = [convert(to_builtins(routes), tuple[Way, ...], source=source) for routes in (old, new)]
    before, after = ({one.system: one for one in side if one.rank == 1} for side in sides)
    found: dict[tuple[str, str], list[str]] = {}
    for name, one in after.items():
        if name in before and _way(before[name]) != _way(one):
            found.setdefault((_way(before[name]), _way(one)), []).append(name)
    return tuple(OtherWay(systems=tuple(names), old=was, new=now) for (was, now), names in found.items())


def _way(one: Way) -> str:
    first = f", first mend {', '.join(one.blocked_by)}" if one.blocked_by else ""
    return f"{WORDS.get(one.status, one.status)}: {sentence(one.how)}{first}"


def outcomes(results: object, *, source: str) -> tuple[Outcome, ...]:
    """Results of any version as what is compared, by code; of a code that stands there twice, the worse. Raises DataError."""
    found = convert(to_builtins(results), tuple[Outcome, ...], source=source)
    return tuple({one.code: one for one in sorted(found, key=lambda one: (one.code, one.found))}.values())


def compare(old: Iterable[Outcome], new: Iterable[Outcome]) -> Change:
    """What is found in `new` and not in `old`, and the other way round."""
    before = {one.code: one for one in old}
    after = {one.code: one for one in new}
    both = [(one, after[code]) for code, one in before.items() if one.found and code in after and after[code].found]
    lost = [one for code, one in before.items() if one.found and not (code in after and after[code].found)]
    return Change(
        came=tuple(one for code, one in after.items() if one.found and not (code in before and before[code].found)),
        went=tuple(one for one in lost if one.code in after and after[one.code].judged),
        unclear=tuple(one for one in lost if one.code not in after or not after[one.code].judged),
        doubtful=tuple(one for code, one in after.items() if one.outcome == "skipped" and one.unknown and _passed(before.get(code))),
        other=tuple((one, now) for one, now in both if _said(one) != _said(now)),
        stayed=tuple(one.code for one, _ in both),
    )


def _passed(one: Outcome | None) -> bool:
    return one is not None and one.outcome == "ok"


def sure_errors(results: Iterable[Outcome]) -> set[tuple[str, str]]:
    """(code, subject) of every error that is sure."""
    errors = (one for one in results if one.found and one.severity == "error")
    return {(one.code, fault.subject) for one in errors for fault in one.findings if fault.confidence == "sure"}


def _said(one: Outcome) -> list[tuple[str, str, str]]:
    return sorted((fault.subject, fault.message, fault.confidence) for fault in one.findings)
