"""Known issues: what the error text of a failure looks like, and the words that go with it.

One file an issue, `kb/issues/ID.yaml`. An issue that a check finds too has the check's code and id, and its page and severity come
from there; one that only a log can show brings its own (RK6xx for failed builds, RK9xx for the rest). What `rocmkit smoke` finds
(RK7xx) has no text that a log would show: its page says what it is seen by.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from rocmkit.kb._load import ROOT, document
from rocmkit.kb.values import Row
from rocmkit.model import Model


class IssueFix(Model, kw_only=True):
    """What to do. In `text` and the commands stand {python}, {pip} (`PYTHON -m pip`), {gfx}, and in `text` the groups of the pattern."""

    text: str
    """What to do, in a sentence or two."""
    commands: tuple[str, ...] = ()
    """Lines to copy. {gfx} leaves a line out where no card is known."""
    verify: tuple[str, ...] = ()
    """Commands that show it worked."""
    not_for: tuple[str, ...] = ()
    """Architectures that the commands do not serve, as `text` says: there they are left out."""
    torch: bool = False
    """The commands are those that install the newest torch that runs on the card, where a card is known."""
    root: bool = False
    """Needs root."""
    relogin: bool = False
    """Needs logging in again."""
    reboot: bool = False
    """Needs a restart."""
    caution: str = ""
    """What it could harm."""


class Signature(Row, kw_only=True):
    """An error text. `sources` are public places where it stands, `known` says how it is known that it means this cause."""

    id: str
    """Stable name in words, within the issue."""
    lines: tuple[str, ...]
    """Patterns in RE2 syntax, each found on a line of its own, in this order. A named group is a value for `cause` and the fix's text."""
    within: int = 0
    """So many lines may lie between the first and the last, lines of other programs among them; 0: there is one pattern alone."""
    requires: tuple[str, ...] = ()
    """Contexts that have to be in the log too: the text alone is too common."""
    unless: tuple[str, ...] = ()
    """Contexts in which the text means something else."""
    anywhere: bool = False
    """It counts in the middle of a sentence too; else only where a line, or what a program puts before it, ends."""
    confidence: Literal["sure", "likely"]
    """sure: the text has this one cause."""
    cause: str
    """What happened, in a sentence or two; {name} of a group is filled in."""
    seen: str
    """Day, month or year of the source."""
    fix: IssueFix | None = None
    """In place of the issue's, for this text."""


class IssuePage(Model, kw_only=True):
    """What a check's docstring would say."""

    summary: str
    """What is wrong, in a sentence or two."""
    why: str
    """Why it matters."""
    ignore: str
    """When it is safe to ignore."""
    looks: str = ""
    """What it is seen by, where that is no text in a log; empty: by its signatures."""
    sources: tuple[str, ...] = ()
    """Public places that say so, where no signature has any."""


class Issue(Model, kw_only=True):
    """A failure, and how logs show it."""

    code: str
    """RK307"""
    id: str
    """rocblas-no-tensile; the file's name."""
    title: str = ""
    """The fault, by name; empty: the check's."""
    severity: Literal["error", "warning", "note"] | None = None
    """None: the check's."""
    page: IssuePage | None = None
    """None: the check's."""
    after: tuple[str, ...] = ()
    """Issues that explain this one where a log shows both, beside those that the check names."""
    fix: IssueFix | None = None
    """None: the check's page says what to do."""
    signatures: tuple[Signature, ...] = ()
    """Error texts that it is known by. Empty: none is, and its page says what it is seen by."""


class Context(Row, kw_only=True):
    """Something that a log is about, told by any of its lines."""

    what: str
    """In words."""
    lines: tuple[str, ...]
    """Patterns in RE2 syntax; one is enough."""


#: The context that no signature asks for: by itself it is no known failure, but something can be done about it.
SEGFAULT = "segfault"


class Tracker(Row, kw_only=True):
    """Where a project takes reports of failures."""

    project: str
    """Name, as people say it."""
    url: str
    """Its issues."""
    lines: tuple[str, ...]
    """Patterns in RE2 syntax that show that a failure happened in it."""


class _Words(Row, kw_only=True):
    english: str
    japanese: tuple[str, ...]


class _LogFile(Model, kw_only=True):
    contexts: dict[str, Context]
    trackers: tuple[Tracker, ...]
    words: tuple[_Words, ...]


@cache
def issues() -> tuple[Issue, ...]:
    """Every known issue, by code."""
    found = (document(f"issues/{path.stem}", Issue) for path in sorted((ROOT / "issues").glob("*.yaml")))
    return tuple(sorted(found, key=lambda issue: (issue.code, issue.id)))


@cache
def issue(name: str) -> Issue | None:
    """The issue with that id, read alone; None where no log is known to show it."""
    return next((document(f"issues/{path.stem}", Issue) for path in (ROOT / "issues").glob("*.yaml") if path.stem == name), None)


@cache
def _log_file() -> _LogFile:
    return document("logs", _LogFile)


def contexts() -> dict[str, Context]:
    """What logs can be about, by name."""
    return _log_file().contexts


def trackers() -> tuple[Tracker, ...]:
    """Where projects take reports: what lies deepest comes first."""
    return _log_file().trackers


def words() -> dict[str, str]:
    """What the C library, the shell and the compilers say in Japanese, and the same in English."""
    return {japanese: row.english for row in _log_file().words for japanese in row.japanese}
