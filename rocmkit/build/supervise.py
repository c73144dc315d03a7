"""Run one step of a build, and leave none of its processes behind: a process of its own, of rocmkit's interpreter without site-packages.

It is asked on standard input, in JSON, and answers in one line of JSON on a pipe. Its standard output is the step's log. It ends the step
on SIGTERM, which it gets when rocmkit dies, however that dies: programs may take away their half-written files first. At a second
SIGTERM, or when their time is over, they are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from rocmkit.trial.inside.processes import descendants, end_all

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_WATCHED = {signal.SIGCHLD, signal.SIGTERM}
#: The step's own programs are asked first, for ninja takes away what its compilers have begun; then all that are left.
ASKED_S, END_S = 1.5, 3.0
#: What a step that is done has left behind: a compiler cache's server writes down what it knows.
LEFT_S = 1.0
#: How often is looked whether rocmkit still lives, beside the signal.
_LOOK_S = 1.0
#: Without memory, the kernel ends a compiler, and neither rocmkit nor the user's desktop (proc_pid_oom_score_adj(5)).
_OOM_FIRST = "500"


def main() -> None:
    """Do as asked on standard input."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    asked = json.loads(sys.stdin.buffer.read())
    report = json.dumps(_Step(asked).run()).encode() + b"\n"
    with contextlib.suppress(OSError):  # rocmkit is gone
        os.write(asked["report"], report)


class _Step:
    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.prctl = ctypes.CDLL(None).prctl
        self.me, self.pid = os.getpid(), 0
        self.status: int | None = None

    def run(self) -> dict[str, Any]:
        self.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        self.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if self.orphaned():
            return {}
        try:
            program = subprocess.Popen(
                self.asked["argv"],
                cwd=self.asked["cwd"],
                env=self.asked["env"],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self.become,  # noqa: PLW1509 - there is one thread
            )
        except (OSError, ValueError) as error:
            return {"cannot": [getattr(error, "errno", None) or 22, getattr(error, "strerror", None) or str(error)]}
        self.pid = program.pid
        stopped = False
        try:
            stopped = self.watch()
            if not stopped:
                self.ask_left()
        finally:
            end_all(self.reap)
        program.returncode = self.status  # it was waited for here
        return {"status": self.status, "stopped": stopped}

    def become(self) -> None:
        """In the child: end with this process, first when memory is short, and get signals as programs expect them."""
        self.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != self.me:
            os._exit(127)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(_OOM_FIRST)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def orphaned(self) -> bool:
        return os.getppid() != int(self.asked["parent"])

    def watch(self) -> bool:
        """Until the program has ended. Whether it was asked to."""
        while self.status is None:
            signalled = signal.sigtimedwait(_WATCHED, _LOOK_S)
            self.reap()
            if (signalled and signalled.si_signo == signal.SIGTERM) or self.orphaned():
                self.stop()
                return True
        return False

    def stop(self) -> None:
        begin = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGCONT):
            with contextlib.suppress(OSError):
                os.killpg(self.pid, number)
        if self.wait(begin + ASKED_S):
            return
        self.ask_all()
        self.wait(begin + END_S)

    def ask_left(self) -> None:
        """The program has ended by itself; what it left behind is asked to."""
        if self.reap():
            self.ask_all()
            self.wait(time.monotonic() + LEFT_S)

    def ask_all(self) -> None:
        for pid in descendants(os.getpid()):
            for number in (signal.SIGTERM, signal.SIGCONT):
                with contextlib.suppress(OSError):
                    os.kill(pid, number)

    def wait(self, until: float) -> bool:
        """Whether nothing more has to be waited for: all have ended, or a second signal says that there is no time."""
        while self.reap():
            left = until - time.monotonic()
            if left <= 0:
                return False
            signalled = signal.sigtimedwait(_WATCHED, left)
            if signalled and signalled.si_signo == signal.SIGTERM:
                return True
        return True

    def reap(self) -> bool:
        """Collect those that ended. Whether there are others."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.pid:
                    self.status = status
        return False
