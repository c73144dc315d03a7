"""What is mapped into a process, from the text of /proc/PID/maps (proc_pid_maps(5)), and which runtimes are among it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

#: Kinds of runtime of which a process should hold one alone, and what their files are called. Tools that repair wheels put a digest into
#: the name (libgomp-a34b3233.so.1).
KINDS = {
    "hip": r"libamdhip64",
    "hsa": r"libhsa-runtime64",
    "openmp": r"lib(?:gomp|omp|iomp5)",
    "llvm": r"libLLVM(?:-[0-9]+)?|libllvmlite",
    "comgr": r"libamd_comgr",
    "stdcxx": r"libstdc\+\+",
    "rocblas": r"librocblas",
    "miopen": r"libMIOpen",
    "hipblaslt": r"libhipblaslt",
    "hiprtc": r"libhiprtc",
    "rocfft": r"librocfft",
    "emulator": r"librocjitsu|libhsakmtmodel",  # in place of a GPU
}
_KINDS = {kind: re.compile(rf"(?:{name})(?:-[0-9a-f]{{8}})?\.so(?:[.-]|$)") for kind, name in KINDS.items()}
_LINE = re.compile(
    r"([0-9a-f]{1,16})-([0-9a-f]{1,16}) [r-][w-]([x-])[ps] ([0-9a-f]{1,16}) ([0-9a-f]{1,8}:[0-9a-f]{1,8} [0-9]{1,20}) *(.*)", re.ASCII
)
_LIBRARY = re.compile(r"/.*\.so(?:\.[0-9][0-9.]*)?")
#: Below it lie only programs that are linked to a fixed address: the kernel puts everything else of a 64-bit process above.
_FIXED = 1 << 32


class Mapping(NamedTuple):
    """A line of /proc/PID/maps."""

    start: int
    end: int
    executable: bool
    offset: int  # in the file
    file: str  # device and inode; two paths of one file have the same
    path: str  # empty: no file; [stack] and the like: the kernel's name for it


def parse(text: str) -> tuple[Mapping, ...]:
    """The lines that can be read."""
    found = []
    for line in text.split("\n"):
        match = _LINE.fullmatch(line)
        if match:
            path = match[6].removesuffix(" (deleted)").replace("\\012", "\n")
            found.append(Mapping(int(match[1], 16), int(match[2], 16), match[3] == "x", int(match[4], 16), match[5], path))
    return tuple(found)


def at(mappings: Iterable[Mapping], address: int) -> Mapping | None:
    """The mapping that holds an address."""
    return next((mapping for mapping in mappings if mapping.start <= address < mapping.end), None)


def base(mappings: Iterable[Mapping], mapping: Mapping) -> int:
    """What to take from an address in `mapping` so that the rest is the address that the file's own headers count with.

    That is where the file's beginning is mapped, the nearest below, since a loader maps a file as one block; for a program that is linked
    to a fixed address it is 0.
    """
    same = [other.start for other in mappings if (other.file, other.path) == (mapping.file, mapping.path) and other.offset == 0]
    start = max((start for start in same if start <= mapping.start), default=mapping.start - mapping.offset)
    return 0 if start < _FIXED else start


def libraries(mappings: Iterable[Mapping]) -> tuple[str, ...]:
    """Paths of the libraries that are mapped, each file once, in the order of their addresses."""
    found: dict[str, str] = {}
    for mapping in mappings:
        if _LIBRARY.fullmatch(mapping.path):
            found.setdefault(mapping.file, mapping.path)
    return tuple(dict.fromkeys(found.values()))


def runtimes(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Kind to the paths of its runtimes, of those kinds that are there."""
    found: dict[str, dict[str, None]] = {}
    for path in paths:
        kind = kind_of(path)
        if kind:
            found.setdefault(kind, {})[path] = None
    return {kind: tuple(found[kind]) for kind in KINDS if kind in found}


def twice(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The kinds of which there is more than one in a process: each brings its own state, and one may be called with the other's."""
    return {kind: files for kind, files in runtimes(paths).items() if len(files) > 1}


def kind_of(path: str) -> str | None:
    """The kind of runtime that a file is, by its name."""
    name = path.rpartition("/")[2]
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(name)), None)
