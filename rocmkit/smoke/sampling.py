"""What the kernel writes of the GPUs and of the processes that use them, as values. Pure.

The formats are those of kfd_process.c, amdgpu_fdinfo.c and drm_file.c below drivers/gpu/drm, and of Documentation/gpu/drm-usage-stats.rst.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from rocmkit.smoke.observed import CardSeen, DrmSeen, Evidence, KfdSeen, Namespace

#: KFD_QUEUE_TYPE_COMPUTE (kfd_priv.h). HIP's queues are of it: AQL is but a format there.
COMPUTE = 0
#: PROC_PID_INIT_INO (linux/proc_ns.h): the namespace whose numbers KFD names processes by.
_INITIAL = "pid:[4026531836]"
#: A counter above it has gone below zero: KFD's `vram_usage` is unsigned and not guarded.
_MOST = (1 << 63) - 1
_NUMBER = re.compile(rb"\s*([0-9]{1,20})\s*")
_SIZE = re.compile(rb"([0-9]{1,20})(?: *(KiB|MiB|GiB|kB))?")
_UNITS = {b"": 1, b"kB": 1 << 10, b"KiB": 1 << 10, b"MiB": 1 << 20, b"GiB": 1 << 30}
_PCI = re.compile(rb"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
#: Readings kept of one kind at one GPU: so many at once, each so long; and so many GPUs and kinds.
_AT_ONCE, _LONG, _THINGS = 3, 400, 128


def number(text: bytes) -> int | None:
    """A counter. The kernel ends some with a line feed and some not. None: it is none, or has wrapped around."""
    found = _NUMBER.fullmatch(text)
    return value if found and (value := int(found[1])) <= _MOST else None


def percent(text: bytes) -> int | None:
    """A share of 0 to 100. Firmware that has no figure was seen to say 65535."""
    value = number(text)
    return value if value is not None and value <= 100 else None


def gpu_of(name: str, kind: str) -> int | None:
    """The GPU that a file or folder of KFD is about: 51887 of vram_51887."""
    digits = name[len(kind) :]
    return int(digits) if name.startswith(kind) and digits.isascii() and digits.isdecimal() and len(digits) <= 10 else None


def namespace(link: str) -> Namespace:
    """Whether the numbers of processes are those that KFD uses, by what /proc/self/ns/pid links to."""
    return "initial" if link == _INITIAL else "other" if link.startswith("pid:[") else "unknown"


def born(stat: bytes) -> int | None:
    """When a process began, in ticks since the machine did (proc_pid_stat(5)): with its number it is known for sure."""
    fields = stat.rpartition(b")")[2].split()
    return number(fields[19]) if len(fields) > 19 else None


def majors(devices: bytes, driver: str) -> frozenset[int]:
    """The numbers of a driver's character devices, of /proc/devices."""
    lines = (line.split() for line in devices.partition(b"Block devices")[0].splitlines())
    found = (number(words[0]) for words in lines if len(words) == 2 and words[1] == driver.encode())
    return frozenset(major for major in found if major is not None)


class Client(NamedTuple):
    """One opening of a render node, with what lies in its address space on the GPU; HIP's memory does too."""

    pci: str
    opening: str  # descriptors that have it in common are one opening
    vram: int  # bytes
    gtt: int
    lines: str  # that say so


#: The lines of a render node, by what they say; newer kernels' names first. AMD's own driver has no client's number on kernels before 6.5,
#: and kernels before 5.19 have names of their own. From 6.5 on driver and number stood there twice for a while, with two numbers of which
#: each is that of the opening. What became `drm-resident-vram` is in bytes, KiB or MiB.
_LINES = {
    "pci": (b"drm-pdev", b"pdev"),
    "opening": (b"drm-client-id", b"pasid"),
    "vram": (b"drm-memory-vram", b"drm-resident-vram", b"vram mem"),
    "gtt": (b"drm-memory-gtt", b"drm-resident-gtt", b"gtt mem"),
}


def drm_client(fdinfo: bytes) -> Client | None:
    """What /proc/PID/fdinfo/N says of a render node of amdgpu. None: it is no such thing, or does not tell its memory."""
    told: dict[bytes, bytes] = {}
    for line in fdinfo.splitlines():
        key, sign, _ = line.partition(b":")
        if sign:
            told.setdefault(key.strip(), line)
    if _value(told.get(b"drm-driver", b"")) != (b"amdgpu" if b"vram mem" not in told else b""):
        return None
    lines = {what: next((told[key] for key in keys if key in told), b"") for what, keys in _LINES.items()}
    pci, opening = _PCI.fullmatch(_value(lines["pci"])), number(_value(lines["opening"]))
    vram, gtt = _size(_value(lines["vram"])), _size(_value(lines["gtt"]))
    if not pci or opening is None or vram is None:
        return None
    which = lines["opening"].partition(b":")[0].decode("ascii", "replace")
    return Client(
        pci[0].decode(), f"{which} {opening}", vram, gtt or 0, b"\n".join(filter(None, lines.values())).decode("ascii", "replace")
    )


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].strip()


def _size(text: bytes) -> int | None:
    found = _SIZE.fullmatch(text)
    return value if found and (value := int(found[1]) * _UNITS[found[2] or b""]) <= _MOST else None


class Reading(NamedTuple):
    """One thing that was read, and how much it says."""

    amount: int
    said: tuple[tuple[str, str], ...]  # the files that say it, and what stood there


@dataclass
class Look:
    """What all processes of a worker have on one GPU by KFD, at one time."""

    queues: list[Reading] = field(default_factory=list)  # compute queues, each of amount 1
    vram: list[Reading] = field(default_factory=list)
    occupied: list[Reading] = field(default_factory=list)


def kfd_most(seen: KfdSeen, look: Look) -> KfdSeen:
    """What was seen so far, with one look more."""
    occupied = sum(reading.amount for reading in look.occupied)
    return replace(
        seen,
        compute_queues=max(seen.compute_queues, len(look.queues)),
        vram_bytes=max(seen.vram_bytes, sum(reading.amount for reading in look.vram)),
        occupied=max(seen.occupied or 0, occupied) if look.occupied else seen.occupied,
        looked=seen.looked + bool(look.occupied),
        busy=seen.busy + (occupied > 0),
    )


def drm_most(seen: DrmSeen, clients: Iterable[Client]) -> DrmSeen:
    """What was seen of a GPU's render node so far, with one look more."""
    now = tuple(clients)
    return replace(
        seen,
        clients=max(seen.clients, len(now)),
        vram_bytes=max(seen.vram_bytes, sum(client.vram for client in now)),
        gtt_bytes=max(seen.gtt_bytes, sum(client.gtt for client in now)),
    )


def card_most(seen: CardSeen, busy: int | None, vram: int | None) -> CardSeen:
    """What was seen of a card so far, with one look more."""
    return replace(
        seen,
        busy_percent=max((value for value in (seen.busy_percent, busy) if value is not None), default=None),
        vram_used_bytes=max((value for value in (seen.vram_used_bytes, vram) if value is not None), default=None),
    )


class Kept:
    """Readings worth keeping, of each kind at each GPU the first ones and the highest ones, in their bounds."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, str], tuple[Reading, ...]] = {}
        self.highest: dict[tuple[str, str], tuple[int, tuple[Reading, ...]]] = {}

    def add(self, kind: str, gpu: str, readings: list[Reading]) -> None:
        """What was read at one time."""
        key, amount = (kind, gpu), sum(reading.amount for reading in readings)
        if not readings or (key not in self.first and len(self.first) >= _THINGS):
            return
        if key in self.highest and amount <= self.highest[key][0]:
            return
        most = tuple(heapq.nlargest(_AT_ONCE, readings, key=lambda reading: reading.amount))
        self.first.setdefault(key, most)
        self.highest[key] = amount, most

    def evidence(self) -> tuple[Evidence, ...]:
        """All of it, each reading once."""
        kept = (
            Evidence(kind=kind, where=where, value=value[:_LONG])
            for (kind, gpu), first in sorted(self.first.items())
            for reading in (*first, *self.highest[kind, gpu][1])
            for where, value in reading.said
        )
        return tuple(dict.fromkeys(kept))
