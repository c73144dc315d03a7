"""Bytes of a log as blocks of clean rows: UTF-8, without colours, with what a progress bar or a JSON string holds row by row."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from rocmkit.kb import issues as kb
from rocmkit.model import Model

#: So much is looked at in one piece.
BLOCK_BYTES = 1 << 20
#: A line that is longer goes on in another row, which repeats so much of the one before, behind a mark.
ROW_BYTES, REPEATED = 1 << 16, 1 << 10
_GOES_ON = "… ".encode()
#: Colours and cursor movements, titles of windows, what Buildkite puts before a line, and other escape sequences of terminals.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[]_P^X][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]+[0-~]|[0-9=>@-Z\\c])")
#: A line that begins with a JSON object and holds escaped characters.
_JSON = re.compile(rb'(?m)^[^\n{]{0,100}\{"[^\n\\]*\\[^\n]*')
_JSON_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))")
#: What escaped letters stand for. A line feed within a string is none of the log.
_JSON_MEANS = {b"n": b"\r", b"r": b"", b"t": b"\t", b"b": b"", b"f": b""}
_LONG = re.compile(rb"(?<![^\r\n])[^\r\n]{%d}[^\r\n]+" % ROW_BYTES)
_BEYOND_ASCII = re.compile(rb"(?m)^[\x00-\x09\x0b-\x7f]*[\x80-\xff][^\n]*")
_BOMS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Block(Model, kw_only=True):
    """Whole rows of a log."""

    first: int  # number of the first row's line, counted from 1
    text: bytes  # UTF-8; every row ends with a line feed
    parts: tuple[int, ...]  # places of line feeds in `text` that are none in the log

    @property
    def last(self) -> int:
        """Number of the last row's line."""
        return self.first + self.text.count(b"\n") - len(self.parts) - 1

    def line_of(self, place: int, row: int) -> int:
        """Number of the line that holds a place in `text`, which lies in this row of the block, counted from 0."""
        return self.first + row - bisect_left(self.parts, place)

    def row_at(self, place: int) -> tuple[int, int]:
        """Where the row that holds a place begins and ends."""
        return self.text.rfind(b"\n", 0, place) + 1, self.text.find(b"\n", place)


def blocks(chunks: Iterable[bytes]) -> Iterator[Block]:
    """The log in blocks of about BLOCK_BYTES. `chunks` may be of any length, and cut lines and characters anywhere."""
    rest, line = bytearray(), 1
    for chunk in _utf8(chunks):
        for begin in range(0, len(chunk), BLOCK_BYTES):
            rest += chunk[begin : begin + BLOCK_BYTES]
            while len(rest) > BLOCK_BYTES:
                end = rest.rfind(b"\n", 0, BLOCK_BYTES) + 1
                if end:
                    raw = bytes(rest[:end])
                    del rest[:end]
                else:
                    end = _between(rest, BLOCK_BYTES)
                    raw = bytes(rest[:end])
                    rest[: _between(rest, end - REPEATED)] = _GOES_ON
                yield _block(raw, line)
                line += raw.count(b"\n")
    if rest:
        yield _block(bytes(rest), line)


def _between(text: bytes | bytearray, place: int) -> int:
    """The nearest place before or at `place` that lies between two characters."""
    return next((near for near in range(place, place - 4, -1) if text[near] & 0xC0 != 0x80), place)


def _block(raw: bytes, first: int) -> Block:
    text = raw.replace(b"\x00", b"") if b"\x00" in raw else raw
    if not text.endswith(b"\n"):
        text += b"\n"
    if b'{"' in text and b"\\" in text:
        text = _JSON.sub(lambda line: _JSON_ESCAPE.sub(_unescaped, line.group()), text)
    if not text.isascii():
        text = _english(_decoded(text))
    if b"\x1b" in text:
        text = _ESCAPES.sub(b"", text)
    if b"\r" in text:
        text = re.sub(rb"(?<!\r)\r+\n", b"\n", text)  # without the look behind, a run of them is read once for each
    # A line that is longer than a row spans half a row somewhere; that is quickly seen.
    if any(text.find(b"\n", place, place + ROW_BYTES // 2) < 0 for place in range(0, len(text) - ROW_BYTES // 2, ROW_BYTES // 2)):
        text = _LONG.sub(_rows, text)
    parts: tuple[int, ...] = ()
    if b"\r" in text:
        parts = tuple(place.start() for place in re.finditer(rb"\r", text))
        text = text.replace(b"\r", b"\n")
    return Block(first=first, text=text, parts=parts)


def _rows(found: re.Match[bytes]) -> bytes:
    """A long line as rows."""
    line, rows, begin = found.group(), [], 0
    while len(line) - begin > ROW_BYTES:
        end = _between(line, begin + ROW_BYTES)
        rows.append(line[begin:end])
        begin = _between(line, end - REPEATED)
    return (b"\r" + _GOES_ON).join([*rows, line[begin:]])


def _unescaped(found: re.Match[bytes]) -> bytes:
    """What an escaped character of a JSON string stands for."""
    if found[1]:
        return chr(int(found[1], 16)).encode("utf-8", "replace").replace(b"\n", b"\r")
    return _JSON_MEANS.get(found[2], found[2])


def _decoded(raw: bytes) -> bytes:
    """`raw` as valid UTF-8: a line that is none is taken for EUC-JP or Shift JIS, else its odd bytes are replaced."""
    try:
        raw.decode()
        return raw
    except UnicodeDecodeError:
        return _BEYOND_ASCII.sub(lambda line: _decoded_line(line.group()), raw)


def _decoded_line(raw: bytes) -> bytes:
    for encoding in ("utf-8", "euc_jp", "cp932"):
        try:
            return raw.decode(encoding).encode()
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace").encode()


@cache
def _japanese() -> tuple[Any, dict[bytes, bytes], list[tuple[bytes, Any, bytes]]]:
    """A pattern of all words and what they mean; and the sentences with a gap: what is certain of it, its pattern, what it means."""
    import re2  # where there is none, `match` has said so before

    meanings = {japanese.encode(): english.encode() for japanese, english in kb.words().items()}
    longest_first = sorted((word for word in meanings if b"{}" not in word), key=len, reverse=True)
    gaps = [
        (
            max(japanese.split(b"{}"), key=len),
            # A name in quotes may hold blanks.
            re2.compile(
                re2.escape(japanese).replace(rb"'\{\}", rb"'([^`'\n]+)").replace(rb"`\{\}", rb"`([^`'\n]+)").replace(rb"\{\}", rb"(\S+)")
            ),
            english.replace(b"{}", rb"\1"),
        )
        for japanese, english in meanings.items()
        if b"{}" in japanese
    ]
    return re2.compile(b"|".join(map(re2.escape, longest_first))), meanings, gaps


def _english(text: bytes) -> bytes:
    """What the C library and the tools say in Japanese, in English: the patterns know no other language."""
    words, meanings, gaps = _japanese()
    for certain, pattern, english in gaps:
        if certain in text:
            text = pattern.sub(english, text)
    english_text: bytes = words.sub(lambda found: meanings[found.group()], text)
    return english_text


def _utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-16, as PowerShell writes it, as UTF-8; anything else as it is."""
    source = iter(chunks)
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= 3:
            break
    encoding = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    if encoding is None:
        yield head.removeprefix(codecs.BOM_UTF8)
        yield from source
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(head[2:]).encode("utf-8", "replace")
    for chunk in source:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
