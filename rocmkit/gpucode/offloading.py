"""LLVM's offload binaries: what clang's newer driver puts into a section .llvm.offloading, one for each target.

Format: llvm/include/llvm/Object/OffloadBinary.h and https://llvm.org/docs/CommandGuide/llvm-offload-binary.html. Version 1 holds one
image, version 2 several, and its strings say their length. Each image has a map of strings, of which "triple" and "arch" count here.
"""

from __future__ import annotations

import struct

from rocmkit.gpucode import targets
from rocmkit.gpucode.found import Found, StopError
from rocmkit.gpucode.source import Source, Window

MAGIC = b"\x10\xff\x10\xad"

_HEADER, _ENTRY = "<4sIQQQ", "<HHIQQQQ"
_STRINGS = {1: "<QQ", 2: "<QQQ"}
_PTX, _FATBINARY = 5, 4  # enum ImageKind
MAX_STRINGS = 64  # of one image
MAX_STRING = 256


def read_binary(source: Source, found: Found) -> int:
    """Add the images of the binary that `source` begins with; its length. Raises StopError where it cannot be followed."""
    try:
        _, version, size, entries, count = struct.unpack(_HEADER, source.read(0, struct.calcsize(_HEADER)))
        if version not in _STRINGS:
            raise StopError(f"an offload binary has the unknown version {version}")
        if not struct.calcsize(_HEADER) <= size <= source.size:
            raise StopError("an offload binary is cut off")
        if version == 1:  # the last field is the size of the one entry
            count = 1
        found.add_entries(count)
        binary = Window(source, 0, size)
        for at in range(count):
            _image(binary, entries + at * struct.calcsize(_ENTRY), _STRINGS[version], found)
    except struct.error:
        raise StopError("an offload binary is cut off") from None
    return int(size)


def _image(binary: Source, at: int, layout: str, found: Found) -> None:
    kind, _, _, strings, count, offset, size = struct.unpack(_ENTRY, binary.read(at, struct.calcsize(_ENTRY)))
    if offset + size > binary.size or count > MAX_STRINGS:
        raise StopError("an offload binary is damaged")
    step = struct.calcsize(layout)
    table = binary.read(strings, step * count)
    texts = {_string(binary, key): _string(binary, value) for key, value, *_ in struct.iter_unpack(layout, table)}
    if len(table) != step * count:
        raise StopError("an offload binary is cut off")
    triple, arch = texts.get("triple", ""), texts.get("arch", "")
    if not size:
        return
    if triple.startswith(("amdgcn", "spirv64-amd")) and targets.is_target(arch):
        found.add_image(arch, Window(binary, offset, size))
    elif triple.startswith("nvptx") and kind != _FATBINARY and arch.startswith("sm_"):
        found.sm.add(arch.replace("sm_", "compute_") if kind == _PTX else arch)
    else:
        found.problems["an offload binary holds code of an unknown kind"] = None


def _string(binary: Source, at: int) -> str:
    text, end, _ = binary.read(at, MAX_STRING).partition(b"\0")
    if not end:
        raise StopError("an offload binary is damaged")
    return text.decode("utf-8", "replace")
