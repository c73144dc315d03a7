"""The published shape of a doctor report, apart from the internal values: scripts rely on these names.

Every renderer draws from a `Report` alone, so the text holds nothing that the JSON does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rocmkit import __version__, kb
from rocmkit.doctor import examine
from rocmkit.doctor.check import Check
from rocmkit.doctor.result import Finding, Result, Text
from rocmkit.doctor.routes.plan import Plan, plan
from rocmkit.doctor.routes.values import Idea, Offer, Route
from rocmkit.doctor.told import elsewhere, told
from rocmkit.errors import Exit, worst
from rocmkit.facts import NOT_ASKED, Facts, Gap, GapReason
from rocmkit.logs.values import Log
from rocmkit.model import Model
from rocmkit.report import log as log_report
from rocmkit.report.compare import OtherWay
from rocmkit.report.fix import WayOut, way_out
from rocmkit.report.log import LogReport
from rocmkit.trial.values import Trial
from rocmkit.trial.words import BROKEN_OFF


class Evidence(Model, kw_only=True):
    """Where something was read, and what stood there."""

    where: str  # a path, a command, or a fact
    what: str  # what stood there


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


class Terms(Model, kw_only=True):
    """What a report is asked for, beside the machine."""

    strict: bool = False  # warnings make the exit code 1 too
    left_out: tuple[str, ...] = ()  # codes that --only and --skip left out
    log: tuple[Log, str] | None = None  # a log, and its name
    offers: tuple[Offer, ...] = ()  # what recipes can build
    limit_bytes: int | None = None  # what the user allows of the video memory
    trials: tuple[Trial, ...] | Gap = NOT_ASKED  # what --try tried


PLAIN = Terms()


class Comparison(Model, kw_only=True):
    """What the changes of --what-if would do to the findings on the facts as they are."""

    before: Literal["ready", "degraded", "blocked", "unknown", "not-applicable"]  # the verdict on the facts as they are
    came: tuple[str, ...]  # codes that would be found, and are not
    went: tuple[str, ...]  # codes that are found, and would be no more
    unclear: tuple[str, ...]  # codes that are found, and of which nothing could be said any more
    doubtful: tuple[str, ...]  # codes that were looked for and not found, and of which nothing could be said any more
    stayed: tuple[str, ...]  # codes that are found either way
    changed: tuple[str, ...]  # those of them that would say something else
    ways: tuple[OtherWay, ...]  # speech systems whose best way would be another one


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
    routes: tuple[Route, ...] = ()  # ways from here to a transcript, by speech system, best first
    ideas: tuple[Idea, ...] = ()  # ways that people try, judged for this GPU
    what_if: tuple[str, ...] = ()  # KEY=VALUE of --what-if: `facts` and `results` are as they would be
    compared: Comparison | None = None  # with the facts as they are; None without --what-if
    trials: tuple[Trial, ...] = ()  # the experiments of --try, in the order in which they were made; empty without it
    log: LogReport | None = None  # what the log of --log tells: of the past, so it bears on neither the verdict nor the exit code

    def _repr_markdown_(self) -> str:
        """What a notebook shows, in place of all fields."""
        from rocmkit.report import markdown

        return markdown.render(self)


class Unjudged(Model, kw_only=True):
    """A recording of many that no report could be made on; the others are judged all the same."""

    source: str  # what was looked at
    because: str  # why


class Reports(Model, kw_only=True):
    """`rocmkit doctor --json` over several recordings."""

    schema: Literal["rocmkit.doctors/1"] = "rocmkit.doctors/1"  # the name of this shape
    reports: tuple[Report, ...]  # one for each recording that could be judged, in their order
    unjudged: tuple[Unjudged, ...] = ()  # the other recordings
    exit: int  # the exit code


def publish(facts: Facts, checks: Iterable[Check], *, source: str, terms: Terms = PLAIN) -> Report:
    """The report on `facts`; `source` says what was looked at ("this machine", a folder, a recording).

    Routes stand on all the checks: where some are left out there are none.
    """
    results = examine.examine(facts, checks, terms.trials)
    chosen = bool(terms.left_out)
    trials = () if isinstance(terms.trials, Gap) else terms.trials
    code = examine.exit_code(facts, results, strict=terms.strict, chosen=chosen)
    ways = Plan(routes=(), ideas=()) if chosen else plan(facts, results, terms.offers, limit_bytes=terms.limit_bytes)
    return Report(
        rocmkit=__version__,
        kb=kb.date(),
        source=source,
        verdict=examine.verdict(facts, results, chosen=chosen),
        exit=int(worst([code, Exit.INTERRUPTED]) if any(trial.because == BROKEN_OFF for trial in trials) else code),
        facts=facts,
        results=tuple(_judgement(result) for result in results),
        left_out=terms.left_out,
        routes=ways.routes,
        ideas=ways.ideas,
        trials=trials,
        log=_log(*terms.log, facts, results) if terms.log else None,
    )


def _log(log: Log, source: str, facts: Facts, results: Iterable[Result]) -> LogReport:
    return log_report.published(log, told(log, facts, results), source=source, elsewhere=elsewhere(log, facts))


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
        fix=way_out(finding.fix) if finding.fix else None,
        template=finding.message.template,
        values=finding.message.values,
    )


def _text(value: Text | None) -> str | None:
    return None if value is None else str(value)
