"""What a log tells, on a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rocmkit.report import htmlpage
from rocmkit.report.drawing import MARKS
from rocmkit.report.fix import WayOut
from rocmkit.report.htmlpage import plain, text
from rocmkit.report.log import LogMatch, LogReport, onwards, place, sentence
from rocmkit.report.summary import counted


def section(report: LogReport, below: Mapping[WayOut, str]) -> Iterator[str]:
    """The known error texts with their causes. `below` are fixes that stand with a finding on the machine, by its code."""
    yield f'<section aria-labelledby="log"><h2 id="log">{text("In the log")} <code>{plain(report.source)}</code></h2>'
    yield f"<p>{text(counted(report.lines, 'line'))}</p>"
    if report.elsewhere:
        others = ", ".join(report.elsewhere)
        yield f"<p>{text(f'It is of another machine: it names {others}.')}</p>"
    codes = {one.id: one.code for one in report.matches}
    for one in report.matches:
        yield from _match(one, codes, below)
    if not report.matches and not report.held:
        yield f"<p>{text('Nothing that is known here is in it.')}</p>"
    if further := onwards(report):
        yield f"<p>{text(further)}</p>"
    if report.held:
        yield f"<p>{text(sentence(report.held))}</p>"
    for where in report.report_to[:3]:
        yield f"<p>{text(f'It points to {where.project}, which takes reports at {where.url}')}</p>"
    yield "</section>"


def _match(one: LogMatch, codes: Mapping[str, str], below: Mapping[WayOut, str]) -> Iterator[str]:
    severity = f"{one.severity}, likely" if one.confidence == "likely" else one.severity
    yield htmlpage.finding(one.severity, MARKS[one.severity], one.code, one.title, severity) + "<dl>"
    yield f"<dt>{text(place(one))}</dt><dd><pre>{plain(one.excerpt)}</pre></dd>"
    yield f"<dt>{text('cause')}</dt><dd>{text(one.cause)}</dd>"
    if one.explained_by:
        code = codes.get(one.explained_by, one.explained_by)
        yield f"<dt>{text('fix')}</dt><dd>{text(f'It follows from {code} ({one.explained_by}): mend that first.')}</dd>"
    elif code := below.get(one.fix, ""):
        yield f'<dt>{text("fix")}</dt><dd><a href="#{plain(code)}">{text(f"the same as for {code} below")}</a></dd>'
    else:
        yield from htmlpage.way_out(one.fix)
    yield "</dl></article>"
