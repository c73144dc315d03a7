"""Deflated bytes as a source that can be read anywhere, in bounded memory.

A deflate stream can only be followed from its beginning, so the state of the decompressor is copied every few megabytes on the way,
and a later read starts from the copy before it. What is read is inflated in whole segments, of which the last few are kept: the readers
of headers come back to the same places.
"""

from __future__ import annotations

import errno
import zlib
from collections import OrderedDict
from typing import NamedTuple

from rocmkit.gpucode.source import Source

_SEGMENT = 4 << 20  # inflated bytes from one copy to the next
_COPIES = 512  # at most; each takes about 50 KB with zlib's window of 32 KB
_KEPT = 16 << 20  # bytes of inflated segments
_PIECE = 16 << 10  # of the file, read at a time; a copy of the decompressor holds on to what it has not used of one
_STEP = 1 << 20  # inflated at a time where only the way is needed


class _State(NamedTuple):
    """A place in the stream: the decompressor there, what it has not used of the last piece, and where the next piece begins."""

    decompressor: zlib._Decompress
    rest: bytes
    at: int


class Inflated:
    """A deflate stream (RFC 1951, without a header) that inflates to `size` bytes. `checksum` is the CRC-32 of them all.

    Nothing beyond `size` is inflated. Reading raises OSError with EIO where the stream is damaged or ends early. The checksum is compared
    once, when the stream has been inflated to its end for the first time; bytes read before that are not vouched for.
    """

    def __init__(self, packed: Source, size: int, checksum: int) -> None:
        self.size = size
        self._packed = packed
        self._checksum = checksum
        self._segment = max(_SEGMENT, -(-size // _COPIES))
        self._states = [_State(zlib.decompressobj(-zlib.MAX_WBITS), b"", 0)]  # at the beginning of each segment reached so far
        self._followed = 0  # segments, of which `_met` is the CRC-32
        self._met = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece; inflates what leads to it where that was not done before."""
        end = min(offset + length, self.size)
        if offset < 0 or offset >= end:
            return b""
        first, last = offset // self._segment, (end - 1) // self._segment
        parts = [self._inflated(index) for index in range(first, last)] if last > first else []
        parts.append(self._inflated(last)[: end - last * self._segment])
        parts[0] = parts[0][offset - first * self._segment :]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _inflated(self, index: int) -> bytes:
        """One whole segment."""
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        while len(self._states) <= index:
            self._follow(len(self._states) - 1, keep=False)
        while len(self._kept) >= max(2, _KEPT // self._segment):
            self._kept.popitem(last=False)
        data = self._kept[index] = self._follow(index, keep=True)
        return data

    def _follow(self, index: int, *, keep: bool) -> bytes:
        """Inflate a segment from its beginning; the segment, where it is to be kept. The first time the place after it is noted."""
        state = self._states[index]
        decompressor, rest, at = state.decompressor.copy(), state.rest, state.at
        new = index == self._followed
        wanted = min(self._segment, self.size - index * self._segment)
        parts = []
        met = self._met
        while wanted:
            if not rest:
                rest = self._packed.read(at, _PIECE)
                at += len(rest)
            fed = len(rest)
            try:
                data = decompressor.decompress(rest, min(wanted, _STEP))
            except zlib.error:
                raise OSError(errno.EIO, "the compressed data is damaged") from None
            rest = decompressor.unconsumed_tail
            if not data and len(rest) == fed:
                raise OSError(errno.EIO, "the compressed data ends early")
            wanted -= len(data)
            if wanted and decompressor.eof:
                raise OSError(errno.EIO, "the compressed data ends early")
            met = zlib.crc32(data, met) if new else met
            if keep:
                parts.append(data)
        if new:
            self._note(index, _State(decompressor, rest, at), met)
        return b"".join(parts)

    def _note(self, index: int, state: _State, met: int) -> None:
        """Remember how far the stream was followed; at its end compare the checksum."""
        if (index + 1) * self._segment < self.size:
            self._states.append(state)
        elif met != self._checksum:
            raise OSError(errno.EIO, "the checksum of the unpacked data is wrong")
        self._followed, self._met = index + 1, met
