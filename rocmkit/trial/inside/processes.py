"""The processes below this one: who they are, what memory and processor time they take, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 1 / os.sysconf("SC_CLK_TCK")
#: What sleeps in a wedged driver cannot be killed: after so long it is left.
_END_S = 10.0


def descendants(*roots: int, proc: str = "/proc") -> dict[int, float]:
    """Process ids of all that descend from one of `roots`, with the seconds of processor time that each has taken."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for name in os.listdir(proc):
        if not name.isdecimal():
            continue
        try:
            with open(f"{proc}/{name}/stat", "rb", buffering=0) as file:
                # proc_pid_stat(5). The second field is a name in brackets, which may hold anything.
                fields = file.read(1024).rpartition(b")")[2].split()
            seconds[int(name)] = (int(fields[11]) + int(fields[12])) * TICK
            children.setdefault(int(fields[1]), []).append(int(name))
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
    found: dict[int, float] = {}
    waiting = list(roots)
    while waiting:
        for pid in children.pop(waiting.pop(), ()):
            found[pid] = seconds[pid]
            waiting.append(pid)
    return found


def resident(pids: dict[int, float]) -> int:
    """Bytes of resident memory that processes take together; what they share counts once, at the largest that one of them has."""
    own = shared = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
                fields = file.read(256).split()
            pages = int(fields[2])
            own += max(int(fields[1]) - pages, 0)
            shared = max(shared, pages)
        except (OSError, ValueError, IndexError):
            continue
    return (own + shared) * PAGE


def end_all(reap: Callable[[], bool]) -> None:
    """Kill all descendants of this process, which has to be their subreaper.

    Whole process groups are killed at once, so that one that forks and ends faster than it can be found does not get away. `reap`
    collects those that ended and says whether there are any children.
    """
    me, own_group = os.getpid(), os.getpgrp()
    end = time.monotonic() + _END_S
    while reap() and time.monotonic() < end:
        left = descendants(me)
        groups = set()
        for pid in left:
            with contextlib.suppress(OSError):
                groups.add(os.getpgid(pid))
        for group in groups - {own_group, 0, 1}:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.001 if len(left) < 20 else 0)
