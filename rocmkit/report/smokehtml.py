"""`rocmkit smoke` as one file of HTML that needs nothing else: it opens offline, in the dark and in print, and runs no script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from rocmkit.report import smokerows
from rocmkit.report.terminal import clean
from rocmkit.smoke.result import Case, Smoke

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1b1b1f; --paper: #fff; --line: #c8c8d0; --soft: #5a5a66; --good: #14692c; --bad: #b3261e; --open: #7a5200; --bar: #3b6fb6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8e8ee; --paper: #16161a; --line: #44444e; --soft: #a8a8b4; --good: #7bd88f; --bad: #ff8a80; --open: #ffc766; --bar: #7aa7e8;
  }
}
body {
  margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
}
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; } a { color: inherit; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:nth-child(n+5):nth-child(-n+9), tbody th { white-space: nowrap; }
thead th { color: var(--soft); font-weight: 600; }
.pass { color: var(--good); } .fail { color: var(--bad); } .inconclusive { color: var(--open); } .skipped { color: var(--soft); }
.verdict { font-weight: 600; border-left: .3rem solid; padding-left: .8rem; }
.bar { display: block; height: .3rem; margin-top: .2rem; background: var(--bar); border-radius: .15rem; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .5rem; font-size: .85rem; }
dt { color: var(--soft); } dd { margin: 0 0 .4rem 1rem; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } pre { white-space: pre-wrap; } }
"""
_CLASSES = {"proved": "pass", "partly": "inconclusive", "inconclusive": "inconclusive"}
#: Columns with a bar: what it is as long as.
_BARS: dict[str, Callable[[Case], float | None]] = {
    "CER": lambda case: case.cer,
    "RTF": lambda case: case.rtf,
    "VRAM": lambda case: case.peak_vram_bytes,
}


def render(found: Smoke) -> str:
    """The report as a page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Smoke) -> Iterator[str]:
    title = f"rocmkit smoke: {smokerows.summary(found)}"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>"
    yield "<header><h1>rocmkit smoke</h1>"
    yield f'<p class="verdict {_CLASSES.get(found.verdict, "fail")}">{_text(smokerows.summary(found))}</p>'
    yield f"<p>rocmkit {_text(found.rocmkit)}, {_text(smokerows.ran(found))}.</p>"
    yield from (f"<p>{_text(card)}</p>" for card in smokerows.cards(found))
    yield "</header><main>"
    yield from _table(found)
    yield f"<p><small>{_text(smokerows.legend(found))}</small></p>"
    for number, case in enumerate(found.cases):
        yield from _case(case, number)
    yield "</main></body></html>"


def _table(found: Smoke) -> Iterator[str]:
    longest = {head: max((value for case in found.cases if (value := of(case))), default=0) for head, of in _BARS.items()}
    yield '<div class="scroll" role="region" aria-label="Results" tabindex="0"><table><thead><tr>'
    yield from (f'<th scope="col">{head}</th>' for head in smokerows.HEADS)
    yield "</tr></thead><tbody>"
    for number, case in enumerate(found.cases):
        first, *rest = zip(smokerows.HEADS, smokerows.cells(case), strict=True)
        yield f'<tr><th scope="row"><a href="#case-{number}">{_text(first[1])}</a></th>'
        for head, cell in rest:
            shown = f'<td class="{case.outcome}">' if head in ("GPU", "result") else "<td>"
            yield f"{shown}{_text(cell)}{_bar(case, head, longest)}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _bar(case: Case, head: str, longest: dict[str, float]) -> str:
    value = _BARS[head](case) if head in _BARS else None
    return f'<span class="bar" style="width: {100 * value / longest[head]:.0f}%"></span>' if value else ""


def _case(case: Case, number: int) -> Iterator[str]:
    code = f"{case.code} " if case.code else ""
    yield f'<section id="case-{number}" aria-labelledby="head-{number}">'
    yield f'<h2 id="head-{number}">{_text(code + case.title)}: <span class="{case.outcome}">{case.outcome}</span></h2>'
    yield f"<p>{_text(case.because)}</p><dl>"
    for word, text in _told(case):
        yield f"<dt>{_text(word)}</dt><dd>{_text(text)}</dd>"
    yield "</dl>"
    if case.commands:
        yield f"<pre>{_text(chr(10).join(case.commands))}</pre>"
    if case.crash and case.crash.log.strip():
        yield f"<details><summary>What it printed last</summary><pre>{_text(case.crash.log)}</pre></details>"
    yield "</section>"


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
    for clip in case.clips:
        if clip.text is not None:
            yield f"{clip.clip} ({smokerows.percent(clip.reading_cer)})", clip.text


def _text(text: str) -> str:
    return escape(clean(text))
