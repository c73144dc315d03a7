"""Kernel files by content; shapes as in Debian's rocBLAS 6.4 and hipBLASLt 7.1, tables as MIOpen's and rocFFT's sources create them."""

from __future__ import annotations

import pathlib
import sqlite3
import struct
import time
import zlib
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.gpucode import kernel_file, tables, tensile
from rocmkit.gpucode.kernel_file import read_kernel_file
from rocmkit.gpucode.source import File, Memory
from rocmkit.gpucode.values import KernelFile
from rocmkit.model import to_json
from tests.support import elf

LAZY = "TensileLibrary_lazy_gfx906.dat"
LAZY_CONTENT = {
    "solutions": [],
    "library": {"type": "Hardware", "rows": [{"predicate": {"type": "AMDGPU", "value": {"type": "Processor", "value": "gfx906"}}}]},
}


def pack(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def look(data: bytes, name: str = LAZY) -> KernelFile:
    found = read_kernel_file(Memory(memoryview(data)), name)
    assert found is not None
    to_json(found)
    return found


def at_path(path: pathlib.Path) -> KernelFile:
    with File(path) as source:
        found = read_kernel_file(source, path.name, str(path))
    assert found is not None
    return found


def said(found: KernelFile) -> tuple[object, ...]:
    return found.named, found.targets, found.entries, found.problem


@pytest.mark.parametrize(
    ("name", "kind", "named"),
    [
        ("TensileLibrary_lazy_gfx906.dat", "tensile-index", "gfx906"),
        ("TensileLibrary_lazy_gfx1250.dat.zlib", "tensile-index", "gfx1250"),
        ("TensileLibrary_Type_DD_Contraction_l_Ailk_Bljk_Cijk_Dijk_fallback.dat", "tensile-index", None),
        ("TensileLibrary_gfx906.yaml", "tensile-index", "gfx906"),
        ("TensileLiteLibrary_lazy_Mapping.dat", "tensile-index", None),
        ("hipblasltExtOpLibrary.dat", "tensile-index", None),
        ("TensileLibrary_Type_DD_Contraction_l_Ailk_Bljk_Cijk_Dijk_gfx90a.co", "tensile-code", "gfx90a"),
        ("Kernels.so-000-gfx90a-xnack-.hsaco", "tensile-code", "gfx90a:xnack-"),
        ("extop_gfx1100.co", "tensile-code", "gfx1100"),
        ("hipblasltTransform.hsaco", "tensile-code", None),
        ("gfx906_60.kdb", "miopen-kernels", "gfx906"),
        ("gfx90a68.HIP.fdb.txt", "miopen-tuning", "gfx90a"),
        ("gfx906_60.OpenCL.fdb.txt", "miopen-tuning", "gfx906"),
        ("gfx942e4.db.txt", "miopen-tuning", "gfx942"),
        ("gfx1030_36.db", "miopen-tuning", "gfx1030"),
        ("rocfft_kernel_cache.db", "rocfft-cache", None),
        ("rocfft_kernel_cache_gfx950.db", "rocfft-cache", "gfx950"),
    ],
)
def test_names(name: str, kind: str, named: str | None) -> None:
    found = look(b"x" * 100, name)
    assert (found.name, found.kind, found.named) == (name, kind, named)
    assert found.problem


@pytest.mark.parametrize(
    "name",
    [
        "librocblas.so.4",
        "TensileManifest.txt",
        "config.yaml",
        "data.dat",
        "attention_gfx942.co",
        "gfx942.tn.model",
        "history.db",
        "x.db.txt",
    ],
)
def test_names_of_no_kernel_file(name: str) -> None:
    assert read_kernel_file(Memory(memoryview(b"x")), name) is None


@pytest.mark.parametrize(
    "name", [LAZY, LAZY + ".zlib", "TensileLibrary_gfx906.co", "gfx906_60.kdb", "gfx906_60.db.txt", "TensileLibrary.yaml"]
)
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "it is a placeholder of Git LFS"),
        (b"\n<!DOCTYPE HTML>\n<title>404</title>", "it is a web page"),
        (b"<html><body>rate limit</body></html>", "it is a web page"),
        (bytes(4096), "it begins with zeros"),
    ],
)
def test_something_else_in_its_place(name: str, data: bytes, problem: str) -> None:
    assert look(data, name).problem == problem


