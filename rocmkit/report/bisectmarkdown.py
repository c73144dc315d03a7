"""A bisection as Markdown, to be attached to a report to whoever made the library."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.report import trials
from rocmkit.report.bisect import often
from rocmkit.report.bisecttext import changes, evidence, heading, on_processor, pointing, sentence, subject
from rocmkit.report.bisectvalues import Bisect, Cure, Smallest
from rocmkit.report.markdown import fenced, inline, row, spoken
from rocmkit.trial.words import ending


def render(report: Bisect) -> str:
    """The report as GitHub-flavoured Markdown."""
    return spoken("\n".join(_lines(report)) + "\n")


def _lines(report: Bisect) -> Iterator[str]:
    yield f"## {inline(sentence(report.verdict))}"
    yield ""
    yield f"`rocmkit bisect` {report.rocmkit} ran {inline(subject(report))} in {len(report.trials)} processes of their own."
    yield ""
    if on_processor(report):
        yield "All of it was computed on the processor: it has no GPU here that it could use."
        yield ""
    yield "| | |"
    yield "|---|---|"
    yield from (row((one.label, one.text)) for one in report.machine)
    if report.script:
        yield from _block("Smallest case" if report.smallest else "The program", report.script, "python" if report.smallest else "sh")
    if report.baseline and report.deaths:
        yield from _block("Where it dies", "\n".join(f"{word:<8}{text}" for word, text in evidence(report.baseline)), "text")
        if report.baseline.log.strip():
            yield from _folded("What it printed last", report.baseline.log)
    if report.report_to:
        yield ""
        yield inline(pointing(report))
        yield ""
    for one in report.known:
        yield f"- its output shows {one.code}: {inline(one.title)}"
    if report.cures:
        yield ""
        yield "### With what it lives"
        yield ""
        for cure in report.cures:
            yield from _cure(cure)
    yield from _others(report.others)
    rows = list(changes(report))
    if rows:
        yield ""
        yield "### What else was tried"
        yield ""
        yield from (f"- {inline(text)}" for text in rows)
    yield ""
    yield "<details><summary>All runs</summary>"
    yield ""
    yield "| run | on | ended | took | how |"
    yield "|---|---|---|---|---|"
    yield from map(row, trials.rows(report.trials))
    yield ""
    yield "</details>"


def _cure(cure: Cure) -> Iterator[str]:
    yield f"- {inline(heading(cure, 0))}. {inline(cure.means)} {inline(cure.fix.text)}"


def _others(others: tuple[Smallest, ...]) -> Iterator[str]:
    if others:
        yield ""
        yield "### What dies independently of it"
        yield ""
    for one in others:
        yield f"- {inline(one.what)}: {inline(ending(one.death))}, {often(one.deaths, one.runs)}"


def _block(title: str, text: str, kind: str) -> Iterator[str]:
    yield ""
    yield f"### {title}"
    yield ""
    yield from fenced(text, kind)


def _folded(title: str, text: str) -> Iterator[str]:
    yield ""
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from fenced(text, "text")
    yield ""
    yield "</details>"
