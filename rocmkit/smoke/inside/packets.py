"""The file in which the hook inside the HSA runtime counts the AQL packets of this process; rocmkit/smoke/aql/packets.c writes it.

The numbers are little-endian. A page with the head: magic, version, number of rooms, and how many of these were asked for. Then the rooms,
a page each: whoever starts the runtime takes the next one, so that a child of the process, or a second start, adds to what is there.
A room's first 64 bytes are its state (0 free, 1 counting, 2 refused, 3 ended), the process, why it was refused, how many GPUs follow,
what was refused, begun and ended rounds of counting, and queues that found no place. Then each GPU: KFD's node or -1, queues, and packets
consumed and written.
"""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from typing import Any, NamedTuple

MAGIC = b"rocmkitP"
VERSION = 1
PAGE = 4096
ROOMS = 32
GPUS = 64
SIZE = PAGE * (1 + ROOMS)
#: The variable that names the file.
VARIABLE = "ROCMKIT_PACKETS"

_HEAD = struct.Struct("<8sIII")
_ROOM = struct.Struct("<IIIIQQQQ16x")
_GPU = struct.Struct("<qQQQ")
_COUNTING, _REFUSED, _ENDED = 1, 2, 3
#: The hook counts every 10 ms; it may be so late.
_PATIENCE_S = 0.25
_PAUSE_S = 0.001
_REFUSALS = {
    1: "the HSA runtime's tables of functions have the versions {0} and {1}, which the hook does not know",
    2: "the HSA runtime's table of functions ends after {1} bytes, before those that the hook needs",
    3: "the HSA runtime's table of functions lacks one that the hook needs",
    4: "the hook could not start its thread: error {1}",
}


class Room(NamedTuple):
    """What one start of the HSA runtime left."""

    state: int
    pid: int
    reason: int
    refused: int
    begun: int  # rounds of counting
    done: int
    lost: int  # queues that were not counted, for want of room
    gpus: tuple[tuple[int, int, int, int], ...]  # node, queues, consumed, written


def empty() -> bytes:
    """The file as it is made."""
    return _HEAD.pack(MAGIC, VERSION, ROOMS, 0).ljust(SIZE, b"\0")


def rooms(data: bytes) -> list[Room]:
    """The rooms that are taken, of the file's content; none where it is no such file. Anybody may have written it."""
    if len(data) < SIZE or _HEAD.unpack_from(data)[:3] != (MAGIC, VERSION, ROOMS):
        return []
    found = []
    for at in range(PAGE, SIZE, PAGE):
        state, pid, reason, many, refused, begun, done, lost = _ROOM.unpack_from(data, at)
        if state in (_COUNTING, _REFUSED, _ENDED):
            first = at + _ROOM.size
            gpus = tuple(_GPU.unpack_from(data, first + number * _GPU.size) for number in range(min(many, GPUS)))
            found.append(Room(state, pid, reason, refused, begun, done, lost, gpus))
    return found


def summed(found: list[Room]) -> list[dict[str, Any]] | None:
    """The fields of `rocmkit.smoke.observed.Packets` for each GPU; None: no HSA runtime called the hook, or it counts none of them."""
    counting = [room for room in found if room.state in (_COUNTING, _ENDED)]
    if not counting:
        return None
    sums: dict[int, list[int]] = {}
    for room in counting:
        for node, *numbers in room.gpus:
            sums[node] = [(a + b) & (1 << 64) - 1 for a, b in zip(sums.get(node, (0, 0, 0)), numbers)]
    return [
        {"node": node if node >= 0 else None, "queues": queues, "written": written, "consumed": consumed}
        for node, (queues, consumed, written) in sorted(sums.items())
    ]


def refused(found: list[Room]) -> str | None:
    """Why something is not counted although a runtime called the hook."""
    for room in found:
        if room.state == _REFUSED:
            what = _REFUSALS.get(room.reason, "the hook refused, and did not say why")
            return what.format(room.refused >> 32, room.refused & 0xFFFFFFFF)
    lost = sum(room.lost for room in found)
    return f"queues that the hook could not count: {lost}" if lost else None


def counted() -> list[dict[str, Any]] | None:
    """The packets so far, as `summed` has them. Waits until all that was finished before the call is counted."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _settled(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _settled(descriptor: int) -> list[dict[str, Any]] | None:
    found = rooms(os.pread(descriptor, SIZE, 0))
    rounds = [room.begun for room in found]  # the next one looks at all queues after now
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        # A room that is taken only now was empty then. The process of one may be gone.
        late = [room for room, begun in zip(found, rounds) if room.state == _COUNTING and room.done <= begun and _lives(room.pid)]
        if not late:
            break
        time.sleep(_PAUSE_S)
        found = rooms(os.pread(descriptor, SIZE, 0))
    return summed(found)


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
