"""The report as Markdown, fit to be pasted into a bug report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rocmkit.report import routes, summary, supposed, trials
from rocmkit.report.fix import WayOut
from rocmkit.report.log import LogMatch, LogReport, onwards, place, sentence
from rocmkit.report.published import Fault, Judgement, Report
from rocmkit.report.terminal import clean
from rocmkit.words import language, said
from rocmkit.words.blocks import each


def render(report: Report) -> str:
    """The report as GitHub-flavoured Markdown."""
    return spoken("\n".join(_lines(report)) + "\n")


def spoken(written: str) -> str:
    """Markdown in the language that people are spoken to in. What stands between fences stays."""
    return written if language() == "en" else each(written, said)


def _lines(report: Report) -> Iterator[str]:
    yield f"## rocmkit doctor: {inline(summary.verdict_line(report))}"
    yield ""
    yield f"rocmkit {report.rocmkit}, knowledge of {report.kb}, looked at {inline(supposed.source(report))}."
    yield ""
    if further := summary.onwards(report):
        yield inline(further)
        yield ""
    for number, line in enumerate(supposed.lines(report)):
        yield f"{'- ' if number else ''}{inline(line)}"
        if number == 0:
            yield ""
    if report.compared:
        yield ""
    yield "| | |"
    yield "|---|---|"
    for label, text in summary.machine_lines(report.facts, said(summary.AT)):
        yield row((label, text))
    if report.log:
        yield from log_lines(report.log)
    for judgement in summary.findings(report):
        for fault in judgement.findings:
            yield ""
            yield from _fault(judgement, fault)
    yield from _trials(report)
    yield from _routes(report)
    failures = list(summary.failures(report.facts))
    if failures:
        yield ""
        yield "### Could not be read"
        yield ""
        for name, reason, detail in failures:
            yield f"- {name} ({reason}): {inline(detail)}"
    yield ""
    if report.left_out:
        yield f"Left out on request: {', '.join(report.left_out)}."
        yield ""
    yield "<details><summary>All checks</summary>"
    yield ""
    yield "| code | check | outcome | because |"
    yield "|---|---|---|---|"
    for one in report.results:
        why = one.because or "; ".join(f"{seen.where}: {seen.what}" for seen in one.seen)
        yield row((one.code, one.id, one.outcome, why))
    yield ""
    yield "</details>"


def _fault(judgement: Judgement, fault: Fault) -> Iterator[str]:
    likely = ", likely" if fault.confidence == "likely" else ""
    yield f"### {judgement.code} {inline(judgement.title)} ({judgement.severity}{likely})"
    yield ""
    yield inline(fault.message)
    yield ""
    for seen in fault.seen:
        yield f"- seen in `{code(seen.where)}`: {inline(seen.what)}"
    if fault.cause:
        yield f"- cause: {inline(fault.cause)}"
    if fault.fix:
        yield from way_out(fault.fix)


def _trials(report: Report) -> Iterator[str]:
    if not report.trials:
        return
    yield ""
    yield "### Experiments"
    yield ""
    yield f"{inline(trials.counted(report.trials))}."
    yield ""
    yield "| experiment | where | outcome | time | |"
    yield "|---|---|---|---|---|"
    yield from map(row, trials.rows(report.trials))


def _routes(report: Report) -> Iterator[str]:
    ways = list(routes.table(report.routes))
    if not ways:
        return
    yield ""
    yield "### Ways from here to Japanese speech"
    yield ""
    yield "| system | | way | video memory |"
    yield "|---|---|---|---|"
    yield from map(row, ways)


def log_lines(report: LogReport) -> Iterator[str]:
    """What a log tells."""
    yield ""
    yield f"### In the log {inline(report.source)} ({summary.counted(report.lines, 'line')})"
    yield ""
    if report.elsewhere:
        yield f"It is of another machine: it names {inline(', '.join(report.elsewhere))}."
        yield ""
    for one in report.matches:
        yield from _match(one)
    if not report.matches and not report.held:
        yield "Nothing that is known here is in it."
    if further := onwards(report):
        yield inline(further)
    if report.held:
        yield inline(sentence(report.held))
    for where in report.report_to[:3]:
        yield f"It points to {inline(where.project)}, which takes reports at {inline(where.url)}"


def _match(one: LogMatch) -> Iterator[str]:
    likely = ", likely" if one.confidence == "likely" else ""
    yield f"#### {one.code} {inline(one.title)} ({one.severity}{likely})"
    yield ""
    for text in one.excerpt.split("\n"):
        yield f"- {place(one)}: `{code(text)}`"
    yield f"- cause: {inline(one.cause)}"
    if one.explained_by:
        yield f"- it follows from {one.explained_by}"
    else:
        yield from way_out(one.fix)
    yield ""


def way_out(fix: WayOut) -> Iterator[str]:
    """A fix as items of a list, and its commands between fences."""
    yield f"- fix: {inline(fix.told)}"
    if fix.caution:
        yield f"- caution: {inline(fix.caution)}"
    for title, commands in (("run", fix.commands), ("verify", fix.verify)):
        if commands:
            yield ""
            yield f"{said(title)}:"
            yield ""
            yield from fenced("\n".join(commands), "sh")


def inline(text: str) -> str:
    """Text that can open neither HTML nor a link, and stays on one line. Underscores and stars are left: paths would be hard to read."""
    return re.sub(r"\](?=[(\[:])", r"]\\", " ".join(clean(text).split()).replace("&", "&amp;").replace("<", "&lt;"))


def row(cells: Iterable[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(map(_cell, cells))} |"


def fenced(text: str, kind: str) -> Iterator[str]:
    """Lines as they are, between fences that are longer than any row of backquotes in them."""
    lines = clean(text).rstrip("\n").split("\n")
    fence = "`" * max((3, *(len(run) + 1 for line in lines for run in re.findall("`+", line))))
    yield fence + kind
    yield from lines
    yield fence


def _cell(text: str) -> str:
    return inline(text).replace("|", "\\|")


def code(text: str) -> str:
    """What can stand between backquotes."""
    return " ".join(clean(text).split()).replace("`", "'")
