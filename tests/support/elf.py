"""Small ELF files and offload bundles, built from their parts, for tests."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

BUNDLE = b"__CLANG_OFFLOAD_BUNDLE__"
HOST = "host-x86_64-unknown-linux-gnu-"
BASE = 0x10000  # address of the file's first byte in its one PT_LOAD segment
PAGE = 4096


def entry_id(target: str) -> str:
    """The entry id that clang writes for a target of HIP."""
    return f"hipv4-amdgcn-amd-amdhsa--{target}"


def bundle(*targets: str, code: bytes = b"\x7fELF code", ids: Mapping[str, bytes] | None = None, count: int | None = None) -> bytes:
    """An offload bundle with the host's empty entry and one entry of `code` for each target. `ids`: further entries, id to content."""
    entries = {HOST: b"", **{entry_id(target): code for target in targets}, **(ids or {})}
    place = -(-(32 + sum(24 + len(name.encode()) for name in entries)) // PAGE) * PAGE
    head, body = BUNDLE + struct.pack("<Q", len(entries) if count is None else count), b""
    for name, content in entries.items():
        raw = name.encode()
        head += struct.pack("<QQQ", place + len(body) if content else 0, len(content), len(raw)) + raw
        body += padded(content) if content else b""
    return padded(head) + body.rstrip(b"\0") if body else head


def compressed(inner: bytes, *, version: int = 2, method: int = 0, size: int | None = None, unpacked: int | None = None) -> bytes:
    """A compressed bundle. Method 0 is zlib; with any other `inner` is stored as it is, and `unpacked` is its size before."""
    packed = zlib.compress(inner) if method == 0 else inner
    layout = {1: "<HIQ", 2: "<HIIQ", 3: "<HQQQ"}[version]
    begin = 6 + struct.calcsize(layout)
    sizes = [] if version == 1 else [begin + len(packed) if size is None else size]
    return (
        b"CCOB" + struct.pack("<H", version) + struct.pack(layout, method, *sizes, len(inner) if unpacked is None else unpacked, 0) + packed
    )


def padded(data: bytes, to: int = PAGE) -> bytes:
    """`data` with zeros up to a multiple of `to`."""
    return data + bytes(-len(data) % to)


def fatbin(*bundles: bytes) -> bytes:
    """A .hip_fatbin section: bundles on pages of their own."""
    return b"".join(padded(one) for one in bundles)


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def at(self, text: str) -> int:
        offset = len(self.data)
        self.data += text.encode() + b"\0"
        return offset


def build(
    *,
    needed: Sequence[str] = (),
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    asked: Mapping[str, Sequence[str]] | None = None,
    provided: Sequence[str] = (),
    executable_stack: bool | None = False,
    sections: Mapping[str, bytes] | None = None,
    kinds: Mapping[str, int] | None = None,
    machine: int = 62,
    flags: int = 0,
    abi_version: int = 0,
    bits: int = 64,
    order: str = "<",
    section_headers: bool = True,
) -> bytes:
    """A shared library as far as its headers go. `asked`: file to version names; `sections`: name to content; `kinds`: name to sh_type."""
    wide = bits == 64
    strings = _Strings()
    word = "Q" if wide else "I"
    entries = [(1, strings.at(name)) for name in needed]
    entries += [(tag, strings.at(text)) for tag, text in ((14, soname), (15, rpath), (29, runpath)) if text is not None]
    verneed = _chain(order + "HHIII", 16, [_needed(order, strings, file, names) for file, names in (asked or {}).items()])
    verdef = _chain(order + "HHHHIII", 20, [_defined(order, strings, name) for name in provided])

    header_size = 64 if wide else 52
    phdr, shdr = (56, 64) if wide else (32, 40)
    at = header_size + 3 * phdr
    contents: dict[str, bytes] = {".dynstr": strings.data, ".gnu.version_r": verneed, ".gnu.version_d": verdef}
    contents[".dynamic"] = bytes((len(entries) + 4) * struct.calcsize(word) * 2)
    contents |= sections or {}
    places: dict[str, int] = {}
    body = b""
    for name, content in contents.items():
        body += bytes(-(at + len(body)) % (PAGE if name == ".hip_fatbin" else 16))
        places[name] = at + len(body)
        body += content
    entries.append((5, BASE + places[".dynstr"]))
    entries += [(0x6FFFFFFE, BASE + places[".gnu.version_r"])] if verneed else []
    entries += [(0x6FFFFFFC, BASE + places[".gnu.version_d"])] if verdef else []
    dynamic = b"".join(struct.pack(order + 2 * word, tag, value) for tag, value in [*entries, (0, 0)])
    start = places[".dynamic"] - at
    body = body[:start] + dynamic + body[start + len(dynamic) :]

    names = _Strings()
    name_at = {name: names.at(name) for name in [*contents, ".shstrtab"]}
    shstrtab = at + len(body)
    body += names.data
    body += bytes(-(at + len(body)) % 16)
    shoff = at + len(body) if section_headers else 0
    end = at + len(body)
    programs = [(1, 5, 0, BASE, end), (2, 6, places[".dynamic"], BASE + places[".dynamic"], len(dynamic))]
    programs.append((0, 0, 0, 0, 0) if executable_stack is None else (0x6474E551, 7 if executable_stack else 6, 0, 0, 0))
    data = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1, 0, abi_version]) + bytes(7)
    tail = (header_size, phdr, len(programs), shdr, len(contents) + 2 if shoff else 0, len(contents) + 1 if shoff else 0)
    data += struct.pack(order + f"HHI{3 * word}IHHHHHH", 3, machine, 1, 0, header_size, shoff, flags, *tail)
    for kind, rights, offset, address, size in programs:
        if wide:
            data += struct.pack(order + "IIQQQQQQ", kind, rights, offset, address, address, size, size, 16)
        else:
            data += struct.pack(order + "IIIIIIII", kind, offset, address, address, size, size, rights, 16)
    data += body
    if shoff:
        table = [(0, 0, 0, 0)]
        table += [(name_at[name], (kinds or {}).get(name, 1), places[name], len(content)) for name, content in contents.items()]
        table.append((name_at[".shstrtab"], 3, shstrtab, len(names.data)))
        for name_offset, kind, offset, size in table:
            data += struct.pack(order + f"II{4 * word}II{2 * word}", name_offset, kind, 0, 0, offset, size, 0, 0, 1, 0)
    return data


def _needed(order: str, strings: _Strings, file: str, versions: Sequence[str]) -> tuple[tuple[int, ...], bytes]:
    names = b"".join(
        struct.pack(order + "IHHII", 0, 0, 2, strings.at(version), 0 if at == len(versions) - 1 else 16)
        for at, version in enumerate(versions)
    )
    return (1, len(versions), strings.at(file), 16), names


def _defined(order: str, strings: _Strings, version: str) -> tuple[tuple[int, ...], bytes]:
    return (1, 0, 1, 1, 0, 20), struct.pack(order + "II", strings.at(version), 0)


def _chain(layout: str, size: int, records: list[tuple[tuple[int, ...], bytes]]) -> bytes:
    data = b""
    for at, (fields, names) in enumerate(records):
        data += struct.pack(layout, *fields, 0 if at == len(records) - 1 else size + len(names)) + names
    return data
