"""The encoding of protobuf, read where it lies: a message is a range of a file, and what nobody asks for is never read.

https://protobuf.dev/programming-guides/encoding/. This is not the `onnx` package, nor protobuf's own: those read the whole file into
memory, 600 MB of weights with it, and would bring dependencies into rocmkit's environment, which needs them for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.gpucode.source import Source
from rocmkit.model import DataError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

#: Fields of one file. A model of 100 000 nodes has about two million.
MAX_FIELDS = 5_000_000
_CHUNK = 1 << 14
_LONGEST = 10  # bytes of a varint

#: Number, kind, and the range in which it lies; of a VARINT its value and 0.
Field = tuple[int, int, int, int]


class Wire:
    """Messages in a source. Every method raises DataError where they do not hold together, and OSError as the source does."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._base = 0
        self._chunk = b""
        self._last = -1  # place in it from which a number may go beyond its end
        self._fields = 0

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message that lies there."""
        at = start
        while at < end:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise DataError("it has more parts than any model")
            key, at = self.varint(at, end)
            number, kind = key >> 3, key & 7
            if not number:
                raise DataError(f"at byte {at} there is a field without a number")
            if kind == VARINT:
                value, at = self.varint(at, end)
                yield number, kind, value, 0
                continue
            if kind == BYTES:
                size, at = self.varint(at, end)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise DataError(f"at byte {at} there is no field of a message")
            if size > end - at:
                raise DataError(f"at byte {at} something is longer than what it lies in")
            yield number, kind, at, at + size
            at += size

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """A number, and where it ends."""
        place = at - self._base
        if not 0 <= place <= self._last:
            self._chunk, self._base, place = self._source.read(at, _CHUNK), at, 0
            self._last = len(self._chunk) - _LONGEST
        if self._last >= 0 and self._chunk[place] < 0x80 and at < end:  # nine of ten
            return self._chunk[place], at + 1
        value = shift = 0
        for byte in self._chunk[place : place + min(_LONGEST, end - at)]:
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
        raise DataError(f"at byte {at} a number has no end")

    def varints(self, start: int, end: int) -> Iterator[int]:
        """Numbers packed one behind the other."""
        while start < end:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise DataError("it has more parts than any model")
            value, start = self.varint(start, end)
            yield value

    def text(self, start: int, end: int, most: int) -> str:
        """Text of up to `most` bytes; what is longer is cut, and ends with a mark of that. What is no UTF-8 is replaced."""
        size = min(end - start, most)
        place = start - self._base
        inside = 0 <= place <= len(self._chunk) - size
        data = self._chunk[place : place + size] if inside else self._source.read(start, size)
        if len(data) < size:
            raise DataError("it became shorter while it was read")
        return data.decode("utf-8", "replace") + ("…" if end - start > most else "")


def signed(value: int) -> int:
    """A varint as the int64 that it stands for."""
    return value - (1 << 64) if value >> 63 else value
