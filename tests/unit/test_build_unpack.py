"""Archives: what is unpacked, and what is refused by its name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rocmkit.build import unpack as unpacking
from rocmkit.build.unpack import ArchiveError, unpack
from rocmkit.gpucode.unpack import zstd_library


def entry(
    name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644, mtime: int = 1000
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size, info.mtime = kind, link, mode, len(data), mtime
    return info, data


def tar(*entries: tuple[tarfile.TarInfo, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as file:
        for info, data in entries:
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def unpacked(tmp_path: Path, data: bytes, *, strip: int = 0) -> Path:
    (tmp_path / "a.tar").write_bytes(data)
    unpack(tmp_path / "a.tar", tmp_path / "into", strip=strip)
    return tmp_path / "into"


def outside(tmp_path: Path) -> list[str]:
    return sorted(set(os.listdir(tmp_path)) - {"a.tar", "into"})


SYM, HARD, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
PACKED: list[Callable[[bytes], bytes]] = [
    bytes,
    gzip.compress,
    bz2.compress,
    lzma.compress,
    lambda data: bytes(zstd_library().compress(data)),
]


@pytest.mark.parametrize("pack", PACKED, ids=["tar", "gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_what_is_unpacked(tmp_path: Path, pack: Callable[[bytes], bytes], kind: int) -> None:
    deep = "top/" + "/".join(["folder" * 5] * 5) + "/x"
    into = unpacked(tmp_path, pack(tar(
        entry("top", kind=DIR, mode=0o2775),
        entry("top/run.sh", b"#!/bin/sh\n", mode=0o755),
        entry("top/big", b"0123456789" * 100_000),
        entry("./top/doc/readme", b"hello", mode=0o600),
        entry("top/link", kind=SYM, link="doc/readme"),
        entry("top/doc/up", kind=SYM, link="../run.sh"),
        entry("top/same", kind=HARD, link="top/run.sh"),
        entry(deep, b"deep"),
        kind=kind,
    )), strip=1)  # fmt: skip
    assert (into / "run.sh").stat().st_mode & 0o7777 == 0o755 and (into / "doc/readme").stat().st_mode & 0o7777 == 0o644
    assert (into / "big").read_bytes() == b"0123456789" * 100_000 and (into / "run.sh").stat().st_mtime == 1000
    assert (into / "link").read_text() == "hello" and (into / "doc/up").read_text() == "#!/bin/sh\n"
    assert (into / "same").read_text() == "#!/bin/sh\n" and (into / deep[4:]).read_text() == "deep"


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([entry("../evil", b"x")], "'../evil' leads out"),
        ([entry("a/../../evil", b"x")], "'a/../../evil' leads out"),
        ([entry("/evil", b"x")], "'/evil' leads out"),
        ([entry("a/..", kind=DIR)], "'a/..' leads out"),
        ([entry("l", kind=SYM, link="/etc")], "'l' is a link out of the folder, to '/etc'"),
        ([entry("l", kind=SYM, link="..")], "'l' is a link out of the folder, to '..'"),
        ([entry("a/l", kind=SYM, link="../../x")], "'a/l' is a link out"),
        ([entry("l", kind=SYM, link="a"), entry("l/x", b"x")], "'l/x' lies behind a link"),
        ([entry("l", kind=SYM, link="."), entry("l/../../x", b"x")], "leads out"),
        # Each by itself stays inside: together they do not.
        ([entry("p/q/a", kind=SYM, link="../.."), entry("p/q/y", kind=SYM, link="a/../z")], "'p/q/y' is a link out"),
        ([entry("h", kind=HARD, link="/etc/passwd")], "'h' leads out"),
        ([entry("h", kind=HARD, link="../x")], "'h' leads out"),
        ([entry("h", kind=HARD, link="later"), entry("later", b"x")], "'h' is a link to 'later', which is no file before it"),
        ([entry("l", kind=SYM, link="x"), entry("h", kind=HARD, link="l")], "which is no file before it"),
        ([entry("d", kind=tarfile.CHRTYPE)], "'d' is no file, folder or link"),
        ([entry("d", kind=tarfile.BLKTYPE)], "'d' is no file, folder or link"),
        ([entry("d", kind=tarfile.FIFOTYPE)], "'d' is no file, folder or link"),
        ([entry("s", b"x", mode=0o4755)], "'s' would run with the rights of another"),
        ([entry("s", b"x", mode=0o2755)], "'s' would run with the rights of another"),
        ([entry("f", b"x"), entry("f/x", b"x")], "'f/x' is a folder and a file"),
        ([entry("f/x", b"x"), entry("f", b"x")], "'f' is a folder and a file"),
        ([], "it is no whole tar archive"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], named: str) -> None:
    with pytest.raises(ArchiveError) as caught:
        unpacked(tmp_path, tar(*entries))
    assert named in str(caught.value)
    assert outside(tmp_path) == []
    assert not any(path.is_symlink() for path in (tmp_path / "into").rglob("*"))


def test_a_later_member_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    into = unpacked(
        tmp_path,
        tar(entry("a", b"1"), entry("same", kind=HARD, link="a"), entry("a", b"2"), entry("l", kind=SYM, link="a"), entry("l", b"3")),
    )
    assert [(into / name).read_bytes() for name in ("a", "same", "l")] == [b"2", b"1", b"3"]


def test_times_to_come_are_now(tmp_path: Path) -> None:
    assert (unpacked(tmp_path, tar(entry("a", mtime=2**33))) / "a").stat().st_mtime <= time.time() + 1


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "FREE_BYTES", 1 << 20)
    with pytest.raises(ArchiveError, match="holds more than 1 MiB"):
        unpacked(tmp_path, gzip.compress(tar(entry("big", bytes(8 << 20)))))
    assert sum(path.stat().st_size for path in (tmp_path / "into").iterdir()) < 3 << 20


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 10)
    with pytest.raises(ArchiveError, match="more than 10 members"):
        unpacked(tmp_path, tar(*(entry(f"{number}") for number in range(20))))


def test_a_header_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 3 << 30
    data = info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)
    with pytest.raises(ArchiveError, match="a header of 3221225472 bytes"):
        unpacked(tmp_path, data)


def test_headers_of_headers_end(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2
    with pytest.raises(ArchiveError, match="nested without end"):
        unpacked(tmp_path, (info.tobuf(tarfile.GNU_FORMAT) + b"a".ljust(512, b"\0")) * 3000 + tar(entry("a")))


def test_headers_for_all_members_do_not_pile_up(tmp_path: Path) -> None:
    def header(number: int) -> bytes:
        record = f" k{number:06}={'v' * 200_000}\n".encode()
        record = str(len(record) + 6).encode() + record
        info = tarfile.TarInfo("x")
        info.type, info.size = tarfile.XGLTYPE, len(record)
        return info.tobuf(tarfile.GNU_FORMAT) + record + bytes(-len(record) % 512)

    data = b"".join(header(number) + entry(f"{number}")[0].tobuf(tarfile.GNU_FORMAT) for number in range(60)) + bytes(1024)
    (tmp_path / "a.tar").write_bytes(data)
    tracemalloc.start()
    try:
        assert unpack(tmp_path / "a.tar", tmp_path / "into") == 60
        assert tracemalloc.get_traced_memory()[1] < 4 << 20, "of 12 MB of headers"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a/" * 2000 + "a", "a" * 5000], ids=["deep", "long"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match=r"nested without end|a name of 5000 characters"):
        unpacked(tmp_path, tar(entry(name)))


@pytest.mark.parametrize("more", [{"mtime": "nan"}, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10"}])
def test_numbers_that_are_none(tmp_path: Path, more: dict[str, str]) -> None:
    info, _ = entry("a")
    info.pax_headers = more
    with pytest.raises(ArchiveError, match="no whole tar archive"):
        unpacked(tmp_path, tar((info, b"")))


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    info, _ = entry("s")
    info.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))


@pytest.mark.parametrize("pack", PACKED[1:], ids=["gz", "bz2", "xz", "zst"])
def test_a_packed_archive_that_is_cut_off(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    data = pack(tar(entry("a", os.urandom(100_000))))
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, data[: len(data) // 2])


def test_what_is_no_archive(tmp_path: Path) -> None:
    for data in (b"", b"<html>no</html>", b"PK\x03\x04", bytes(100)):
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, data)


SMALL = tar(entry("top/a", b"x" * 700), entry("top/l", kind=SYM, link="a"), entry("top/" + "n" * 150, b"y"), kind=tarfile.GNU_FORMAT)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=12)), max_size=4), st.integers(0, len(SMALL)))
def test_any_damage_is_unpacked_inside_or_refused(tmp_path: Path, damage: list[tuple[int, bytes]], length: int) -> None:
    data = bytearray(SMALL)
    for place, text in damage:
        data[place : place + len(text)] = text
    try:
        into = unpacked(tmp_path, bytes(data[:length]))
    except (ArchiveError, OSError):
        into = tmp_path / "into"
    assert outside(tmp_path) == []
    for path in into.rglob("*"):
        assert path.resolve().is_relative_to(into.resolve())
        assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
