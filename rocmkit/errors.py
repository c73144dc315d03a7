"""The error tree, and the one table of exit codes.

RocmkitError
├── UsageError          the call is wrong, or a file given to it cannot be used
├── NotApplicable       nothing here for rocmkit to judge
└── Bug                 rocmkit itself is at fault

Every message says what happened, why, and what to do next; the command line prints it without a traceback.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable


class Exit(enum.IntEnum):
    """What the process returns; the same in every output format."""

    OK = 0
    BLOCKED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    NOT_APPLICABLE = 4
    INTEGRITY = 6
    BUILD_STEP = 7
    RAN_ON_CPU = 8
    WRONG_TEXT = 9
    BUG = 70
    INTERRUPTED = 130


#: Where several codes hold, the first in this order wins.
PRECEDENCE: tuple[Exit, ...] = (
    Exit.BUG,
    Exit.INTERRUPTED,
    Exit.USAGE,
    Exit.INTEGRITY,
    Exit.BUILD_STEP,
    Exit.RAN_ON_CPU,
    Exit.WRONG_TEXT,
    Exit.BLOCKED,
    Exit.INCONCLUSIVE,
    Exit.NOT_APPLICABLE,
    Exit.OK,
)


def worst(codes: Iterable[Exit]) -> Exit:
    """The code to return when several hold; `OK` when none is given."""
    return min(codes, key=PRECEDENCE.index, default=Exit.OK)


class RocmkitError(Exception):
    """A failure that a person can act on. `hint` is the next thing to do."""

    exit = Exit.BUG

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RocmkitError):
    """The call is wrong, or a file that was given to it cannot be used."""

    exit = Exit.USAGE


class NotApplicable(RocmkitError):
    """There is nothing here for rocmkit to judge."""

    exit = Exit.NOT_APPLICABLE


class Bug(RocmkitError):
    """rocmkit itself is at fault."""

    exit = Exit.BUG
