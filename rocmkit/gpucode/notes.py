"""What the notes of an AMD GPU code object say: its target, its kernels, the width of their wavefronts.

https://llvm.org/docs/AMDGPUUsage.html#note-records: since code object version 3 one note in MessagePack, before that several, of which
one is YAML. Nothing is trusted: sizes and counts have bounds, and the decoder takes only the three fields that are wanted.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

import msgspec

from rocmkit.gpucode import targets
from rocmkit.gpucode.elf import Elf
from rocmkit.gpucode.source import Source

MAX_RANGE = 16 << 20  # bytes; the largest in Debian's rocBLAS 6.4 has 6.6 MB
MAX_RANGES = 16
MAX_KERNELS = 100_000  # of one code object
_LEAST_KERNEL = 32  # bytes: less does not hold the keys that every kernel has

_METADATA = (b"AMDGPU", 32)
_OLD_ISA_VERSION, _OLD_METADATA = (b"AMD", 3), (b"AMD", 10)
_TOO_MANY = "a code object has too many kernels"
_OLD_KERNEL = re.compile(rb"^  - Name: +'?([^'\n]{1,65536}?)'? *$", re.MULTILINE)
_OLD_WAVEFRONT = re.compile(rb"^      WavefrontSize: +([0-9]{1,4}) *$", re.MULTILINE)


class _Kernel(msgspec.Struct):
    name: str = msgspec.field(name=".name")
    wavefront: int = msgspec.field(name=".wavefront_size", default=0)


class _Metadata(msgspec.Struct):
    kernels: msgspec.Raw = msgspec.field(name="amdhsa.kernels", default_factory=lambda: msgspec.Raw(b"\x90"))
    target: str | None = msgspec.field(name="amdhsa.target", default=None)


# Made once, when the module is imported: msgspec prepares a type on first use, and not safely from two threads.
_decode_metadata = msgspec.msgpack.Decoder(_Metadata).decode
_decode_kernels = msgspec.msgpack.Decoder(list[_Kernel]).decode


@dataclass
class Notes:
    """What was read."""

    target: str | None = None
    kernels: int | None = None
    names: list[str] = field(default_factory=list)
    wavefronts: set[int] = field(default_factory=set)
    problem: str | None = None
    """Why `kernels` is None."""
    size: int = 0
    """Bytes that were read of the notes."""

    def add(self, names: list[str]) -> None:
        """Count kernels."""
        self.kernels = (self.kernels or 0) + len(names)
        self.names += names
        if self.kernels > MAX_KERNELS:
            self.problem = _TOO_MANY


def read_notes(source: Source, elf: Elf) -> Notes:
    """Read the notes of a code object, forwards. Raises OSError as `source` does.

    There may be hundreds: Tensile assembles each kernel by itself, and linking keeps their notes side by side.
    """
    notes = Notes()
    for start, length in sorted(elf.notes)[:MAX_RANGES]:
        data = source.read(start, min(length, MAX_RANGE))
        notes.size += len(data)
        if len(data) == MAX_RANGE < length:
            notes.problem = "a code object's metadata is too large"
            break
        _range(memoryview(data), elf.order, notes)
        if len(data) < length:
            notes.problem = notes.problem or "a code object is cut off"
        if notes.problem:
            break
    if notes.problem is None and notes.kernels is None:
        notes.problem = "a code object has no metadata"
    if notes.problem:
        notes.kernels = None
    return notes


def _range(data: memoryview, order: str, notes: Notes) -> None:
    at = 0
    while at + 12 <= len(data) and notes.problem is None:
        name_size, size, kind = struct.unpack_from(order + "III", data, at)
        name = bytes(data[at + 12 : at + 12 + min(name_size, 8)]).rstrip(b"\0")
        offset = at + 12 + (name_size + 3 & ~3)
        at = offset + (size + 3 & ~3)
        if offset + size > len(data):
            notes.problem = "a code object's metadata is damaged"
        elif (name, kind) == _METADATA:
            _metadata(data[offset : offset + size], notes)
        elif (name, kind) == _OLD_METADATA:
            _old_metadata(bytes(data[offset : offset + size]), notes)
        elif (name, kind) == _OLD_ISA_VERSION and size >= 16:
            notes.target = targets.of_isa_version(*struct.unpack_from(order + "4xIII", data, offset))


def _metadata(data: memoryview, notes: Notes) -> None:
    try:
        metadata = _decode_metadata(data)
        count = _length(bytes(memoryview(metadata.kernels)[:5]))
        if count <= MAX_KERNELS:
            if count * _LEAST_KERNEL > len(data):
                raise msgspec.DecodeError
            kernels = _decode_kernels(metadata.kernels)
            notes.target = targets.of_isa(metadata.target) if metadata.target else notes.target
            notes.wavefronts |= {kernel.wavefront for kernel in kernels} & {32, 64}
            notes.add([kernel.name for kernel in kernels])
        else:
            notes.problem = _TOO_MANY
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        notes.problem = "a code object's metadata is damaged"


def _length(head: bytes) -> int:
    """The number of elements of the array that `head` begins."""
    if head and head[0] >> 4 == 0x9:
        return head[0] & 0xF
    sizes = {0xDC: 2, 0xDD: 4}
    if not head or head[0] not in sizes:
        raise msgspec.DecodeError
    return int.from_bytes(head[1 : 1 + sizes[head[0]]], "big")


def _old_metadata(data: bytes, notes: Notes) -> None:
    """YAML as LLVM writes it, one key a line: looked through, not parsed."""
    if not data.startswith(b"---\n"):
        notes.problem = "a code object's metadata is damaged"
        return
    notes.wavefronts |= {int(match[1]) for match in _OLD_WAVEFRONT.finditer(data)} & {32, 64}
    notes.add([match[1].decode("utf-8", "replace") for match in _OLD_KERNEL.finditer(data)])
