"""The questions, and the values that answer them.

Failures are OSError with an errno, as the kernel gives it, or NotAsked where this host cannot put the question at all.
Every `read` and `run` takes a `keep`: the function that says which part of the bytes leaves the host. It runs on every host,
so that a recording holds no more than a live run looked at, and a replay gives the same facts.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.host.names import Names
from rocmkit.model import Model

Keep = Callable[[bytes], bytes]
Wanted = Callable[[str], object]

#: More than this is never read of one file or one output stream.
LIMIT_BYTES = 4 << 20


class NotAsked(Exception):
    """This host cannot put that question: a folder executes nothing, a recording holds only what was asked when it was made."""


class ProcessDied(Exception):
    """A program that was asked something was killed by a signal before it had answered. The message names both."""


def whole(data: bytes) -> bytes:
    """Keep everything: for sources that can hold nothing private."""
    return data


def lines_with(pattern: str, *, count: int = 5000) -> Keep:
    """Keep only the lines that match `pattern` (searched, ignoring case), at most the last `count`."""
    wanted = re.compile(pattern.encode(), re.IGNORECASE)

    def keep(data: bytes) -> bytes:
        found = [line for line in data.splitlines() if wanted.search(line)]
        return b"\n".join(found[-count:])

    return keep


class Stat(Model, kw_only=True):
    """What stat(2) says, links followed. `major` and `minor` are of a device node, else None."""

    kind: Literal["file", "folder", "character", "other"]
    mode: str  # four octal digits
    uid: int
    gid: int
    size_bytes: int = 0
    major: int | None = None
    minor: int | None = None


class Run(Model, kw_only=True):
    """How a command ended. `exit` is None unless it exited by itself; `signal` is a name such as SIGSEGV."""

    outcome: Literal["exited", "signal", "timeout"]
    exit: int | None = None
    signal: str | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode("utf-8", "replace")


class Identity(Model, kw_only=True):
    """Who this process is. No names of users: `promised` was already matched against the group file."""

    uid: int
    groups: tuple[int, ...]
    promised: tuple[int, ...]
    group_names: dict[str, int]


class Space(Model, kw_only=True):
    """Room on a file system."""

    free_bytes: int
    total_bytes: int
    file_system: str | None = None  # its type: ext4, nfs4, overlay; None: not known


class Limits(Model, kw_only=True):
    """Limits of this process. None: unlimited."""

    memlock_bytes: int | None


class Host(abc.ABC):
    """The questions. Paths are absolute, or start with `~/` for the user's home, and come back in that form."""

    #: Whether commands are run and devices opened.
    executes: bool = False
    #: What must not leave the host. A recording and a folder hold no names of this machine.
    private: Names = Names()

    def read(self, path: str, keep: Keep) -> bytes:
        """The file's bytes (at most LIMIT_BYTES), reduced by `keep`; a name that it left in is hidden. Raises OSError, NotAsked."""
        return self.private.hide_bytes(keep(self._read(path)), written=False)

    def read_text(self, path: str, keep: Keep = whole) -> str:
        """`read`, as text with surrounding blanks removed. Bytes that are not UTF-8 are replaced."""
        return self.read(path, keep).decode("utf-8", "replace").strip("\x00 \t\r\n")

    @abc.abstractmethod
    def _read(self, path: str) -> bytes: ...

    @abc.abstractmethod
    def list(self, path: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        """The folder's entries, sorted; only those whose names are `wanted` leave the host. Raises OSError, NotAsked."""

    @abc.abstractmethod
    def stat(self, path: str) -> Stat:
        """stat(2), links followed. Raises OSError, NotAsked."""

    @abc.abstractmethod
    def readlink(self, path: str) -> str:
        """The link's text as it stands. Raises OSError (EINVAL: no link), NotAsked."""

    @abc.abstractmethod
    def realpath(self, path: str) -> str:
        """`path` with every link resolved, as far as it exists. Raises OSError, NotAsked."""

    def exists(self, path: str) -> bool:
        """Whether stat succeeds. Raises OSError other than "not there", NotAsked."""
        try:
            self.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    @abc.abstractmethod
    def try_open(self, path: str) -> None:
        """Open a device node for reading and writing and close it again. Raises OSError, NotAsked."""

    @abc.abstractmethod
    def which(self, name: str) -> str | None:
        """The path of a program on PATH. Raises NotAsked."""

    def run(self, argv: tuple[str, ...], keep: Keep, *, timeout_s: float, stdin: bytes = b"") -> Run:
        """Run a program in its own process group; both streams are reduced by `keep`. Raises OSError, NotAsked."""
        run = self._run(argv, timeout_s, stdin)
        return Run(
            outcome=run.outcome,
            exit=run.exit,
            signal=run.signal,
            stdout=self.private.hide_bytes(keep(run.stdout)),
            stderr=self.private.hide_bytes(keep(run.stderr)),
            truncated=run.truncated,
        )

    @abc.abstractmethod
    def _run(self, argv: tuple[str, ...], timeout_s: float, stdin: bytes) -> Run: ...

    @abc.abstractmethod
    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        """The variables whose names are `wanted`. Raises NotAsked."""

    def asked_python(self, choice: str | None) -> str | None:
        """The interpreter, environment or folder of packages that facts are wanted of, in this host's own words.

        `choice` is what the user typed, None: nothing. A recording then answers with what it was made of.
        """
        return choice

    def own_python(self) -> str | None:
        """The interpreter that runs rocmkit, where it is one of this machine's."""
        return None

    @abc.abstractmethod
    def identity(self) -> Identity:
        """Who this process is. Raises OSError, NotAsked."""

    @abc.abstractmethod
    def machine(self) -> str:
        """The processor's name as uname gives it: x86_64. Raises NotAsked."""

    @abc.abstractmethod
    def gpu_code(self, path: str) -> FileCode:
        """What a library file says of itself. Raises OSError, ValueError (no ELF file), NotAsked."""

    @abc.abstractmethod
    def kernel_files(self, library: str, path: str) -> KernelFiles:
        """The gfx targets of a kernel library's folder. Raises OSError, NotAsked."""

    @abc.abstractmethod
    def space(self, path: str) -> Space:
        """Room on the file system that holds `path`. Raises OSError, NotAsked."""

    @abc.abstractmethod
    def can_write(self, path: str) -> bool:
        """Whether this process may write to a file, or make files in a folder: access(2). Raises OSError (not there), NotAsked."""

    @abc.abstractmethod
    def database(self, path: str) -> str:
        """What SQLite finds in a database: "ok", "not finished", or its own words for the damage. Raises OSError, NotAsked."""

    @abc.abstractmethod
    def limits(self) -> Limits:
        """Limits of this process. Raises NotAsked."""


def absent(path: str) -> FileNotFoundError:
    """The error for a path that is not there."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


@contextlib.contextmanager
def asked(path: str) -> Iterator[None]:
    """Let an OSError name the path as it was asked for: the real one can name the user, and a replay does not know it."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise
