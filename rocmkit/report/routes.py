"""Routes for people: one line for each kind of way in a report, and every way in full on request."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from rocmkit.doctor.routes.values import Idea, Route, Status
from rocmkit.errors import UsageError
from rocmkit.kb.systems import systems
from rocmkit.report.drawing import Style, headed, label, wrapped
from rocmkit.report.terminal import clean
from rocmkit.words import said
from rocmkit.words.columns import pad
from rocmkit.words.columns import width as width_of

#: How far a route is, as people read it.
WORDS: dict[str, str] = {
    "ready": "ready now",
    "installable": "to install",
    "buildable": "to build",
    "blocked": "after a fix",
    "unknown": "not known",
    "cpu-only": "processor",
}
#: How well it is known, in the same way.
KNOWN: dict[str, str] = {"measured": "measured", "documented": "documented", "reported": "reported", "inferred": "inferred"}
_WORD = 13
#: What is said in place of ways.
NONE = "There is no AMD GPU here that a way could lead to, or it is not known whether it would work."


def chosen(names: tuple[str, ...]) -> frozenset[str]:
    """The systems that --route names; `all` is every one. Raises UsageError for what is none."""
    known = [system.id for system in systems()]
    for name in names:
        if name != "all" and name not in known:
            near = [one for one in known if name and name.lower() in one] or difflib.get_close_matches(name, known, n=3)
            raise UsageError(f"no speech system is called {name!r}", f"did you mean {', '.join(near or known)}?")
    return frozenset(known if "all" in names else names)


def limit(size: str | None) -> int | None:
    """What --max-vram allows, in bytes. Raises UsageError where it is no size."""
    if size is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(GiB|GB|G|MiB|MB|M)", size, re.ASCII | re.IGNORECASE)
    if found is None:
        raise UsageError(f"--max-vram {size!r} is no size", "write 8GiB, or 7500MiB")
    unit = found[2].upper()
    return int(float(found[1]) * (1 << 30 if unit.startswith("G") else 1 << 20))


def best(routes: tuple[Route, ...]) -> Iterator[tuple[Route, tuple[str, ...]]]:
    """The best route of each system; systems that share one are named together."""
    groups: dict[tuple[str, Status, tuple[str, ...]], tuple[Route, list[str]]] = {}
    for one in routes:
        if one.rank == 1:
            groups.setdefault((one.how, one.status, one.blocked_by), (one, []))[1].append(one.title)
    for one, titles in groups.values():
        yield one, tuple(titles)


def brief(routes: tuple[Route, ...], style: Style, width: int) -> Iterator[str]:
    """A line for each kind of way; nothing where there is none."""
    if not routes:
        return
    beside = "(`rocmkit doctor --route SYSTEM` shows all of them, with commands)"
    yield from headed(said("Ways from here to Japanese speech"), beside, style, width)
    order = list(WORDS)
    for one, titles in sorted(best(routes), key=lambda group: order.index(group[0].status)):
        names = ", ".join(title.partition(" (")[0] for title in titles)
        yield from wrapped("  " + pad(said(WORDS[one.status]), _WORD), f"{names}: {sentence(one.how)}{codes(one)}", width, indent=2 + _WORD)


def sentence(how: str) -> str:
    """The first sentence of how a way goes, without its stop."""
    return how.partition(". ")[0].rstrip(".")


def codes(one: Route) -> str:
    """The findings that a way takes away, and those that are first to be mended, as the end of a sentence."""
    parts = []
    if one.cures:
        parts.append(f"takes away {', '.join(one.cures)}")
    if one.blocked_by:
        parts.append(f"first mend {', '.join(one.blocked_by)}")
    return f" ({'; '.join(parts)})" if parts else ""


def full(routes: tuple[Route, ...], ideas: tuple[Idea, ...], names: frozenset[str], style: Style, width: int) -> Iterator[str]:
    """Every way of the systems named, with commands and sources, and what is to be thought of ways that people try."""
    if not routes:
        yield from wrapped("", NONE, width, indent=0)
        return
    known = {system.id: system for system in systems()}
    for one in routes:
        if one.system not in names:
            continue
        notes = known[one.system].notes
        if one.rank == 1:
            yield style("bold", said(one.title))
            for note in notes:
                yield from wrapped("  - ", note, width, indent=4)
            yield ""
        yield from _route(one, [note for note in one.notes if note not in notes], style, width)
        yield ""
    yield style("bold", said("What people try"))
    for idea in ideas:
        because = f"{said(f'{idea.name}: {idea.because}')} ({said(KNOWN[idea.known])})"  # what is in parentheses is no part of a value
        yield from wrapped("  " + pad(said(idea.verdict), 9), because, width, indent=11)
        for command in idea.commands:
            yield " " * 11 + style("cyan", clean(command))


def _route(one: Route, notes: list[str], style: Style, width: int) -> Iterator[str]:
    head = f"{one.rank:>3} {said(WORDS[one.status])}: "
    yield from wrapped(head, f"{one.how}{codes(one)}", width, indent=width_of(head))
    if one.vram:
        yield from wrapped(label("memory"), memory(one), width, indent=12)
    for note in notes:
        yield from wrapped(label("note"), note, width, indent=12)
    for number, command in enumerate(one.commands):
        yield label("run" if number == 0 else "") + style("cyan", clean(command))
    yield from wrapped(label("known"), f"{said(KNOWN[one.known])}: {', '.join(one.sources)}", width, indent=12)


def memory(one: Route) -> str:
    """What the model takes of the video memory, in words."""
    if one.vram is None:
        return ""
    limit = "" if one.vram.limit_gib is None else f"{' of' if one.vram.fits else ', more than the'} {one.vram.limit_gib:g} GiB"
    there = " there is" if one.vram.fits is False else ""
    return f"{one.vram.model} in {one.vram.precision} takes about {one.vram.need_gib:g} GiB{limit}{there} ({one.vram.licence})"


def table(routes: tuple[Route, ...]) -> Iterator[tuple[str, str, str, str]]:
    """(system, status, way, memory) of the best route of each system."""
    for one in routes:
        if one.rank == 1:
            yield one.title, WORDS[one.status], one.how + codes(one), memory(one)
