"""Wheels: read anywhere without unpacking, and nothing that a hostile one says is believed."""

from __future__ import annotations

import errno
import os
import pathlib
import random
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.gpucode import inflate, wheel
from rocmkit.gpucode.inflate import Inflated
from rocmkit.gpucode.source import Memory, Source, Window
from rocmkit.gpucode.wheel import About, Wheel
from tests.support import wheels


def write(path: pathlib.Path, data: bytes) -> pathlib.Path:
    path.write_bytes(data)
    return path


def packed(data: bytes) -> bytes:
    stream = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def mixed(size: int, seed: int = 906) -> bytes:
    """Bytes of which some can be packed and some cannot."""
    made = random.Random(seed)
    return b"".join(made.randbytes(2000) + b"the same again " * 200 for _ in range(size // 5000 + 1))[:size]


class Counting:
    """A source that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.inner = Memory(memoryview(data))
        self.size = len(data)
        self.count = 0

    def read(self, offset: int, length: int) -> bytes:
        got = self.inner.read(offset, length)
        self.count += len(got)
        return got


# Inflated


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_SEGMENT", 1 << 12), ("_KEPT", 1 << 13), ("_PIECE", 100), ("_STEP", 1000)):
        monkeypatch.setattr(inflate, name, value)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("seed", range(5))
def test_any_piece_in_any_order(seed: int) -> None:
    data = mixed(100_000, seed)
    source = Inflated(Memory(memoryview(packed(data))), len(data), zlib.crc32(data))
    made = random.Random(seed)
    for _ in range(300):
        offset, length = made.randrange(-10, len(data) + 10), made.choice([1, 64, 8192, 20_000, 1 << 40])
        assert source.read(offset, length) == (data[offset : offset + length] if offset >= 0 else b"")


def test_a_look_at_the_end_and_then_a_walk_inflates_everything_about_twice() -> None:
    data = mixed(40 << 20)
    stream = Counting(packed(data))
    source = Inflated(stream, len(data), zlib.crc32(data))
    assert source.read(0, 64) == data[:64]
    assert source.read(len(data) - 4000, 4000) == data[-4000:]
    for offset in range(0, len(data), 1 << 19):
        assert source.read(offset, 8192) == data[offset : offset + 8192]
        back = max(0, offset - (2 << 20))  # as a reader of code objects goes back to where one began
        assert source.read(back, 100) == data[back : back + 100]
    assert stream.count < 2.2 * stream.size


@pytest.mark.parametrize("method", [0, 9])
def test_empty_and_stored_streams(method: int) -> None:
    for data in (b"", b"x", bytes(100_000)):
        stream = zlib.compressobj(method, zlib.DEFLATED, -zlib.MAX_WBITS)
        raw = stream.compress(data) + stream.flush()
        assert Inflated(Memory(memoryview(raw)), len(data), zlib.crc32(data)).read(0, 1 << 20) == data


def broken(source: Source, offset: int = 0) -> str:
    with pytest.raises(OSError) as caught:
        source.read(offset, source.size)
    assert caught.value.errno == errno.EIO
    return caught.value.strerror or ""


def test_a_stream_that_is_damaged_or_ends_early() -> None:
    data = mixed(20_000)
    raw, checksum = packed(data), zlib.crc32(data)
    assert broken(Inflated(Memory(memoryview(raw[:-500])), len(data), checksum)) == "the compressed data ends early"
    assert broken(Inflated(Memory(memoryview(b"")), len(data), checksum)) == "the compressed data ends early"
    assert broken(Inflated(Memory(memoryview(raw + bytes(100_000))), len(data) + 1, checksum)) == "the compressed data ends early"
    assert broken(Inflated(Memory(memoryview(b"\xff" * 99)), len(data), checksum)) == "the compressed data is damaged"
    wrong = Inflated(Memory(memoryview(raw)), len(data), checksum ^ 1)
    assert [broken(wrong), broken(wrong, 19_000)] == ["the checksum of the unpacked data is wrong"] * 2


def test_nothing_beyond_the_declared_size_is_inflated() -> None:
    raw = packed(bytes(50 << 20))
    stream = Counting(raw)
    source = Inflated(stream, 1000, zlib.crc32(bytes(1000)))
    assert source.read(0, 1 << 30) == bytes(1000)
    assert stream.count <= inflate._PIECE


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 5000), st.integers(0, 6000), st.integers(0, 6000))
def test_any_bytes_as_a_stream(raw: bytes, size: int, offset: int, length: int) -> None:
    source = Inflated(Memory(memoryview(raw)), size, 0)
    try:
        assert len(source.read(offset, length)) == max(0, min(offset + length, size) - offset)
    except OSError as error:
        assert error.errno == errno.EIO


@given(st.binary(max_size=100), st.integers(-5, 120), st.integers(0, 120), st.integers(-5, 130), st.integers(0, 130))
def test_a_window_shows_no_more_than_its_part(data: bytes, begin: int, size: int, offset: int, length: int) -> None:
    begin = max(0, begin)
    part = data[begin : begin + size]
    window = Window(Memory(memoryview(data)), begin, size)
    assert window.read(offset, length) == (part[offset : offset + length] if offset >= 0 else b"")


# Wheel


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("comment", [b"", b"x" * 65_535])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n" * 100])
@pytest.mark.parametrize("force_zip64", [False, True])
def test_members(method: int, comment: bytes, before: bytes, force_zip64: bool, tmp_path: pathlib.Path) -> None:
    content = {"x/lib.so": mixed(300_000), "x/empty": b"", "x/ünïcode.py": b"pass", **wheels.ABOUT}
    data = before + wheels.build({**content, "x/folder/": b""}, method=method, comment=comment, force_zip64=force_zip64)
    with Wheel(write(tmp_path / "x.whl", data)) as opened:
        assert {member.name: member.size_bytes for member in opened.members} == {name: len(data) for name, data in content.items()}
        for name, expected in content.items():
            source = opened.open(name)
            assert (source.size, source.read(0, 1 << 20)) == (len(expected), expected)
            assert source.read(200_000, 10) == expected[200_000:200_010]
            assert opened.read(name, 1 << 20) == expected
        assert opened.about() == About(name="x", version="1.0", tags=("py3-none-any", "cp310-cp310-linux_x86_64"))


def test_a_wheel_of_this_machine_is_as_zipfile_reads_it(tmp_path: pathlib.Path) -> None:
    """Made by zipfile from what is installed here: many members, of many sizes."""
    path = tmp_path / "all.whl"
    folder = pathlib.Path(os.__file__).parent / "email"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.py")):
            archive.write(file, file.relative_to(folder.parent))
    with Wheel(path) as opened, zipfile.ZipFile(path) as archive:
        assert len(opened.members) > 10
        for member in opened.members:
            assert opened.read(member.name, member.size_bytes) == archive.read(member.name)


def test_limits_and_missing_members(tmp_path: pathlib.Path) -> None:
    with Wheel(write(tmp_path / "x.whl", wheels.build({"a": b"12345"}))) as opened:
        with pytest.raises(ValueError, match="a has 5 bytes"):
            opened.read("a", 4)
        with pytest.raises(KeyError):
            opened.open("b")
        with pytest.raises(ValueError, match=r"there is no \.dist-info folder"):
            opened.about()
    with (
        Wheel(write(tmp_path / "y.whl", wheels.build({**wheels.ABOUT, "y-1.dist-info/METADATA": b""}))) as opened,
        pytest.raises(ValueError, match="several"),
    ):
        opened.about()
    with Wheel(write(tmp_path / "z.whl", wheels.build({"z-1.dist-info/RECORD": b""}))) as opened:
        assert opened.about() == About(name=None, version=None, tags=())


def test_links_are_no_files(tmp_path: pathlib.Path) -> None:
    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    data = wheels.lying(wheels.build({"libx.so": b"../../etc/passwd", "liby.so": b"y"}), "libx.so", link)
    with Wheel(write(tmp_path / "x.whl", data)) as opened:
        assert [member.name for member in opened.members] == ["liby.so"]


def refused(path: pathlib.Path, data: bytes) -> str:
    with pytest.raises(ValueError) as caught:
        Wheel(write(path, data))
    return str(caught.value)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "x/../../y", "x\\y", "x\0y", "x\ny", "\x1b[31mx", "a/.."])
def test_names_that_lead_out_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    data = wheels.build({"N" * len(name): b"x", "good": b"y"}).replace(b"N" * len(name), name.encode())
    assert refused(tmp_path / "x.whl", data) == f"a member of the archive has the name {name!r}"


def test_two_members_of_one_name_are_refused(tmp_path: pathlib.Path) -> None:
    data = wheels.build({"one": b"1", "two": b"2"}).replace(b"two", b"one")
    assert refused(tmp_path / "x.whl", data) == "two members of the archive are named one"


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("header_offset", 0, "over one another"),
        ("header_offset", 1 << 30, "over one another"),
        ("compress_size", 1 << 20, "over one another"),
        ("file_size", 1 << 40, "far more than it can hold"),
        ("file_size", 2 << 30, "far more than it can hold"),
    ],
)
def test_places_and_sizes_that_cannot_be_are_refused(field: str, value: int, why: str, tmp_path: pathlib.Path) -> None:
    data = wheels.lying(wheels.build({"one": b"1" * 100, "two": b"2" * 100}), "two", lambda info: setattr(info, field, value))
    assert why in refused(tmp_path / "x.whl", data)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda info: setattr(info, "flag_bits", 1), "encrypted"),
        (lambda info: setattr(info, "compress_type", zipfile.ZIP_BZIP2), "compressed with bzip2"),
        (lambda info: setattr(info, "compress_type", zipfile.ZIP_LZMA), "compressed with lzma"),
        (lambda info: setattr(info, "compress_type", 93), "compressed with zstd"),
        (lambda info: setattr(info, "compress_type", 77), "the unknown method 77"),
        (lambda info: setattr(info, "compress_type", zipfile.ZIP_STORED), "not as the directory"),
        (lambda info: setattr(info, "header_offset", info.header_offset + 1), "not where the directory"),
        (lambda info: setattr(info, "file_size", 1 << 20), "said to unpack to more bytes than it can"),
    ],
)
def test_members_that_cannot_be_read(change: Callable[[zipfile.ZipInfo], None], why: str, tmp_path: pathlib.Path) -> None:
    data = wheels.lying(wheels.build({"one": b"1" * 100, "rest": b"2" * 100}), "one", change)
    with Wheel(write(tmp_path / "x.whl", data)) as opened:
        with pytest.raises(ValueError, match=why):
            opened.open("one")
        assert opened.read("rest", 100) == b"2" * 100


def test_a_member_of_another_size_or_checksum(tmp_path: pathlib.Path) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = wheels.build({"one": mixed(5000), "two": b"2"}, method=method)
        with (
            Wheel(write(tmp_path / "crc.whl", wheels.lying(data, "one", lambda info: setattr(info, "CRC", 7)))) as opened,
            pytest.raises(OSError, match="checksum"),
        ):
            opened.read("one", 1 << 20)
    with Wheel(write(tmp_path / "size.whl", wheels.lying(data, "one", lambda info: setattr(info, "file_size", 5001)))) as opened:
        assert broken(opened.open("one")) == "the compressed data ends early"


def test_an_archive_that_becomes_shorter(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "x.whl", wheels.build({"one": mixed(500_000), "two": b"2"}))
    with Wheel(path) as opened:
        source = opened.open("one")
        os.truncate(path, 5000)
        assert broken(source) == "the compressed data ends early"


def test_no_archives(tmp_path: pathlib.Path) -> None:
    whole = wheels.build({"one": b"1" * 100})
    for data in (b"", b"PK", b"\x7fELF" + bytes(99), whole[:-1], whole[:-30], whole[:50], bytes(1 << 20), b"PK\x05\x06" + b"\xff" * 18):
        assert "no zip archive" in refused(tmp_path / "x.whl", data)
    with pytest.raises(FileNotFoundError):
        Wheel(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        Wheel(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="not a regular file"):
        Wheel(tmp_path / "fifo")


def test_a_directory_of_too_many_members_is_refused_before_it_is_parsed(tmp_path: pathlib.Path) -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    for count, why in ((wheel.MAX_MEMBERS + 1, "too many members"), (wheel.MAX_DIRECTORY // len(entry) + 1, "too large")):
        for said in (1, 0xFFFF):  # zipfile goes by the size, not by the number
            end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, said, said, count * len(entry), 0, 0)
            assert why in refused(tmp_path / "x.whl", entry * count + end)


def test_memory_stays_bounded(tmp_path: pathlib.Path) -> None:
    """A member of 300 MB, read at its end and then all along."""
    path = tmp_path / "big.whl"
    piece = mixed(1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("big", "w") as file:
        for _ in range(300):
            file.write(piece)
    script = (
        "import resource, sys; from rocmkit.gpucode.wheel import Wheel; w = Wheel(sys.argv[1]); s = w.open('big');"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; s.read(s.size - 64, 64);"
        "[s.read(at, 8192) for at in range(0, s.size, 1 << 20)];"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    out = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=True, cwd=pathlib.Path(__file__).parents[3])
    assert int(out.stdout) < 64 << 10  # KiB


WHOLE = wheels.build({"x/lib.so": mixed(3000), "x/__init__.py": b"", **wheels.ABOUT}, comment=b"a comment")


def read_all(path: pathlib.Path, data: bytes) -> None:
    try:
        with Wheel(write(path, data)) as opened:
            for member in opened.members:
                try:
                    assert len(opened.open(member.name).read(0, 10_000)) <= member.size_bytes
                    opened.read(member.name, 10_000)
                except (ValueError, OSError):
                    continue
            opened.about()
    except (ValueError, OSError):
        return


@settings(max_examples=300)
@given(st.data())
def test_an_archive_with_some_bytes_changed(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 200), st.integers(len(WHOLE) - 500, len(WHOLE) - 9), st.integers(0, len(WHOLE) - 9)))
        width = data.draw(st.sampled_from([1, 2, 4, 8]))
        damaged[at : at + width] = data.draw(st.binary(min_size=width, max_size=width))
    read_all(SCRATCH, bytes(damaged))


@given(st.integers(0, len(WHOLE)), st.binary(max_size=60))
def test_an_archive_cut_anywhere_and_any_bytes_after(length: int, after: bytes) -> None:
    read_all(SCRATCH, WHOLE[:length] + after)
    read_all(SCRATCH, after + WHOLE[length:])


@pytest.fixture(autouse=True, scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> None:
    global SCRATCH  # noqa: PLW0603 - hypothesis wants no fixture of one test
    SCRATCH = tmp_path_factory.mktemp("fuzz") / "x.whl"


SCRATCH = pathlib.Path()


def test_a_member_with_two_names_is_none(tmp_path: pathlib.Path) -> None:
    """pip refuses it too: the directory and the header of a member have to name the same file."""
    data = wheels.build({"one.so": b"1" * 100})
    with (
        Wheel(write(tmp_path / "x.whl", data.replace(b"one.so", b"two.so", 1))) as found,
        pytest.raises(ValueError, match="not as the dir"),
    ):
        found.open("one.so")
