"""Tables of kernels in SQLite files: rocFFT's cache, MIOpen's kernels and tuning.

Header: https://www.sqlite.org/fileformat.html, "The Database Header".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rocmkit.gpucode.database import opened
from rocmkit.gpucode.source import Source

if TYPE_CHECKING:
    import sqlite3

MAGIC = b"SQLite format 3\0"
MAX_VALUES = 1000
#: What the questions below need; a schema could have others compute for ever.
_FUNCTIONS = frozenset({"count", "instr", "substr"})


def damage(source: Source) -> str | None:
    """What is wrong with a file that should be SQLite, by its header and size. Raises OSError as `source` does."""
    head = source.read(0, 100)
    if not head.startswith(MAGIC):
        return "it is no SQLite file"
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    if len(head) < 100 or page < 512 or page & (page - 1):
        return "its SQLite header is damaged"
    pages = int.from_bytes(head[28:32], "big")
    if head[24:28] != head[92:96] or pages == 0:  # written by SQLite before 3.7.0, which left no size
        pages = -(-source.size // page)
    if source.size < pages * page:
        return f"it is cut off: {source.size} bytes of {pages * page}"
    return None


def count(path: str, table: str) -> int:
    """Rows of a table. Raises LookupError where there is no such table, and OSError, ValueError, sqlite3.Error where it cannot be read."""
    with _table(path, table) as database:
        (rows,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a name from this package
        return int(rows)


def distinct(path: str, table: str, value: str) -> tuple[str, ...]:
    """Different texts that an expression has in the rows of a table, at most MAX_VALUES. Raises what `count` does."""
    with _table(path, table) as database:
        rows = database.execute(f"SELECT DISTINCT {value} FROM {table} LIMIT {MAX_VALUES}").fetchall()  # noqa: S608
        return tuple(text for (text,) in rows if isinstance(text, str))


@contextlib.contextmanager
def _table(path: str, table: str) -> Iterator[sqlite3.Connection]:
    """A connection to a file that has this table, and has it as rows: a view or a computed column could take for ever and any memory."""
    with opened(path) as database:
        database.set_authorizer(_few_functions)
        found = database.execute("SELECT type, rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchmany(2)
        if len(found) != 1 or found[0][0] != "table" or not found[0][1]:  # a virtual table has no page
            raise LookupError(table)
        if any(hidden for *_, hidden in database.execute(f"PRAGMA table_xinfo({table})").fetchmany(100)):
            raise ValueError("it has computed columns")
        yield database


def _few_functions(action: int, _: str | None, name: str | None, *__: str | None) -> int:
    import sqlite3

    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_FUNCTION and name not in _FUNCTIONS else sqlite3.SQLITE_OK
