"""`rocmkit diff` as one file of HTML: the verdict first, then the findings that came and went, then the facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rocmkit.report import difftext, htmlpage
from rocmkit.report.diff import Diff, Told
from rocmkit.report.doctorhtml import CLASSES
from rocmkit.report.drawing import MARKS
from rocmkit.report.htmlpage import plain, text
from rocmkit.report.summary import VERDICTS
from rocmkit.words import said


def render(diff: Diff) -> str:
    """The comparison as a page."""
    verdict = difftext.verdict_line(diff)
    return htmlpage.page(f"rocmkit diff: {said(verdict)}", _body(diff, verdict))


def _body(diff: Diff, verdict: str) -> Iterator[str]:
    yield "<header><h1>rocmkit diff</h1>"
    yield f'<p class="verdict {CLASSES.get(diff.new.verdict, "soft")}">{text(verdict)}</p></header><main>'
    yield from _sides(diff)
    yield from _findings("New", diff.came)
    yield from _findings("Gone", diff.went)
    yield from _findings("Not known any more", diff.unclear)
    if diff.changed:
        yield f"<section><h2>{text('In other words')}</h2>"
        for other in diff.changed:
            yield f'<article class="note"><h3>~ {plain(other.code)} {text(other.title)}</h3><dl>'
            yield from _messages("was", difftext.only(other.old, other.new))
            yield from _messages("is", difftext.only(other.new, other.old))
            yield "</dl></article>"
        yield "</section>"
    if diff.ways:
        yield f"<section><h2>{text('Ways to Japanese speech')}</h2>"
        rows = ((plain(", ".join(way.systems)), text(way.old), text(way.new)) for way in diff.ways)
        yield from htmlpage.table(("system", "old", "new"), rows, label="Ways to Japanese speech")
        yield "</section>"
    for section, facts in difftext.sections(diff.facts).items():
        yield f"<section><h2>{text(section)}</h2><ul>"
        yield from (f"<li>{text(line)}</li>" for line in difftext.fact_lines(facts))
        yield "</ul></section>"
    yield "</main>"


def _sides(diff: Diff) -> Iterator[str]:
    """What was compared with what, and by which rules each of the two was judged."""
    sides = (("old", diff.old), ("new", diff.new))
    heads = ("which", "looked at", "verdict", "rocmkit", "knowledge")
    rows = (
        (
            text(word),
            plain(side.source),
            f'<span class="{CLASSES.get(side.verdict, "soft")}">{text(VERDICTS.get(side.verdict, side.verdict))}</span>',
            plain(side.rocmkit or "?"),
            plain(side.kb or "?"),
        )
        for word, side in sides
    )
    yield from htmlpage.table(heads, rows, label="What was compared")
    if (diff.old.rocmkit, diff.old.kb) != (diff.new.rocmkit, diff.new.kb):
        yield f"<p>{text('They were judged by other checks or other knowledge: that alone may make findings differ.')}</p>"


def _findings(title: str, told: tuple[Told, ...]) -> Iterator[str]:
    if not told:
        return
    yield f"<section><h2>{text(title)}</h2>"
    for one in told:
        kind = {"Gone": "ok", "Not known any more": "gap"}.get(title, one.severity if one.severity in MARKS else "note")
        yield htmlpage.finding(kind, MARKS[kind], one.code, one.title, f"{one.severity}{difftext.likely(one)}")
        yield from (f"<p>{text(message)}</p>" for message in one.messages)
        yield "</article>"
    yield "</section>"


def _messages(word: str, messages: Iterable[str]) -> Iterator[str]:
    yield from (f"<dt>{text(word)}</dt><dd>{text(message)}</dd>" for message in messages)
