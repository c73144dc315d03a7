"""What was seen before a build, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rocmkit.build.preflight import GIB, Preflight
from rocmkit.build.problem import Problem
from rocmkit.report.drawing import INDENT, STYLES, Style, label, wrapped
from rocmkit.report.terminal import clean


def problems(found: Iterable[Problem], style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    """What stops the build and what to know; a command that takes several away stands once, behind the last of them."""
    rows = tuple(found)
    for number, one in enumerate(rows):
        kind = "error" if one.fatal else "warning"
        yield from wrapped(style(STYLES[kind], marks[kind]) + " ", one.text, width, indent=2)
        if one.command and one.command not in {other.command for other in rows[number + 1 :]}:
            yield label("run") + style("cyan", clean(one.command))


def needed(found: Preflight, cores: float, memory_gib: float, width: int) -> Iterator[str]:
    """What the build takes, beside what the machine has: `cores` minutes of one core, and so much memory for each compiler."""
    several = f", {found.jobs} compilers at a time" if found.jobs > 1 else ""
    for word, text in (
        ("time", f"about {duration(found.minutes * 60)}{several} ({duration(cores * 60)} of one core, as measured elsewhere)"),
        ("disk", f"{found.disk_gib:g} GiB in the work folder"),
        ("memory", f"{memory_gib:g} GiB for each compiler; {_memory(found)}"),
        ("network", ", ".join(found.hosts) or "none"),
    ):
        yield from wrapped(label(word), text, width, indent=INDENT)


def _memory(found: Preflight) -> str:
    free = found.resources.memory_bytes
    return "how much is free is not known" if free is None else f"{free / GIB:.1f} GiB free"


def duration(seconds: float) -> str:
    """So long, as people say it: 40 s, 12 min, 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
