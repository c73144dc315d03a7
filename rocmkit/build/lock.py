"""One build in a work folder at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rocmkit.errors import UsageError

NAME = "lock"
#: A build that was killed leaves what ends its compilers, which takes a few seconds.
_WAIT_S = 15.0


@contextlib.contextmanager
def locked(work: Path) -> Iterator[int]:
    """Hold the work folder: the descriptor of its lock, for processes that must be gone before another build may begin.

    Raises UsageError that says who holds it, OSError where no file can be written there.
    """
    descriptor = os.open(work / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        _take(descriptor, work)
        held = json.dumps({"pid": os.getpid(), "since": datetime.now().astimezone().isoformat(timespec="seconds")}).encode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, held, 0)
        yield descriptor
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, work: Path) -> None:
    end = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pid, since = _holder(descriptor)
            if pid is None or _alive(pid) or time.monotonic() >= end:
                break
        time.sleep(0.1)
    who = "another build" if pid is None else f"process {pid}, which builds since {since},"
    raise UsageError(
        f"{who} holds the work folder {work}",
        "wait until it is done, end it, or give this build a folder of its own with --work",
    )


def _holder(descriptor: int) -> tuple[int | None, str]:
    try:
        held = json.loads(os.pread(descriptor, 1024, 0))
        return int(held["pid"]), str(held["since"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None, ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
