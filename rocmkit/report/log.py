"""What `explain --log` and `doctor --log` print of a log, and its published shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from rocmkit.doctor import advice
from rocmkit.doctor.told import Told, held
from rocmkit.kb import issues as kb
from rocmkit.logs.values import ENOUGH, Log
from rocmkit.model import Model
from rocmkit.report.drawing import ASCII_MARKS, INDENT, MARKS, STYLES, Style, fix_lines, label, style_of, wrapped
from rocmkit.report.fix import WayOut, way_out
from rocmkit.report.terminal import clean, line
from rocmkit.words import said


class LogMatch(Model, kw_only=True):
    """A known issue that a log shows."""

    code: str  # RK307
    id: str  # rocblas-no-tensile
    title: str  # the fault, by name
    severity: Literal["error", "warning", "note"]  # how bad it is
    signature: str  # which of the issue's error texts
    line: int  # of the first line, counted from 1
    last: int  # of its last line
    count: int  # how often it is in the log; counting stops at 1000
    excerpt: str  # the lines
    confidence: Literal["sure", "likely"]  # likely: the text has other causes too
    cause: str  # what happened
    fix: WayOut  # the way out
    explained_by: str | None  # the id of the match that brings this one about
    here: Literal["found", "ok"] | None  # what the check of this code says of the machine that was looked at, if it could
    sources: tuple[str, ...]  # public places where this text stands


class Where(Model, kw_only=True):
    """A project that the log's errors point to, and where it takes reports."""

    project: str  # rocBLAS
    url: str  # its issues


class Held(Model, kw_only=True):
    """A known issue that a log shows if it ran on a machine with an AMD GPU, which nothing in it says."""

    code: str  # RK413
    id: str  # segv-wheel-math
    title: str  # the fault, by name
    line: int  # of the first line, counted from 1


class LogReport(Model, kw_only=True):
    """`rocmkit explain --log FILE --json`, and what `rocmkit doctor --log FILE --json` holds under `log`."""

    schema: Literal["rocmkit.log/1"] = "rocmkit.log/1"  # the name of this shape
    source: str  # the file's name, or "standard input"
    lines: int  # how many it has
    size_bytes: int  # how long it is
    about: tuple[str, ...]  # what it is about: rocm, nvidia, …
    elsewhere: tuple[str, ...]  # architectures that it names, where the machine that was looked at has none of them
    matches: tuple[LogMatch, ...]  # causes before what they bring about
    held: tuple[Held, ...]  # what it would show if it ran on a machine with an AMD GPU
    report_to: tuple[Where, ...]  # where to report it, where nothing known matches


#: What a log is called that did not come from a file.
STDIN = "standard input"


def published(log: Log, tellings: tuple[Told, ...], *, source: str, elsewhere: tuple[str, ...] = ()) -> LogReport:
    """The report on a log."""
    where = {tracker.project: tracker.url for tracker in kb.trackers()}
    return LogReport(
        source=source,
        lines=log.lines,
        size_bytes=log.size_bytes,
        about=log.contexts,
        elsewhere=elsewhere,
        matches=tuple(map(_match, tellings)),
        held=_held(log, tellings),
        report_to=() if tellings else tuple(Where(project=name, url=where[name]) for name in log.trackers),
    )


def _held(log: Log, tellings: tuple[Told, ...]) -> tuple[Held, ...]:
    told = {one.hit.issue.id for one in tellings}
    return tuple(
        Held(code=one.hit.issue.code, id=one.hit.issue.id, title=one.title, line=one.hit.line)
        for one in held(log)
        if one.hit.issue.id not in told
    )


def _match(one: Told) -> LogMatch:
    hit = one.hit
    return LogMatch(
        code=hit.issue.code,
        id=hit.issue.id,
        title=one.title,
        severity=one.severity,
        signature=hit.signature.id,
        line=hit.line,
        last=hit.last,
        count=hit.count,
        excerpt=hit.excerpt,
        confidence=hit.signature.confidence,
        cause=str(one.cause),
        fix=way_out(one.fix),
        explained_by=one.explained_by,
        here=one.here,
        sources=hit.signature.sources,
    )


