"""Offload bundles: several in a row, compressed, damaged, hostile."""

from __future__ import annotations

import random
import struct
import sys
import time

import pytest

from rocmkit.gpucode import FileCode, read_bytes
from rocmkit.gpucode.bundles import walk
from rocmkit.gpucode.found import MAX_PADDING, Found
from rocmkit.gpucode.source import Memory
from rocmkit.gpucode.unpack import zstd_library
from tests.support import elf


def section(data: bytes) -> FileCode:
    return read_bytes(elf.build(needed=["libamdhip64.so.6"], sections={".hip_fatbin": data}))


def test_targets_of_several_bundles() -> None:
    code = section(
        elf.fatbin(elf.bundle("gfx906:sramecc+:xnack-", "gfx1030"), elf.bundle("gfx906", "gfx1030"), elf.bundle("gfx90a:xnack+"))
    )
    assert code.gfx == ("gfx1030", "gfx906", "gfx906:sramecc+:xnack-", "gfx90a:xnack+")
    assert (code.bundles, code.compressed, code.unreadable) == (3, 0, ())


def test_bundles_need_no_padding_between_them() -> None:
    assert section(elf.bundle("gfx906") + elf.bundle("gfx908") + bytes(3) + elf.bundle("gfx942")).gfx == ("gfx906", "gfx908", "gfx942")


def test_the_magic_inside_code_is_no_bundle() -> None:
    inner = elf.bundle("gfx1100")
    code = section(
        elf.fatbin(elf.bundle("gfx906", code=bytes(4096) + inner), elf.compressed(b"CCOB" + inner, method=1), elf.bundle("gfx908"))
    )
    assert (code.bundles, code.compressed) == (2, 1)
    assert section(elf.fatbin(elf.bundle("gfx906", code=bytes(4096) + inner))).gfx == ("gfx906",)


def test_an_entry_without_content_is_no_code() -> None:
    assert section(elf.bundle("gfx906", ids={elf.entry_id("gfx908"): b""})).gfx == ("gfx906",)


@pytest.mark.parametrize(
    ("entry", "gfx"),
    [
        ("hip-amdgcn-amd-amdhsa-gfx900", ("gfx900",)),
        ("hip-amdgcn-amd-amdhsa--gfx906", ("gfx906",)),
        ("hcc-amdgcn-amd-amdhsa--gfx803", ("gfx803",)),
        ("hipv4-amdgcn-amd-amdhsa--gfx9-4-generic:sramecc+:xnack-", ("gfx9-4-generic:sramecc+:xnack-",)),
        ("hip-spirv64-amd-amdhsa--amdgcnspirv", ("amdgcnspirv",)),
        ("host-x86_64-unknown-linux", ()),
        ("hipv4-nvptx64-nvidia-cuda--sm_80", None),
        ("hipv4-amdgcn-amd-amdhsa--", None),
        ("gfx906", None),
        ("hipv4-amdgcn-amd-amdhsa--gfx906\udcff", None),
    ],
)
def test_entry_ids(entry: str, gfx: tuple[str, ...] | None) -> None:
    data = elf.bundle(ids={entry.encode(errors="ignore").decode() + ("\x00" if "\udcff" in entry else ""): b"code"})
    assert section(data).gfx == gfx


@pytest.mark.parametrize("version", [1, 2, 3])
def test_zlib_bundles_are_read(version: int) -> None:
    code = section(elf.fatbin(elf.compressed(elf.bundle("gfx906"), version=version), elf.bundle("gfx908")))
    assert (code.gfx, code.bundles, code.compressed, code.unreadable) == (("gfx906", "gfx908"), 1, 1, ())


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("code", [b"code" * 100, random.Random(906).randbytes(300_000)], ids=["small", "larger-than-a-block"])
def test_zstd_bundles_are_read(version: int, code: bytes) -> None:
    whole = elf.bundle(ids={elf.entry_id("gfx906:xnack-"): code})
    packed = elf.compressed(zstd_library().compress(whole), version=version, method=1, unpacked=len(whole))
    found = section(elf.fatbin(elf.bundle("gfx906"), packed, elf.bundle("gfx908")))
    assert (found.gfx, found.bundles, found.compressed, found.unreadable) == (("gfx906", "gfx906:xnack-", "gfx908"), 2, 1, ())


