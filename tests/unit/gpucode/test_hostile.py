"""Any bytes give an answer or ValueError, in bounded time."""

from __future__ import annotations

import pathlib
import random
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.gpucode import Contents, FileCode, read_bytes
from rocmkit.gpucode.contents import contents_of
from rocmkit.gpucode.source import Memory
from rocmkit.gpucode.unpack import zstd_library
from rocmkit.model import to_json
from tests.support import code_objects as make
from tests.support import elf

WHOLE = elf.build(
    needed=["libamdhip64.so.6", "libc.so.6"],
    soname="libx.so",
    runpath="$ORIGIN",
    asked={"libc.so.6": ["GLIBC_2.9", "GLIBC_2.34"], "libstdc++.so.6": ["GLIBCXX_3.4.9"]},
    provided=["GLIBCXX_3.4.30"],
    sections={".hip_fatbin": elf.fatbin(elf.bundle("gfx906", "gfx90a:xnack-"), elf.compressed(elf.bundle("gfx1030")))},
)


def answer(data: bytes) -> FileCode | None:
    try:
        code = read_bytes(data)
    except ValueError:
        return None
    assert (code.gfx is not None) or code.unreadable
    to_json(code)
    return code


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    answer(data)
    answer(b"\x7fELF\x02\x01\x01" + data)


@given(st.binary(max_size=2000), st.sampled_from([b"", elf.BUNDLE, b"CCOB\x02\0", b"CCOB\x03\0\0\0", elf.bundle("gfx906")]))
def test_any_bytes_as_bundles(data: bytes, before: bytes) -> None:
    assert answer(elf.build(needed=["libamdhip64.so.6"], sections={".hip_fatbin": before + data})) is not None


@given(st.binary(min_size=1, max_size=300), st.integers(0, 400))
def test_any_bytes_as_dynamic_strings_and_versions(data: bytes, at: int) -> None:
    start = 64 + 3 * 56 + at
    answer(WHOLE[:start] + data + WHOLE[start + len(data) :])


@settings(max_examples=300)
@given(st.data())
def test_a_library_with_some_bytes_changed(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    interesting = st.one_of(st.integers(0, 600), st.integers(len(WHOLE) - 700, len(WHOLE) - 9), st.integers(0, len(WHOLE) - 9))
    for at, value in data.draw(st.lists(st.tuples(interesting, st.integers(0, 2**64 - 1)), min_size=1, max_size=4)):
        width = data.draw(st.sampled_from([1, 2, 4, 8]))
        damaged[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    answer(bytes(damaged))


@given(st.integers(0, len(WHOLE)))
def test_a_library_cut_anywhere(length: int) -> None:
    code = answer(WHOLE[:length])
    if length < len(WHOLE):
        assert code is None or code.gfx is None


def timed(data: bytes) -> FileCode:
    begin = time.perf_counter()
    code = read_bytes(data)
    assert time.perf_counter() - begin < 5
    return code


def test_endless_chains_and_huge_tables_take_bounded_time() -> None:
    noise = random.Random(6).randbytes(1 << 20)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 120, 0, 64, 56, 1, 64, 0, 0)
    # a first section header that counts 4 billion sections, then 190,000 with names that have no end
    for count, why in ((1 << 32, "there are too many section headers"), (190_000, None)):
        first = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 200, count, 0, 0, 0, 0)
        names = struct.pack("<IIQQQQIIQQ", 0, 1, 0, 0, 200, 1 << 30, 0, 0, 0, 0)
        code = timed(header + bytes(56) + first + names * (190_000 if why is None else 3))
        assert code.gpu_api == "unknown" if why else code.unreadable == ()
        assert why is None or why in code.unreadable
    loop = elf.build(asked={f"lib{at}.so": ["GLIBC_2.34"] * 200 for at in range(100)})
    assert "there are too many symbol versions" in timed(loop).unreadable
    needy = elf.build(needed=["libc.so.6"] * 3000)
    assert "there are too many needed libraries" in timed(needy).unreadable
    timed(header + noise)


OBJECT = make.code_object(make.note(make.metadata("first", "second")))
BUNDLE = elf.bundle("gfx906", "gfx906:xnack-", code=OBJECT)
ZSTD = zstd_library().compress(BUNDLE)
KINDS = {
    "library": elf.build(sections={".hip_fatbin": BUNDLE, "__CLANG_OFFLOAD_BUNDLE__hip-amdgcn-amd-amdhsa--gfx908": b"BC\xc0\xde"}),
    "code-object": OBJECT,
    "bundle": elf.bundle("gfx906", code=OBJECT),
    "zlib-1": elf.compressed(BUNDLE, version=1),
    "zlib-2": elf.compressed(BUNDLE, version=2),
    "zstd-1": elf.compressed(ZSTD, version=1, method=1, unpacked=len(BUNDLE)),
    "zstd-3": elf.compressed(ZSTD, version=3, method=1, unpacked=len(BUNDLE)),
    "offload": make.offload_binary([(1, {"triple": "amdgcn-amd-amdhsa", "arch": "gfx906"}, OBJECT)] * 2, version=2),
    "cuda": make.fatbin(make.fatbin_entry(2, 80), make.fatbin_entry(1, 90)),
    "archive": make.archive(
        (b"#1/4", b"a.o\0" + elf.build(sections={".hip_fatbin": elf.bundle("gfx906", code=OBJECT)})), (b"b.co/", OBJECT)
    ),
}


