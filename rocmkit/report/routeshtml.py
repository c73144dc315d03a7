"""Routes on a page: the best way of each speech system, or every way in full on request."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.doctor.routes.values import Idea, Route
from rocmkit.kb.systems import systems
from rocmkit.report import htmlpage, routes
from rocmkit.report.htmlpage import plain, text

#: How a way is coloured, by how far it is.
_CLASSES = {"ready": "ok", "installable": "note", "buildable": "note", "blocked": "warning", "unknown": "gap", "cpu-only": "soft"}


def brief(ways: tuple[Route, ...]) -> Iterator[str]:
    """The best way of each system; nothing where there is none."""
    best = list(routes.table(ways))
    if not best:
        return
    yield f"<section><h2>{text('Ways from here to Japanese speech')}</h2>"
    rows = ((text(title), f'<span class="whole">{text(far)}</span>', text(way), text(memory)) for title, far, way, memory in best)
    yield from htmlpage.table(("system", "how far", "way", "video memory"), rows, label="Ways from here to Japanese speech")
    yield f"<p><small>{text('`rocmkit doctor --route SYSTEM` shows all ways of a system, with commands.')}</small></p></section>"


def full(ways: tuple[Route, ...], ideas: tuple[Idea, ...], names: frozenset[str]) -> Iterator[str]:
    """Every way of the systems named, with commands and sources, and what is to be thought of ways that people try."""
    if not ways:
        yield f"<p>{text(routes.NONE)}</p>"
        return
    notes = {system.id: system.notes for system in systems()}
    for one in ways:
        if one.system not in names:
            continue
        if one.rank == 1:
            yield f"<h2>{text(one.title)}</h2>"
            yield from _list(notes[one.system])
        yield from _way(one, tuple(note for note in one.notes if note not in notes[one.system]))
    yield f"<h2>{text('What people try')}</h2>"
    for idea in ideas:
        yield f"<article><h3>{plain(idea.name)} <small>({text(idea.verdict)})</small></h3>"
        yield f"<p>{text(idea.because)} <small>({text(routes.KNOWN[idea.known])})</small></p>"
        if idea.commands:
            yield htmlpage.commands(idea.commands)
        yield "</article>"


def _way(one: Route, notes: tuple[str, ...]) -> Iterator[str]:
    kind = _CLASSES[one.status]
    yield f'<article class="{kind}"><h3>{one.rank}. <span class="{kind}">{text(routes.WORDS[one.status])}</span></h3>'
    yield f"<p>{text(one.how + routes.codes(one))}</p><dl>"
    if one.vram:
        yield f"<dt>{text('memory')}</dt><dd>{text(routes.memory(one))}</dd>"
    if notes:
        yield f"<dt>{text('note')}</dt><dd>"
        yield from _list(notes)
        yield "</dd>"
    if one.commands:
        yield f"<dt>{text('run')}</dt><dd>{htmlpage.commands(one.commands)}</dd>"
    yield f"<dt>{text('known')}</dt><dd>{text(routes.KNOWN[one.known])}: {plain(', '.join(one.sources))}</dd></dl></article>"


def _list(notes: tuple[str, ...]) -> Iterator[str]:
    if notes:
        yield "<ul>" + "".join(f"<li>{text(note)}</li>" for note in notes) + "</ul>"