# Tensile


def test_lists_of_solutions() -> None:
    assert said(look(pack(LAZY_CONTENT))) == ("gfx906", ("gfx906",), 0, None)
    solutions = [{"name": f"Cijk_Ailk_Bjlk_SB_MT32x32x8_ISA{isa}_IU1"} for isa in ("906", "000")] * 20
    assert said(look(pack({"solutions": solutions, "library": {}}))) == ("gfx906", ("gfx906",), 40, None)
    fallback = "TensileLibrary_Type_DD_Contraction_l_Ailk_Bljk_Cijk_Dijk_fallback.dat"
    assert said(look(pack({"solutions": solutions[1:2], "library": {}}), fallback)) == (None, None, 1, None)
    assert look(pack({"solutions": solutions[:1] * 70_000, "library": {}, "version": "4.33.0"})).entries == 70_000


def test_lists_packed_with_zlib() -> None:
    packed = zlib.compress(pack(LAZY_CONTENT))
    name = LAZY + ".zlib"
    assert said(look(packed, name)) == ("gfx906", ("gfx906",), 0, None)
    assert look(packed[:-2], name).problem == "it is cut off"
    assert look(packed + b"x", name).problem == "its compressed data is damaged"
    assert look(packed[:20] + b"\xff\xff\xff" + packed[23:], name).problem == "its compressed data is damaged"
    assert look(zlib.compress(pack(LAZY_CONTENT)[:-1]), name).problem == "it is cut off"
    assert look(pack(LAZY_CONTENT), name).problem == "its compressed data is damaged"


def test_lists_of_hipblaslt() -> None:
    operations: dict[str, dict[str, list[int]]] = {"gfx908": {"AMax": []}, "gfx90a": {"AMax": []}}
    assert said(look(pack(operations), "hipblasltExtOpLibrary.dat")) == (None, ("gfx908", "gfx90a"), 2, None)
    assert said(look(pack({0: "a_gfx1100", 300: "b_gfx1100"}), "TensileLiteLibrary_lazy_Mapping.dat")) == (None, None, 2, None)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pack(LAZY_CONTENT)[:-1], "it is cut off"),
        (pack(LAZY_CONTENT)[:1], "it is cut off"),
        (pack(LAZY_CONTENT) + b"\0", "its MessagePack is damaged"),
        (b"\xc1" + pack(LAZY_CONTENT), "its MessagePack is damaged"),
        (b"\x81\xa1x" + b"\x91" * 1_000_000 + b"\x90", "its MessagePack is damaged"),
        (b"\x81\xa1x\xdd\xff\xff\xff\xff", "it is cut off"),
        (b"\xdf\xff\xff\xff\xff", "it is cut off"),
        (pack([1, 2, 3]), "it is no list of solutions"),
        (pack({"solutions": 7}), "it is no list of solutions"),
        (b"PK\x03\x04" + bytes(99), "its MessagePack is damaged"),
    ],
)
def test_damaged_lists(data: bytes, problem: str) -> None:
    found = look(data)
    assert (found.targets, found.entries, found.problem) == (None, None, problem)


def test_large_lists_are_looked_at_where_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensile, "MAX_WHOLE", 1000)
    monkeypatch.setattr(tensile, "_PIECE", 200)
    data = pack({"solutions": [{"name": "x" * 100}] * 30, "library": {}})
    assert said(look(data)) == ("gfx906", None, 30, None)
    assert said(look(zlib.compress(data), LAZY + ".zlib")) == ("gfx906", None, 30, None)
    assert look(zlib.compress(data)[:-1], LAZY + ".zlib").problem == "it is cut off"


