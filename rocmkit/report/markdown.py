"""The report as Markdown, fit to be pasted into a bug report."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rocmkit.report import summary
from rocmkit.report.published import Fault, Judgement, Report
from rocmkit.report.terminal import clean


def render(report: Report) -> str:
    """The report as GitHub-flavoured Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"## rocmkit doctor: {_inline(summary.verdict_line(report))}"
    yield ""
    yield f"rocmkit {report.rocmkit}, knowledge of {report.kb}, looked at {_inline(report.source)}."
    yield ""
    yield "| | |"
    yield "|---|---|"
    for label, text in summary.machine_lines(report.facts):
        yield f"| {label} | {_cell(text)} |"
    for judgement in summary.findings(report):
        for fault in judgement.findings:
            yield ""
            yield from _fault(judgement, fault)
    failures = list(summary.failures(report.facts))
    if failures:
        yield ""
        yield "### Could not be read"
        yield ""
        for name, reason, detail in failures:
            yield f"- {name} ({reason}): {_inline(detail)}"
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
        yield f"| {one.code} | {one.id} | {one.outcome} | {_cell(why)} |"
    yield ""
    yield "</details>"


def _fault(judgement: Judgement, fault: Fault) -> Iterator[str]:
    likely = ", likely" if fault.confidence == "likely" else ""
    yield f"### {judgement.code} {_inline(judgement.title)} ({judgement.severity}{likely})"
    yield ""
    yield _inline(fault.message)
    yield ""
    for seen in fault.seen:
        yield f"- seen in `{_code(seen.where)}`: {_inline(seen.what)}"
    if fault.cause:
        yield f"- cause: {_inline(fault.cause)}"
    fix = fault.fix
    if fix is None:
        return
    needs = [word for word, needed in (("root", fix.root), ("logging in again", fix.relogin), ("a reboot", fix.reboot)) if needed]
    yield f"- fix: {_inline(fix.text)}" + (f" (needs {', '.join(needs)})" if needs else "")
    if fix.caution:
        yield f"- caution: {_inline(fix.caution)}"
    for title, commands in (("run", fix.commands), ("verify", fix.verify)):
        if commands:
            yield ""
            yield f"{title}:"
            yield ""
            fence = "`" * max(3, *(_longest_run(command) + 1 for command in commands))
            yield fence + "sh"
            yield from map(clean, commands)
            yield fence


def _inline(text: str) -> str:
    """Text that can open neither HTML nor a link, and stays on one line. Underscores and stars are left: paths would be hard to read."""
    return re.sub(r"\](?=[(\[:])", r"]\\", " ".join(clean(text).split()).replace("&", "&amp;").replace("<", "&lt;"))


def _cell(text: str) -> str:
    return _inline(text).replace("|", "\\|")


def _code(text: str) -> str:
    return " ".join(clean(text).split()).replace("`", "'")


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
