"""Tensile's lists of solutions, which rocBLAS and hipBLASLt load before any kernel: MessagePack in .dat files, or YAML.

A list is a map with `solutions` and `library`, and in newer ones `version`. A lazy one has no solutions and names the other files; there
each part says which processor it is for. The names of solutions say for which instruction set they were made (ISA906; ISA000 for any).
hipBLASLt has two more: one with the extra operations, by target, and one that maps numbers to names of files. Seen in Debian's librocblas4
6.4.4 and libhipblaslt1 7.1.1. Newer ones are packed with zlib and end in .zlib (https://github.com/ROCm/rocm-libraries/pull/8294).
YAML ends with "..." as Tensile writes it (writeYAML, Tensile/LibraryIO.py, https://github.com/ROCm/Tensile).
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

import msgspec

from rocmkit.gpucode.source import Source

#: Larger lists are only looked at where they begin. The largest in the packages named above has 13 MB.
MAX_WHOLE = 64 << 20
MAX_UNPACKED = 1 << 30
_PIECE = 1 << 20

# Raw: looked through to its end and kept as it is, with no object for each part; so a list of any shape takes the memory of its bytes.
_ANYTHING = msgspec.msgpack.Decoder(msgspec.Raw)
_SOLUTIONS = b"\xa9solutions"
_PROCESSOR = re.compile(rb"\xa9Processor\xa5value[\xa3-\xbf](gfx[0-9a-z-]+)", re.ASCII)  # a string of up to 31 bytes begins with one byte
_ISA = re.compile(rb"_ISA([0-9a-f]{3,4})_", re.ASCII)
_OF_TARGET = re.compile(rb"[\xa3-\xbf](gfx[0-9a-f]+)[\x80-\x8f]", re.ASCII)  # a map, of the extra operations for one target
_YAML = re.compile(rb"^(?:library|solutions|version|gfx[0-9a-f]+|[0-9]+) *:", re.MULTILINE | re.ASCII)


class Held(NamedTuple):
    """What a kernel file holds, as KernelFile says it."""

    targets: tuple[str, ...] | None
    entries: int | None
    problem: str | None


def read_dat(source: Source, *, packed: bool) -> Held:
    """A list in MessagePack, whole or with zlib around it. Raises OSError as `source` does."""
    if packed:
        data, whole, problem = _unpacked(source)
        if problem:
            return Held(None, None, problem)
    else:
        whole = source.size <= MAX_WHOLE
        data = source.read(0, source.size if whole else _PIECE)
    if whole:
        try:
            _ANYTHING.decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            cut = "truncated" in str(error)
            return Held(None, None, "it is cut off" if cut else "its MessagePack is damaged")
    head = _count(data, 0, maps=True)
    if head is None:
        return Held(None, None, "it is no list of solutions")
    keys, at = head
    if data.startswith(_SOLUTIONS, at):
        solutions = _count(data, at + len(_SOLUTIONS), maps=False)
        if solutions is None:
            return Held(None, None, "it is no list of solutions")
        return Held(_targets(data) if whole else None, solutions[0], None)
    found = {name.decode() for name in _OF_TARGET.findall(data)} if whole and data.startswith(b"gfx", at + 1) else set()
    return Held(tuple(sorted(found)) or None, keys, None)


def read_yaml(source: Source) -> Held:
    """A list in YAML, by its beginning and its end: parsing it would take minutes. Raises OSError as `source` does."""
    head = source.read(0, _PIECE)
    if b"\0" in head or not _YAML.search(head):
        return Held(None, None, "it is no list of solutions")
    end = source.read(max(0, source.size - 256), 256).rstrip()
    if head.startswith(b"---") and not (end == b"..." or end.endswith(b"\n...")):
        return Held(None, None, "it is cut off")
    return Held(None, None, None)


def _targets(data: bytes) -> tuple[str, ...] | None:
    """Processors that a list is for, by itself; None where it does not say."""
    said = {name.decode() for name in _PROCESSOR.findall(data)} or {f"gfx{isa.decode()}" for isa in _ISA.findall(data) if isa != b"000"}
    return tuple(sorted(said)) or None


def _count(data: bytes, at: int, *, maps: bool) -> tuple[int, int] | None:
    """How many entries the map or array at a place has, and where they begin. https://github.com/msgpack/msgpack/blob/master/spec.md"""
    kind = data[at : at + 1]
    small, wide = (0x80, b"\xde\xdf") if maps else (0x90, b"\xdc\xdd")
    if kind and small <= kind[0] < small + 16:
        return kind[0] - small, at + 1
    if not kind or kind not in wide:
        return None
    size = 2 if kind == wide[:1] else 4
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def _unpacked(source: Source) -> tuple[bytes, bool, str | None]:
    """What a zlib stream holds, whether that is all of it, and what is wrong with it. Of a large one only the beginning is kept."""
    stream = zlib.decompressobj()
    parts: list[bytes] = []
    total = at = 0
    rest = b""
    while not stream.eof:
        if not rest:
            rest = source.read(at, _PIECE)
            at += len(rest)
        fed = len(rest)
        try:
            data = stream.decompress(rest, _PIECE)
        except zlib.error:
            return b"", False, "its compressed data is damaged"
        rest = stream.unconsumed_tail
        if not data and len(rest) == fed and not stream.eof:
            return b"", False, "it is cut off"
        total += len(data)
        if total <= MAX_WHOLE:
            parts.append(data)
        elif total > MAX_UNPACKED:
            break
    if stream.eof and (stream.unused_data or at < source.size):
        return b"", False, "its compressed data is damaged"
    if total > MAX_WHOLE:
        return parts[0], False, None
    return b"".join(parts), True, None
