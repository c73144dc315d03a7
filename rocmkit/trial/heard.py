"""What a program says while it runs, kept within bounds: its output, faults of the GPU in it, and its answers. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

FIRST, LAST = 16 << 10, 48 << 10
#: A line that was cut is looked through so far for its end.
_TORN = 4096
#: A line of answers is shorter than this; a longer one is nobody's answer.
LINE_BYTES = 1 << 20
MAX_MEASURED = 1000
MAX_MAPPED = 2000
#: Of the lists that are told in pieces, all together.
MAX_ITEMS = 5000

#: As the handlers of faults in ROCr (libhsa-runtime64) and in CLR's rocdevice.cpp (libamdhip64) print them, by the texts that reports
#: quote, and the handlers of queues in programs that were written after HSA's examples.
_FAULT = re.compile(
    rb"""(?<!["'`])(?:Memory access fault by GPU node-\d|HW Exception by GPU node-\d"""
    rb"|Queue at 0x[0-9a-fA-F]+ inactivated due to async error"
    rb"|Queue (?:0x[0-9a-fA-F]+ )?[Aa]borting with error ?: ?HSA_STATUS_ERROR|callbackQueue aborting with error ?: ?HSA_STATUS_ERROR)"
)
#: Words of which each such line holds one: looking for them first spares a flood of output the expression.
_SIGNS = (b"by GPU node-", b"due to async error", b"borting with error")
_FAULT_BYTES = 1000


#: ECMA-48: control sequences, as of colours; and what else no terminal should get.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~])?")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def readable(output: bytes) -> str:
    """Output as text: lines that a progress bar wrote over one another are lines, colours go, what is no character is replaced."""
    text = _ESCAPE.sub("", output.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


class Kept:
    """The beginning and the end of an output of any length."""

    def __init__(self) -> None:
        self._first = bytearray()
        self._last = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """The next piece."""
        room = FIRST - len(self._first)
        self._first += data[:room]
        self._last += data[room:] if room > 0 else data
        if len(self._last) > 4 * LAST:  # seldom, so that a flood is not copied again and again
            self._cut()

    def _cut(self) -> None:
        over = max(len(self._last) - LAST, 0)
        self._dropped += over
        del self._last[:over]

    def data(self) -> bytes:
        """What was kept, with a line where something is left out."""
        self._cut()
        if not self._dropped:
            return bytes(self._first + self._last)
        # Half a password would not be known for what it is: what was torn is left out whole.
        first, last = bytes(self._first), bytes(self._last)
        first, last = first[: _cut(first.rfind, len(first) - _TORN, len(first), len(first))], last[_cut(last.find, 0, _TORN, -1) + 1 :]
        dropped = self._dropped + FIRST - len(first) + LAST - len(last)
        return first + b"\n... %d bytes are left out ...\n" % dropped + last


def _cut(find: Callable[[bytes, int, int], int], begin: int, end: int, otherwise: int) -> int:
    """Where a line ends, else a word, between two places."""
    return next((place for sign in (b"\n", b"\r", b" ") if (place := find(sign, begin, end)) >= 0), otherwise)


class Faults:
    """Looks for the line by which the GPU's runtime says that the GPU faulted, in pieces of any size."""

    def __init__(self) -> None:
        self._near = b""
        self._found = b""

    def add(self, data: bytes) -> bool:
        """The next piece; whether there was a fault in what came until now."""
        if self._found:
            self._found += data[: _FAULT_BYTES - len(self._found)] if len(self._found) < _FAULT_BYTES else b""
            return True
        near = self._near + data
        found = _FAULT.search(near) if any(map(near.__contains__, _SIGNS)) else None
        if found:
            begin = near.rfind(b"\n", 0, found.start()) + 1
            self._found = near[max(begin, found.start() - 200) :][:_FAULT_BYTES]
            return True
        self._near = near[-256:]
        return False

    def line(self) -> str | None:
        """The line, and the next where it goes on there."""
        if not self._found:
            return None
        # Where the runtime ends no line, what faulthandler says next follows at once.
        lines = readable(self._found.partition(b"Fatal Python error")[0]).split("\n")
        more = lines[1].strip() if len(lines) > 1 and lines[0].rstrip().endswith("error:") else ""
        return f"{lines[0].strip()} {more}".strip()


#: What Python looks for each time that it starts, and mostly does not find: it says nothing of how a program ended.
_AT_START = ("sitecustomize", "usercustomize")
#: What a step measures is no deeper than this.
_DEEP = 6


def _published(value: Any, deep: int) -> Any:
    """JSON that can be written again, by anything: no half characters, no number of more than 64 bits, and not deep."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case int() if not -(1 << 63) <= value < 1 << 63:
            return None
        case list():
            return [_published(item, deep - 1) for item in value] if deep else None
        case dict():
            return {_published(key, deep): _published(item, deep - 1) for key, item in value.items()} if deep else None
    return value


class Answers:
    """The events that the worker, and the hooks in every Python, write. What is none of them is passed over: any program may write here."""

    def __init__(self) -> None:
        self.last_import: str | None = None
        self.last_library: str | None = None
        self.step: int | None = None  # begun last and not done
        self.done: dict[int, dict[str, Any]] = {}
        self.failed: tuple[int, str] | None = None
        self.failed_measured: dict[str, Any] = {}
        self.mapped: dict[str, None] = {}
        self.ended = False
        self._lists: dict[int, dict[str, list[Any]]] = {}  # those of a step that is not done yet
        self._items = 0
        self._rest = b""
        self._skipping = False

    def add(self, data: bytes) -> None:
        """The next piece."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif line:
                self._event(line)
        if len(self._rest) > LINE_BYTES:
            self._rest, self._skipping = b"", True

    def _event(self, line: bytes) -> None:
        try:
            event = _published(json.loads(line), _DEEP)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        match event:
            case {"import": str(name)} if name not in _AT_START:
                self.last_import = name[:500]
            case {"library": str(path)}:
                self.last_library = path[:4096]
            case {"step": int(number)}:
                self.step = number
            case {"done": int(number)} if len(self.done) < MAX_MEASURED and isinstance(event.get("measured", {}), dict):
                self.done[number] = {**event.get("measured", {}), **self._lists.pop(number, {})}
                self.step = None if self.step == number else self.step
            case {"of": int(number), "name": str(name), "items": [*items]} if self._items < MAX_ITEMS:
                self._items += max(len(items), 1)
                self._lists.setdefault(number, {}).setdefault(name[:500], []).extend(items)
            case {"failed": int(number), "error": str(text)}:
                self.failed = (number, text[:2000])
                self.failed_measured = found if isinstance(found := event.get("measured"), dict) else {}
            case {"mapped": [*paths]}:
                for path in paths:
                    if isinstance(path, str) and len(self.mapped) < MAX_MAPPED:
                        self.mapped[path[:4096]] = None
            case {"end": True}:
                self.ended = True