def test_a_bomb_in_a_list_takes_bounded_time_and_memory() -> None:
    begin = time.perf_counter()
    look(zlib.compress(bytes(200 << 20)), LAZY + ".zlib")
    look(b"\xde\xff\xff" + b"\x01\x80" * 65_535)
    look(b"\x81\x01\xdd\x01\x00\x00\x00" + b"\x80" * (1 << 24))
    assert time.perf_counter() - begin < 5


def test_lists_in_yaml() -> None:
    name = "TensileLibrary_gfx906.yaml"
    data = b"---\nlibrary:\n  rows: []\nsolutions:\n- {name: x}\n...\n"
    assert said(look(data, name)) == ("gfx906", None, None, None)
    assert look(data[:-5], name).problem == "it is cut off"
    assert look(b"version: 1\nnothing: else\n", name).problem is None
    for other in (b"just words\n", b"\x7fELF" + bytes(99), b"- solutions: 1\n"):
        assert look(other, name).problem == "it is no list of solutions"


def test_code_objects() -> None:
    bare = elf.build(machine=224, flags=0x2F, abi_version=2) + b"."  # a bundle of the tests loses zeros at its end
    bundle = elf.bundle(ids={elf.entry_id("gfx906"): bare})
    for data in (bare, bundle):
        found = look(data, "Kernels.so-000-gfx906.hsaco")
        assert (found.targets, found.problem) == (("gfx906",), None)
    assert look(bare, "TensileLibrary_gfx1032.co").problem == "its name says gfx1032, its content gfx906"
    cut = look(bundle[:-100], "TensileLibrary_gfx906.co").problem
    assert cut
    assert "cut off" in cut
    assert "beyond the end" in (look(bare[:-100], "TensileLibrary_gfx906.co").problem or "")
    assert (look(b"no code at all", "TensileLibrary_gfx906.co").problem or "").startswith("it is no code object: ")
    host = elf.build(needed=["libc.so.6"])
    assert look(host, "TensileLibrary_gfx906.co").problem == "there is no code for AMD GPUs in it"


def test_features_of_a_target_are_no_other_target() -> None:
    bare = elf.build(machine=224, flags=0x62F, abi_version=3)
    assert said(look(bare, "TensileLibrary_gfx906.co"))[1::2] == (("gfx906:xnack-",), None)


# SQLite


def database(path: pathlib.Path, create: str, rows: Sequence[tuple[object, ...]] = (), insert: str = "") -> pathlib.Path:
    connection = sqlite3.connect(path)
    connection.execute(create)
    if rows:
        connection.executemany(insert, rows)
    connection.commit()
    connection.close()
    return path


KERN_DB = (
    "CREATE TABLE `kern_db` (`id` INTEGER PRIMARY KEY ASC,`kernel_name` TEXT NOT NULL,`kernel_args` TEXT NOT NULL,"
    "`kernel_blob` BLOB NOT NULL,`kernel_hash` TEXT NOT NULL,`uncompressed_size` INT NOT NULL)"
)
INSERT = "INSERT INTO kern_db (kernel_name, kernel_args, kernel_blob, kernel_hash, uncompressed_size) VALUES (?, ?, zeroblob(5000), '', 0)"


def kdb(path: pathlib.Path, *args: str) -> pathlib.Path:
    return database(path, KERN_DB, [(f"{at}.o", text) for at, text in enumerate(args)], INSERT)


