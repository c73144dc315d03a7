"""Run checks over facts: root causes first, no crash spreads, unknown is never ok."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from rocmkit.doctor import advice
from rocmkit.doctor.check import Check, sections
from rocmkit.doctor.result import Finding, Found, Passed, Result, Skipped, Text, say
from rocmkit.errors import Exit, worst
from rocmkit.facts import NOT_ASKED, Facts, Gap
from rocmkit.trial.values import Trial

Verdict = Literal["ready", "degraded", "blocked", "unknown", "not-applicable"]

#: Sections without which no verdict about a GPU machine holds.
NEEDED = ("gpus", "driver", "access", "runtime", "python")
#: Checks that must have passed before a machine is called ready.
READY = ("kfd-permission", "arch-not-compiled", "rocblas-no-tensile")
#: What stands in for one of them: faster-whisper computes without torch.
INSTEAD = {"arch-not-compiled": "ct2-rocm-wrong-arch"}


def examine(facts: Facts, checks: Iterable[Check], trials: tuple[Trial, ...] | Gap = NOT_ASKED) -> tuple[Result, ...]:
    """Every check's result, in the order of the codes. Where nothing was tried, checks on trials alone are not made."""
    results: dict[str, Result] = {}
    for one in in_order(checks):
        if not (one.tries and trials == NOT_ASKED):
            results[one.id] = _run(one, facts, trials, results)
    return tuple(sorted(results.values(), key=lambda result: result.code))


def in_order(checks: Iterable[Check]) -> list[Check]:
    """Checks with every cause before its effects. Raises ValueError where `after` runs in a circle."""
    by_id = {one.id: one for one in checks}
    done: dict[str, Check] = {}

    def visit(one: Check, path: tuple[str, ...]) -> None:
        if one.id in path:
            raise ValueError(f"checks wait for one another: {' -> '.join((*path, one.id))}")
        if one.id in done:
            return
        for cause in one.after:
            if cause in by_id:
                visit(by_id[cause], (*path, one.id))
        done[one.id] = one

    for one in sorted(by_id.values(), key=lambda c: c.code):
        visit(one, ())
    return list(done.values())


def _run(one: Check, facts: Facts, trials: tuple[Trial, ...] | Gap, results: Mapping[str, Result]) -> Result:
    def result(outcome: Literal["ok", "found", "skipped", "crashed"], because: Text | None = None, **more: object) -> Result:
        return Result(
            code=one.code,
            id=one.id,
            title=one.title,
            severity=one.severity,
            outcome=outcome,
            because=because,
            **more,  # type: ignore[arg-type]
        )

    if one.gpu and facts.gpus == ():
        return result("skipped", say("no AMD GPU was found on this machine"))
    arguments = sections(facts, trials, one)
    required = {name: arguments[name] for name in one.needs if name not in one.tolerates}
    if one.gpu and "gpus" not in arguments:
        required["gpus"] = facts.gpus
    for name, section in required.items():
        if isinstance(section, Gap):
            because = say("{section} is not known: {detail}", section=name, detail=section.detail)
            return result("skipped", because, gap=section.reason, unknown=True)
    for cause in one.after:
        known = results.get(cause)
        if known is not None and known.outcome == "found":
            return result("skipped", say("explained by {code} ({cause})", code=known.code, cause=cause), cause=cause)
    try:
        outcome = one.judge(**arguments)
        if isinstance(outcome, Found):
            return result("found", findings=tuple(_fitted(finding, facts) for finding in outcome.findings))
    except Exception as error:  # a check that raises is a result, never the end of doctor
        return result("crashed", say("{kind}: {detail}", kind=type(error).__name__, detail=str(error)))
    match outcome:
        case Passed(seen):
            return result("ok", seen=seen)
        case Skipped(because, unknown, reason):
            return result("skipped", because, gap=reason, unknown=unknown)


def _fitted(finding: Finding, facts: Facts) -> Finding:
    return msgspec.structs.replace(finding, fix=advice.fitted(finding.fix, facts)) if finding.fix else finding


def verdict(facts: Facts, results: Iterable[Result], *, chosen: bool = False) -> Verdict:
    """The one word for the machine. Never "ready" where checks were left out on request (`chosen`)."""
    results = tuple(results)
    if facts.gpus == ():
        return "not-applicable"
    if any(r.outcome == "found" and r.severity == "error" and any(f.confidence == "sure" for f in r.findings) for r in results):
        return "blocked"
    if isinstance(facts.gpus, Gap) or inconclusive(facts, results):
        return "unknown"
    if any(r.outcome == "found" and r.severity in {"error", "warning"} for r in results):
        return "degraded"
    passed = {r.id for r in results if r.outcome == "ok"}
    return "ready" if not chosen and all(name in passed or INSTEAD.get(name) in passed for name in READY) else "unknown"


def inconclusive(facts: Facts, results: Iterable[Result]) -> bool:
    """Whether a needed probe failed, or a check crashed.

    A gap because nothing was executed does not count, nor that there is no rocminfo: not every machine has one.
    """
    gaps = {name: gap for name in NEEDED if isinstance(gap := getattr(facts, name), Gap) and gap.reason != "not-executed"}
    failed = any(name != "runtime" or gap.reason != "absent" for name, gap in gaps.items())
    return failed or any(r.outcome == "crashed" for r in results)


def exit_code(facts: Facts, results: Iterable[Result], *, strict: bool = False, chosen: bool = False) -> Exit:
    """The exit code for a report. `chosen`: checks were left out on request, so that none is ready and none is to blame for it."""
    results = tuple(results)
    word = verdict(facts, results, chosen=chosen)
    codes = [Exit.OK]
    if word == "not-applicable":
        codes.append(Exit.NOT_APPLICABLE)
    elif inconclusive(facts, results) or (word == "unknown" and not chosen and not _only_files(facts)):
        codes.append(Exit.INCONCLUSIVE)
    if word == "blocked" or (strict and any(r.outcome == "found" and r.severity in {"error", "warning"} for r in results)):
        codes.append(Exit.BLOCKED)
    return worst(codes)


def _only_files(facts: Facts) -> bool:
    """Whether nothing was executed: a folder has no environment."""
    return isinstance(facts.env, Gap) and facts.env.reason == "not-executed"