def in_depth(data: bytes) -> Contents | None:
    try:
        contents = contents_of(Memory(memoryview(data)), names=True)
    except ValueError:
        return None
    assert (contents.code.gfx is not None) or contents.code.unreadable
    assert contents.code.gfx is None or {found.target for found in contents.objects} == set(contents.code.gfx)
    to_json(contents)
    return contents


@given(st.binary(max_size=2000), st.sampled_from([b"", *(data[:length] for data in KINDS.values() for length in (8, 40, 200))]))
def test_any_bytes_in_depth(data: bytes, before: bytes) -> None:
    in_depth(before + data)


@settings(max_examples=400)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_kind_with_some_bytes_changed(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(KINDS[kind])
    places = st.one_of(st.integers(0, min(400, len(damaged) - 9)), st.integers(0, len(damaged) - 9))
    values = st.one_of(st.sampled_from([0, 1, 255, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1]), st.integers(0, 2**64 - 1))
    for at, value in data.draw(st.lists(st.tuples(places, values), min_size=1, max_size=4)):
        width = data.draw(st.sampled_from([1, 2, 4, 8]))
        damaged[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    in_depth(bytes(damaged))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_cut_at_every_offset(kind: str) -> None:
    data = KINDS[kind]
    complete = in_depth(data)
    assert complete is not None
    assert complete.code.unreadable == (("there are no section headers",) if kind in ("code-object", "archive") else ())
    # Zeros at the end are padding, a code object is known by its headers, and an archive may end after any member.
    members = {8, data.find(b"b.co/")} if kind == "archive" else set()
    ends = len(data.rstrip(b"\0")) if kind not in ("code-object", "archive") else 200
    steps = range(ends) if ends < 3000 else [*range(500), *range(500, ends, 11), ends - 1]
    for length in steps:
        answer = in_depth(data[:length])
        assert answer is None or answer.code.gfx is None or answer.code.unreadable or length in members, length
        assert answer is None or answer.code.size_bytes == length


def bomb(method: int, version: int, says: int, holds: int) -> bytes:
    """A compressed bundle of one target that holds `holds` bytes and says `says`."""
    head = elf.bundle("gfx906", code=OBJECT)
    head = head.replace(len(OBJECT).to_bytes(8, "little"), (says - 4096).to_bytes(8, "little"), 1)
    pieces = [head, *[bytes(1 << 20)] * ((holds - len(head)) >> 20), bytes((holds - len(head)) % (1 << 20))]
    stream = zlib.compressobj(1) if method == 0 else zstd_library().ZstdCompressor(options={101: 27})  # window: as large as is allowed
    packed = b"".join(stream.compress(piece) for piece in pieces) + stream.flush()
    whole = bytearray(elf.compressed(packed, version=version, method=1, unpacked=says))
    whole[6] = method
    return bytes(whole)


MANY_NAMES = make.note(make.metadata(*(f"kernel_{at:060}" for at in range(60_000))))
HOSTILE: dict[str, Callable[[], bytes]] = {
    "zlib": lambda: bomb(0, 2, 1 << 29, 1 << 29),
    "zlib-lies": lambda: bomb(0, 2, 1 << 20, 1 << 29),
    "zlib-1": lambda: bomb(0, 1, 1 << 29, 1 << 29),
    "zstd": lambda: bomb(1, 2, 1 << 29, 1 << 29),
    "zstd-lies": lambda: bomb(1, 3, 1 << 20, 1 << 29),
    "zstd-1": lambda: bomb(1, 1, 1 << 29, 1 << 29),
    "too-large": lambda: bomb(1, 3, 1 << 40, 1 << 20),
    "large-note": lambda: make.code_object(make.note(b"\xdf" + b"\xff" * (16 << 20))),
    "deep-note": lambda: make.code_object(make.note(b"\x81" * (15 << 20))),
    "small-kernels": lambda: make.code_object(make.note(b"\x81\xaeamdhsa.kernels\xdd\0\1\x86\xa0" + b"\x80" * (15 << 20))),
    "many-names": lambda: elf.fatbin(*[elf.bundle("gfx906", code=make.code_object(MANY_NAMES))] * 20),
    "many-small-bundles": lambda: elf.compressed(bytes(300_000)) * 10_000,
    "many-objects": lambda: elf.bundle("gfx906", code=OBJECT) * 20_000,
    "many-members": lambda: make.archive(*[(b"a.o/", OBJECT)] * 20_000),
    "many-cuda-entries": lambda: make.fatbin(*[make.fatbin_entry(2, 80)] * 100_000),
}
MEASURE = """
import re, sys, time
from rocmkit.gpucode import read_contents
import rocmkit.gpucode.contents, rocmkit.gpucode.unpack, zlib
rocmkit.gpucode.unpack.zstd_library()
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
before, begin = peak(), time.perf_counter()
contents = read_contents(sys.argv[1], names=True)
print(peak() - before, time.perf_counter() - begin, contents.code.unreadable)
"""


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_memory_and_time_are_bounded(kind: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "x").write_bytes(HOSTILE[kind]())
    script = f"import sys; sys.path[:0] = {sys.path!r}; {MEASURE}"
    out = subprocess.run([sys.executable, "-I", "-c", script, tmp_path / "x"], capture_output=True, check=True, text=True).stdout
    grown, seconds, *_ = out.split(maxsplit=2)
    assert float(seconds) < 20  # about 2 s on a slow machine
    assert int(grown) < (160 << 10 if "zstd" in kind or kind == "too-large" else 100 << 10), out  # KiB; zstd's window is 128 MiB of it