def test_a_damaged_zstd_bundle_is_passed_over_and_leaves_the_targets_unknown() -> None:
    found = section(elf.fatbin(elf.bundle("gfx906"), elf.compressed(b"\x28\xb5\x2f\xfd", method=1), elf.bundle("gfx908")))
    assert (found.gfx, found.bundles, found.compressed, found.unreadable) == (None, 2, 1, ("a compressed bundle is cut off",))


def test_without_a_zstd_library_the_targets_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    packed = elf.compressed(b"whatever", method=1)
    assert section(packed).unreadable == ("bundles are compressed with zstd",)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (elf.compressed(elf.bundle("gfx906"), version=1)[:-5], "a compressed bundle is cut off"),
        (elf.compressed(elf.bundle("gfx906"), version=1) + b"x", "GPU code is in no known format"),
        (elf.compressed(b"", version=1, method=7), "a compressed bundle uses the unknown method 7"),
        (
            elf.compressed(elf.bundle("gfx906", code=bytes(300_000) + b"x"), version=1, unpacked=1 << 31),
            "a compressed bundle that does not say where it ends is too large to unpack",
        ),
        (elf.compressed(b"", method=7), "a compressed bundle uses the unknown method 7"),
        (elf.compressed(b"no bundle"), "a compressed bundle is damaged"),
        (elf.compressed(elf.bundle("gfx906"))[:40], "a compressed bundle is cut off"),
        (elf.compressed(elf.bundle("gfx906"), size=3), "a compressed bundle is cut off"),
        (elf.compressed(elf.bundle("gfx906"), size=1 << 31), "a compressed bundle is cut off"),
        (b"CCOB\x09\0" + bytes(90) + b"x", "a compressed bundle has the unknown version 9"),
        (b"CCOB\x02", "a compressed bundle is cut off"),
        (elf.bundle("gfx906")[:60], "a bundle is cut off"),
        (elf.bundle("gfx906")[:-1], "a bundle is cut off"),
        (elf.BUNDLE, "a bundle is cut off"),
        (elf.bundle("gfx906", count=3), "a bundle entry is of an unknown kind"),
        (elf.bundle("gfx906", count=1 << 63), "a bundle has too many entries"),
        (elf.bundle(ids={"x" * 300: b"code"}), "a bundle entry's name is too long"),
        (elf.BUNDLE + struct.pack("<QQQQ", 1, (1 << 64) - 1, (1 << 64) - 1, 0), "a bundle is cut off"),
        (b"\x7fELF and so on", "GPU code is in no known format"),
        (elf.bundle("gfx906") + b"rest", "GPU code is in no known format"),
    ],
)
def test_what_cannot_be_followed_is_unknown(data: bytes, why: str) -> None:
    code = section(data)
    assert code.gfx is None
    assert why in code.unreadable


def test_hostile_sections_take_bounded_time() -> None:
    one_id = struct.pack("<QQQ", 0, 0, 0)
    full = elf.BUNDLE + struct.pack("<Q", 4096) + one_id * 4096
    empty = elf.BUNDLE + struct.pack("<Q", 0)
    for data in (full * 150, empty * 250_000, bytes(MAX_PADDING + (2 << 20)), elf.compressed(b"", method=9) * 250_000):
        found = Found()
        begin = time.perf_counter()
        walk(Memory(memoryview(data)), 0, len(data), found)
        assert time.perf_counter() - begin < 5  # about 1 s on a slow machine
        assert found.problems
