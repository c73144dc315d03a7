"""Run one program, tell how and where it ended, and leave none of its processes behind.

A process of its own, of rocmkit's own interpreter without site-packages. It ends all when rocmkit dies, however that dies. It is asked
on standard input, in JSON, and answers in lines of JSON on a pipe. Signals: SIGTERM, end everything; SIGUSR1, the GPU has faulted.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import resource
import signal
import sys
import time
from collections import deque
from typing import Any, Literal, NoReturn

from rocmkit.trial.inside.processes import descendants, end_all, resident
from rocmkit.trial.inside.sweep import sweep
from rocmkit.trial.inside.tracing import FATAL, Tracer, read_maps

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_ALL_CHILDREN = 0x40000000  # __WALL of waitpid(2): threads that are traced too
_WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1}

SAMPLE_S = 0.1
#: Finding the processes of a big machine takes milliseconds: they are looked for so seldom that it takes no more than this share.
SHARE = 0.05
#: So long is busyness looked back on.
LOOK_BACK_S = 2.0
#: How long is waited before SIGABRT, which has faulthandler print where the program is, and how long then before SIGKILL.
GRACE_S = {"time": (0.0, 1.5), "memory": (0.0, 0.3), "gpu": (0.3, 0.5)}
MAX_EVENTS, MAX_DIED, MAX_MAPS = 256, 64, 8
#: The kernel that runs out of memory ends the program first, and neither rocmkit nor the user's desktop (proc_pid_oom_score_adj(5)).
_OOM_FIRST = "800"


def main() -> None:
    """Do as asked on standard input. The scratch folder is the last argument; it is removed whatever happens."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    scratch = sys.argv[-1]
    try:
        asked = json.loads(sys.stdin.buffer.read())
        _Supervisor(asked).run()
    finally:
        sweep(scratch)


