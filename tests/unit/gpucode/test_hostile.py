"""Any bytes give an answer or ValueError, in bounded time."""

from __future__ import annotations

import random
import struct
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.gpucode import FileCode, read_bytes
from rocmkit.model import to_json
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
