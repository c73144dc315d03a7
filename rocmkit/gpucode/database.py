"""SQLite files as others left them: rocFFT's and MIOpen's kernel caches.

Opened read-only and as a file that nobody writes (immutable=1, https://www.sqlite.org/uri.html), so nothing is locked and nothing is
created beside it. The price: a journal beside the file is not taken into account, so what such a file holds is not known.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import sqlite3

#: Looking into one database takes no longer than this, wherever SQLite looks at the clock.
SECONDS = 0.5
#: Before 3.42 SQLite checks a whole table in one step, without a look at the clock; so what is larger is not checked.
MAX_BYTES = 128 << 20
#: A check that was not made, or not to its end.
NOT_FINISHED = "not finished"


@contextlib.contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """A connection that reads the file, until SECONDS have passed. Raises OSError, ValueError, sqlite3.Error; so may each use of it."""
    import sqlite3

    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a FIFO would be waited for
        raise OSError(errno.EINVAL, "not a regular file", path)
    until = time.monotonic() + SECONDS
    connection = sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro&immutable=1", uri=True)  # noqa: PTH100
    try:
        connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        # What a schema computes can take for ever and any memory. And a file that shrinks while it is mapped would end the process.
        for line in ("trusted_schema = OFF", "ignore_check_constraints = ON", "mmap_size = 0"):
            connection.execute(f"PRAGMA {line}")
        yield connection
    finally:
        connection.close()


def check(path: str) -> str:
    """ "ok", SQLite's own words for the damage, or NOT_FINISHED: too large, too slow, or in use. Raises OSError, ValueError."""
    import sqlite3

    before = _state(path)
    if before is None or before[1] > MAX_BYTES:
        return NOT_FINISHED
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))  # for the errno, which SQLite does not tell
    try:
        with opened(path) as connection:
            connection.set_authorizer(_no_functions)
            connection.text_factory = bytes  # names in what is damaged are no UTF-8
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone() or (b"ok",)
    except sqlite3.OperationalError:  # interrupted, or reading failed: says nothing of the file
        return NOT_FINISHED
    except sqlite3.DatabaseError as error:
        said = str(error).encode("utf-8", "replace")
    except UnicodeDecodeError:  # its words name something that is no UTF-8
        said = b""
    words = " ".join(said.decode("utf-8", "replace").split())[:200] or "damaged, without a word"
    return words if words == "ok" or _state(path) == before else NOT_FINISHED


def _state(path: str) -> tuple[int, int] | None:
    """When the file was changed, and its size; None where a program writes to it, or died while it did."""
    for end in ("-journal", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path + end).st_size:  # noqa: PTH116
                return None
    found = os.stat(path)  # noqa: PTH116
    return found.st_mtime_ns, found.st_size


def _no_functions(action: int, *_: str | None) -> int:
    import sqlite3

    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_FUNCTION else sqlite3.SQLITE_OK
