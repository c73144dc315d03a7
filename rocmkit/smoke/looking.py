"""Looks at the kernel's files: whose processes there are, and what KFD, the render nodes and the cards say of them.

These files come and go while they are read, and a container may refuse them. What has just gone is nothing; what is refused is a gap.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from rocmkit.smoke.observed import Card, CardSeen, DrmSeen, KfdSeen
from rocmkit.smoke.sampling import (
    COMPUTE,
    Client,
    Kept,
    Look,
    Reading,
    born,
    card_most,
    drm_client,
    drm_most,
    gpu_of,
    kfd_most,
    number,
    percent,
)
from rocmkit.trial.inside.processes import descendants

#: No number of the kernel's is longer; a longer text is cut, and is then none.
_ATTRIBUTE = 64
_FDINFO = 16384
#: So much is looked at of each, whatever there is.
_ENTRIES, _PROCESSES, _CONTEXTS, _GPUS, _GAPS = 4096, 256, 64, 64, 12
#: What a file says that was there a moment ago: a process or queue has ended (sysfs says ENODEV, procfs ESRCH).
_GONE = {errno.ENOENT, errno.ENODEV, errno.ESRCH, errno.ENOTDIR}
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_RENDER = re.compile(r"/dev/dri/(renderD[0-9]+)")


def read(path: str, most: int = _ATTRIBUTE) -> bytes:
    """The first `most` bytes of a regular file; nothing else is opened. Raises OSError."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        data = piece = os.read(descriptor, most)
        while piece and most > _ATTRIBUTE and len(data) < most:  # sysfs gives all at once, procfs in pieces
            piece = os.read(descriptor, most - len(data))
            data += piece
        return data
    finally:
        os.close(descriptor)


