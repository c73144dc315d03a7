"""`rocmkit smoke` as one file of HTML: the verdict, the table with bars for errors, speed and memory, and what was seen of each system."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from rocmkit.report import htmlpage, smokerows
from rocmkit.report.htmlpage import plain, text
from rocmkit.smoke.result import Case, Smoke
from rocmkit.words import said

_VERDICTS = {"proved": "ok", "partly": "warning", "inconclusive": "gap"}
_OUTCOMES = {"pass": "ok", "fail": "error", "inconclusive": "gap", "skipped": "soft"}
#: Columns with a bar, and what it is as long as.
_BARS: dict[str, Callable[[Case], float | None]] = {
    "CER": lambda case: case.cer,
    "RTF": lambda case: case.rtf,
    "VRAM": lambda case: case.peak_vram_bytes,
}


def render(found: Smoke) -> str:
    """The report as a page."""
    return htmlpage.page(f"rocmkit smoke: {said(smokerows.summary(found))}", _body(found))


def _body(found: Smoke) -> Iterator[str]:
    yield "<header><h1>rocmkit smoke</h1>"
    yield f'<p class="verdict {_VERDICTS.get(found.verdict, "error")}">{text(smokerows.summary(found))}</p>'
    yield f"<p>{text(f'rocmkit {found.rocmkit}, {smokerows.ran(found)}.')}</p>"
    yield from (f"<p>{text(card)}</p>" for card in smokerows.cards(found))
    yield "</header><main>"
    yield from _table(found)
    for number, case in enumerate(found.cases):
        yield from _case(case, number)
    yield "</main>"


def _table(found: Smoke) -> Iterator[str]:
    full = {head: max((value for case in found.cases if (value := _length(case, head))), default=0.0) for head in _BARS}
    card = max((card.vram_bytes or 0 for card in found.cards), default=0)
    full["VRAM"] = max(card, full["VRAM"])
    rows = ([_cell(case, number, head, cell, full) for head, cell in _named(case)] for number, case in enumerate(found.cases))
    yield from htmlpage.table(smokerows.HEADS, rows, label="Results")
    if any(full.values()):
        of_card = ", that of VRAM as its share of what the GPU has" if card and full["VRAM"] == card else ""
        told = f"A bar is as long as its share of the largest number in its column{of_card}. Shorter is better in all of them."
        yield f"<p><small>{text(told)}</small></p>"
    yield f"<p><small>{text(smokerows.legend(found))}</small></p>"


def _named(case: Case) -> Iterator[tuple[str, str]]:
    return zip(smokerows.HEADS, smokerows.cells(case), strict=True)


def _cell(case: Case, number: int, head: str, cell: str, full: dict[str, float]) -> str:
    if head == "system":
        return f'<a href="#case-{number}">{plain(cell)}</a>'
    if head in ("GPU", "result"):
        return f'<span class="{_OUTCOMES[case.outcome]}">{text(cell)}</span>'
    whole = f'<span class="whole">{text(cell)}</span>' if head != "model" else plain(cell)
    return whole + _bar(_length(case, head), full[head]) if head in _BARS else whole


def _length(case: Case, head: str) -> float:
    """What a bar is as long as; what is no number, and what did not run, has none."""
    value = _BARS[head](case)
    return float(value) if value is not None and math.isfinite(value) and value > 0 else 0.0


def _bar(value: float, full: float) -> str:
    """A bar beside the number that it is of: whoever cannot see it misses nothing."""
    return f'<span class="track"><span class="bar" style="width: {100 * (value / full):.0f}%"></span></span>' if value else ""


def _case(case: Case, number: int) -> Iterator[str]:
    kind, result = _OUTCOMES[case.outcome], smokerows.result(case)
    code = f"{plain(case.code)} " if case.code and case.code not in result else ""
    yield f'<section id="case-{number}" aria-labelledby="head-{number}"><article class="{kind}">'
    yield f'<h2 id="head-{number}">{code}{plain(case.title)}: <span class="{kind}">{text(result)}</span></h2>'
    yield f"<p>{text(case.because)}</p><dl>"
    for word, told in _told(case):
        yield f"<dt>{text(word)}</dt><dd>{text(told)}</dd>"
    for clip in case.clips:
        if clip.text is not None:
            yield f'<dt>{plain(clip.clip)} ({smokerows.percent(clip.reading_cer)})</dt><dd lang="ja">{plain(clip.text)}</dd>'
    if case.commands:
        yield f"<dt>{text('run')}</dt><dd>{htmlpage.commands(case.commands)}</dd>"
    yield "</dl>"
    if case.crash and case.crash.log.strip():
        yield f"<details><summary>{text('What it printed last')}</summary><pre>{plain(case.crash.log)}</pre></details>"
    yield "</article></section>"


def _told(case: Case) -> Iterator[tuple[str, str]]:
    if case.outcome == "skipped":
        return
    yield f"proof: {case.proof.level}", case.proof.because
    for seen in case.proof.evidence:
        yield f"seen in {seen.where}", seen.value
    yield "with the GPU hidden", case.negative_control.because
    yield "again", case.repeat.because
    yield "on the processor", case.against_cpu.because
    for warning in (*case.proof.warnings, *case.warnings):
        yield "note", warning
