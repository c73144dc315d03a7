"""What a compressed range of a source unpacks to, as a source of its own: zlib and zstd, in pieces."""

from __future__ import annotations

import importlib
import zlib
from typing import Any, Protocol

from rocmkit.gpucode.source import Source

ZLIB, ZSTD = 0, 1  # llvm::compression::Format, llvm/include/llvm/Support/Compression.h
_PACKED = 64 << 10  # read at once
_LEAST, _PIECE = 4 << 10, 256 << 10  # unpacked at once


class UnpackError(Exception):
    """What is compressed cannot be unpacked; the message says why."""


class Unpacked:
    """What the compressed bytes from `start` unpack to, read forwards: each read begins at or behind the beginning of the one before.

    Memory: the piece asked for, a few hundred KiB, and the window that zstd's frame asks for (at most 128 MiB, its limit, of which
    only what was unpacked is touched).
    """

    def __init__(self, source: Source, start: int, end: int, method: int, size: int) -> None:
        """`size`: what it unpacks to. Raises UnpackError for an unknown method, ImportError where zstd is missing."""
        self._source, self._at, self._end = source, start, end
        self._unpacker = _unpacker(method)
        self._base = 0  # offset of the buffer's first byte
        self._buffer = bytearray()
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece; nothing where it lies before the last one. Raises UnpackError."""
        if not self._base <= offset < self.size:
            return b""
        self._forward(offset, min(offset + length, self.size))
        with memoryview(self._buffer) as view:
            return bytes(view[offset - self._base : offset - self._base + length])

    def finish(self) -> int:
        """Unpack the rest; the offset in the source behind the last compressed byte. Raises UnpackError, also for a wrong size."""
        self._forward(self.size, self.size)
        while not self._unpacker.eof:
            if self._next(_PIECE):
                raise UnpackError("a compressed bundle is damaged")
        return self._at - len(self._unpacker.unused_data)

    def _forward(self, keep: int, until: int) -> None:
        """Unpack up to `until` and drop what lies before `keep`."""
        while True:
            drop = min(keep - self._base, len(self._buffer))
            if drop:
                del self._buffer[:drop]
                self._base += drop
            if self._base + len(self._buffer) >= until:
                return
            self._buffer += self._next(min(_PIECE, max(_LEAST, until - self._base - len(self._buffer))))
            if self._base + len(self._buffer) > self.size:
                raise UnpackError("a compressed bundle is damaged")

    def _next(self, most: int) -> bytes:
        """The next unpacked bytes; none only where the end was met."""
        while not self._unpacker.eof:
            packed, asked = b"", self._unpacker.needs_input
            if asked and self._at < self._end:
                packed = self._source.read(self._at, min(_PACKED, self._end - self._at))
                self._at += len(packed)
            try:
                piece = self._unpacker.decompress(packed, most)
            except (zlib.error, self._unpacker.error):
                raise UnpackError("a compressed bundle is damaged") from None
            if piece:
                return piece
            if asked and not packed and not self._unpacker.eof:
                raise UnpackError("a compressed bundle is cut off")
        if self._base + len(self._buffer) < self.size:
            raise UnpackError("a compressed bundle is damaged")
        return b""


class _Unpacker(Protocol):
    error: type[Exception]

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Zlib:
    error: type[Exception] = zlib.error

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


class _Zstd:
    def __init__(self) -> None:
        library = zstd_library()
        self.error: type[Exception] = library.ZstdError
        self._stream = library.ZstdDecompressor()

    @property
    def eof(self) -> bool:
        return bool(self._stream.eof)

    @property
    def needs_input(self) -> bool:
        return bool(self._stream.needs_input)

    @property
    def unused_data(self) -> bytes:
        rest: bytes = self._stream.unused_data
        return rest

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        piece: bytes = self._stream.decompress(data, max_length)
        return piece


def _unpacker(method: int) -> _Unpacker:
    if method == ZLIB:
        return _Zlib()
    if method == ZSTD:
        return _Zstd()
    raise UnpackError(f"a compressed bundle uses the unknown method {method}")


def zstd_library() -> Any:
    """The standard library's module from Python 3.14 on, else its backport. Raises ImportError where there is neither."""
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        return importlib.import_module("backports.zstd")
