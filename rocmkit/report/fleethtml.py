"""Many machines as one file of HTML: the verdict first, then a row for each, then every finding once."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.report import fleet, htmlpage, summary
from rocmkit.report.doctorhtml import CLASSES
from rocmkit.report.drawing import MARKS
from rocmkit.report.fleet import Fleet, Machine, Shared
from rocmkit.report.htmlpage import plain, text
from rocmkit.words import said

#: How a kind of finding is coloured, where its name is no class of the page.
_KINDS = {"crashed": "gap"}


def render(found: Fleet) -> str:
    """The report as a page."""
    verdict = fleet.verdict_line(found)
    return htmlpage.page(f"rocmkit doctor: {said(verdict)}", _body(found, verdict))


def _body(found: Fleet, verdict: str) -> Iterator[str]:
    yield "<header><h1>rocmkit doctor</h1>"
    yield f'<p class="verdict {CLASSES.get(fleet.verdict(found), "soft")}">{text(verdict)}</p>'
    many = summary.counted(len(found.machines), "machine")
    yield f"<p>{text(f'rocmkit {found.rocmkit}, knowledge of {found.kb}, looked at {many}.')}</p>"
    yield f"<p>{text(fleet.counts(found))}</p></header><main>"
    yield from htmlpage.supposed(fleet.supposed(found))
    yield from _machines(found)
    if found.findings:
        yield f'<section aria-labelledby="findings"><h2 id="findings">{text("Findings")}</h2>'
        for one in found.findings:
            yield from _finding(one, found)
        yield "</section>"
    if found.left_out:
        left_out = ", ".join(found.left_out)
        yield f"<p>{text(f'Left out on request: {left_out}.')}</p>"
    yield "</main>"
    yield htmlpage.footer()


def _machines(found: Fleet) -> Iterator[str]:
    alike = fleet.same(found)
    yield f"<section><h2>{text('Machines')}</h2>"
    if alike:
        have = ", ".join(f"{head} {cell}" for head, cell in alike.items())
        yield f"<p>{text(f'The same on all of them: {have}')}</p>"
    apart = [head for head in fleet.HEADS if head not in alike]
    rows = ([plain(one.name), *map(plain, fleet.cells(one, apart)), _verdict(one), _told(one)] for one in found.machines)
    yield from htmlpage.table(("machine", *apart, "verdict", "codes"), rows, label="Machines")
    yield "</section>"


def _verdict(one: Machine) -> str:
    return f'<span class="{CLASSES.get(one.verdict or "", "soft")}">{plain(fleet.verdict_cell(one))}</span>'


def _told(one: Machine) -> str:
    if one.because:
        return text(one.because)
    links = (f'<a href="#{plain(code)}">{MARKS[kind]}&nbsp;{plain(code)}</a>' for kind, code in one.codes)
    return " ".join([*links, *(f'<span class="gap">{MARKS["gap"]}&nbsp;{plain(part)}</span>' for part in fleet.unread(one))])


def _finding(one: Shared, found: Fleet) -> Iterator[str]:
    severity = f"{one.kind}, likely" if one.likely else one.kind
    yield htmlpage.finding(_KINDS.get(one.kind, one.kind), MARKS[one.kind], one.code, one.title, severity, place=one.code)
    if one.message:
        yield f"<p>{text(one.message)}</p>"
    yield f"<dl><dt>{text('on')}</dt><dd>{text(fleet.where(one, found))}</dd>"
    if one.cause:
        yield f"<dt>{text('cause')}</dt><dd>{text(one.cause)}</dd>"
    if one.fix:
        yield from htmlpage.way_out(one.fix)
    elif not one.alike:
        yield f"<dt>{text('fix')}</dt><dd>{text(fleet.DIFFERS)}{htmlpage.commands([fleet.see(one)])}</dd>"
    yield "</dl></article>"
