"""Names of AMD GPU targets: in the flags of a code object, in the entries of an offload bundle, in file names.

A target id is a processor with optional features, "gfx906:sramecc+:xnack-": https://llvm.org/docs/AMDGPUUsage.html#target-id
"""

from __future__ import annotations

import re

# EF_AMDGPU_MACH_AMDGCN_*, the low byte of e_flags: llvm/include/llvm/BinaryFormat/ELF.h, and for processors newer than
# LLVM 20 llvm/test/CodeGen/AMDGPU/elf-header-flags-mach.ll of the main branch (read 2026-11).
MACHINES = {
    0x20: "gfx600", 0x21: "gfx601", 0x22: "gfx700", 0x23: "gfx701", 0x24: "gfx702", 0x25: "gfx703", 0x26: "gfx704",
    0x28: "gfx801", 0x29: "gfx802", 0x2A: "gfx803", 0x2B: "gfx810", 0x2C: "gfx900", 0x2D: "gfx902", 0x2E: "gfx904",
    0x2F: "gfx906", 0x30: "gfx908", 0x31: "gfx909", 0x32: "gfx90c", 0x33: "gfx1010", 0x34: "gfx1011", 0x35: "gfx1012",
    0x36: "gfx1030", 0x37: "gfx1031", 0x38: "gfx1032", 0x39: "gfx1033", 0x3A: "gfx602", 0x3B: "gfx705", 0x3C: "gfx805",
    0x3D: "gfx1035", 0x3E: "gfx1034", 0x3F: "gfx90a", 0x40: "gfx940", 0x41: "gfx1100", 0x42: "gfx1013", 0x43: "gfx1150",
    0x44: "gfx1103", 0x45: "gfx1036", 0x46: "gfx1101", 0x47: "gfx1102", 0x48: "gfx1200", 0x49: "gfx1250", 0x4A: "gfx1151",
    0x4B: "gfx941", 0x4C: "gfx942", 0x4E: "gfx1201", 0x4F: "gfx950", 0x50: "gfx1310", 0x51: "gfx9-generic",
    0x52: "gfx10-1-generic", 0x53: "gfx10-3-generic", 0x54: "gfx11-generic", 0x55: "gfx1152", 0x57: "gfx1154",
    0x58: "gfx1153", 0x59: "gfx12-generic", 0x5A: "gfx1251", 0x5B: "gfx12-5-generic", 0x5C: "gfx1172", 0x5D: "gfx1170",
    0x5E: "gfx1171", 0x5F: "gfx9-4-generic", 0x62: "gfx11-7-generic", 0x63: "gfx13-generic",
}  # fmt: skip

_BY_LENGTH = sorted((name for name in MACHINES.values() if "-" not in name), key=len, reverse=True)

# e_ident[EI_ABIVERSION] of code object versions 2 to 6 (ELFABIVERSION_AMDGPU_HSA_V2 …, same header): two less.
_V2, _V4, _V6 = 0, 2, 4

# KIND-TRIPLE-TARGET. Triples have four parts, of which the last is mostly empty; bundles of ROCm 3 left its dash out.
# https://clang.llvm.org/docs/ClangOffloadBundler.html#bundle-entry-id
_TARGET = re.compile(r"gfx[0-9a-z][0-9a-z:+-]*|amdgcnspirv", re.ASCII)
_ENTRY = re.compile(rf"(?:hipv4|hip|hcc|openmp)-(?:amdgcn|spirv64|spirv)-[^-]*-[^-]*-[^-]*-?({_TARGET.pattern})", re.ASCII)
_ISA = re.compile(r"amdgcn-amd-amdhsa--(gfx[0-9a-z][0-9a-z:+-]*)", re.ASCII)
_HOST = re.compile(r"host-.*", re.ASCII | re.DOTALL)

# A target in a file name: "gfx906", "gfx90a-xnack+", "gfx10-3-generic", "gfx908-sramecc+-xnack-".
_NAMED = re.compile(
    r"(?<![0-9A-Za-z])(gfx(?:[0-9]+(?:-[0-9]+)?-generic|[0-9a-f]{3,}))((?:[-_:](?:sramecc|xnack)[+-])*)(?![0-9A-Za-z])", re.ASCII
)


def of_flags(flags: int, abi_version: int) -> str | None:
    """The target of an AMDGPU code object. None: no processor known here, as in old code objects of version 2, which name it in a note."""
    name = MACHINES.get(flags & 0xFF)
    if name is None or not _V2 <= abi_version <= _V6:
        return None
    if abi_version < _V4:  # one bit each: set is on, clear may be off or unsupported, and is not spelled
        sramecc, xnack = ("+" if flags & 0x200 else ""), ("+" if flags & 0x100 else "")
    else:  # two bits each: unsupported, any, off, on
        sramecc, xnack = ("", "", "-", "+")[flags >> 10 & 3], ("", "", "-", "+")[flags >> 8 & 3]
    return name + (f":sramecc{sramecc}" if sramecc else "") + (f":xnack{xnack}" if xnack else "")


def of_isa(name: str) -> str | None:
    """The target that a note names: "amdgcn-amd-amdhsa--gfx906:xnack-"."""
    found = _ISA.fullmatch(name)
    return found[1] if found else None


def of_isa_version(major: int, minor: int, stepping: int) -> str | None:
    """The target of a code object of version 2, whose processors with XNACK on have odd steppings of their own (AMDGPUUsage)."""
    name = f"gfx{major}{minor}{stepping:x}"
    if (major, minor) == (9, 0) and stepping in {1, 3, 5, 7}:
        return f"gfx90{stepping - 1}:xnack+"
    return name if name in MACHINES.values() else None


def version_of(abi_version: int) -> int | None:
    """The code object version; None where it is not known here."""
    return abi_version + 2 if _V2 <= abi_version <= _V6 else None


def generic_version(flags: int, abi_version: int) -> int | None:
    """The version of a generic target, from the highest byte of the flags."""
    return flags >> 24 or None if abi_version == _V6 and MACHINES.get(flags & 0xFF, "").endswith("-generic") else None


def contradict(one: str, other: str) -> bool:
    """Two targets of the same code cannot both be true: other processors, or a feature that one has on and the other off."""
    first, *some = one.split(":")
    second, *more = other.split(":")
    signs = {feature[:-1]: feature[-1] for feature in some}
    return first != second or any(signs.get(feature[:-1], feature[-1]) != feature[-1] for feature in more)


def is_target(text: str) -> bool:
    """`text` is spelled as a target."""
    return _TARGET.fullmatch(text) is not None


def of_bundle_entry(entry: str) -> str | None:
    """The target of a bundle's entry id. Empty for the host's entry, None where the id is of a kind not known."""
    found = _ENTRY.fullmatch(entry)
    if found:
        return found[1]
    return "" if _HOST.fullmatch(entry) else None


def of_file_name(name: str) -> str | None:
    """The last target in a file's name, features as bundles spell them."""
    every = list(_NAMED.finditer(name))
    if not every:
        return None
    found = every[-1]
    return found[1] + "".join(f":{feature}" for feature in re.findall(r"(?:sramecc|xnack)[+-]", found[2]))


def known_prefix(name: str) -> str | None:
    """The longest known processor that `name` begins with: "gfx90a" of "gfx90a68", where digits without a limit follow."""
    return next((known for known in _BY_LENGTH if name.startswith(known)), None)
