"""How wide text is on a terminal, where some letters take two columns, and lines that fit. Pure."""

from __future__ import annotations

import re
import textwrap
import unicodedata

#: Letters that take two columns (Unicode, UAX #11, classes W and F), in which text is broken between any two of them.
_WIDE = "\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
_HAS_WIDE = re.compile(f"[{_WIDE}]")
#: What must not begin a line, and what must not end one (JIS X 4051).
_NEVER_FIRST = "、。，．・：；？！）」』】〉》〕｝ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ々…)]},.:;!?"
_NEVER_LAST = "（「『【〈《〔｛([{"
_COMMAND = re.compile(r"`[^`]+`")
#: In place of a blank where no line may end; a letter that no text has.
_HELD = "\ue000"
#: Room for what stands before and behind a command without a blank.
_BESIDE = 4
#: What holds together: a run without blanks of narrow letters, or one wide one, each with the blanks before it.
_PIECE = re.compile(rf"\s*(?:[{_WIDE}]|[^\s{_WIDE}]+)")


def width(text: str) -> int:
    """How many columns `text` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def pad(text: str, columns: int) -> str:
    """`text` with blanks behind it up to so many columns."""
    return text + " " * (columns - width(text))


def cut(text: str, columns: int) -> str:
    """`text` in at most so many columns, with … where something is missing."""
    if width(text) <= columns:
        return text
    kept = ""
    for letter in text:
        if width(kept + letter) > columns - 1:
            break
        kept += letter
    return kept + "…"


def wrap(text: str, columns: int) -> list[str]:
    """`text` in lines of at most so many columns, blanks folded. Paths and names stay whole, however long, and a command in backticks
    where a line has room for it; wide letters part anywhere that the rules of Japanese typesetting allow."""
    text = _COMMAND.sub(lambda found: _held(found[0], columns), " ".join(text.split()))
    if not _HAS_WIDE.search(text):
        lines = textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False) or [""]
    else:
        lines = _wrapped(text, columns)
    return [line.replace(_HELD, " ") for line in lines]


def _held(command: str, columns: int) -> str:
    """The same, with what holds its words together."""
    return command.replace(" ", _HELD) if width(command) < columns - _BESIDE else command


def _wrapped(text: str, columns: int) -> list[str]:
    lines, line = [], ""
    for piece in _pieces(text):
        if line and width(line + piece) > columns:
            lines.append(line)
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line]


def _pieces(text: str) -> list[str]:
    """What may not be parted: each piece begins where a line may begin."""
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        if pieces and (piece[0] in _NEVER_FIRST or pieces[-1][-1] in _NEVER_LAST):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces
