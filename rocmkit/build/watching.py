"""How far a step is, by the counters that ninja and make print, and when it will end."""

from __future__ import annotations

import re
from collections import deque

#: ninja's [12/150], make's [ 12%].
_COUNTER = re.compile(rb"(?m)^\[ *([0-9]{1,7})(?:/([0-9]{1,7})|%)\]")
#: The pace is that of the last third of the time, but of so many seconds at least: units that a compiler cache brings come first and
#: fast, and say nothing of the rest.
SHARE, LEAST_S = 1 / 3, 30.0
#: So many units tell a pace.
UNITS = 3
_KEPT = 512
#: So much of a line is kept that has not ended yet.
_REST = 256


class Pace:
    """Counters of one step as they come. Seconds are those since it began."""

    def __init__(self) -> None:
        self.done: int | None = None
        self.total: int | None = None
        self._seen: deque[tuple[float, int]] = deque()
        self._rest = b""

    def read(self, text: bytes, seconds: float) -> None:
        """Take what the step has printed since the last time, or the end of it."""
        whole, _, self._rest = (self._rest + text).rpartition(b"\n")
        if len(self._rest) > _REST:
            self._rest = b"-" + self._rest[-_REST:]  # no counter begins within a line
        for found in _COUNTER.finditer(whole):
            self.count(int(found[1]), int(found[2] or 100), seconds)

    def count(self, done: int, total: int, seconds: float) -> None:
        """A counter was printed."""
        if done > total or total == 0:
            return
        if total != self.total:
            # A build inside the build prints counters of its own; CMake, asked anew, makes a new list.
            if self.total is not None and total < self.total and self.done != self.total:
                return
            self._seen.clear()
        elif self.done is not None and done < self.done:
            self._seen.clear()
        self.done, self.total = done, total
        if self._seen and self._seen[-1][1] == done:
            return
        self._seen.append((seconds, done))
        if len(self._seen) > _KEPT:  # every other one of the older half
            older = [self._seen.popleft() for _ in range(_KEPT // 2)]
            self._seen.extendleft(reversed(older[::2]))

    def left(self, seconds: float) -> float | None:
        """Seconds until the last unit is made, by the pace of late; None: not known yet."""
        if self.done is None or self.total is None or not self._seen:
            return None
        if self.done == self.total:
            return 0.0
        began = self._seen[0][0]
        window = max(LEAST_S, (seconds - began) * SHARE)
        since, before = next(((at, done) for at, done in reversed(self._seen) if seconds - at >= window), self._seen[0])
        made, took = self.done - before, seconds - since
        if made < UNITS and before != self._seen[0][1]:  # big units: the pace of all the time
            since, before = self._seen[0]
            made, took = self.done - before, seconds - since
        if made < UNITS or took < LEAST_S / 3:
            return None
        return (self.total - self.done) * took / made
