"""How every report for people is drawn: marks, colours, labels, wrapped prose, and commands on lines of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rocmkit.report.terminal import clean
from rocmkit.words import said
from rocmkit.words.columns import pad, wrap
from rocmkit.words.columns import width as width_of

if TYPE_CHECKING:
    from rocmkit.report.fix import WayOut

Style = Callable[[str, str], str]

MARKS = {"error": "✗", "warning": "!", "note": "·", "crashed": "?", "gap": "?", "ok": "✓"}
ASCII_MARKS = {"error": "x", "warning": "!", "note": "-", "crashed": "?", "gap": "?", "ok": "+"}
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold", "crashed": "bold magenta", "gap": "magenta", "ok": "green"}

#: Where the text behind a label begins.
INDENT = 12


def fix_lines(fix: WayOut, style: Style, width: int) -> Iterator[str]:
    """A way out: what to do, the commands, what to beware of, how to see that it worked."""
    yield from wrapped(label("fix"), fix.told, width, indent=INDENT)
    yield from _commands("run", fix.commands, style)
    if fix.caution:
        yield from wrapped(label("caution"), fix.caution, width, indent=INDENT)
    yield from _commands("verify", fix.verify, style)


def _commands(word: str, commands: tuple[str, ...], style: Style) -> Iterator[str]:
    for number, command in enumerate(commands):
        yield (label(word) if number == 0 else " " * INDENT) + style("cyan", clean(command))


def label(word: str) -> str:
    """What stands before a line, in a column of its own."""
    return "    " + pad(said(word), INDENT - 4)


def headed(head: str, beside: str, style: Style, width: int) -> Iterator[str]:
    """A heading, and what it is of: in one line, or below it where there is no room."""
    beside = said(" ".join(clean(beside).split()))
    if width_of(f"{head}  {beside}") <= width:
        yield f"{style('bold', head)}  {beside}"
    else:
        yield style("bold", head)
        yield from wrapped("    ", beside, width, indent=4)


def wrapped(first: str, text: str, width: int, *, indent: int) -> Iterator[str]:
    """Prose, in the language that people are spoken to in, wrapped at blanks only: paths and version strings stay whole."""
    first_line, *rest = wrap(said(" ".join(clean(text).split())), max(width - indent, 20))
    yield first + first_line
    for line in rest:
        yield " " * indent + line


def flowed(markdown: str, width: int) -> str:
    """Markdown with its prose and lists wrapped for a terminal; headings, tables and code stay as they are."""
    lines: list[str] = []
    block: list[str] = []

    def end() -> None:
        if block:
            mark, text = ("- ", block[0][2:]) if block[0].startswith("- ") else ("", block[0])
            lines.extend(wrapped(mark, " ".join([text, *block[1:]]), width, indent=len(mark)))
        block.clear()

    code = False
    for line in markdown.splitlines():
        code ^= line.startswith("```")
        if code or not line or line.startswith(("#", "|", "```")):
            end()
            lines.append(line)
            continue
        if line.startswith("- "):
            end()
        block.append(line.strip())
    end()
    return "\n".join(lines) + "\n"


def style_of(*, color: bool) -> Style:
    """How text is styled: in colour, or not at all."""
    return _rich_style if color else _plain_style


def _plain_style(_: str, text: str) -> str:
    return text


def _rich_style(style: str, text: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style as RichStyle

    return RichStyle.parse(style).render(text, color_system=ColorSystem.STANDARD)