class Gaps:
    """What could not be read, each reason once."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int | None], str] = {}

    def add(self, path: str, error: OSError) -> None:
        """A reading that failed, unless what it is about has just gone."""
        if error.errno not in _GONE:
            self.say(f"{path}: {error.strerror}", os.path.basename(path), error.errno)

    def say(self, what: str, kind: str = "", number: int | None = None) -> None:
        """Tell `what`, unless the same kind was told already."""
        if len(self.found) < _GAPS:
            self.found.setdefault((kind or what, number), what)

    def read(self, path: str, most: int = _ATTRIBUTE) -> bytes:
        """What a file says; nothing where it does not."""
        try:
            return read(path, most)
        except OSError as error:
            self.add(path, error)
            return b""

    def entries(self, folder: str) -> Sequence[os.DirEntry[str]]:
        """What is in a folder, of an ordinary size."""
        try:
            with os.scandir(folder) as found:
                return tuple(islice(found, _ENTRIES))
        except OSError as error:
            self.add(folder, error)
            return ()


class Processes:
    """A program and all that came of it, also what was left by its parent and now has another one."""

    def __init__(self, proc: str, gaps: Gaps) -> None:
        self.proc, self.gaps = proc, gaps
        self.known: dict[int, int] = {}  # with when it began: numbers are used again

    def add(self, pid: int) -> None:
        """One that was just started."""
        began = born(self.gaps.read(f"{self.proc}/{pid}/stat", 1024))
        if began is not None and len(self.known) < _PROCESSES:
            self.known[pid] = began

    def look(self) -> None:
        """Who there is now."""
        before, self.known = self.known, {}
        for pid, began in before.items():
            if born(self.gaps.read(f"{self.proc}/{pid}/stat", 1024)) == began:
                self.known[pid] = began
        if self.known:
            for pid in descendants(*self.known, proc=self.proc):
                if pid not in self.known:
                    self.add(pid)


class Kfd:
    """What KFD says of processes, by their numbers in its own namespace. The folder of a process shows only that it opened /dev/kfd."""

    def __init__(self, sys: str, kept: Kept, gaps: Gaps) -> None:
        self.folder, self.kept, self.gaps = f"{sys}/class/kfd/kfd/proc", kept, gaps
        self.seen: dict[int, KfdSeen] = {}
        self.opened = False
        self._queues: dict[str, tuple[int, int | None]] = {}  # GPUs of compute queues, by folder, with its inode: neither changes

    def processes(self) -> set[int]:
        """All that it knows."""
        try:
            return {int(name) for name in os.listdir(self.folder) if name.isascii() and name.isdecimal()}
        except OSError as error:
            self.gaps.say(f"{self.folder}: {error.strerror}", self.folder, error.errno)
            return set()

    def look(self, pids: Iterable[int]) -> None:
        """What these have now, all together."""
        now: dict[int, Look] = {}
        known, self._queues = self._queues, {}
        for pid in pids:
            self.opened = True
            self._process(f"{self.folder}/{pid}", now, known, contexts=True)
        for gpu, look in now.items():
            if gpu not in self.seen and len(self.seen) >= _GPUS:
                continue
            self.seen[gpu] = kfd_most(self.seen.get(gpu, KfdSeen(gpu_id=gpu)), look)
            for kind, readings in (("kfd-queue", look.queues), ("kfd-vram", look.vram), ("kfd-occupancy", look.occupied)):
                self.kept.add(kind, str(gpu), readings)

    def _process(self, folder: str, now: dict[int, Look], known: dict[str, tuple[int, int | None]], *, contexts: bool) -> None:
        used: set[int] = set()
        inside: list[str] = []
        for entry in self.gaps.entries(folder):
            name = entry.name
            if name == "queues" and entry.is_dir(follow_symlinks=False):
                for gpu, reading in self._compute(entry.path, known):
                    now.setdefault(gpu, Look()).queues.append(reading)
                    used.add(gpu)
            elif (gpu_id := gpu_of(name, "vram_")) is not None and (vram := self._counter(entry.path)):
                now.setdefault(gpu_id, Look()).vram.append(vram)
            elif name.startswith("context_") and entry.is_dir(follow_symlinks=False):
                inside.append(entry.path)
        for gpu in used:  # without a queue the kernel says 0, whatever there is
            if occupied := self._counter(f"{folder}/stats_{gpu}/cu_occupancy"):
                now[gpu].occupied.append(occupied)
        if contexts:  # on newer kernels a process may have more than one of all this (AMDKFD_IOC_CREATE_PROCESS)
            for path in inside[:_CONTEXTS]:
                self._process(path, now, known, contexts=False)

    def _counter(self, path: str) -> Reading | None:
        text = self.gaps.read(path)
        amount = number(text)
        if amount is None and text:
            self.gaps.say(f"{path}: {_shown(text)!r} is no number that can be", os.path.basename(path))
        return None if amount is None else Reading(amount, ((path, _shown(text)),))

    def _compute(self, folder: str, known: dict[str, tuple[int, int | None]]) -> Iterator[tuple[int, Reading]]:
        for entry in self.gaps.entries(folder):
            path = entry.path
            inode, gpu = known.get(path, (-1, None))
            if inode != entry.inode():
                if not entry.is_dir(follow_symlinks=False):
                    continue
                kind, gpu = number(self.gaps.read(f"{path}/type")), number(self.gaps.read(f"{path}/gpuid"))
                if kind is None or gpu is None:
                    continue  # it is just being made
                gpu = gpu if kind == COMPUTE else None
            self._queues[path] = entry.inode(), gpu
            if gpu is not None:
                yield gpu, Reading(1, ((f"{path}/gpuid", str(gpu)), (f"{path}/type", str(COMPUTE))))


class Drm:
    """What the opened render nodes of processes say. It is so in every namespace, for those whose descriptors one may look at."""

    def __init__(self, proc: str, kept: Kept, gaps: Gaps) -> None:
        self.proc, self.kept, self.gaps = proc, kept, gaps
        self.seen: dict[str, DrmSeen] = {}

    def look(self, pids: Iterable[int]) -> None:
        """What these have now, all together. What a child got from its parent, or one opened twice, is one opening."""
        now: dict[str, dict[str, tuple[Client, Reading]]] = {}
        for pid in pids:
            for entry in self.gaps.entries(f"{self.proc}/{pid}/fd"):
                try:
                    if not os.readlink(entry.path).startswith("/dev/dri/"):
                        continue
                except OSError as error:
                    self.gaps.add(entry.path, error)
                    continue
                path = f"{self.proc}/{pid}/fdinfo/{entry.name}"
                if client := drm_client(self.gaps.read(path, _FDINFO)):
                    now.setdefault(client.pci, {})[client.opening] = client, Reading(client.vram, ((path, client.lines),))
        for pci, clients in now.items():
            if pci not in self.seen and len(self.seen) >= _GPUS:
                continue
            self.seen[pci] = drm_most(self.seen.get(pci, DrmSeen(pci=pci)), (client for client, _ in clients.values()))
            self.kept.add("fdinfo-vram", pci, [reading for _, reading in clients.values()])


class Cards:
    """What the cards say of all processes together, the desktop's too."""

    def __init__(self, cards: Sequence[Card], sys: str, kept: Kept, gaps: Gaps) -> None:
        self.kept, self.gaps = kept, gaps
        self.folders = {card.pci: folder for card in cards[:_GPUS] if card.pci and (folder := _folder(card, sys))}
        self.seen: dict[str, CardSeen] = {}

    def look(self) -> None:
        """What they say now; the first time before the worker begins."""
        for pci, folder in self.folders.items():
            # To ask a sleeping card how busy it is wakes it up.
            asleep = self.gaps.read(f"{folder}/power/runtime_status").strip() == b"suspended"
            busy = None if asleep else self._value(pci, "card-busy", f"{folder}/gpu_busy_percent")
            vram = self._value(pci, "card-vram", f"{folder}/mem_info_vram_used")
            before = self.seen.get(pci) or CardSeen(pci=pci, vram_before_bytes=vram)
            self.seen[pci] = card_most(before, busy, vram)

    def _value(self, pci: str, kind: str, path: str) -> int | None:
        text = self.gaps.read(path)
        value = percent(text) if kind == "card-busy" else number(text)
        if value is not None:
            self.kept.add(kind, pci, [Reading(value, ((path, _shown(text)),))])
        return value


def _folder(card: Card, sys: str) -> str | None:
    """Where its files are: found by its render node, and by its address where it has none here."""
    if render := _RENDER.fullmatch(card.render_node or ""):
        return f"{sys}/class/drm/{render[1]}/device"
    return f"{sys}/bus/pci/devices/{card.pci}" if _PCI.fullmatch(card.pci or "") else None


def _shown(text: bytes) -> str:
    """As it stood there, without the line feed."""
    return text.decode("ascii", "replace").rstrip("\n")
