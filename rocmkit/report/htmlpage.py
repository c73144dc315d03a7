"""What every page of HTML is made of: one file that needs nothing else. It opens offline, in the dark, on a telephone and in print, and
runs no script; its policy keeps a browser from asking for anything, whatever stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from rocmkit.report.fix import WayOut
from rocmkit.report.terminal import clean
from rocmkit.words import language, said

# Bars and marks are borders: browsers leave backgrounds out of what they print. Commands break where the line ends, which is not copied.
_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1b1b1f; --paper: #fff; --raised: #f5f5f8; --line: #c8c8d0; --soft: #56565f; --link: #1a4f9c;
  --ok: #14692c; --error: #b3261e; --warning: #7a5200; --note: #2f5d8a; --gap: #6b3fa0; --bar: #3b6fb6;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ink: #e8e8ee; --paper: #16161a; --raised: #202026; --line: #44444e; --soft: #a8a8b4; --link: #9cc2ff;
    --ok: #7bd88f; --error: #ff8a80; --warning: #ffc766; --note: #9cc2ff; --gap: #cfa8ff; --bar: #7aa7e8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 2rem auto; max-width: 72rem; padding: 0 1rem; overflow-wrap: anywhere;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
}
h1 { font-size: 1.4rem; margin: 0 0 .6rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; } h3 { font-size: 1rem; margin: 0 0 .4rem; }
p { margin: .4rem 0; } ul, ol { margin: .4rem 0; padding-left: 1.4rem; }
a { color: var(--link); } :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
small { font-size: .875rem; color: var(--soft); }
.verdict { font-size: 1.25rem; font-weight: 600; border-left: .35rem solid; padding-left: .8rem; margin: .8rem 0; }
.ok { color: var(--ok); } .error { color: var(--error); } .warning { color: var(--warning); }
.note { color: var(--note); } .gap { color: var(--gap); } .soft { color: var(--soft); }
.bare { list-style: none; padding: 0; }
article {
  border: 1px solid var(--line); border-left: .35rem solid var(--edge, var(--line)); border-radius: .3rem;
  padding: .8rem 1rem; margin: 1rem 0;
}
article[class] { color: var(--ink); } article > :first-child { margin-top: 0; }
article.error { --edge: var(--error); } article.warning { --edge: var(--warning); } article.note { --edge: var(--note); }
article.ok { --edge: var(--ok); } article.gap { --edge: var(--gap); }
dl { margin: .6rem 0; display: grid; grid-template-columns: fit-content(16rem) minmax(0, 1fr); gap: .3rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; } dd > ul, dd > pre, td > ul { margin: 0; }
code, pre { font: .875rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre {
  margin: .3rem 0; padding: .5rem .7rem; border: 1px solid var(--line); border-radius: .3rem;
  background: var(--raised); white-space: pre-wrap;
}
pre.commands { white-space: normal; }
pre.commands > code { display: block; padding-left: 2ch; text-indent: -2ch; white-space: pre-wrap; user-select: all; }
pre.commands > code::before { content: "$ "; color: var(--soft); }
.scroll { overflow-x: auto; overflow-wrap: normal; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; } tbody th { font-weight: 600; }
.facts { overflow-wrap: anywhere; } .facts th { white-space: nowrap; color: var(--soft); }
.wide { min-width: 44rem; }
.whole { white-space: nowrap; }
.track { display: block; min-width: 4rem; margin-top: .2rem; border-bottom: 1px solid var(--line); }
.bar { display: block; border-top: .4rem solid var(--bar); min-width: 1px; }
summary { cursor: pointer; padding: .2rem 0; font-weight: 600; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .6rem; color: var(--soft); font-size: .875rem; }
@media (max-width: 40rem) {
  body { margin-top: 1rem; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; } dd { margin: 0 0 .5rem; }
}
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; font-size: 9pt; }
  body { margin: 0; max-width: none; padding: 0; }
  h2, h3, summary, thead { break-after: avoid; } tr, pre { break-inside: avoid; }
  .scroll { overflow: visible; } .wide { min-width: 0; font-size: .78rem; } .wide th, .wide td { padding-right: .3rem; }
  .wide tbody * { overflow-wrap: anywhere; } .wide td { min-width: 3.6rem; } .wide tbody th { min-width: 5.5rem; }
  details::details-content { content-visibility: visible; block-size: auto; }
  nav { display: none; }
}
"""
#: Styles that stand in the file, and nothing else: neither scripts nor anything that is fetched.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, body: Iterable[str]) -> str:
    """A whole document. `title` is a text; `body` is markup: what stands between <body> and </body>."""
    head = (
        "<!doctype html>",
        f'<html lang="{language()}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
        f"<title>{plain(title)}</title><style>{_STYLE}</style></head><body>",
    )
    return "\n".join([*head, *body, "</body></html>"]) + "\n"


def text(text: str) -> str:
    """A sentence or a heading as markup, in the language that people are spoken to in. What stands in backquotes becomes code."""
    return re.sub("`([^`]+)`", r'<code translate="no">\1</code>', plain(said(" ".join(text.split()))))


def plain(text: str) -> str:
    """Text as markup, word for word: a path, a code, a command, what somebody else wrote."""
    return escape(clean(text))


def commands(lines: Iterable[str]) -> str:
    """Commands to copy: a click takes hold of one of them."""
    return '<pre class="commands">' + "\n".join(f'<code translate="no">{plain(line)}</code>' for line in lines) + "</pre>"


def way_out(fix: WayOut) -> Iterator[str]:
    """A fix as the rows of a list of terms: what to do, the commands, what to beware of, how to see that it worked."""
    yield f"<dt>{text('fix')}</dt><dd>{text(fix.told)}</dd>"
    for word, lines in (("run", fix.commands), ("verify", fix.verify)):
        if word == "verify" and fix.caution:
            yield f"<dt>{text('caution')}</dt><dd>{text(fix.caution)}</dd>"
        if lines:
            yield f"<dt>{text(word)}</dt><dd>{commands(lines)}</dd>"


def finding(kind: str, mark: str, code: str, title: str, severity: str, *, place: str = "") -> str:
    """How the part of a page on one finding begins. `kind` colours it; links lead to `place`."""
    at = f' id="{plain(place)}"' if place else ""
    head = f'<span class="{kind}">{mark} {plain(code)}</span> {text(title)} <small>({text(severity)})</small>'
    return f'<article class="{kind}"{at}><h3>{head}</h3>'


def supposed(lines: Iterable[str]) -> Iterator[str]:
    """What the changes of --what-if would do: one line over all, and the others as a list. Nothing where there are none."""
    told = list(lines)
    if told:
        yield f'<section aria-labelledby="what-if"><h2 id="what-if">{text(told[0])}</h2><ul>'
        yield from (f"<li>{text(line)}</li>" for line in told[1:])
        yield "</ul></section>"


def footer() -> str:
    """Where to go on from a page with findings."""
    return f"<footer><p>{text('`rocmkit explain CODE` tells what a finding means, and where that is known from.')}</p></footer>"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, label: str) -> Iterator[str]:
    """A table of markup that scrolls by itself where it is too wide. The first cell of each row names the row.

    `label` is the name of the region that scrolls: no other part of the page may have it.
    """
    yield f'<div class="scroll" role="region" aria-label="{plain(said(label))}" tabindex="0"><table class="wide"><thead><tr>'
    yield from (f'<th scope="col">{text(head)}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for first, *rest in rows:
        yield f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
    yield "</tbody></table></div>"
