"""Where bytes come from: a file read piece by piece, or bytes already at hand.

A file is read with pread, never mapped: a mapped file that another program shortens, or whose disk fails, ends the whole
process with SIGBUS, which no `except` catches (mmap(2)). A reader of headers needs a few dozen small pieces of a 2 GB library,
and for those pread is as fast.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import Protocol

_PIECE = 1 << 20
#: What a file begins with that stands for one that Git LFS has not fetched (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
PLACEHOLDER = b"version https://git-lfs.github.com/spec/"


class Source(Protocol):
    """Bytes with a known length."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only where the source ends. Raises OSError."""


class Memory:
    """Bytes at hand, or anything that gives a flat buffer."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self.size = len(view)

    def read(self, offset: int, length: int) -> bytes:
        """Copy a piece."""
        return bytes(self._view[offset : offset + length]) if 0 <= offset < self.size else b""


class Window:
    """A part of another source, as a source of its own."""

    def __init__(self, source: Source, offset: int, size: int) -> None:
        self._source = source
        self._offset = offset
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece, never beyond the part."""
        return self._source.read(self._offset + offset, min(length, self.size - offset)) if 0 <= offset < self.size else b""


class File:
    """A regular file. Opening anything else raises ValueError."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        mode = os.stat(path).st_mode  # noqa: PTH116 - before opening, which alone can set a device to work
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise ValueError("not a regular file")
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece."""
        if not 0 <= offset < self.size:
            return b""
        return os.pread(self._descriptor, min(length, self.size - offset), offset)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sha256(path: str | os.PathLike[str]) -> str:
    """The digest of a file's bytes. Raises OSError; ValueError where it is no regular file."""
    found = hashlib.sha256()
    with File(path) as source:
        for at in range(0, source.size, _PIECE):
            found.update(source.read(at, _PIECE))
    return found.hexdigest()
