"""Markdown in pieces: what is prose, and what has to stay as it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

#: What begins a line that stands for itself: a point of a list, a row of a table, a heading.
_BEGINS = re.compile(r"\s*(?:[-*] |\d+\. |\| ?|#+ )")
_FENCE = "```"


def blocks(markdown: str) -> Iterator[tuple[str, str]]:
    """(what stands before, the text on one line) of every block; text is empty where nothing in it is prose."""
    held: list[str] = []
    fenced = False
    for line in [*markdown.split("\n"), ""]:  # the empty one ends the last block
        fence = line.lstrip().startswith(_FENCE)
        if fenced or fence or not line.strip() or _BEGINS.match(line):
            if held:
                yield _block(held)
            held = []
        if fence:
            fenced = not fenced
            yield line, ""
        elif fenced or not line.strip():
            yield line, ""
        else:
            held.append(line)


def _block(lines: list[str]) -> tuple[str, str]:
    first = _BEGINS.match(lines[0])
    before = first[0] if first else lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    return before, " ".join([lines[0][len(before) :].strip(), *(line.strip() for line in lines[1:])])


def each(markdown: str, change: Callable[[str], str]) -> str:
    """The same with `change` applied to every piece of prose, each on a line of its own."""
    written = []
    for before, text in blocks(markdown):
        in_table = before == "| "
        cells = text.removesuffix(" |").split(" | ") if in_table else [text]
        written.append(before + " | ".join(change(cell) if cell else "" for cell in cells) + " |" * in_table)
    return "\n".join(written).rstrip("\n") + "\n"
