"""AMD GPU code objects and what NVIDIA's compiler writes, built from their parts, for tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec


def note(content: bytes, *, owner: bytes = b"AMDGPU\0", kind: int = 32, size: int | None = None) -> bytes:
    """One note record."""
    head = struct.pack("<III", len(owner), len(content) if size is None else size, kind)
    return head + owner + bytes(-len(owner) % 4) + content + bytes(-len(content) % 4)


def metadata(*names: str, lanes: int = 64, target: str | None = None) -> bytes:
    """What the note of code object versions 3 to 6 holds."""
    kernels = [{".args": [{".offset": 0, ".size": 8}], ".name": name, ".symbol": f"{name}.kd", ".wavefront_size": lanes} for name in names]
    return msgspec.msgpack.encode({"amdhsa.kernels": kernels, "amdhsa.version": [1, 2], "amdhsa.target": target})


def code_object(notes: bytes, *, flags: int = 0x2F, abi_version: int = 3, code: bytes = b"code", size: int | None = None) -> bytes:
    """A code object (ELF) with one range of notes, as far as the program headers go."""
    place = 64 + 56
    head = b"\x7fELF\x02\x01\x01\x40" + bytes([abi_version]) + bytes(7)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 224, 1, 0, 64, 0, flags, 64, 56, 1, 64, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 4, 4, place, place, place, len(notes) if size is None else size, 0, 4) + notes + code


def fatbin(*entries: bytes, size: int | None = None) -> bytes:
    """A CUDA fat binary, laid out as in what nvcc 13.0 writes."""
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body) if size is None else size) + body


def fatbin_entry(kind: int, target: int, content: bytes = b"content.", *, flags: int = 0x11, header: int = 64) -> bytes:
    """One entry: 1 is PTX, 2 a cubin, 8 code for the linker. Bits 20 and 21 of the flags are a target's letter."""
    head = struct.pack("<HHIQIIHHIQQ", kind, 0x101, header, len(content), 0, 0, 8, 1, target, 0, flags)
    return head + bytes(64 - len(head)) + content


def archive(*members: tuple[bytes, bytes]) -> bytes:
    """An `ar` archive of names, spelled as in the header, and contents."""
    data = bytearray(b"!<arch>\n")
    for name, content in members:
        data += name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"644".ljust(8) + str(len(content)).encode().ljust(10) + b"`\n"
        data += content + b"\n" * (len(content) % 2)
    return bytes(data)


def offload_binary(images: Sequence[tuple[int, dict[str, str], bytes]], *, version: int = 1) -> bytes:
    """LLVM's offload binary of kind, strings and content of each image: after llvm/include/llvm/Object/OffloadBinary.h."""
    entries, rest = b"", b""
    start = 32 + 40 * len(images)
    for kind, strings, content in images:
        step = {1: 16, 2: 24}[version]
        table, texts = b"", b""
        place = start + len(rest)
        for key, value in strings.items():
            at = place + step * len(strings) + len(texts)
            texts += key.encode() + b"\0" + value.encode() + b"\0"
            table += struct.pack("<QQ", at, at + len(key) + 1) + (struct.pack("<Q", len(value)) if version == 2 else b"")
        rest += table + texts
        entries += struct.pack("<HHIQQQQ", kind, 4, 0, place, len(strings), start + len(rest), len(content))
        rest += content
    data = entries + rest
    last = 40 if version == 1 else len(images)
    return struct.pack("<4sIQQQ", b"\x10\xff\x10\xad", version, 32 + len(data), 32, last) + data