def render(report: LogReport, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The report as text."""
    style, marks, width = style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40)
    lines = [style("bold", "rocmkit explain --log") + "  " + said(f"{line(report.source)}, {_counted(report.lines, 'line')}"), ""]
    lines += body(report, style, marks, width)
    lines += ["", *_onwards(report, width)]
    text = "\n".join(lines) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")


def body(report: LogReport, style: Style, marks: Mapping[str, str], width: int, below: Mapping[WayOut, str] | None = None) -> Iterator[str]:
    """The matches, or what to do where there is none. `below` are fixes that are printed later, with the code they stand under."""
    if report.elsewhere:
        text = f"This log is of another machine: it names {' and '.join(report.elsewhere)}, which is no GPU of the one that was looked at. "
        yield from wrapped(f"{marks['warning']} ", text + "The fixes for it are not fitted to this machine.", width, indent=2)
        yield ""
    told = {fix: f"{code} below" for fix, code in (below or {}).items()}
    roots = [one for one in report.matches if one.explained_by is None]
    follow = [one for one in report.matches if one.explained_by is not None]
    codes = {one.id: one.code for one in report.matches}
    for one in roots:
        yield from _evidence(one, style, marks, width)
        yield from _way_out(one, told, style, width)
        yield ""
    if follow:
        yield style("bold", said(f"What follows from {'it' if len(roots) == 1 else 'these'}"))
        yield ""
    for one in follow:
        yield from _evidence(one, style, marks, width)
        because = one.explained_by or ""
        yield from wrapped(
            label("fix"), f"It follows from {codes.get(because, because)} ({because}): mend that first.", width, indent=INDENT
        )
        yield ""
    if report.matches:
        yield said(_sum(len(roots), len(follow)))
    elif not report.held:
        yield from _nothing(report, marks, width)
    if report.held:
        yield from wrapped(f"{marks['gap']} ", sentence(report.held), width, indent=2)


def _evidence(one: LogMatch, style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    """Where in the log it stands, and what it means."""
    mark = style(STYLES[one.severity], f"{marks[one.severity]} {one.code}")
    likely = f" ({said('likely')})" if one.confidence == "likely" else ""
    yield f"{mark} {style('bold', said(one.title))}{likely}"
    often = f", {one.count} times{' or more' * (one.count >= ENOUGH)}" if one.count > 1 else ""
    for number, text in enumerate(one.excerpt.split("\n")):
        yield (label("log") + said(f"{place(one)}{often}") + ": " if number == 0 else label("")) + clean(text).strip()
    yield from wrapped(label("cause"), one.cause, width, indent=INDENT)
    if one.here:
        here = "finds it on this machine too" if one.here == "found" else "finds nothing wrong on this machine now"
        yield from wrapped(label("here"), f"the check {one.code} {here}", width, indent=INDENT)


def place(one: LogMatch) -> str:
    """Where in the log it stands."""
    return f"line {one.line}" if one.line == one.last else f"lines {one.line} to {one.last}"


def _way_out(one: LogMatch, told: dict[WayOut, str], style: Style, width: int) -> Iterator[str]:
    """The fix; where the same one is printed elsewhere, the place."""
    if one.fix in told:
        yield from wrapped(label("fix"), f"the same as for {told[one.fix]}", width, indent=INDENT)
        return
    told[one.fix] = f"{one.code} above"
    yield from fix_lines(one.fix, style, width)


def sentence(held: tuple[Held, ...]) -> str:
    """What the log would show elsewhere, in words."""
    rows = "; ".join(f"{one.code} {one.title} (line {one.line})" for one in held)
    return f"It does not say on which machine it ran. On one with an AMD GPU it shows {rows}."


def onwards(report: LogReport) -> str:
    """What finds the cause that the log does not name; empty where nothing here does."""
    if report.matches or report.held or kb.SEGFAULT not in report.about:
        return ""
    return (
        "Where the segmentation fault comes from, `rocmkit bisect -- python program.py` finds out by running the program with other "
        "settings, and `rocmkit doctor --try` by trying the libraries of an environment."
    )


def _sum(roots: int, follow: int) -> str:
    more = f", and {follow} that follow{'s' * (follow == 1)} from {'it' if roots == 1 else 'them'}" if follow else ""
    return _counted(roots, "known cause") + more


def _nothing(report: LogReport, marks: Mapping[str, str], width: int) -> Iterator[str]:
    yield from wrapped(f"{marks['gap']} ", "Nothing that is known here is in this log.", width, indent=2)
    others = [context.what for name, context in kb.contexts().items() if name in report.about and name != "rocm"]
    if "rocm" not in report.about:
        rather = f", but of {' and '.join(others)}" if others else ""
        yield from wrapped("  ", f"It speaks neither of ROCm nor of an AMD GPU{rather}.", width, indent=2)
    if further := onwards(report):
        yield from wrapped("  ", further, width, indent=2)
    for where in report.report_to[:3]:
        yield from wrapped("  ", f"It points to {where.project}, which takes reports at {where.url}", width, indent=2)


def _onwards(report: LogReport, width: int) -> Iterator[str]:
    """What else rocmkit can do with it."""
    again = "… | rocmkit doctor --log -" if report.source == STDIN else f"rocmkit doctor --log {advice.quote(line(report.source))}"
    if report.matches:
        yield from wrapped("", f"`rocmkit explain {report.matches[0].code}` has the page of the first, with its sources.", width, indent=0)
        yield from wrapped("", f"`{again}` looks at this machine and fits the fixes to it.", width, indent=0)
    elif report.held:
        yield from wrapped(
            "", f"`rocmkit explain {report.held[0].code}` has its page. `{again}` sees what machine this is.", width, indent=0
        )
    else:
        yield from wrapped("", "`rocmkit doctor` looks at the machine itself.", width, indent=0)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
