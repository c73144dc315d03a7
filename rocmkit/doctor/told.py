"""What a log tells: its hits as known issues, root causes first, each with a fix that fits the machine where one was looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from rocmkit.doctor import advice
from rocmkit.doctor.check import all_checks
from rocmkit.doctor.checks._fixes import torch_fix
from rocmkit.doctor.checks._stack import targets
from rocmkit.doctor.result import Fix, Result, Severity, Text
from rocmkit.doctor.unknown import some_python
from rocmkit.facts import Facts, Gap, Python
from rocmkit.kb.issues import IssueFix
from rocmkit.logs.values import Hit, Log
from rocmkit.model import Model

_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Told(Model, kw_only=True):
    """A known issue that a log shows."""

    hit: Hit
    title: str
    severity: Severity
    cause: Text
    fix: Fix
    explained_by: str | None  # the id of the issue in the same log that brings this one about
    here: Literal["found", "ok"] | None  # what the check with this code says of the machine, where one was looked at and it could


def told(log: Log, facts: Facts | None = None, results: Iterable[Result] = ()) -> tuple[Told, ...]:
    """What a log tells, causes before what they bring about, then by severity, certainty and line; one for each issue."""
    if elsewhere(log, facts):  # nothing of this machine goes into a fix for another one
        facts, results = None, ()
    checks = {check.id: check for check in all_checks()}
    judged = {result.id: result for result in results}
    best: dict[str, Hit] = {}
    for hit in sorted(
        (*log.hits, *(map(_likely, log.held) if _has_gpu(facts) else ())), key=lambda hit: (hit.signature.confidence != "sure", hit.line)
    ):
        best.setdefault(hit.issue.id, hit)
    found = []
    for name, hit in best.items():
        check, result = checks.get(name), judged.get(name)
        after = (*hit.issue.after, *(check.after if check else ()))
        found.append(
            Told(
                hit=hit,
                title=hit.issue.title or (check.title if check else name),
                severity=hit.issue.severity or (check.severity if check else "error"),
                cause=Text(hit.signature.cause, dict(hit.groups)),
                fix=_fix(hit, log, facts, result),
                explained_by=next((cause for cause in after if cause in best), None),
                here=result.outcome if result and result.outcome in {"found", "ok"} else None,
            )
        )
    return tuple(sorted(found, key=_rank))


def held(log: Log) -> tuple[Told, ...]:
    """What a log tells beside that if it ran on a machine with an AMD GPU."""
    known = {hit.issue.id for hit in log.hits}
    return told(msgspec.structs.replace(log, hits=tuple(hit for hit in log.held if hit.issue.id not in known), held=()))


def _likely(hit: Hit) -> Hit:
    """A hit that only the machine speaks for: the text may be about something else on it."""
    return msgspec.structs.replace(hit, signature=msgspec.structs.replace(hit.signature, confidence="likely"))


def _has_gpu(facts: Facts | None) -> bool:
    """Whether the machine that was looked at has an AMD GPU, so that its logs need not say so."""
    return facts is not None and isinstance(facts.gpus, tuple) and bool(facts.gpus)


def elsewhere(log: Log, facts: Facts | None) -> tuple[str, ...]:
    """The architectures that a log names, where the machine that was looked at has a GPU of none of them: it is another machine's log."""
    if facts is None or isinstance(facts.gpus, Gap):
        return ()
    named = dict.fromkeys(gfx for hit in log.hits if (gfx := _named(hit)))
    here = {gpu.gfx for gpu in facts.gpus} | {kind.gfx for kind in targets(facts.gpus, facts.env)}
    return () if here & set(named) else tuple(named)


def _rank(one: Told) -> tuple[bool, int, bool, int]:
    return one.explained_by is not None, _SEVERITIES.index(one.severity), one.hit.signature.confidence != "sure", one.hit.line


def _fix(hit: Hit, log: Log, facts: Facts | None, result: Result | None) -> Fix:
    """The fix of the finding on this machine; else the issue's, with the names of this machine, or of the log."""
    for finding in result.findings if result else ():
        if finding.fix:
            return finding.fix
    known = hit.signature.fix or hit.issue.fix
    assert known is not None  # noqa: S101 - the tests hold it of every issue
    python = facts.python if facts and not isinstance(facts.python, Gap) else some_python(log.python)
    gfx = _named(hit) or _card(facts)
    fix = torch_fix(python, gfx) if known.torch and gfx else _written(known, hit.groups, python, gfx)
    return advice.fitted(fix, facts) if facts else fix


def _written(known: IssueFix, groups: dict[str, str], python: Python, gfx: str | None) -> Fix:
    def lines(templates: tuple[str, ...]) -> tuple[str, ...]:
        """The commands. What a log says never gets into one, but for the name of an architecture."""
        return () if gfx in known.not_for else tuple(line for template in templates for line in _command(template, python, gfx))

    return Fix(
        text=Text(known.text, {**groups, "python": advice.interpreter(python), "gfx": gfx or "your GPU"}),
        commands=lines(known.commands),
        verify=lines(known.verify),
        root=known.root,
        relogin=known.relogin,
        reboot=known.reboot,
        caution=Text(known.caution) if known.caution else None,
    )


def _command(template: str, python: Python, gfx: str | None) -> tuple[str, ...]:
    if "{gfx}" in template:
        if gfx is None:
            return ()
        template = template.replace("{gfx}", gfx)
    template = template.replace("{python}", advice.interpreter(python))
    return advice.pip(python, template.removeprefix("{pip} ")) if template.startswith("{pip} ") else (template,)


def _named(hit: Hit) -> str | None:
    """The architecture that an error text names, if it names one."""
    gfx = hit.groups.get("gfx", "")
    return gfx if re.fullmatch(r"gfx[0-9a-f]{3,5}", gfx) else None


def _card(facts: Facts | None) -> str | None:
    """The architecture of the GPU that programs take, where one was looked at."""
    if facts is None or isinstance(facts.gpus, Gap):
        return None
    kinds = sorted(targets(facts.gpus, facts.env), key=lambda kind: not kind.first)
    return kinds[0].gfx_itself if kinds else None
