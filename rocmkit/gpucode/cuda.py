"""CUDA's fat binaries and cubins: which NVIDIA GPUs there is code for.

NVIDIA does not publish the format. The layout of container and entries is the one that ZLUDA's reader uses (vosen/ZLUDA, FatbinHeader and
FatbinFileHeader); the two bits of a target's letter ("sm_90a", "sm_100f") and the kind of code for the linker were seen in what nvcc
13.0 writes.
Flags of cubins: llvm/include/llvm/BinaryFormat/ELF.h (EF_CUDA_SM). A cubin by itself does not tell "sm_90a" from "sm_90".
"""

from __future__ import annotations

import struct

from rocmkit.gpucode.found import Found, StopError, skip_zeros
from rocmkit.gpucode.source import Source

MAGIC = struct.pack("<I", 0xBA55ED50)

_HEADER = "<IHHQ"  # magic, version, size of this header, size of the entries
_ENTRY = "<HHIQ12xI8xQ"  # kind, version, size of this header, size of the content, …, target, …, flags
_KINDS = {1: "compute", 2: "sm", 8: "lto"}
_LETTERS = {0: "", 1: "a", 2: "f"}


def walk(source: Source, start: int, end: int, found: Found) -> None:
    """Follow the fat binaries between two offsets of `source`. Raises OSError as `source` does."""
    try:
        while (start := skip_zeros(source, start, end, found)) < end:
            head = source.read(start, struct.calcsize(_HEADER))
            if not head.startswith(MAGIC):
                raise StopError("CUDA code is in no known format")
            try:
                _, _, header, size = struct.unpack(_HEADER, head)
            except struct.error:
                raise StopError("a CUDA fat binary is cut off") from None
            if header < len(head) or header + size > end - start:
                raise StopError("a CUDA fat binary is cut off")
            _entries(source, start + header, start + header + size, found)
            found.add_entries(1)
            start += header + size
    except StopError as problem:
        found.remarks[str(problem)] = None


def _entries(source: Source, at: int, end: int, found: Found) -> None:
    length = struct.calcsize(_ENTRY)
    while at < end:
        head = source.read(at, min(length, end - at))
        if len(head) < length:
            raise StopError("a CUDA fat binary is cut off")
        kind, _, header, size, target, flags = struct.unpack(_ENTRY, head)
        if header < length or header + size > end - at:
            raise StopError("a CUDA fat binary is damaged")
        name, letter = _KINDS.get(kind), _LETTERS.get(flags >> 20 & 3)
        if name is None or letter is None or not 0 < target < 10_000:
            found.remarks["CUDA code of an unknown kind"] = None
        else:
            found.sm.add(f"{name}_{target}{letter}")
        found.add_entries(1)
        at += header + size


def of_cubin(flags: int, abi_version: int) -> str | None:
    """The target of a cubin. CUDA 13 raised the ABI version and moved the number one byte up."""
    number = flags >> 8 & 0xFF if abi_version >= 8 else flags & 0xFF
    return f"sm_{number}" if number else None
