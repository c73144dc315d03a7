"""The report on facts as they would be after a change, beside the report on the facts as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

from msgspec.structs import replace

from rocmkit.doctor import whatif
from rocmkit.doctor.check import Check
from rocmkit.doctor.whatif.made import MARK, hypothetical
from rocmkit.errors import Exit, worst
from rocmkit.facts import Facts
from rocmkit.model import to_builtins
from rocmkit.report.compare import Outcome, compare, other_ways, outcomes, sure_errors
from rocmkit.report.fix import WayOut
from rocmkit.report.published import PLAIN, Comparison, Evidence, Fault, Judgement, Report, Terms, publish
from rocmkit.report.summary import VERDICTS, size
from rocmkit.words import said

_LEAST = 1 << 20
#: Changes after which nobody has seen whether the driver knows the GPU; the knowledge base has no list of that.
_UNSEEN = ("gfx=", "kernel=", "driver=")


def report_on(
    facts: Facts,
    changes: tuple[whatif.Change, ...],
    checks: Iterable[Check],
    *,
    source: str,
    terms: Terms = PLAIN,
) -> Report:
    """The report on the facts with the changes made, and what these would bring and end. Raises UsageError where one does not fit.

    A log is told only where nothing is changed: it is of the machine as it was.
    """
    checks = tuple(checks)
    if not changes:
        return publish(facts, checks, source=source, terms=terms)
    texts = tuple(change.text for change in changes)
    changed = whatif.changed(facts, changes)
    before = publish(facts, checks, source=source, terms=replace(terms, log=None))
    after = publish(changed, checks, source=f"{source}, if {whatif.words(texts)}", terms=replace(terms, log=None))
    now = outcomes(after.results, source=source)
    difference = compare(outcomes(before.results, source=source), now)
    explained = {one.code for one in now if one.cause}
    lost = [one for one in difference.unclear if one.code not in explained]  # that it cannot be looked for is no proof that it is gone
    if sure_errors(lost):  # routes stand on all the checks
        before, after = replace(before, routes=(), ideas=()), replace(after, routes=(), ideas=())
    compared = Comparison(
        before=before.verdict,
        came=tuple(one.code for one in difference.came),
        went=tuple(one.code for one in difference.went),
        unclear=tuple(one.code for one in difference.unclear),
        doubtful=tuple(one.code for one in difference.doubtful),
        stayed=difference.stayed,
        changed=tuple(now.code for _, now in difference.other),
        ways=other_ways(before.routes, after.routes, source=source),
    )
    marker = _Marker(facts, changed, checks)
    judged = replace(after, results=tuple(map(marker.judgement, after.results)), what_if=texts, compared=compared)
    if any(_weighs(one, after.verdict) for one in lost):
        return replace(judged, verdict="unknown", exit=int(worst([Exit(after.exit), Exit.INCONCLUSIVE])))
    return judged


def _weighs(one: Outcome, verdict: str) -> bool:
    """Whether a verdict would be worse if this were still found."""
    return one.severity != "note" if verdict == "ready" else verdict == "degraded" and bool(sure_errors([one]))


class _Marker:
    """Marks evidence that rests on what was changed: the facts as they are do not give it, and it names a value that is new in them."""

    def __init__(self, before: Facts, after: Facts, checks: tuple[Check, ...]) -> None:
        alone = publish(before, [replace(check, after=()) for check in checks], source="")
        judged = [(one.seen, *(fault.seen for fault in one.findings)) for one in alone.results]
        self._read = {(item.where, item.what) for parts in judged for seen in parts for item in seen}
        here, there = (dict(_leaves(to_builtins(facts), ())) for facts in (before, after))
        changed = {text for place, text in there.items() if here.get(place) != text}
        self._new = {text for text in changed if text not in here.values() or any(letter.isdigit() for letter in text)}

    def judgement(self, one: Judgement) -> Judgement:
        return replace(one, seen=tuple(map(self._evidence, one.seen)), findings=tuple(map(self._fault, one.findings)))

    def _fault(self, fault: Fault) -> Fault:
        return replace(fault, seen=tuple(map(self._evidence, fault.seen)), fix=_afterwards(fault.fix) if fault.fix else None)

    def _evidence(self, one: Evidence) -> Evidence:
        if (one.where, one.what) in self._read or not any(leaf in one.where or leaf in one.what for leaf in self._new):
            return one
        return replace(one, where=hypothetical(one.where))


def _afterwards(fix: WayOut) -> WayOut:
    """The fix with paths as they are once the change is made: that is when its commands are of use."""

    def plain(command: str) -> str:
        return re.sub(rf"'{re.escape(MARK)}~/", "~/'", command).replace(MARK, "")

    return replace(fix, commands=tuple(map(plain, fix.commands)), verify=tuple(map(plain, fix.verify)))


def _leaves(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The texts in plain data with their places, and the sizes as reports print them."""
    if isinstance(value, str) and len(value) > 1:
        yield place, value
    elif isinstance(value, dict | list | tuple):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(one, (*place, key))
    elif isinstance(value, int) and value >= _LEAST:
        yield place, size(value)


def source(report: Report) -> str:
    """What was looked at, as people are told."""
    if not report.what_if:
        return report.source
    plain = report.source.removesuffix(f", if {whatif.words(report.what_if)}")
    return said("{source}, if {what_if}").format(source=said(plain), what_if=clause(report.what_if))


def clause(texts: Iterable[str]) -> str:
    """Changes as a clause, as people are told: each by itself, since a name and "were" are too little to know it by."""
    told = [said(how).format(name=said(name), value=value) for name, how, value in whatif.clauses(texts)]
    return reduce(lambda one, other: said("{one} and {other}").format(one=one, other=other), told)


def lines(report: Report) -> Iterator[str]:
    """What the change would do, a line for each kind; nothing where no change was asked about."""
    compared = report.compared
    if compared is None:
        return
    titles = {one.code: one.title for one in report.results}
    verdicts = f"{VERDICTS[compared.before]} → {VERDICTS[report.verdict]}"
    yield said("If {what_if}: {verdicts}").format(what_if=clause(report.what_if), verdicts=verdicts)
    if report.verdict in {"ready", "degraded"} and any(text.startswith(_UNSEEN) for text in report.what_if):
        yield "taken for granted, since no list of it is known: that the driver would know the GPU"
    kinds = (
        ("gone", compared.went),
        ("new", compared.came),
        ("not known any more", compared.unclear),
        ("passed so far, then not known", compared.doubtful),
        ("in other words", compared.changed),
    )
    for word, codes in kinds:
        if codes:
            yield f"{word}: " + "; ".join(f"{code} {titles.get(code, '')}".rstrip() for code in codes)
    if not any(codes for _, codes in kinds):
        yield "nothing that doctor looks for comes or goes"
    for way in compared.ways:
        yield f"{', '.join(way.systems)}: {said(way.old)} → {said(way.new)}"
    if same := [code for code in compared.stayed if code not in compared.changed]:
        yield f"as before: {', '.join(same)}"
