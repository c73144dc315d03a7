"""Offload bundles: how HIP puts code for several GPUs behind one symbol of a host library.

A section .hip_fatbin holds one bundle for each translation unit, one after the other, padded with zeros to 4096 bytes. Formats:
https://clang.llvm.org/docs/ClangOffloadBundler.html ("Bundled Code Object File Layout" and "Compression and Decompression"), and for
the compressed header's versions llvm/lib/Object/OffloadBundle.cpp (RawCompressedBundleHeader). Ends of bundles come from their own size
fields; payload is never searched for the magic, which it may contain (https://github.com/llvm/llvm-project/pull/206745).
"""

from __future__ import annotations

import importlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

from rocmkit.gpucode import targets
from rocmkit.gpucode.source import Source

MAGIC = b"__CLANG_OFFLOAD_BUNDLE__"
COMPRESSED_MAGIC = b"CCOB"

MAX_BUNDLES = 200_000
MAX_ENTRIES = 4096  # of one bundle
MAX_ALL_ENTRIES = 500_000
MAX_ID = 256
MAX_PADDING = 64 << 20  # zeros between all bundles of a file
_HEAD = 8192  # holds the header of a bundle for about a hundred targets
_UNPACKED_HEAD = 64 << 10  # unpacked to read the header of a compressed bundle
_PACKED_HEAD = 132 << 10  # read for that: zstd gives nothing before its first block is whole, and a block has up to 128 KiB (RFC 8878)

# version: fields after magic and version. Sizes count the whole compressed bundle with its header, and what it unpacks to.
_COMPRESSED = {1: "<HIQ", 2: "<HIIQ", 3: "<HQQQ"}
_ZLIB, _ZSTD = 0, 1  # llvm::compression::Format


class _StopError(Exception):
    """The rest cannot be followed; the message says why."""


@dataclass
class Found:
    """What was met so far."""

    targets: set[str] = field(default_factory=set)
    bundles: int = 0
    compressed: int = 0
    problems: dict[str, None] = field(default_factory=dict)
    """An ordered set of short reasons; while it is empty, `targets` is complete."""
    entries: int = 0
    padding: int = 0


def walk(source: Source, start: int, end: int, found: Found) -> None:
    """Follow the bundles between two offsets of `source` and add what they hold to `found`. Raises OSError as `source` does."""
    try:
        while (start := _skip_zeros(source, start, end, found)) < end:
            if found.bundles + found.compressed >= MAX_BUNDLES:
                raise _StopError("there are too many bundles")
            head = source.read(start, min(_HEAD, end - start))
            if head.startswith(MAGIC):
                found.bundles += 1
                start += _bundle(source, start, head, end - start, found)
            elif head.startswith(COMPRESSED_MAGIC):
                found.compressed += 1
                start += _compressed(source, start, head, end - start, found)
            else:
                raise _StopError("GPU code is in no known format")
    except _StopError as problem:
        found.problems[str(problem)] = None


def _skip_zeros(source: Source, start: int, end: int, found: Found) -> int:
    step = 4096
    while start < end:
        data = source.read(start, min(step, end - start))
        if not data:
            raise _StopError("a bundle section lies beyond the end of the file")
        zeros = len(data) - len(data.lstrip(b"\0"))
        start += zeros
        found.padding += zeros
        if zeros < len(data):
            break
        if found.padding > MAX_PADDING:
            raise _StopError("a bundle section is mostly empty")
        step = 1 << 20
    return start


def _bundle(source: Source, start: int, head: bytes, room: int, found: Found) -> int:
    """Read a bundle's header; its length."""
    try:
        return _entries(head, room, found)
    except struct.error:
        longest = len(MAGIC) + 8 + MAX_ENTRIES * (24 + MAX_ID)
        try:
            return _entries(source.read(start, min(longest, room)), room, found)
        except struct.error:
            raise _StopError("a bundle is cut off") from None


def _entries(head: bytes, room: int, found: Found) -> int:
    """Add the targets of the bundle that begins with `head`; its length. Raises struct.error where `head` ends before its header."""
    (count,) = struct.unpack_from("<Q", head, len(MAGIC))
    if count > MAX_ENTRIES:
        raise _StopError("a bundle has too many entries")
    at = len(MAGIC) + 8
    end: int = at
    met = set()
    for _ in range(count):
        offset, size, length = struct.unpack_from("<QQQ", head, at)
        if length > MAX_ID:
            raise _StopError("a bundle entry's name is too long")
        (name,) = struct.unpack_from(f"{length}s", head, at + 24)
        at += 24 + int(length)
        if offset + size > room:
            raise _StopError("a bundle is cut off")
        end = max(end, offset + size)
        target = targets.of_bundle_entry(name.decode("utf-8", "replace"))
        if target is None:
            found.problems["a bundle entry is of an unknown kind"] = None
        elif target and size:  # an entry of no size is a place kept for a target, without code
            met.add(target)
    found.entries += count
    if found.entries > MAX_ALL_ENTRIES:
        raise _StopError("there are too many bundle entries")
    found.targets |= met
    return max(end, at)


def _compressed(source: Source, start: int, head: bytes, room: int, found: Found) -> int:
    """Read a compressed bundle's header, and of what it unpacks to the beginning; its length."""
    version = int.from_bytes(head[4:6], "little")
    layout = _COMPRESSED.get(version)
    if layout is None:
        raise _StopError(f"a compressed bundle has the unknown version {version}")
    begin = 6 + struct.calcsize(layout)
    if len(head) < begin:
        raise _StopError("a compressed bundle is cut off")
    fields = struct.unpack_from(layout, head, 6)
    method, unpacked = fields[0], fields[-2]
    if version == 1:  # has no size of its own: readable only where it is the last one, which nothing tells
        raise _StopError("a compressed bundle of version 1 does not say where it ends")
    size: int = fields[1]
    if not begin <= size <= room:
        raise _StopError("a compressed bundle is cut off")
    packed = source.read(start + begin, min(size - begin, _PACKED_HEAD))
    beginning = _unpack(method, packed, found)
    if beginning is not None:
        try:
            if not beginning.startswith(MAGIC):
                raise struct.error
            _entries(beginning, unpacked, found)
        except struct.error:
            found.problems["a compressed bundle is damaged"] = None
    return size


def _unpack(method: int, packed: bytes, found: Found) -> bytes | None:
    """The first 64 KiB of what `packed` begins; that holds the header. None where it cannot be had, with the reason in `found`."""
    try:
        if method == _ZLIB:
            return zlib.decompressobj().decompress(packed, _UNPACKED_HEAD)
        if method == _ZSTD:
            zstd = _zstd()
            try:
                beginning: bytes = zstd.ZstdDecompressor().decompress(packed, _UNPACKED_HEAD)
            except zstd.ZstdError:
                raise zlib.error from None
            return beginning
        found.problems[f"a compressed bundle uses the unknown method {method}"] = None
    except zlib.error:
        found.problems["a compressed bundle is damaged"] = None
    except ImportError:
        found.problems["bundles are compressed with zstd"] = None
    return None


def _zstd() -> Any:
    """The standard library's module from Python 3.14 on, else its backport. Raises ImportError where there is neither."""
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        return importlib.import_module("backports.zstd")
