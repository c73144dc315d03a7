"""Run one command, time it to the millisecond, and let nothing of it live on."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18


@dataclass(frozen=True)
class Ran:
    """What one run of a command came to. `exit` is negative where a signal ended it, None where the time limit did."""

    wall_s: float
    cpu_s: float
    exit: int | None
    output: str
    left_behind: int
    peak_bytes: int  # resident memory of the largest process among the command and what it waited for

    @property
    def survived(self) -> bool:
        return self.exit is not None and self.exit >= 0 and "Traceback (most recent call last)" not in self.output


def prepare() -> None:
    """Orphans of the commands become ours, so that they can be counted and ended; crashes write no core files."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def cut_network() -> bool:
    """Put this process and all it starts where there is no network; say whether that worked."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address kept for documentation; a datagram socket sends nothing here
        except OSError:
            return True
    return False


def lay_over(folder: Path, place: Path) -> bool:
    """Let this process and all it starts see `folder` at `place`; nobody else does. Say whether that worked."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(
        libc.unshare(CLONE_NEWNS) == 0
        and libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0
        and libc.mount(os.fsencode(folder), os.fsencode(place), None, MS_BIND | MS_REC, None) == 0
    )


def run(argv: list[str], env: dict[str, str], cwd: Path, limit_s: float) -> Ran:
    """Run `argv` to its end or to the time limit, then kill its process group and every orphan it left."""
    with tempfile.TemporaryFile() as sink:
        # Files, not pipes: a grandchild that still holds a pipe would make the wait longer than the command was.
        before = time.perf_counter()
        process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True)
        pidfd = os.pidfd_open(process.pid)
        ended, left = False, 0
        try:
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            ended = bool(poller.poll(limit_s * 1000))
            wall_s = time.perf_counter() - before
            left = len(_orphans()) if ended else 0
        finally:
            os.close(pidfd)
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            _end_orphans()
        sink.seek(0)
        output = sink.read(1 << 20).decode("utf-8", "replace")
    return Ran(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        exit=process.returncode if ended else None,
        output=output,
        left_behind=left,
        peak_bytes=usage.ru_maxrss * 1024,
    )


def _orphans() -> list[int]:
    """The living children of this process."""
    found = []
    for entry in Path("/proc").iterdir():
        if not (entry.name.isascii() and entry.name.isdecimal()):
            continue
        with contextlib.suppress(OSError):
            # pid (name) state ppid …; the name may hold spaces and brackets
            state, ppid = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if int(ppid) == os.getpid() and state != "Z":
                found.append(int(entry.name))
    return found


def _end_orphans() -> None:
    for _ in range(100):  # killing one may hand us its children
        living = _orphans()
        for pid in living:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not living:
            return
        time.sleep(0.01)
