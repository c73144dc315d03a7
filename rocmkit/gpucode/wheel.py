"""Wheels: zip archives whose members are read where they lie, never unpacked to a disk.

The standard library's zipfile reads the directory, through a file that gives it no more than a wheel needs; what it says is then checked,
since nothing in a zip archive has to be true (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, APPNOTE 6.3.10; wheels:
https://packaging.python.org/en/latest/specifications/binary-distribution-format/). Members are read by this module and not by zipfile,
which can only go forward in what is compressed.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import zipfile
import zlib
from typing import NamedTuple

from rocmkit.gpucode.inflate import Inflated
from rocmkit.gpucode.source import File, Source, Window
from rocmkit.model import Model

# Far above real wheels: onnxruntime-rocm 1.22.2.post1, 218 MB, has 313 members, of 1.5 GB together.
MAX_MEMBERS = 100_000
MAX_DIRECTORY = 32 << 20
MAX_SIZE = 16 << 30  # of one member, unpacked
MAX_RATIO = 100  # of all members, unpacked, to the archive: 7 in the wheel above; nothing but zeros makes 1000
_ANY_RATIO = 1 << 30  # bytes unpacked that are fine at any ratio
_DEFLATE_RATIO = 1032  # the most that deflate can do: zlib's technical notes, "Maximum Compression Factor"

_LOCAL = struct.Struct("<4s5H3I2H")  # local file header, APPNOTE 4.3.7
_ENCRYPTED, _UTF8 = 0x1 | 0x40 | 0x2000, 0x800  # general purpose bits, APPNOTE 4.4.4
_END = 22 + 0xFFFF  # bytes in which the end of the directory lies, with the longest comment
_ABOUT = 256 << 10  # of METADATA and WHEEL: their headers come first
_METHODS = {12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 9: "deflate64"}


class Member(Model, kw_only=True):
    """One regular file in a wheel."""

    name: str  # as the archive spells it, with slashes
    size_bytes: int  # unpacked, as the archive says


class About(Model, kw_only=True):
    """What a wheel says of itself in its .dist-info folder. None: it does not say."""

    name: str | None
    version: str | None
    tags: tuple[str, ...]  # "cp310-cp310-manylinux_2_35_x86_64"


class _Place(NamedTuple):
    """Where a member lies, as the directory says."""

    header: int
    end: int  # where the next one, or the directory, begins
    packed: int
    size: int
    method: int
    flags: int
    checksum: int


class Wheel:
    """A zip archive, open for reading. A context manager; what `open` gave can be read until it ends.

    Raises OSError as the system gives it, and ValueError where the file is no zip archive or a hostile one: names that lead out of it,
    two members of one name or in one place, more members or larger ones than any wheel has.
    """

    members: tuple[Member, ...]
    """Regular files, in the order in which they lie. Folders and links are left out."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = File(path)
        try:
            self._places = _places(self._file)
        except BaseException:
            self._file.close()
            raise
        self.members = tuple(Member(name=name, size_bytes=place.size) for name, place in self._places.items())

    def open(self, name: str) -> Source:
        """A member as a source that can be read anywhere. Raises KeyError where there is none of that name, ValueError where it is
        encrypted, compressed in another way than with deflate, or its headers do not agree.

        Reading raises OSError, with EIO where the compressed data is damaged. The checksum of a member that is stored is not looked at;
        that of a compressed one is, when it has been read to its end.
        """
        place = self._places[name]
        if place.flags & _ENCRYPTED:
            raise ValueError(f"{name} is encrypted")
        if place.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed with {_METHODS.get(place.method, f'the unknown method {place.method}')}")
        header = self._file.read(place.header, _LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise ValueError(f"{name} is not where the directory of the archive says")
        _, _, _, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack(header)
        begin = place.header + _LOCAL.size + name_length + extra_length
        named = self._file.read(place.header + _LOCAL.size, name_length).decode("utf-8" if place.flags & _UTF8 else "cp437", "replace")
        if method != place.method or named != name or begin + place.packed > place.end:
            raise ValueError(f"{name} is not as the directory of the archive says")
        packed = Window(self._file, begin, place.packed)
        if place.method == zipfile.ZIP_STORED:
            if place.packed != place.size:
                raise ValueError(f"{name} is stored in {place.packed} bytes and should have {place.size}")
            return packed
        if place.size > _DEFLATE_RATIO * (place.packed + 1):
            raise ValueError(f"{name} is said to unpack to more bytes than it can")
        return Inflated(packed, place.size, place.checksum)

    def read(self, name: str, limit: int) -> bytes:
        """A whole member, its checksum compared. Raises ValueError if it has more than `limit` bytes, and what `open` and reading do."""
        source = self.open(name)
        if source.size > limit:
            raise ValueError(f"{name} has {source.size} bytes")
        data = source.read(0, source.size)
        if len(data) < source.size or zlib.crc32(data) != self._places[name].checksum:
            raise OSError(errno.EIO, "the checksum of the unpacked data is wrong")
        return data

    def about(self) -> About:
        """Name, version and tags. Raises ValueError where there is not exactly one .dist-info folder, and what `open` and reading raise."""
        folders = {name.partition("/")[0] for name in self._places if name.partition("/")[0].endswith(".dist-info")}
        if len(folders) != 1:
            raise ValueError("there is no .dist-info folder in it" if not folders else "there are several .dist-info folders in it")
        (folder,) = folders
        metadata, wheel = self._headers(f"{folder}/METADATA"), self._headers(f"{folder}/WHEEL")
        return About(
            name=next((value for key, value in metadata if key == "name"), None),
            version=next((value for key, value in metadata if key == "version"), None),
            tags=tuple(value for key, value in wheel if key == "tag"),
        )

    def _headers(self, name: str) -> list[tuple[str, str]]:
        """The lines `Key: value` at the beginning of a member; none where there is no such member."""
        if name not in self._places:
            return []
        text = self.open(name).read(0, _ABOUT).decode("utf-8", "replace")
        found = []
        for line in text.splitlines():
            key, colon, value = line.partition(":")
            if not line.strip():
                break
            if colon:
                found.append((key.strip().lower(), value.strip()))
        return found

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def __enter__(self) -> Wheel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Directory:
    """The archive as zipfile sees it: large enough for the directory of a wheel, and no larger."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.at = 0
        self.error: Exception | None = None
        """What went wrong here; zipfile takes any OSError for its own."""

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + (0, self.at, self.file.size)[whence]
        if at < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.at = at
        return at

    def read(self, length: int = -1) -> bytes:
        wanted = max(0, self.file.size - self.at) if length < 0 else length
        try:
            if wanted > MAX_DIRECTORY:
                raise ValueError("the directory of the archive is too large")
            data = self.file.read(self.at, wanted)
            # zipfile goes by the size of the directory alone and reads all of it at once; every member has this mark
            if wanted > _END and data.count(b"PK\x01\x02") > MAX_MEMBERS:
                raise ValueError("there are too many members in the archive")
        except (OSError, ValueError) as error:
            self.error = error
            raise
        self.at += len(data)
        return data


def _places(file: File) -> dict[str, _Place]:
    """The regular files of an archive."""
    directory = _Directory(file)
    try:
        with zipfile.ZipFile(directory) as archive:
            entries, end = archive.infolist(), archive.start_dir
    except (zipfile.BadZipFile, struct.error, NotImplementedError, OSError, ValueError, OverflowError, IndexError) as error:
        if directory.error:
            raise directory.error from None
        raise ValueError(f"no zip archive, or a damaged one: {error}") from None
    entries.sort(key=lambda entry: entry.header_offset)
    found: dict[str, _Place] = {}
    met: set[str] = set()
    total = 0
    for at, entry in enumerate(entries):
        name = _checked_name(entry.orig_filename)
        if name in met:
            raise ValueError(f"two members of the archive are named {name}")
        met.add(name)
        after = entries[at + 1].header_offset if at + 1 < len(entries) else end
        if entry.header_offset < 0 or entry.header_offset + _LOCAL.size + entry.compress_size > after:
            raise ValueError("members of the archive lie over one another")
        total += entry.file_size
        if entry.file_size > MAX_SIZE or total > max(_ANY_RATIO, MAX_RATIO * file.size):
            raise ValueError("the archive is said to unpack to far more than it can hold")
        if not name.endswith("/") and stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG):
            found[name] = _Place(
                entry.header_offset, after, entry.compress_size, entry.file_size, entry.compress_type, entry.flag_bits, entry.CRC
            )
    return found


def _checked_name(name: str) -> str:
    """A member's name. Raises ValueError where it could lead out of a folder, or spoil what it is printed in."""
    if not name or name.startswith("/") or "\\" in name or ".." in name.split("/") or not name.isprintable():
        raise ValueError(f"a member of the archive has the name {name[:200]!r}")
    return name
