"""`rocmkit doctor` as one file of HTML: the verdict first, then what is wrong and how that is known, then the machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rocmkit.report import htmlpage, loghtml, routeshtml, summary, supposed, trials
from rocmkit.report.drawing import MARKS
from rocmkit.report.htmlpage import plain, text
from rocmkit.report.published import Evidence, Fault, Judgement, Report
from rocmkit.words import said

#: How a verdict is coloured.
CLASSES = {"ready": "ok", "degraded": "warning", "blocked": "error", "unknown": "gap"}


def render(report: Report, named: frozenset[str] = frozenset()) -> str:
    """The report as a page. `named`: speech systems whose ways are shown in full, too."""
    verdict = summary.verdict_line(report)
    return htmlpage.page(f"rocmkit doctor: {said(verdict)}", _body(report, verdict, named))


def _body(report: Report, verdict: str, named: frozenset[str]) -> Iterator[str]:
    yield "<header><h1>rocmkit doctor</h1>"
    yield f'<p class="verdict {CLASSES.get(report.verdict, "soft")}">{text(verdict)}</p>'
    yield f"<p>{text(f'rocmkit {report.rocmkit}, knowledge of {report.kb}, looked at {supposed.source(report)}.')}</p>"
    if further := summary.onwards(report):
        yield f"<p>{text(further)}</p>"
    yield "</header>"
    found = [(judgement, fault) for judgement in summary.findings(report) for fault in judgement.findings]
    places = _places(report)
    yield "<main>"
    yield from htmlpage.supposed(supposed.lines(report))
    if len(places) > 1:
        yield f'<nav aria-label="{text("Findings")}"><ul class="bare">'
        yield from (f'<li><a href="#{plain(code)}">{mark} {plain(code)} {text(title)}</a></li>' for code, (mark, title) in places.items())
        yield "</ul></nav>"
    if report.log:
        yield from loghtml.section(report.log, {fault.fix: judgement.code for judgement, fault in found if fault.fix})
    if found:
        yield f'<section aria-labelledby="findings"><h2 id="findings">{text("Findings")}</h2>'
        for number, (judgement, fault) in enumerate(found):
            yield from _fault(judgement, fault, first=number == 0 or found[number - 1][0] is not judgement)
        yield "</section>"
    yield from _crashed(report)
    yield from _machine(report)
    if named:
        yield from routeshtml.full(report.routes, report.ideas, named)
    else:
        yield from routeshtml.brief(report.routes)
    yield from _trials(report)
    yield from _checks(report)
    yield "</main>"
    yield htmlpage.footer()


def _places(report: Report) -> dict[str, tuple[str, str]]:
    """Mark and title of what was found, by the code that is its place on the page."""
    return {one.code: (MARKS[one.severity], one.title) for one in summary.findings(report)}


def _fault(judgement: Judgement, fault: Fault, *, first: bool) -> Iterator[str]:
    kind = judgement.severity
    severity = f"{kind}, likely" if fault.confidence == "likely" else kind
    yield htmlpage.finding(kind, MARKS[kind], judgement.code, judgement.title, severity, place=judgement.code if first else "")
    yield f"<p>{text(fault.message)}</p><dl>"
    if fault.seen:
        yield f"<dt>{text('seen')}</dt><dd>{_evidence(fault.seen)}</dd>"
    if fault.cause:
        yield f"<dt>{text('cause')}</dt><dd>{text(fault.cause)}</dd>"
    if fault.fix:
        yield from htmlpage.way_out(fault.fix)
    yield "</dl></article>"


def _evidence(seen: Iterable[Evidence]) -> str:
    items = (f'<li><code translate="no">{plain(one.where)}</code>: {text(one.what)}</li>' for one in seen)
    return f'<ul class="bare">{"".join(items)}</ul>'


def _crashed(report: Report) -> Iterator[str]:
    for one in report.results:
        if one.outcome == "crashed":
            yield f'<article class="gap"><h3><span class="gap">{MARKS["crashed"]} {plain(one.code)}</span> {text("crashed")}</h3>'
            bug = "This is a bug in rocmkit; the other checks are not affected."
            yield f"<p>{plain(one.because or '')}</p><p>{text(bug)}</p></article>"


def _machine(report: Report) -> Iterator[str]:
    title = "This is what was looked at, with that changed" if report.what_if else "This is what was looked at"
    yield f'<section aria-labelledby="machine"><h2 id="machine">{text(title)}</h2><table class="facts"><tbody>'
    for label, told in summary.machine_lines(report.facts, said(summary.AT)):
        yield f'<tr><th scope="row">{text(label)}</th><td>{text(told)}</td></tr>'
    yield "</tbody></table></section>"
    failures = list(summary.failures(report.facts))
    if failures:
        yield f'<section aria-labelledby="unread"><h2 id="unread">{text("Could not be read")}</h2><ul class="bare">'
        for name, reason, detail in failures:
            yield f'<li><span class="gap">{MARKS["gap"]} {plain(name)}</span> ({text(reason)}): {text(detail)}</li>'
        yield "</ul></section>"


def _trials(report: Report) -> Iterator[str]:
    if report.trials:
        yield f"<section><h2>{text('Experiments')}</h2>"
        yield f"<p>{text(trials.counted(report.trials))}</p>"
        rows = ([plain(cell) for cell in row] for row in trials.rows(report.trials))
        yield from htmlpage.table(("experiment", "where", "outcome", "time", "how it ended"), rows, label="Experiments")
        yield "</section>"


def _checks(report: Report) -> Iterator[str]:
    """Every check that found nothing, folded: on what evidence it passed, or why it was not made."""
    passed = [one for one in report.results if one.outcome == "ok"]
    skipped = [one for one in report.results if one.outcome == "skipped"]
    unknown = [one for one in skipped if one.unknown or one.cause]
    idle = [one for one in skipped if not (one.unknown or one.cause)]
    yield f'<section aria-labelledby="checks"><h2 id="checks">{text("Checks")}</h2>'
    yield from _folded(f"{summary.counted(len(passed), 'check')} passed", passed)
    yield from _folded(f"{summary.counted(len(unknown), 'check')} not made", unknown)
    yield from _folded(f"{summary.counted(len(idle), 'check')} with nothing to judge here", idle)
    if report.left_out:
        left_out = ", ".join(report.left_out)
        yield f"<p>{text(f'Left out on request: {left_out}.')}</p>"
    yield "</section>"


def _folded(title: str, judged: list[Judgement]) -> Iterator[str]:
    if judged:
        yield f"<details><summary>{text(title)}</summary>"
        rows = ((plain(one.code), text(one.title), text(one.because) if one.because else _evidence(one.seen)) for one in judged)
        yield from htmlpage.table(("code", "check", "because"), rows, label=title)
        yield "</details>"
