"""Find all signatures of the knowledge base in one pass over a log.

Each block is first asked which words of the patterns it holds, in one pass for all of them, and so which patterns can be in it at all
(RE2's filter); only those are then looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from rocmkit.errors import UsageError
from rocmkit.kb import issues as kb
from rocmkit.kb.issues import Issue, Signature
from rocmkit.logs.said import quoted, said
from rocmkit.logs.text import Block, blocks
from rocmkit.logs.values import ENOUGH, Hit, Log

#: So many places of a pattern are looked at in a block.
_PLACES = 5_000
#: So many where a pattern only points to a project.
_TRACKED = 200
#: So many beginnings of a signature of several lines are remembered at a time.
_OPEN = 8
#: So much of a line goes into an excerpt, and so much of that is from before what was found, where the line is longer.
_SHOWN, _BEFORE = 400, 40

_PYTHON = r"\bpython(3\.[0-9]{1,2})/(?:site|dist)-packages"


class Patterns:
    """All patterns of the knowledge base, compiled: each once, however many signatures share it."""

    def __init__(self) -> None:
        try:
            import re2
        except ImportError:
            raise UsageError(
                "reading a log needs the package google-re2, which is not installed here",
                "install it with pip; where there is none for this Python, run rocmkit on an older one",
            ) from None
        self.signatures = tuple((issue, signature) for issue in kb.issues() for signature in issue.signatures)
        sources: dict[str, int] = {}

        def number(pattern: str) -> int:
            return sources.setdefault(pattern, len(sources))

        #: number of a pattern to (number of the signature, which of its lines)
        self.users: dict[int, list[tuple[int, int]]] = {}
        for index, (_, signature) in enumerate(self.signatures):
            for step, pattern in enumerate(signature.lines):
                self.users.setdefault(number(pattern), []).append((index, step))
        self.contexts = {name: {number(line) for line in context.lines} for name, context in kb.contexts().items()}
        self.trackers = {tracker.project: {number(line) for line in tracker.lines} for tracker in kb.trackers()}
        options = re2.Options()
        options.log_errors = False
        options.never_nl = True
        self._filter = re2.Filter()
        for pattern in [*sources, _PYTHON]:
            self._filter.Add(f"(?m:{pattern})", options)
        self._filter.Compile()
        self.python = len(sources)
        self._each = [self._filter.re(number) for number in range(len(sources) + 1)]

    def present(self, text: bytes) -> list[int]:
        """Numbers of the patterns that a text holds."""
        return self._filter.Match(text) or []

    def find(self, number: int, text: bytes) -> Iterator[Any]:
        """Every place of one pattern."""
        found: Iterator[Any] = self._each[number].finditer(text)
        return found


@cache
def patterns() -> Patterns:
    """The patterns. Raises UsageError where RE2 is not installed."""
    return Patterns()


class _Place(NamedTuple):
    """Where a pattern was found."""

    row: int
    line: int
    around: bytes
    start: int  # in `around`
    groups: dict[str, str]

    def excerpt(self, hide: Callable[[str], str]) -> str:
        """What is shown of it. What is private goes before the rest is cut: a half of it would not be known for what it is."""
        before, after = (hide(part.decode("utf-8", "ignore")) for part in (self.around[: self.start], self.around[self.start :]))
        after = after.rstrip()
        if self.start < _SHOWN and len(self.around) - self.start < 2 * _SHOWN and len(before) + len(after) <= _SHOWN:
            return before + after
        first, last = before[-_BEFORE:], after[: _SHOWN - _BEFORE]
        return "… " * (len(first) < len(before)) + first + last + " …" * (len(last) < len(after))


class _Search:
    """One signature while a log is read: what was begun, what was found."""

    def __init__(self, issue: Issue, signature: Signature) -> None:
        self.issue, self.signature = issue, signature
        self.open: list[tuple[_Place, ...]] = []
        self.first: tuple[_Place, ...] = ()
        self.count = 0

    def step(self, step: int, place: _Place) -> None:
        """One of its patterns was found."""
        if self.count >= ENOUGH:
            return
        if step == 0:
            self._reached((place,))
            return
        for begun in reversed(self.open):
            if len(begun) == step and begun[-1].row < place.row and place.line <= begun[0].line + self.signature.within:
                self.open.remove(begun)
                self._reached((*begun, place))
                return

    def _reached(self, places: tuple[_Place, ...]) -> None:
        if len(places) == len(self.signature.lines):
            self.count += 1
            self.first = self.first or places
        else:
            self.open = [*self.open[-_OPEN + 1 :], places]

    def hit(self, hide: Callable[[str], str]) -> Hit | None:
        """What was found, if anything, as `hide` leaves it."""
        if not self.first:
            return None
        return Hit(
            issue=self.issue,
            signature=self.signature,
            line=self.first[0].line,
            last=self.first[-1].line,
            excerpt="\n".join(place.excerpt(hide) for place in self.first),
            groups={name: hide(value) for place in self.first for name, value in place.groups.items()},
            count=self.count,
        )


def match(chunks: Iterable[bytes], tell: Callable[[str], None] | None = None, hide: Callable[[str], str] = str) -> Log:
    """What a log shows, with what is shown of its text as `hide` leaves it. `tell` hears now and then how far it was read.

    Raises UsageError where RE2 is not installed.
    """
    known = patterns()
    searches = [_Search(issue, signature) for issue, signature in known.signatures]
    seen: set[int] = set()
    pointing: set[int] = set()
    at_work = set().union(*known.trackers.values())
    python: str | None = None
    size = lines = rows = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            yield chunk

    for block in blocks(counted()):
        lines = block.last
        present = known.present(block.text)
        seen.update(present)
        if python is None and known.python in present:
            python = next(known.find(known.python, block.text)).group(1).decode()
        pointing.update(number for number in present if number in at_work - pointing and _points(block, known.find(number, block.text)))
        _look(block, rows, [number for number in present if number in known.users], known, searches)
        rows += block.text.count(b"\n")
        if tell:
            tell(f"{size >> 20} MiB of the log")
    contexts = tuple(name for name, numbers in known.contexts.items() if numbers & seen)
    found = sorted((hit for search in searches if (hit := search.hit(hide))), key=lambda hit: (hit.line, hit.issue.code))
    hits = tuple(hit for hit in found if _holds(hit.signature, contexts))
    return Log(
        lines=lines,
        size_bytes=size,
        hits=hits,
        held=tuple(hit for hit in found if hit not in hits and _holds(hit.signature, (*contexts, "rocm"))),
        contexts=contexts,
        trackers=tuple(project for project, numbers in known.trackers.items() if numbers & pointing),
        python=python,
    )


def _look(block: Block, rows: int, wanted: list[int], known: Patterns, searches: list[_Search]) -> None:
    """Tell the searches where their patterns stand in a block, in the order of its rows; so many rows came before it."""

    def places(number: int) -> Iterator[tuple[int, int, Any]]:
        for found in islice(known.find(number, block.text), _PLACES):
            if all(searches[user].count >= ENOUGH for user, _ in known.users[number]):
                return
            yield found.start(), number, found

    row = at = 0
    for start, number, found in merge(*map(places, wanted), key=itemgetter(0, 1)):
        row += block.text.count(b"\n", at, start)
        at = start
        begin, end = block.row_at(start)
        line, place_in_line = _around(block.text, begin, end, start)
        message = said(line, place_in_line)
        place: _Place | None = None
        for user, step in known.users[number]:
            if not message and (not searches[user].signature.anywhere or quoted(line)):
                continue
            if place is None:
                place = _Place(rows + row, block.line_of(start, row), line, place_in_line, _groups(found))
            searches[user].step(step, place)


def _points(block: Block, places: Iterator[Any]) -> bool:
    """Whether a program said any of these."""
    return any(said(*_around(block.text, *block.row_at(found.start()), found.start())) for found in islice(places, _TRACKED))


def _around(text: bytes, begin: int, end: int, start: int) -> tuple[bytes, int]:
    """The row from `begin` to `end`, as far as it matters to what begins at `start`; and where in it that is."""
    near = max(begin, start - _SHOWN)
    return text[near : min(end, start + 2 * _SHOWN)], start - near


def _holds(signature: Signature, contexts: tuple[str, ...]) -> bool:
    return all(name in contexts for name in signature.requires) and not any(name in contexts for name in signature.unless)


def _groups(found: Any) -> dict[str, str]:
    return {name: _text(value) for name, value in found.groupdict().items() if value is not None}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")[:200]
