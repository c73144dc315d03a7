"""The published shape of a doctor report, apart from the internal values: scripts rely on these names.

Every renderer draws from a `Report` alone, so the text holds nothing that the JSON does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rocmkit import __version__, kb
from rocmkit.doctor import examine
from rocmkit.doctor.check import Check
from rocmkit.doctor.result import Finding, Fix, Result, Text
from rocmkit.facts import Facts, GapReason
from rocmkit.model import Model


class Evidence(Model, kw_only=True):
    """Where something was read, and what stood there."""

    where: str  # a path, a command, or a fact
    what: str  # what stood there


class WayOut(Model, kw_only=True):
    """A fix: what to do, commands to copy, commands that show it worked, and what it takes."""

    text: str  # what to do
    commands: tuple[str, ...]  # lines to copy
    verify: tuple[str, ...]  # commands that show it worked
    root: bool  # needs root
    relogin: bool  # needs logging in again
    reboot: bool  # needs a restart
    caution: str | None  # what it could harm


class Fault(Model, kw_only=True):
    """One fault at one place. `template` and `values` are the message before it was filled in."""

    subject: str  # what is at fault
    message: str  # what is wrong, in one sentence
    confidence: Literal["sure", "likely"]  # likely: files alone cannot prove it
    seen: tuple[Evidence, ...]  # the evidence
    cause: str | None  # why, where that adds something
    fix: WayOut | None  # the way out
    template: str  # the message before values were filled in
    values: dict[str, str | int | float]  # what was filled in


class Judgement(Model, kw_only=True):
    """How one check ended. `because` says why it was skipped or crashed, `seen` on what evidence it is ok."""

    code: str  # RK307
    id: str  # rocblas-no-tensile
    title: str  # the fault, by name
    severity: Literal["error", "warning", "note"]  # of a finding
    outcome: Literal["ok", "found", "skipped", "crashed"]  # how the check ended
    because: str | None  # why it was skipped, or how it crashed
    gap: GapReason | None  # the reason of the gap that made it skip
    unknown: bool  # it was skipped since something that it needs is not known; else it had nothing to judge, or `cause` explains it
    cause: str | None  # the id of the check whose finding explains what this one would find, for which it was skipped
    findings: tuple[Fault, ...]  # faults, for outcome "found"
    seen: tuple[Evidence, ...]  # evidence, for outcome "ok"


class Report(Model, kw_only=True):
    """`rocmkit doctor --json`."""

    schema: Literal["rocmkit.doctor/1"] = "rocmkit.doctor/1"  # the name of this shape
    rocmkit: str  # version
    kb: str  # day of the knowledge base
    source: str  # what was looked at
    verdict: Literal["ready", "degraded", "blocked", "unknown", "not-applicable"]  # the one word
    exit: int  # the exit code
    facts: Facts  # everything that was read
    results: tuple[Judgement, ...]  # every check that was made, or could not be, by code
    left_out: tuple[str, ...]  # codes that --only and --skip left out
    routes: tuple[()] = ()  # reserved: ways to a running system


class Reports(Model, kw_only=True):
    """`rocmkit doctor --json` over several recordings."""

    schema: Literal["rocmkit.doctors/1"] = "rocmkit.doctors/1"  # the name of this shape
    reports: tuple[Report, ...]  # one for each recording, in their order


def publish(facts: Facts, checks: Iterable[Check], *, source: str, strict: bool = False, left_out: tuple[str, ...] = ()) -> Report:
    """The report on `facts`; `source` says what was looked at ("this machine", a folder, a recording)."""
    results = examine.examine(facts, checks)
    return Report(
        rocmkit=__version__,
        kb=kb.date(),
        source=source,
        verdict=examine.verdict(facts, results, chosen=bool(left_out)),
        exit=int(examine.exit_code(facts, results, strict=strict, chosen=bool(left_out))),
        facts=facts,
        results=tuple(_judgement(result) for result in results),
        left_out=left_out,
    )


def _judgement(result: Result) -> Judgement:
    return Judgement(
        code=result.code,
        id=result.id,
        title=result.title,
        severity=result.severity,
        outcome=result.outcome,
        because=_text(result.because),
        gap=result.gap,  # type: ignore[arg-type]
        unknown=result.unknown,
        cause=result.cause,
        findings=tuple(_fault(finding) for finding in result.findings),
        seen=tuple(Evidence(where=seen.where, what=seen.what) for seen in result.seen),
    )


def _fault(finding: Finding) -> Fault:
    return Fault(
        subject=finding.subject,
        message=str(finding.message),
        confidence=finding.confidence,
        seen=tuple(Evidence(where=seen.where, what=seen.what) for seen in finding.seen),
        cause=_text(finding.cause),
        fix=_way_out(finding.fix) if finding.fix else None,
        template=finding.message.template,
        values=finding.message.values,
    )


def _way_out(fix: Fix) -> WayOut:
    return WayOut(
        text=str(fix.text),
        commands=fix.commands,
        verify=fix.verify,
        root=fix.root,
        relogin=fix.relogin,
        reboot=fix.reboot,
        caution=_text(fix.caution),
    )


def _text(value: Text | None) -> str | None:
    return None if value is None else str(value)
