"""Which function of a library an address lies in, from the library's own tables of symbols, read within bounds."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from rocmkit.gpucode.elf import Section, read_elf
from rocmkit.gpucode.source import Source

#: The biggest library of ROCm's has a tenth of it.
TABLE_BYTES = 128 << 20
_PIECE = 24 << 14  # a multiple of an entry's size
_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
#: A function whose size is not told reaches no further than this.
_UNSIZED = 4096


def name_functions(source: Source, addresses: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Address, as the file's headers count, to the name of the function that it lies in, as it is stored, and how far into it.

    Those that no table names are left out. 64-bit files of little-endian order alone. Raises ValueError and OSError as `read_elf` does.
    """
    elf = read_elf(source)
    if elf.bits != 64 or elf.order != "<" or not elf.sections:
        return {}
    found: dict[int, tuple[int, int, int]] = {}  # how far into it, offset of the name, offset of the names
    for table, names in ((".symtab", ".strtab"), (".dynsym", ".dynstr")):
        sections = {section.name: section for section in elf.sections if section.name in (table, names)}
        if len(sections) == 2:
            _nearest(source, sections[table], sections[names], addresses, found)
    named = {}
    for address, (into, name, names_at) in found.items():
        text = source.read(names_at + name, 512).partition(b"\0")[0].decode("utf-8", "replace")
        if text:
            named[address] = (text, into)
    return named


def _nearest(source: Source, table: Section, names: Section, addresses: Sequence[int], found: dict[int, tuple[int, int, int]]) -> None:
    wanted = [address for address in addresses if address not in found]
    if not wanted:
        return
    lowest, highest = min(wanted) - _UNSIZED, max(wanted)
    for begin in range(0, min(table.size, TABLE_BYTES), _PIECE):
        data = source.read(table.offset + begin, min(_PIECE, table.size - begin))
        for name, info, _, section, value, size in struct.iter_unpack("<IBBHQQ", data[: len(data) // 24 * 24]):
            if value > highest or value + size < lowest or info & 15 not in _FUNCTIONS or section == 0:
                continue
            for address in wanted:
                into = address - value
                if 0 <= into < (size or _UNSIZED) and (address not in found or into < found[address][0]):
                    found[address] = (into, name, names.offset)
