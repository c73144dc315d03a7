"""The first real error in the log of a build step, however long: what made the step fail, and not what came of it.

ninja says which command failed, and what that printed is looked at first. Else the earliest line of the strongest kind counts: what a
compiler, a linker, CMake or a checksum says is stronger than an exception of Python, which may have been caught, and that is stronger than
what git says, which is asked for versions that nobody needs. Warnings do not count, whatever words they hold.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from rocmkit.model import Model

#: So many lines are shown, cut at so many characters.
LINES, SHOWN = 16, 400
_BEFORE = 6
#: A longer line is cut before it is looked at.
_LONG = 8192

# Every repetition has an end: a log cannot make a pattern slow.
_TOOL = (
    r"(?:\S{0,300}/)?(?:[\w.+-]{0,40}(?:clang|gcc|g\+\+|hipcc|nvcc|ld|cc|c\+\+|gfortran)[\w.+-]{0,20}"
    r"|lld|as|ar|ranlib|collect2|cmake|llvm-[\w-]{1,40})"
)
_ERROR = r"(?:fatal |internal compiler )?[Ee]rror: "
#: By strength: what is said for itself; exceptions and the like; what is often said for nothing; what only follows from another error.
_KINDS = (
    (
        rf"\s*[^\s:][^:]{{0,300}}:[0-9]+(?::[0-9]+)?: {_ERROR}",  # FILE:LINE:COLUMN: error:
        rf"\s*[^\s:()][^:()]{{0,300}}\([0-9]+\): {_ERROR}",
        rf"\s*{_TOOL}: {_ERROR}(?!linker command failed|ld returned|clang frontend command failed|subcommand)",
        r"\s*fatal error: ",
        r"(?:(?!warning:).){0,1000}(?:undefined reference to |undefined symbol: |multiple definition of |duplicate symbol: )",
        r"\s*(?:\S{0,300}/)?(?:ld|lld|ld\.\w{1,20}): (?:(?!warning:).){0,200}(?:cannot find |unable to find library )",
        r"\s*LLVM ERROR: |.{0,300}Assertion [`'].{0,300} failed\.",
        r"\s*CMake Error(?: at |: | \(dev\) at | in )",
        r"\s*ninja: (?:error|fatal): ",
        r"\s*make(?:\[[0-9]+\])?: \*\*\* No rule to make target ",
        r"\s*configure: error: ",
        r"error: patch failed: |error: .{1,300}: patch does not apply|error: corrupt patch |Hunk #[0-9]+ FAILED|patch: \*\*\*\*",
        r"(?:(?!warning:).){0,1000}(?:No space left on device|Disk quota exceeded|File too large$)",
        r"(?:.{0,300}\s)?Killed(?:$|\s+\S{0,300}/|: 9$)|.{0,300}unable to execute command: Killed|.{0,300}Killed signal terminated program",
        r".{0,300}error while loading shared libraries: ",
    ),
    (
        r"\s*ERROR: (?!Failed (?:building|to build)|Command errored)",
        r".{1,300}: FAILED(?: open or read)?$",
        r"(?:\S{0,100}/)?(?:sh|bash|dash|zsh|env)?(?:: (?:line )?[0-9]+)?:? ?.{1,100}: (?:command )?not found$",
        r"curl: \([0-9]+\) |tar: (?!Exiting|Error )|terminate called after throwing ",
        r"Segmentation fault|Illegal instruction|Bus error",
        r"rocmkit: ",
    ),
    (
        r"\s*error: (?!command .{1,300} failed|subprocess-exited-with-error|metadata-generation-failed|failed to push)",
        r"\s*fatal: ",
        r"\s*[\w./+-]{1,200}: (?:fatal )?[Ee]rror: ",
        r"\s*Error: |\s*[\w.]{1,100}(?:Error|Exception): ",
    ),
    (
        rf"\s*{_TOOL}: {_ERROR}|\s*error: |\s*ERROR: |make(?:\[[0-9]+\])?: \*\*\* |tar: |ninja: build stopped",
        r"\s*(?:gmake|make)(?:\[[0-9]+\])?: \*\*\* ",
    ),
)
_STRENGTHS = tuple(re.compile("|".join(f"(?:{pattern})" for pattern in kind)) for kind in _KINDS)
_TRACE, _RAISED = 1, re.compile(r"[\w.]{1,200}(?::|$)")
#: One of these is in every line that could count.
_MARKS = (
    *("rror: ", "RROR: ", "CMake Error", "xception: ", "FAILED", "atal: ", "Traceback (most", "Killed", "undefined reference to "),
    *("undefined symbol: ", "multiple definition of ", "duplicate symbol: ", "cannot find ", "unable to find library ", "Assertion "),
    *("No space left on device", "Disk quota exceeded", "File too large", "loading shared libraries", " not found", "*** ", "curl: ("),
    *(" hash of", "tar: ", "terminate called after"),
    *("Segmentation fault", "Illegal instruction", "Bus error", "rocmkit: ", "ninja: build stopped"),
)
#: CMake says this of each try, and at the end only that each has failed.
_CHECKSUM, _EACH_FAILED = re.compile(r"-- (?:MD5|SHA[0-9_]{1,7}) hash of$"), "Each download failed!"
_FAILED = re.compile(r"\s*FAILED: ")
_NEXT = re.compile(r"\s*(?:\[[0-9]+/[0-9]+\] |ninja: |FAILED: )")
_INCLUDED = re.compile(r"In file included from |\s+from \S+:[0-9]+|\S+: In (?:member )?function |In module ")
_OTHER = re.compile(
    rf"\s*(?:[^\s:][^:]{{0,300}}:[0-9]+(?::[0-9]+)?: (?:{_ERROR}|warning: )|[0-9]+ (?:errors?|warnings?)\b|\[[0-9]+/[0-9]+\] )"
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]")


class Found(Model, kw_only=True):
    """The first real error of a log."""

    error: str  # in one line
    lines: tuple[str, ...]  # that line and what belongs to it
    first: int  # numbers of the first and the last of them, from 1
    last: int


class _Seen:
    """An error while what belongs to it is read."""

    def __init__(self, strength: int, number: int, text: str, before: list[str]) -> None:
        self.strength, self.error = strength, text
        self.lines = [*before, text]
        self.first, self.last = number - len(before), number
        self.block = text.lstrip().startswith("CMake Error")
        self.paragraph = self.block
        self.nested = False
        self.indent = len(text) - len(text.lstrip())

    def add(self, number: int, text: str) -> bool:
        """Take the next line. Whether it belongs to it."""
        if self.block:
            inner = not text.strip() or len(text) - len(text.lstrip()) > self.indent or text.startswith("Call Stack")
            if not inner:
                return False
            self._in_block(text)
        elif not text.strip() or _OTHER.match(text) or _NEXT.match(text):
            return False
        if len(self.lines) < (2 if self.block else 1) * LINES and (text.strip() or self.lines[-1].strip()):
            self.lines.append(text)
        self.last = number
        return self.block or len(self.lines) < LINES

    def _in_block(self, text: str) -> None:
        """CMake says where in the first line, what in the next ones, and what a compiler said in their midst."""
        if not self.nested and _STRENGTHS[0].match(text):
            self.error, self.nested = text, True
        elif self.paragraph and not self.nested:
            if text.strip() and len(self.error) < SHOWN:
                self.error += f" {text.strip()}"
            elif len(self.lines) > 1:
                self.paragraph = False


class _Log:
    def __init__(self) -> None:
        self.best: dict[int, _Seen] = {}  # strength to the first of it
        self.failed: dict[int, _Seen] = {}  # the same, of the first command that ninja says has failed
        self.header: tuple[int, str] | None = None
        self.after: list[str] = []  # what that printed, first its command
        self.heard = 0  # number of the last line of it
        self.in_failed = False
        self.open: _Seen | None = None
        self.trace: tuple[int, int, list[str]] | None = None  # of Python's: number of its first line, indent, lines
        self.before: deque[str] = deque(maxlen=_BEFORE)
        self.end: tuple[int, str] = (0, "")
        self.checksum: _Seen | None = None  # what CMake said last of a download with another checksum

    @property
    def busy(self) -> bool:
        """Whether the next lines matter, whatever they are."""
        return self.in_failed or self.open is not None or self.trace is not None

    def line(self, number: int, text: str) -> None:
        if self.open and not self.open.add(number, text):
            self.open = None
        in_block = self.open is not None and self.open.block
        if self.in_failed and number > (self.header or (0,))[0] and _NEXT.match(text):
            self.in_failed = False
        if self.in_failed and len(self.after) < LINES:
            self.after.append(text)
            self.heard = number
        if self.header is None and not in_block and _FAILED.match(text):
            self.header, self.in_failed = (number, text), True
        elif self.trace:
            self._trace(number, text)
        elif text.lstrip().startswith("Traceback (most recent call last)"):
            self.trace = (number, len(text) - len(text.lstrip()), [text])
        elif not in_block and not (self.in_failed and self.header and number == self.header[0] + 1):  # that is the command
            self._look(number, text)
        self.before.append(text)

    def _look(self, number: int, text: str) -> None:
        if _CHECKSUM.match(text):
            self.checksum = self.open = _Seen(0, number, text, [])
            self.open.block = True
            return
        for strength, pattern in enumerate(_STRENGTHS):
            if pattern.match(text):
                around = [line for line in self.before if _INCLUDED.match(line)] if strength == 0 else []
                self._keep(_Seen(strength, number, text, around))
                return

    def _trace(self, number: int, text: str) -> None:
        assert self.trace  # noqa: S101 - for the type checker
        first, indent, lines = self.trace
        if text.strip() and len(text) - len(text.lstrip()) <= indent:
            self.trace = None
            if _RAISED.match(text.lstrip()):
                seen = _Seen(_TRACE, number, text.strip(), lines[-LINES + 2 :])
                seen.first = first
                self._keep(seen)
        elif len(lines) < 4 * LINES:
            lines.append(text)
        elif number - first > 10_000:  # it is none
            self.trace = None

    def _keep(self, seen: _Seen) -> None:
        for kept in (self.best, *((self.failed,) if self.in_failed else ())):
            if seen.strength not in kept:
                kept[seen.strength] = self.open = seen

    def found(self) -> Found | None:
        kept = self.failed or self.best
        if self.header and not self.failed:
            number, text = self.header
            said = [line for line in self.after[1:] if line.strip()]
            before = self.best.get(0)
            if not said and before and before.first < number:  # a command that had the terminal for itself
                return self._strongest({0: before})
            return _found([text, *said], said[0] if said else text, number, max(number, self.heard))
        if kept:
            return self._strongest(kept)
        return _found([self.end[1]], self.end[1], self.end[0], self.end[0]) if self.end[0] else None

    def _strongest(self, kept: dict[int, _Seen]) -> Found:
        seen = kept[min(kept)]
        if self.checksum and _EACH_FAILED in seen.error:
            seen = self.checksum
        return _found(seen.lines, seen.error, seen.first, seen.last)


def _found(lines: list[str], error: str, first: int, last: int) -> Found:
    shown = [line[:SHOWN].rstrip() for line in lines]
    while shown and not shown[-1]:
        shown.pop()
    return Found(error=" ".join(error.split())[:SHOWN], lines=tuple(shown), first=first, last=last)


def first_error(chunks: Iterable[bytes]) -> Found | None:
    """The first real error of a log; where none is known for one, its last line. None: it says nothing at all."""
    log = _Log()
    for first, block in _blocks(chunks):
        _read(log, first, block)
        if 0 in log.failed and not log.busy:
            break  # nothing that comes is earlier
    return log.found()


def _read(log: _Log, first: int, block: bytes) -> None:
    """Read those lines of a block that could matter."""
    number, at = first, 0
    marks = _any()
    while at <= len(block):
        if not log.busy:
            hit = marks.search(block, at)
            if hit is None:
                break
            begin = block.rfind(b"\n", 0, hit.start()) + 1
            if begin > at:
                number += block.count(b"\n", at, begin)
                at = begin
                log.before.clear()
                log.before.extend(map(_text, block[max(0, at - _LONG) : at].split(b"\n")[-_BEFORE - 1 : -1]))
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end
        for row in block[at : min(end, at + _LONG)].split(b"\r"):
            log.line(number, _text(row))
        number, at = number + 1, end + 1
    last = block[-_LONG:].split(b"\n")
    log.before.clear()
    log.before.extend(map(_text, last[-_BEFORE:]))
    if text := next((text for raw in reversed(last) if (text := _text(raw).strip())), ""):
        log.end = (first + block.count(b"\n"), text)


@cache
def _any() -> Any:
    """Finds any of the marks. RE2 is twenty times as fast."""
    one = "|".join(map(re.escape, _MARKS)).encode()
    try:
        import re2
    except ImportError:
        return re.compile(one)
    return re2.compile(one)


def _text(raw: bytes) -> str:
    return _ESCAPES.sub("", raw.decode("utf-8", "replace"))


def _blocks(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Whole lines, with the number of the first. Of a line without end, its beginning."""
    rest, number, cut = b"", 1, False
    for chunk in chunks:
        whole, feed, more = chunk.rpartition(b"\n")
        if not feed:
            if cut or len(rest) + len(more) > 1 << 20:
                cut = True
            else:
                rest += more
            continue
        block = rest + (whole.partition(b"\n")[1] + whole.partition(b"\n")[2] if cut else whole)
        yield number, block
        number += block.count(b"\n") + 1
        rest, cut = more, False
    if rest:
        yield number, rest
