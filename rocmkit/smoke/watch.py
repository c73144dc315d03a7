"""Watch a worker from outside while it runs: a thread that looks at the kernel's files, and never takes more than its share of a core.

Nothing here can be faked by what runs inside the worker: the kernel writes these files, and they name the process.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rocmkit.host.secrets import secrets
from rocmkit.probe.env import PREFIXES
from rocmkit.smoke.looking import Cards, Drm, Gaps, Kfd, Processes, read
from rocmkit.smoke.observed import Card, KfdDevice, Namespace, Watched
from rocmkit.smoke.sampling import Kept, majors, namespace

#: Variables beside those families that change what is computed where.
_NAMES = {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "OMP_NUM_THREADS"}
_VALUE = 2000
#: A look that takes longer than this has met a driver that does not answer: it is not waited for.
_ANSWER_S = 2.0
_DEVICES = 1 << 16


@dataclass
class _Turn:
    """One kind of look: how often, and which share of a core it may take. What takes longer comes less often."""

    look: Callable[[], None]
    every_s: float
    share: float
    due: float = 0.0
    soonest: float = 0.0  # that it can be due without taking more than its share

    def take(self) -> None:
        """Look, and say when it is due again."""
        before = time.thread_time()
        self.look()
        spent, now = time.thread_time() - before, time.monotonic()
        self.soonest = now + spent / self.share
        self.due = max(now + self.every_s, self.soonest)


class Watcher:
    """What is seen of a worker, from before it begins until it has ended. For one worker."""

    def __init__(self, cards: Sequence[Card], *, sys: str = "/sys", proc: str = "/proc", interval_s: float = 0.02) -> None:
        kept = self._kept = Kept()
        gaps = self._gaps = Gaps()
        self._proc = proc
        self._processes, self._kfd = Processes(proc, gaps), Kfd(sys, kept, gaps)
        self._drm, self._cards = Drm(proc, kept, gaps), Cards(cards, sys, kept, gaps)
        self._namespace: Namespace = "unknown"
        self._samples, self._started = 0, 0.0
        self._new: list[int] = []  # processes that the thread has not heard of
        self._users: set[int] = set()  # of KFD at the last look
        self._over = threading.Event()
        self._family, self._kfds = _Turn(self._who, 0.5, 0.01), _Turn(self._kfd_now, interval_s, 0.03)
        self._turns = (
            self._family,  # first: the others ask who there is
            self._kfds,
            _Turn(self._drm_now, 0.2, 0.005),
            _Turn(self._cards.look, 0.25, 0.005),
        )
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def begin(self) -> None:
        """Look at the cards before the worker is there."""
        try:
            self._namespace = namespace(str(Path(f"{self._proc}/self/ns/pid").readlink()))
        except OSError as error:
            self._gaps.say(f"{self._proc}/self/ns/pid: {error.strerror}")
        if self._namespace != "initial":  # as in a container: any process of the machine may have the worker's number
            self._gaps.say("KFD's numbers of processes are not known to be those used here: nothing it says is taken for the worker's")
        self._cards.look()

    def started(self, pid: int) -> None:
        """The worker is there. One that is started in place of the first is watched too."""
        self._new.append(pid)
        if not self._started:
            self._started = time.monotonic()
            try:
                self._thread.start()
            except RuntimeError as error:  # the user has as many threads as they may
                self._gaps.say(f"nothing is watched: {error}")

    def end(self) -> Watched:
        """All that was seen. The worker has ended."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(_ANSWER_S)
            if self._thread.is_alive():
                self._gaps.say("the kernel does not answer a reading any more")
        return Watched(
            samples=self._samples,
            seconds=round(time.monotonic() - self._started, 3) if self._started else 0.0,
            namespace=self._namespace,
            kfd_opened=self._kfd.opened,
            kfd=tuple(seen for _, seen in sorted(self._kfd.seen.items())),
            drm=tuple(seen for _, seen in sorted(self._drm.seen.items())),
            cards=tuple(seen for _, seen in sorted(self._cards.seen.items())),
            evidence=self._kept.evidence(),
            gaps=tuple(self._gaps.found.values()),
        )

    def _watch(self) -> None:
        turns = tuple(turn for turn in self._turns if turn is not self._kfds or self._namespace == "initial")
        while not self._over.is_set():
            if self._new:
                self._family.due = 0.0
            for turn in turns:
                if turn.due <= time.monotonic():
                    turn.take()
            self._over.wait(max(0.0, min(turn.due for turn in turns) - time.monotonic()))

    def _who(self) -> None:
        while self._new:
            self._processes.add(self._new.pop())
        self._processes.look()

    def _kfd_now(self) -> None:
        self._samples += 1
        users, known = self._kfd.processes(), self._processes.known.keys()
        if users - self._users - known:  # it may be a child of the worker
            self._family.due = self._family.soonest
        self._users = users
        self._kfd.look(sorted(users & known))

    def _drm_now(self) -> None:
        self._samples += self._namespace != "initial"  # else each look at KFD is one
        self._drm.look(tuple(self._processes.known))


def kfd_device(*, dev: str = "/dev/kfd", proc: str = "/proc") -> KfdDevice:
    """Whether /dev/kfd is the driver's device. An emulated GPU has none, or something else by that name."""
    try:
        found = Path(dev).stat()
    except OSError as error:
        return "absent" if error.errno in (errno.ENOENT, errno.ENOTDIR) else "unknown"
    if not stat.S_ISCHR(found.st_mode):
        return "other"
    try:
        return "driver" if os.major(found.st_rdev) in majors(read(f"{proc}/devices", _DEVICES), "kfd") else "other"
    except OSError:
        return "unknown"


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that change what is computed where, by name: overrides, visible devices, preloaded libraries. No secrets."""
    wanted = {name: value[:_VALUE] for name, value in environ.items() if name in _NAMES or name.startswith(PREFIXES)}
    hidden = set(secrets((), wanted))
    return {name: value for name, value in sorted(wanted.items()) if value not in hidden}
