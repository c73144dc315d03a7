"""Unpack the archive of a source into a folder: files, folders, and links that stay inside. Anything else is refused by name."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from zlib import error as zlib_error

from rocmkit.gpucode.unpack import zstd_library

#: The sources of LLVM have a third of it.
MAX_MEMBERS = 500_000
#: Sources become ten times smaller, at most; so much is taken of any archive.
MAX_RATIO, FREE_BYTES = 100, 1 << 30
#: Headers that say a name or a time; tarfile has some hundred of them in memory at once.
MAX_HEADER = _PIECE = 1 << 18
#: Names of paths are shorter: PATH_MAX of linux/limits.h.
MAX_NAME = 4096
_MAGIC = ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zst"))


class ArchiveError(ValueError):
    """An archive that is not unpacked. The message names the member."""


def unpack(archive: Path, into: Path, *, strip: int = 0, told: Callable[[int], None] = lambda _: None) -> int:
    """Unpack a tar archive, without the first `strip` parts of its names; how many members it has.

    `told` is told of the number of members now and then. Raises ArchiveError, and OSError where a file cannot be read or written.
    """
    into.mkdir(parents=True, exist_ok=True)
    with archive.open("rb") as raw:
        limit = max(FREE_BYTES, os.fstat(raw.fileno()).st_size * MAX_RATIO)
        try:
            with _Forward(_opened(raw), limit) as stream, tarfile.open(fileobj=stream, mode="r:", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
                return _Unpacking(tar, into, strip).all(told)
        except ArchiveError:
            raise
        except (tarfile.TarError, EOFError, lzma.LZMAError, zlib_error, gzip.BadGzipFile, ArithmeticError, ValueError) as error:
            raise ArchiveError(f"{archive.name}: it is no whole tar archive ({error})") from None
        except RecursionError:  # of tarfile, which reads a header of a header within the one before, or of a path of thousands of folders
            raise ArchiveError(f"{archive.name}: it is no whole tar archive (it is nested without end)") from None
        except ImportError:
            raise ArchiveError(f"{archive.name}: it is packed with zstd, for which a package is missing here") from None


def _opened(raw: IO[bytes]) -> Any:
    head = raw.read(8)
    raw.seek(0)
    match next((kind for magic, kind in _MAGIC if head.startswith(magic)), ""):
        case "gz":
            return gzip.GzipFile(fileobj=raw)
        case "bz2":
            return bz2.BZ2File(raw)
        case "xz":
            return lzma.LZMAFile(raw)
        case "zst":
            return zstd_library().ZstdFile(raw)
    return raw


class _Forward:
    """A stream that is read once, from its beginning to its end and no further than its limit: what tarfile asks of a file."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream, self._limit, self._at = stream, limit, 0
        self.name = ""

    def __enter__(self) -> _Forward:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def tell(self) -> int:
        return self._at

    def seek(self, place: int, _: int = 0) -> int:
        if place < self._at:
            raise ArchiveError("it is no whole tar archive (a header points back)")
        while self._at < place and self.read(min(_PIECE, place - self._at)):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        if size < 0 or size > MAX_HEADER:
            raise ArchiveError(f"it holds a header of {size} bytes")
        if self._at + size > self._limit + (1 << 16):
            raise ArchiveError(f"it holds more than {self._limit >> 20} MiB, a hundred times what it is itself")
        data: bytes = self._stream.read(size)
        while 0 < len(data) < size and (more := self._stream.read(size - len(data))):  # xz and zstd give less at times
            data += more
        self._at += len(data)
        return data


class _Unpacking:
    def __init__(self, tar: tarfile.TarFile, into: Path, strip: int) -> None:
        self.tar, self.into, self.strip = tar, into, strip
        self.files: set[str] = set()
        self.links: dict[str, str] = {}  # made when all files are there, so that none is written through one
        self.now = time.time()

    def all(self, told: Callable[[int], None]) -> int:
        count = 0
        while (member := self.tar.next()) is not None:
            # tarfile keeps them all
            self.tar.members = []  # type: ignore[attr-defined]
            self.tar.pax_headers = {}
            count += 1
            if count > MAX_MEMBERS:
                raise ArchiveError(f"it holds more than {MAX_MEMBERS} members")
            if count % 256 == 0:
                told(count)
            name = self.name(member.name, member.name)
            try:
                if name:
                    self.one(member, name)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise ArchiveError(f"{member.name!r} is a folder and a file") from None
        if not count:
            raise ArchiveError("it is no whole tar archive (it is empty)")
        self.make_links()
        return count

    def name(self, written: str, member: str) -> str:
        """A name below the folder; empty: it is stripped away."""
        if len(written) > MAX_NAME:
            raise ArchiveError(f"{member[:100]!r}… is a name of {len(written)} characters")
        parts = [part for part in written.split("/") if part not in ("", ".")]
        if written.startswith("/") or ".." in parts or "\0" in written:
            raise ArchiveError(f"{member!r} leads out of the folder")
        return "/".join(parts[self.strip :])

    def one(self, member: tarfile.TarInfo, name: str) -> None:
        parts = name.split("/")
        if any("/".join(parts[:end]) in self.links for end in range(1, len(parts))):
            raise ArchiveError(f"{member.name!r} lies behind a link")
        place = self.into / name
        if member.issym():
            if member.linkname.startswith("/") or "\0" in member.linkname or not member.linkname:
                raise ArchiveError(f"{member.name!r} is a link out of the folder, to {member.linkname!r}")
            self.vacate(place, name)
            self.links[name] = member.linkname
        elif member.isdir():
            if name in self.links:
                raise ArchiveError(f"{member.name!r} is a link and a folder")
            place.mkdir(parents=True, exist_ok=True)
        elif member.islnk():
            target = self.name(member.linkname, member.name)
            if target not in self.files:
                raise ArchiveError(f"{member.name!r} is a link to {member.linkname!r}, which is no file before it")
            self.vacate(place, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(self.into / target, place)
            self.files.add(name)
        elif member.isreg() and not member.issparse():
            if member.mode & 0o6000:
                raise ArchiveError(f"{member.name!r} would run with the rights of another user or group")
            self.vacate(place, name)
            self.write(member, place)
            self.files.add(name)
        else:
            raise ArchiveError(f"{member.name!r} is no file, folder or link")

    def vacate(self, place: Path, name: str) -> None:
        """A later member takes the place of an earlier one, and never writes into it."""
        self.links.pop(name, None)
        self.files.discard(name)
        place.unlink(missing_ok=True)

    def write(self, member: tarfile.TarInfo, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o755 if member.mode & 0o100 else 0o644
        source = self.tar.extractfile(member)
        assert source is not None  # noqa: S101 - of a file it gives one
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        left = member.size
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            while left > 0 and (piece := source.read(min(left, _PIECE))):
                file.write(piece)
                left -= len(piece)
        if left:
            raise ArchiveError(f"{member.name!r} is cut off")
        # make compares times, and a time to come has it build without end.
        when = min(max(float(member.mtime), 0.0), self.now)
        os.utime(place, (when, when), follow_symlinks=False)

    def make_links(self) -> None:
        """Make the links, and look where each leads, through whatever others it goes."""
        root = os.path.realpath(self.into)
        for name, target in self.links.items():
            place = self.into / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
        for name, target in self.links.items():
            leads = os.path.realpath(self.into / name)
            if leads != root and not leads.startswith(f"{root}/"):
                for other in self.links:
                    with contextlib.suppress(OSError):
                        (self.into / other).unlink()
                raise ArchiveError(f"{name!r} is a link out of the folder, to {target!r}")
