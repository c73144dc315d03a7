"""What reading a log gives."""

from __future__ import annotations

from rocmkit.kb.issues import Issue, Signature
from rocmkit.model import Model

#: A signature that was found so often is not counted further.
ENOUGH = 1000


class Hit(Model, kw_only=True):
    """A signature that was found."""

    issue: Issue
    signature: Signature
    line: int  # of its first line, counted from 1
    last: int  # of its last line
    excerpt: str  # its lines, without colours, cut to a readable length
    groups: dict[str, str]  # named groups of the patterns, of the first time that it was found
    count: int  # how often it was found; counting stops at ENOUGH


class Log(Model, kw_only=True):
    """What a log shows."""

    lines: int  # how many it has
    size_bytes: int  # how long it is
    hits: tuple[Hit, ...]  # by line
    held: tuple[Hit, ...]  # what would be hits if it ran on a machine with an AMD GPU, of which the log does not say a word; by line
    contexts: tuple[str, ...]  # what it is about, by the names in the knowledge base
    trackers: tuple[str, ...]  # projects that its errors point to, what lies deepest first
    python: str | None  # "3.10", of the first folder of packages that it names
