"""How those who work tell those who wait: what is being done, and how long that may still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Tell(Protocol):
    """Hears what is being done."""

    def __call__(self, text: str, left_s: float | None = None, most_s: float | None = None) -> None:
        """`left_s`: seconds until the end of all, by the pace so far; `most_s`: seconds that it may take at most."""


def texts(hear: Callable[[str], None]) -> Tell:
    """What tells somebody the words alone."""

    def tell(text: str, left_s: float | None = None, most_s: float | None = None) -> None:
        hear(text)

    return tell


class Pace:
    """How fast it has been going since this was made."""

    #: What took less tells nothing of the rest.
    LEAST_S = 1.0

    def __init__(self) -> None:
        self._began = time.monotonic()

    def left(self, done: float, of: float) -> float | None:
        """Seconds until all is done, where so much of it is; None: not known yet."""
        took = time.monotonic() - self._began
        return took * (of - done) / done if done > 0 and of >= done and took >= self.LEAST_S else None
