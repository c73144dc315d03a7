"""The few parts of an ELF file that tell what it needs and where GPU code lies, read within bounds.

This is rocmkit's own reader and not pyelftools: that one raises many kinds of exception on damaged files and follows counts and
offsets without limit. Here everything has a bound, what is beyond it or damaged becomes a line in
`problems`, and the tests compare the answers with pyelftools on real libraries.

Dynamic entries and symbol versions are found as the loader finds them, through PT_DYNAMIC and the PT_LOAD mappings, so a library
without section headers still answers. Layouts: System V gABI (https://gabi.xinuos.com/), symbol versions: LSB Core,
"Symbol Versioning" (https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rocmkit.gpucode.source import Source

EM_AMDGPU, EM_CUDA = 224, 190  # gABI, "e_machine"
SHT_NOBITS, SHF_COMPRESSED = 8, 0x800

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3

_PT_LOAD, _PT_DYNAMIC, _PT_NOTE, _PT_GNU_STACK = 1, 2, 4, 0x6474E551
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 14, 15, 29
_DT_FLAGS_1, _DT_VERDEF, _DT_VERNEED = 0x6FFFFFFB, 0x6FFFFFFC, 0x6FFFFFFE
_DF_1_PIE = 0x08000000  # set by linkers for position-independent programs

# Far above any real library; reached only by damaged or hostile files.
MAX_SECTIONS = 200_000
MAX_NAMES_BYTES = 16 << 20
MAX_DYNAMIC = 50_000
MAX_NEEDED = 2_000
MAX_STRING = 1 << 16
MAX_VERSIONS = 10_000

# per class: header after e_ident, program header, section header, dynamic entry
_LAYOUTS = {1: ("HHIIIIIHHHHHH", "IIIIIIII", "IIIIIIIIII", "iI"), 2: ("HHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ", "qQ")}
_VERSION = re.compile(r"(GLIBC|GLIBCXX)_([0-9]{1,6}(?:\.[0-9]{1,6}){1,3})", re.ASCII)


class _Chain(NamedTuple):
    """Layouts of a version record and of its names, and the places in them of what leads on."""

    record: str
    names: int
    first: int
    next_record: int
    entry: str
    name: int
    next_name: int


_NEEDED = _Chain("HHIII", 1, 3, 4, "IHHII", 3, 4)  # Elfxx_Verneed, Elfxx_Vernaux
_DEFINED = _Chain("HHHHIII", 3, 5, 6, "II", 0, 1)  # Elfxx_Verdef, Elfxx_Verdaux


@dataclass(frozen=True)
class Section:
    """One section header, with its name read."""

    name: str
    kind: int
    flags: int
    offset: int
    size: int


@dataclass
class Elf:
    """What was read. Empty tuples and None mean "not there" only where `problems` is empty."""

    kind: int  # e_type
    machine: int
    flags: int
    abi_version: int
    bits: int
    order: str
    """ "<" or ">", as in `struct`."""
    sections: tuple[Section, ...] | None = None
    notes: tuple[tuple[int, int], ...] = ()
    """Offset and size of each range of notes that is loaded."""
    pie: bool = False
    soname: str | None = None
    needs: tuple[str, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    executable_stack: bool | None = None
    asked: dict[str, str] = field(default_factory=dict)
    """Highest version asked for, by name: GLIBC, GLIBCXX."""
    provided: dict[str, str] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    """An ordered set of short reasons."""


class _DamagedError(Exception):
    """A part does not hold together; the message goes to `problems`."""


def read_elf(source: Source, *, whole: bool = True) -> Elf:
    """Read the headers. Raises ValueError where `source` is no ELF file, OSError as `source` does.

    Not `whole`: program headers only, which lie in front and tell the notes, so that a stream can give them.
    """
    ident = source.read(0, 64)
    if len(ident) < 16 or ident[:4] != b"\x7fELF":
        raise ValueError("not an ELF file")
    if ident[4] not in _LAYOUTS or ident[5] not in (1, 2):
        raise ValueError("an ELF file of no known class or byte order")
    reader = _Reader(source, ident[4], "<" if ident[5] == 1 else ">")
    size = struct.calcsize(reader.header)
    if len(ident) < 16 + size:
        raise ValueError("an ELF file cut off in its header")
    kind, machine, _, _, phoff, shoff, flags, _, phentsize, phnum, shentsize, shnum, shstrndx = struct.unpack_from(reader.header, ident, 16)
    elf = Elf(kind=kind, machine=machine, flags=flags, abi_version=ident[8], bits=32 * ident[4], order=reader.order)
    parts: tuple[Callable[[], None], ...] = (
        lambda: reader.segments(elf, phoff, phentsize, phnum),
        lambda: reader.sections(elf, shoff, shentsize, shnum, shstrndx),
        lambda: reader.dynamic(elf),
    )
    for part in parts if whole else parts[:1]:
        try:
            part()
        except _DamagedError as problem:
            elf.problems[str(problem)] = None
    return elf


class _Reader:
    def __init__(self, source: Source, elf_class: int, order: str) -> None:
        self.source = source
        self.order = order
        self.elf_class = elf_class
        self.header, self.program, self.section, self.entry = (order + layout for layout in _LAYOUTS[elf_class])
        self.loads: list[tuple[int, int, int]] = []  # address, offset, size
        self.dynamic_at: tuple[int, int] | None = None  # offset, size

    def table(self, what: str, layout: str, offset: int, count: int, entry_size: int) -> Iterator[tuple[int, ...]]:
        size = struct.calcsize(layout)
        if entry_size != size:
            raise _DamagedError(f"{what} have an unknown size")
        data = self.source.read(offset, size * count)
        if len(data) < size * count:
            raise _DamagedError(f"{what} lie beyond the end of the file")
        return struct.iter_unpack(layout, data)

    def sections(self, elf: Elf, offset: int, entry_size: int, count: int, names_index: int) -> None:
        if offset == 0:
            raise _DamagedError("there are no section headers")
        if count == 0 or names_index == 0xFFFF:  # the true numbers do not fit and stand in the first header (gABI, "Section Header")
            first = next(self.table("section headers", self.section, offset, 1, entry_size))
            count = count or first[5]
            names_index = first[6] if names_index == 0xFFFF else names_index
        if count > MAX_SECTIONS:
            raise _DamagedError("there are too many section headers")
        headers = list(self.table("section headers", self.section, offset, count, entry_size))
        if names_index >= len(headers):
            raise _DamagedError("section names are missing")
        names = self.source.read(headers[names_index][4], min(headers[names_index][5], MAX_NAMES_BYTES))
        elf.sections = tuple(
            Section(_text(names[header[0] : header[0] + 128]), header[1], header[2], header[4], header[5]) for header in headers
        )

    def segments(self, elf: Elf, offset: int, entry_size: int, count: int) -> None:
        if count == 0:
            return
        if count == 0xFFFF:
            raise _DamagedError("there are too many program headers")
        for header in self.table("program headers", self.program, offset, count, entry_size):
            if self.elf_class == 2:
                kind, flags, start, address, _, size = header[:6]
            else:
                kind, start, address, _, size, _, flags = header[:7]
            if kind == _PT_LOAD:
                self.loads.append((address, start, size))
            elif kind == _PT_DYNAMIC and size:
                self.dynamic_at = (start, size)
            elif kind == _PT_NOTE:
                elf.notes += ((start, size),)
            elif kind == _PT_GNU_STACK:
                elf.executable_stack = bool(flags & 1)

    def mapped(self, address: int) -> int:
        """The file offset that the loader maps to `address`."""
        for start, offset, size in self.loads[:1000]:
            if start <= address < start + size:
                return offset + address - start
        raise _DamagedError("dynamic section points outside what is loaded")

    def string(self, offset: int) -> str:
        for length in (256, MAX_STRING):
            data = self.source.read(offset, length)
            if b"\0" in data:
                return _text(data)
        raise _DamagedError("a string of the dynamic section has no end")

    def dynamic(self, elf: Elf) -> None:
        if self.dynamic_at is None:
            return
        offset, size = self.dynamic_at
        step = struct.calcsize(self.entry)
        values: dict[int, int] = {}
        needed: list[int] = []
        for tag, value in self.table("dynamic entries", self.entry, offset, min(size // step, MAX_DYNAMIC), step):
            if tag == 0:
                break
            if tag == _DT_NEEDED:
                needed.append(value)
            else:
                values.setdefault(tag, value)
        elf.pie = bool(values.get(_DT_FLAGS_1, 0) & _DF_1_PIE)
        if _DT_STRTAB not in values:
            if needed:
                raise _DamagedError("dynamic section has no strings")
            return
        strings = self.mapped(values[_DT_STRTAB])
        if len(needed) > MAX_NEEDED:
            raise _DamagedError("there are too many needed libraries")
        elf.needs = tuple(self.string(strings + at) for at in needed)
        named = {tag: self.string(strings + values[tag]) for tag in (_DT_SONAME, _DT_RPATH, _DT_RUNPATH) if tag in values}
        elf.soname, elf.rpath, elf.runpath = named.get(_DT_SONAME), named.get(_DT_RPATH), named.get(_DT_RUNPATH)
        if _DT_VERNEED in values:
            elf.asked = _highest(self.versions(_NEEDED, self.mapped(values[_DT_VERNEED]), strings))
        if _DT_VERDEF in values:
            elf.provided = _highest(self.versions(_DEFINED, self.mapped(values[_DT_VERDEF]), strings))

    def versions(self, chain: _Chain, offset: int, strings: int) -> Iterator[str]:
        """Version names of .gnu.version_r or .gnu.version_d: a chain of records, each with a chain of names."""
        read = 0
        while True:
            record = self.record(chain.record, offset)
            place = offset + record[chain.first]
            for _ in range(record[chain.names]):
                read += 1
                if read > MAX_VERSIONS:
                    raise _DamagedError("there are too many symbol versions")
                name = self.record(chain.entry, place)
                yield self.string(strings + name[chain.name])
                if name[chain.next_name] == 0:
                    break
                place += name[chain.next_name]
            read += 1
            if record[chain.next_record] == 0:
                return
            if read > MAX_VERSIONS:
                raise _DamagedError("there are too many symbol versions")
            offset += record[chain.next_record]

    def record(self, layout: str, offset: int) -> tuple[int, ...]:
        data = self.source.read(offset, struct.calcsize(self.order + layout))
        if len(data) < struct.calcsize(self.order + layout):
            raise _DamagedError("symbol versions lie beyond the end of the file")
        return struct.unpack(self.order + layout, data)


def _highest(names: Iterator[str]) -> dict[str, str]:
    """The highest version among the names of each library: GLIBC, GLIBCXX."""
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for name in names:
        match = _VERSION.fullmatch(name)
        if match:
            key = tuple(int(part) for part in match[2].split("."))
            found[match[1]] = max(found.get(match[1], ((), "")), (key, match[2]))
    return {name: text for name, (_, text) in found.items()}


def _text(data: bytes) -> str:
    """Up to the first NUL. What is no UTF-8 is replaced, so that the result prints."""
    return data.partition(b"\0")[0].decode("utf-8", "replace")