class _Supervisor:
    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.libc = ctypes.CDLL(None, use_errno=True)
        for descriptor in (asked["report"], *asked["streams"]):
            os.set_inheritable(descriptor, False)
        self.tracer = Tracer(self.tell) if asked["trace"] else None
        self.pid = 0
        self.status: int | None = None
        self.ending = False
        self.died = 0
        self.peak = 0
        self.waited = 0.0  # for rocmkit, which was stopped (Ctrl-Z): what is looked at stands still meanwhile
        self.used: deque[tuple[float, float]] = deque()  # when, and the processor time taken until then
        self.why: str | None = None  # it is being ended
        self.abort_at = self.kill_at = float("inf")

    def tell(self, event: dict[str, Any]) -> None:
        data = memoryview(json.dumps(event).encode() + b"\n")
        begin = time.monotonic()
        with contextlib.suppress(OSError):  # rocmkit is gone
            while data:
                data = data[os.write(self.asked["report"], data) :]
        self.waited += time.monotonic() - begin

    def orphaned(self) -> bool:
        return os.getppid() != int(self.asked["parent"])

    def run(self) -> None:
        self.libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        self.libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if self.orphaned():
            return
        problem, started = self.start()
        try:
            self.watch(started)
            seconds = time.monotonic() - started
        finally:
            self.ending = True
            end_all(lambda: self.reap() != "none")
        failed = os.read(problem, 4096)
        if failed:
            self.tell({"cannot": json.loads(failed)})
        # The scratch folder is gone before rocmkit hears of the end.
        sweep(sys.argv[-1])
        peak = max(self.peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)
        self.tell({"end": self.status, "seconds": seconds, "peak": peak})

    def start(self) -> tuple[int, float]:
        """Start the program; the pipe on which it says why it could not be, and when it was."""
        go, may_go = os.pipe()
        problem, problems = os.pipe()
        me = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(go, problems, may_go, me)
        os.close(go)
        os.close(problems)
        os.set_blocking(problem, False)
        for descriptor in (*self.asked["streams"], self.asked["answer"]):
            os.close(descriptor)
        refused = "switched off"
        if self.tracer:
            try:
                self.tracer.seize(self.pid)
                refused = ""
            except OSError as error:  # seccomp, Yama, or somebody traces it already
                refused, self.tracer = str(error.strerror), None
        self.tell({"pid": self.pid, "untraced": refused})
        with contextlib.suppress(OSError):
            os.write(may_go, b"\n")
        os.close(may_go)
        return problem, time.monotonic()

    def become(self, go: int, problems: int, may_go: int, parent: int) -> NoReturn:
        """In the child: turn into the program."""
        try:
            os.close(may_go)
            os.setsid()
            self.libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            for target, descriptor in enumerate(self.asked["streams"]):
                os.dup2(descriptor, target)
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write(_OOM_FIRST)
            self.limit()
            os.chdir(self.asked["cwd"])
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            if os.getppid() == parent and os.read(go, 1):
                os.execve(self.asked["argv"][0], self.asked["argv"], self.asked["env"])  # noqa: S606
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            os.write(problems, json.dumps([getattr(error, "errno", None) or errno.EINVAL, why]).encode())
        finally:
            os._exit(127)

    def limit(self) -> None:
        # No dump of the memory: of 0 one is written to a program all the same, of 1 byte to none (core(5) and fs/coredump.c of Linux).
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard and _dumps_to_a_program() else 0, hard))
        stack = self.asked["stack"]
        if stack is not None:
            hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
            try:
                resource.setrlimit(resource.RLIMIT_STACK, (stack, hard))
            except ValueError:
                raise OSError(errno.EPERM, "the limit of the stack cannot be raised so far") from None
        # Tasks of the user, threads among them. Root is not bound by it (getrlimit(2)).
        with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/loadavg", encoding="ascii") as file:
            most = int(file.read().split()[3].partition("/")[2]) + 64 * self.asked["processes"]
            hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
            resource.setrlimit(resource.RLIMIT_NPROC, (most if hard == -1 else min(most, hard), hard))

    def watch(self, started: float) -> None:
        """Until the program has ended or has to."""
        deadline = started + self.asked["time_s"]
        sample_at = started + SAMPLE_S
        more = False
        while self.status is None:
            now = time.monotonic()
            wait = 0.0 if more else max(0.0, min(sample_at, deadline + self.waited, self.abort_at, self.kill_at) - now)
            signalled = signal.sigtimedwait(_WATCHED, wait)
            # A program may signal the process that started it. Of another namespace of processes is 0.
            asked = signalled.si_signo if signalled and signalled.si_pid in (0, self.asked["parent"]) else None
            if asked == signal.SIGTERM:
                return
            if asked == signal.SIGUSR1:
                self.end("gpu")
            more = self.reap() == "more"
            now = time.monotonic()
            if now >= sample_at:
                if self.sample(now):
                    return
                sample_at = time.monotonic() + max(SAMPLE_S, (time.monotonic() - now) / SHARE)
            if now >= deadline + self.waited:
                self.end("time")
                deadline = float("inf")
            if now >= self.abort_at:
                self.abort_at = float("inf")
                self.abort()
            if now >= self.kill_at or self.orphaned():
                return

    def sample(self, now: float) -> bool:
        """Look at memory, processes and processor time. Whether it has to end at once."""
        found = descendants(os.getpid())
        self.used.append((now, sum(found.values())))
        while self.used[0][0] < now - LOOK_BACK_S:
            self.used.popleft()
        if len(found) > self.asked["processes"]:
            self.tell({"limit": "processes"})
            return True
        taken = resident(found)
        self.peak = max(self.peak, taken)
        if taken > self.asked["memory_bytes"]:
            self.end("memory")
        return False

    def end(self, why: str) -> None:
        """Begin to end it."""
        if self.why is not None:
            return
        self.why = why
        self.tell({"limit": why, "busy": self.busy()})
        before, after = GRACE_S[why]
        self.abort_at = time.monotonic() + before
        self.kill_at = self.abort_at + after

    def busy(self) -> float | None:
        """How many processors it has kept busy lately."""
        if not self.used:
            return None
        (begin, before), (end, after) = self.used[0], self.used[-1]
        return max(0.0, (after - before) / (end - begin)) if end - begin > 0.3 else None

    def abort(self) -> None:
        found = descendants(os.getpid())
        for pid in list(found)[:MAX_MAPS]:
            self.tell({"maps": read_maps(pid)[0]})
        for pid in found:
            for number in (signal.SIGABRT, signal.SIGCONT):
                with contextlib.suppress(OSError):
                    os.kill(pid, number)

    def reap(self) -> Literal["none", "waiting", "more"]:
        """Take changes of state, a few at a time: one that forks without end must not keep the limits waiting."""
        for _ in range(MAX_EVENTS):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | _ALL_CHILDREN)
            except ChildProcessError:
                return "none"
            if pid == 0:
                return "waiting"
            self.changed(pid, status)
        return "more"

    def changed(self, pid: int, status: int) -> None:
        if os.WIFSTOPPED(status):
            if self.ending:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            elif self.tracer:
                self.tracer.stopped(pid, status)
        elif pid == self.pid:
            self.status = status
        elif os.WIFSIGNALED(status) and os.WTERMSIG(status) in FATAL and self.died < MAX_DIED and not self.ending:
            self.died += 1
            self.tell({"died": pid, "signal": os.WTERMSIG(status)})


def _dumps_to_a_program() -> bool:
    try:
        with open("/proc/sys/kernel/core_pattern", "rb") as file:
            return file.read(1) == b"|"
    except OSError:
        return False
