"""Archives of the tool `ar`: static libraries. Members are walked by their sizes; their names do not matter here.

Format: ar(5) of FreeBSD, which describes the variants of System V (symbol tables "/", "/SYM64/", long names "//") and BSD ("#1/LENGTH": the
name stands before the content). A thin archive has members in files of their own (binutils, ar(1)).
"""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.gpucode.found import StopError
from rocmkit.gpucode.source import Source, Window

MAGIC, THIN_MAGIC = b"!<arch>\n", b"!<thin>\n"
MAX_MEMBERS = 100_000
_HEADER = 60


def members(source: Source) -> Iterator[Window]:
    """The members. Raises StopError where the rest cannot be followed."""
    at = len(MAGIC)
    for _ in range(MAX_MEMBERS):
        head = source.read(at, _HEADER)
        if not head.strip(b"\n"):
            return
        if len(head) < _HEADER or head[58:] != b"`\n" or not head[48:58].strip().isdigit():
            raise StopError("an archive is damaged")
        at += _HEADER
        size = int(head[48:58])
        if size > source.size - at:
            raise StopError("an archive is cut off")
        name = head[:16].rstrip()
        before = int(name[3:]) if name.startswith(b"#1/") and name[3:].isdigit() else 0
        if name not in (b"/", b"//", b"/SYM64/") and before <= size:
            yield Window(source, at + before, size - before)
        at += size + size % 2
    raise StopError("an archive has too many members")
