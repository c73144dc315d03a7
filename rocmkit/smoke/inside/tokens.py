"""tokens.txt, and text out of tokens, as sherpa-onnx makes it (csrc/symbol-table.cc, text-utils.cc). Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Iterable, NamedTuple

#: SentencePiece's sign for a blank before a word.
_WORD = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
#: Byte-level pieces write a byte that cannot be printed as one of these: letters from U+0100 on that NFKC leaves alone
#: (k2-fsa/icefall icefall/byte_utils.py).
_LETTERS = [chr(code) for code in range(0x100, 0x1A7) if unicodedata.is_normalized("NFKC", chr(code))]
_OF_LETTER = {
    **{chr(code): code for code in range(32, 127)},
    **dict(zip(_LETTERS, (*range(32), *range(127, 256)))),
    "\u2047": 32,  # what an unknown piece is written as
}
_CJK = (
    *((0x1100, 0x11FF), (0x2E80, 0xA4CF), (0xA840, 0xD7AF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF65, 0xFFDC)),
    (0x20000, 0x2FFFF),
)
_PUNCTUATION = (
    *((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0x3000, 0x303F), (0xFF01, 0xFF0F), (0xFF1A, 0xFF20)),
    *((0xFF3B, 0xFF40), (0xFF5B, 0xFF65)),
)


class BadTokens(ValueError):
    """What is no list of tokens."""


class Tokens(NamedTuple):
    """The pieces of text that a model writes, by their numbers."""

    pieces: dict[int, str]
    unknown: int | None  # the number of <unk>
    bytewise: bool  # they are bytes, written as letters


def parse(data: bytes, *, source: str = "tokens.txt") -> Tokens:
    """A line is a piece and its number; a number alone is that of the blank. Raises BadTokens.

    Only ASCII's blanks part the two: the ideographic space is a piece like others.
    """
    pieces: dict[int, str] = {}
    for number, line in enumerate((data[3:] if data.startswith(b"\xef\xbb\xbf") else data).split(b"\n"), 1):
        words = line.split()
        if not words:
            continue
        if len(words) > 2 or not words[-1].isdigit() or len(words[-1]) > 9:
            raise BadTokens(f"{source}:{number}: not a piece of text and its number")
        try:
            piece = words[0].decode() if len(words) == 2 else " "
        except UnicodeDecodeError:
            raise BadTokens(f"{source}:{number}: not UTF-8") from None
        pieces.setdefault(int(words[-1]), piece)
    if not pieces:
        raise BadTokens(f"{source}: no tokens in it")
    unknown = next((number for number, piece in pieces.items() if piece == "<unk>"), None)
    return Tokens(pieces=pieces, unknown=unknown, bytewise=_bytewise(pieces.values()))


def _bytewise(pieces: Iterable[str]) -> bool:
    letters = set("".join(piece.replace(_WORD, "") for piece in pieces))
    # The letters for the upper bytes are there, and none beyond: U+0180 and on begin with the byte 0xC6.
    return all(letter < "\u01c0" for letter in letters) and any(letter >= "\u0180" for letter in letters)


def piece_of(tokens: Tokens, number: int) -> str:
    """A piece by itself. Raises KeyError."""
    piece = tokens.pieces[number]
    return " " + piece[1:] if piece.startswith(_WORD) and not tokens.bytewise else piece


def text_of(tokens: Tokens, numbers: Iterable[int]) -> str:
    """The text. Raises KeyError for a number that has no piece."""
    pieces = [piece_of(tokens, number) for number in numbers]
    if tokens.bytewise:
        return unspaced(_from_bytes("".join(pieces))).strip(" ")
    text = b""
    for piece in pieces:
        byte = _BYTE.fullmatch(piece)
        text += bytes([int(byte[1], 16)]) if byte else piece.encode()
    return unspaced(text.decode(errors="replace")).strip(" ")


def _from_bytes(text: str) -> str:
    out = bytearray()
    for letter in text:
        if letter == _WORD:
            if out and out[-1] in range(33, 127):
                out += b" "
        elif letter in _OF_LETTER:
            out.append(_OF_LETTER[letter])
    return out.decode(errors="replace")


def unspaced(text: str) -> str:
    """Without the blanks between Chinese, Japanese and Korean letters, and those before punctuation."""
    kept = list(text[:1])
    for before, letter, after in zip(text, text[1:], (*text[2:], "")):
        between = after and ((_in(before, _CJK) and _in(after, _CJK)) or _in(after, _PUNCTUATION))
        if letter != " " or not between:
            kept.append(letter)
    return "".join(kept)


def _in(letter: str, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(first <= ord(letter) <= last for first, last in ranges)