def test_kernels_of_miopen(tmp_path: pathlib.Path) -> None:
    args = [" -DX=1 -mcpu=gfx906", " -Wa -mcpu=gfx906:sramecc+:xnack-", "-DY -mcpu=gfx906 -O3", "-O3"]
    path = kdb(tmp_path / "gfx906_60.kdb", *args * 10)
    assert said(at_path(path)) == ("gfx906", ("gfx906", "gfx906:sramecc+:xnack-"), 40, None)
    assert said(look(path.read_bytes(), path.name)) == ("gfx906", None, None, None)
    wrong = kdb(tmp_path / "gfx908_78.kdb", args[0])
    assert at_path(wrong).problem == "its name says gfx908, its content gfx906"
    assert at_path(kdb(tmp_path / "gfx942.kdb")).problem == "its table kern_db is empty"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["gfx906_60.kdb", "gfx908_78.kdb", "gfx942.kdb"]


def test_a_database_that_is_cut_off_or_damaged(tmp_path: pathlib.Path) -> None:
    whole = kdb(tmp_path / "gfx906_60.kdb", *["-mcpu=gfx906"] * 50).read_bytes()
    name = "gfx906_60.kdb"
    for length in (len(whole) - 1, len(whole) // 2, 4096, 200):
        assert look(whole[:length], name).problem == f"it is cut off: {length} bytes of {len(whole)}"
    assert look(whole[:50], name).problem == "its SQLite header is damaged"
    assert look(whole[:16] + b"\x12\x34" + whole[18:], name).problem == "its SQLite header is damaged"
    assert look(b"key=value\n", name).problem == "it is no SQLite file"
    old = whole[:28] + bytes(4) + whole[32:]  # a size of zero: not said
    assert look(old, name).problem is None
    assert look(old[:-1], name).problem == f"it is cut off: {len(whole) - 1} bytes of {len(whole)}"
    for at in (100, 4096 + 3):  # the first page's header, and a later one's
        path = tmp_path / name
        path.write_bytes(whole[:at] + b"\xff" * 8 + whole[at + 8 :])
        assert (at_path(path).problem or "").startswith("its database is damaged: ") or at_path(path).entries is None


@pytest.mark.parametrize(
    "create",
    [
        "CREATE TABLE other (x)",
        "CREATE VIEW kern_db AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS kernel_args FROM n",
    ],
)
def test_a_database_without_the_table(create: str, tmp_path: pathlib.Path) -> None:
    assert at_path(database(tmp_path / "gfx906_60.kdb", create)).problem == "it has no table kern_db"


def test_computed_columns_are_not_computed(tmp_path: pathlib.Path) -> None:
    create = "CREATE TABLE kern_db (x, kernel_args TEXT AS (hex(zeroblob(400000000))))"
    path = database(tmp_path / "gfx906_60.kdb", create, [("x",)], "INSERT INTO kern_db VALUES (?)")
    begin = time.perf_counter()
    assert at_path(path).problem == "its database is damaged: it has computed columns"
    assert time.perf_counter() - begin < 1


def test_caches_of_rocfft(tmp_path: pathlib.Path) -> None:
    create = "CREATE TABLE cache_v1 (kernel_name TEXT NOT NULL, arch TEXT NOT NULL, code BLOB NOT NULL, PRIMARY KEY (kernel_name, arch))"
    rows = [(f"fft_{at}", arch) for at in range(30) for arch in ("gfx906", "gfx90a:xnack-")]
    path = database(tmp_path / "rocfft_kernel_cache.db", create, rows, "INSERT INTO cache_v1 VALUES (?, ?, x'00')")
    assert said(at_path(path)) == (None, ("gfx906", "gfx90a:xnack-"), 60, None)
    other = tmp_path / "rocfft_kernel_cache_gfx950.db"
    other.write_bytes(path.read_bytes())
    assert at_path(other).problem == "its name says gfx950, its content gfx906, gfx90a:xnack-"


def test_tuning_of_miopen(tmp_path: pathlib.Path) -> None:
    text = b"1-2-3=ConvAsm1x1U:1,8\n\n4-5-6=gemm,0.1,0,rocBlas\n=no key\nno value=\nno sign\n7-8=last:1"
    for name in ("gfx906_60.HIP.fdb.txt", "gfx90a6e.db.txt", "gfx1030_36.db"):
        assert said(look(text, name))[1:] == (None, 3, None)
    assert look(b"nothing of the kind\n", "gfx906_60.db.txt").problem == "there is no record in it"
    assert look(b"a=b\n" + bytes(9), "gfx906_60.db.txt").problem == "it is no text"
    create = "CREATE TABLE perf_db (id INTEGER PRIMARY KEY, solver TEXT, config INTEGER, arch TEXT, num_cu INTEGER, params TEXT)"
    rows = [("ConvAsm1x1U", "gfx906"), ("gemm", "gfx906")]
    path = database(tmp_path / "gfx906_60.db", create, rows, "INSERT INTO perf_db (solver, arch) VALUES (?, ?)")
    assert said(at_path(path)) == ("gfx906", ("gfx906",), 2, None)


def test_records_across_the_pieces_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"".join(b"key-%d=%s\n" % (at, b"v" * (at % 50)) for at in range(1000))
    for piece in (1, 7, 100, 1 << 20):
        monkeypatch.setattr(kernel_file, "_PIECE", piece)
        assert look(text, "gfx906_60.db.txt").entries == 980
    monkeypatch.setattr(kernel_file, "MAX_LINE", 1000)
    monkeypatch.setattr(kernel_file, "_PIECE", 100)
    assert look(b"x" * 5000 + b"=1\n", "gfx906_60.db.txt").problem == "it is no text"


# Any bytes

NAMES = [LAZY, LAZY + ".zlib", "TensileLibrary.yaml", "extop_gfx906.co", "gfx906_60.kdb", "gfx906_60.db", "gfx906_60.db.txt"]
WHOLE = {
    LAZY: pack({"solutions": [{"name": "x_ISA906_y"}] * 3, **LAZY_CONTENT}),
    LAZY + ".zlib": zlib.compress(pack(LAZY_CONTENT)),
    "extop_gfx906.co": elf.bundle(ids={elf.entry_id("gfx906"): elf.build(machine=224, flags=0x2F, abi_version=2) + b"."}),
}


@given(st.binary(max_size=300), st.sampled_from(NAMES), st.sampled_from([b"", tables.MAGIC, b"\x82\xa9solutions", b"x\x9c", b"---\n"]))
def test_any_bytes(data: bytes, name: str, before: bytes) -> None:
    look(before + data, name)


@settings(max_examples=300)
@given(st.data(), st.sampled_from(sorted(WHOLE)))
def test_files_with_some_bytes_changed(data: st.DataObject, name: str) -> None:
    damaged = bytearray(WHOLE[name])
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    look(bytes(damaged), name)
    look(bytes(damaged[:cut]), name)


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.booleans(), st.integers(0, 70_000))
def test_any_sizes_in_the_header_of_a_database(page: int, pages: int, valid: bool, size: int) -> None:
    head = (
        tables.MAGIC + struct.pack(">H", page) + bytes(6) + b"\0\0\0\1" + struct.pack(">I", pages) + bytes(60) + b"\0\0\0" + bytes([valid])
    )
    data = (head + bytes(size))[: max(size, 16)]
    problem = tables.damage(Memory(memoryview(data)))
    real = 65536 if page == 1 else page
    sound = len(data) >= 100 and real in {1 << at for at in range(9, 17)}
    expected = pages * real if valid and pages else -(-len(data) // max(real, 1)) * real
    assert (problem is None) == (sound and len(data) >= expected)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=40) | st.binary(max_size=40),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    ),
    st.integers(0, 99),
)
def test_any_message_counts_its_solutions(value: object, count: int) -> None:
    assert look(pack({"solutions": [value] * count, "library": value}), "TensileLibrary.dat").entries == count


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line and b"\0" not in line), max_size=20))
def test_any_lines(lines: list[bytes]) -> None:
    expected = sum(0 < line.find(b"=") < len(line) - 1 for line in lines)
    found = look(b"start=1\n" + b"\n".join(lines), "gfx906_60.db.txt")
    assert found.entries == expected + 1
