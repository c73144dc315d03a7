"""Whole files of each kind that a reader is for: built from parts, made by gcc and ar, and this machine's own."""

from __future__ import annotations

import functools
import importlib
import pathlib
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tests.support import downsampling, elf, wheels

_SMALL = 400_000
_MACHINES = pathlib.Path(__file__).parent.parent / "machines"


def _same(data: bytes) -> bytes:
    return data


class Sample(NamedTuple):
    """What is changed, and what is then made of it."""

    name: str  # of the file
    data: bytes
    wrap: Callable[[bytes], bytes] = _same


def _zstd(data: bytes) -> bytes:
    packed: bytes = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd").compress(data)
    return packed


def _compressed(data: bytes, *, version: int, zstd: bool) -> bytes:
    if zstd:
        return elf.compressed(_zstd(data), version=version, method=1, unpacked=len(data))
    return elf.compressed(data, version=version)


_CODE = elf.build(machine=224, flags=0x62F, abi_version=3, sections={".note": bytes(40), ".text": b"code" * 50}) + b"."
_PLAIN = elf.bundle("gfx1030", ids={elf.entry_id("gfx906:xnack-"): _CODE})


def _library(section: bytes) -> bytes:
    return elf.build(
        needed=["libamdhip64.so.6", "libc.so.6"],
        soname="libx.so",
        runpath="$ORIGIN",
        asked={"libc.so.6": ["GLIBC_2.34"], "libstdc++.so.6": ["GLIBCXX_3.4.9"]},
        provided=["GLIBCXX_3.4.30"],
        sections={".hip_fatbin": section, ".hipFatBinSegment": bytes(24)},
    )


def _made_by_gcc(folder: pathlib.Path) -> list[Sample]:
    """A library, a program, an object file and an archive, the library with a bundle in it."""
    (folder / "fatbin").write_bytes(elf.fatbin(_PLAIN, _compressed(_PLAIN, version=3, zstd=True)))
    (folder / "x.s").write_text(f'.section .hip_fatbin,"a",@progbits\n.p2align 12\n.incbin "{folder}/fatbin"\n')
    (folder / "y.c").write_text('#include <stdio.h>\nint main(void) { return puts("y"); }\n')
    commands = (
        ("gcc", "-shared", "-o", "libx.so", "x.s", "y.c", "-fPIC"),
        ("gcc", "-o", "program", "y.c"),
        ("gcc", "-c", "-g", "-o", "y.o", "y.c"),
        ("gcc", "-c", "-o", "x.o", "x.s"),
        ("ar", "rcs", "liby.a", "y.o", "x.o"),
    )
    for command in commands:
        subprocess.run(command, cwd=folder, check=True)
    return [Sample(name, (folder / name).read_bytes()) for name in ("libx.so", "program", "y.o", "liby.a")]


def _own() -> list[Sample]:
    """Small libraries of this machine."""
    found = sorted(pathlib.Path("/usr/lib").glob("*-linux-gnu/lib*.so.*"))
    return [Sample(path.name, path.read_bytes()) for path in found if path.is_file() and path.stat().st_size < _SMALL][:5]


def gpu_code(folder: pathlib.Path) -> list[Sample]:
    samples = [Sample("libx.so", _library(elf.fatbin(_PLAIN, _compressed(_PLAIN, version=2, zstd=False))))]
    samples += [Sample("libx.so", section, _library) for section in (_PLAIN, elf.fatbin(_PLAIN, _PLAIN), elf.BUNDLE + bytes(64))]
    samples += [Sample("x.hsaco", _CODE), Sample("x.bundle", _PLAIN), Sample("x.nv_fatbin", b"\x50\xed\x55\xba\x01\0\x10\0" + bytes(80))]
    for version in (1, 2, 3):
        for zstd in (False, True):
            pack = functools.partial(_compressed, version=version, zstd=zstd)
            samples += [Sample("x.bundle", _PLAIN, pack), Sample("x.bundle", pack(_PLAIN))]
    return samples + _made_by_gcc(folder) + _own()


def wheel_files(_: pathlib.Path) -> list[Sample]:
    members = {"x/libx.so": _library(elf.fatbin(_PLAIN)), "x/__init__.py": b"", "x/data": bytes(200_000), **wheels.ABOUT}
    samples = [Sample("x.whl", wheels.build(members, method=method, comment=b"c", force_zip64=method == 0)) for method in (0, 8, 12)]
    return [*samples, Sample("x.whl", members["x/libx.so"], lambda data: wheels.build({**members, "x/libx.so": data}))]


def _database(path: pathlib.Path, table: str, column: str, value: str) -> bytes:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column} TEXT NOT NULL, blob BLOB)")
    connection.execute(f"CREATE UNIQUE INDEX x ON {table} ({column}, id)")
    connection.executemany(f"INSERT INTO {table} ({column}, blob) VALUES (?, zeroblob(900))", [(value,)] * 40)
    connection.commit()
    connection.close()
    return path.read_bytes()


def kernel_files(folder: pathlib.Path) -> list[Sample]:
    library = {"type": "Hardware", "rows": [{"predicate": {"type": "Processor", "value": "gfx906"}, "library": {"type": "Placeholder"}}]}
    listed = msgspec.msgpack.encode({"solutions": [{"name": "Cijk_ISA906_x", "sizes": [1, 2.5, None, b"x"]}] * 20, "library": library})
    return [
        Sample("TensileLibrary_lazy_gfx906.dat", listed),
        Sample("TensileLibrary_lazy_gfx906.dat.zlib", zlib.compress(listed)),
        Sample("TensileLibrary_lazy_gfx906.dat.zlib", listed, zlib.compress),
        Sample("hipblasltExtOpLibrary.dat", msgspec.msgpack.encode({"gfx906": {"AMax": {"S": [1]}}, "gfx90a": {}})),
        Sample("TensileLibrary.yaml", b"---\nlibrary: {}\nsolutions:\n- {name: x}\n...\n"),
        Sample("TensileLibrary_gfx906.co", _CODE),
        Sample("extop_gfx906.co", _PLAIN, functools.partial(_compressed, version=2, zstd=True)),
        Sample("gfx906_60.kdb", _database(folder / "kdb", "kern_db", "kernel_args", "-O3 -mcpu=gfx906:xnack-")),
        Sample("gfx906_60.db", _database(folder / "db", "perf_db", "arch", "gfx906")),
        Sample("rocfft_kernel_cache.db", _database(folder / "fft", "cache_v1", "arch", "gfx906")),
        Sample("gfx906_60.HIP.fdb.txt", b"1-2-3x3=ConvAsm:0.1,0;gemm:2\n" * 30),
    ]


def onnx_models(_: pathlib.Path) -> list[Sample]:
    return [Sample(f"{number}.onnx", downsampling.encoder((2,) * number).SerializeToString()) for number in (1, 3)]


def recordings(_: pathlib.Path) -> list[Sample]:
    return [Sample(path.name, path.read_bytes()) for path in sorted(_MACHINES.glob("*.yaml"), key=lambda path: path.stat().st_size)[:6]]
