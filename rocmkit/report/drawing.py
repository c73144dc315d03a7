"""How every report for people is drawn: marks, colours, labels, wrapped prose, and commands on lines of their own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from rocmkit.report.fix import WayOut
from rocmkit.report.terminal import clean

Style = Callable[[str, str], str]

MARKS = {"error": "✗", "warning": "!", "note": "·", "crashed": "?", "gap": "?", "ok": "✓"}
ASCII_MARKS = {"error": "x", "warning": "!", "note": "-", "crashed": "?", "gap": "?", "ok": "+"}
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold", "crashed": "bold magenta", "gap": "magenta", "ok": "green"}

#: Where the text behind a label begins.
INDENT = 12


def fix_lines(fix: WayOut, style: Style, width: int) -> Iterator[str]:
    """A way out: what to do, the commands, what to beware of, how to see that it worked."""
    needs = [word for word, needed in (("root", fix.root), ("logging in again", fix.relogin), ("a reboot", fix.reboot)) if needed]
    yield from wrapped(label("fix"), fix.text + (f" (needs {', '.join(needs)})" if needs else ""), width, indent=INDENT)
    yield from _commands("run", fix.commands, style)
    if fix.caution:
        yield from wrapped(label("caution"), fix.caution, width, indent=INDENT)
    yield from _commands("verify", fix.verify, style)


def _commands(word: str, commands: tuple[str, ...], style: Style) -> Iterator[str]:
    for number, command in enumerate(commands):
        yield (label(word) if number == 0 else " " * INDENT) + style("cyan", clean(command))


def label(word: str) -> str:
    """What stands before a line, in a column of its own."""
    return f"    {word:<{INDENT - 4}}"


def wrapped(first: str, text: str, width: int, *, indent: int) -> Iterator[str]:
    """Prose wrapped at blanks only: paths and version strings stay whole."""
    lines = textwrap.wrap(" ".join(clean(text).split()), max(width - indent, 20), break_long_words=False, break_on_hyphens=False) or [""]
    yield first + lines[0]
    for line in lines[1:]:
        yield " " * indent + line


def style_of(*, color: bool) -> Style:
    """How text is styled: in colour, or not at all."""
    return _rich_style if color else _plain_style


def _plain_style(_: str, text: str) -> str:
    return text


def _rich_style(style: str, text: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style as RichStyle

    return RichStyle.parse(style).render(text, color_system=ColorSystem.STANDARD)
