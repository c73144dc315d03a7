"""Hosts for tests of the probes: a machine from a few lines, one that refuses, one that hangs, one that answers nonsense."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.host.base import Host, Identity, Limits, Run, Space, Stat
from rocmkit.host.recording import Ended, Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost


def whole(files: Mapping[str, str] | None = None, **more: Any) -> ReplayHost:
    """A machine that has these files and nothing else."""
    return ReplayHost(Recording(rocmkit_recording=1, about="test", whole=True, files=dict(files or {}), **more))


def printing(argv: tuple[str, ...], **ended: Any) -> ReplayHost:
    """A machine with one program, which is on PATH and ends like this."""
    identity = Identity(uid=1000, groups=(1000,), promised=(), group_names={})
    name = argv[0].rpartition("/")[2]
    return whole(which={name: argv[0]}, commands=(Ended(argv=argv, **ended),), identity=identity)


class Refusing(SysrootHost):
    """A folder where reading some paths ends with an errno, as a device cgroup does it."""

    def __init__(self, root: Path, refused: Mapping[str, int]) -> None:
        super().__init__(root)
        self.refused = refused

    def _read(self, path: str) -> bytes:
        for start, number in self.refused.items():
            if path.startswith(start):
                raise OSError(number, os.strerror(number), path)
        return super()._read(path)


class Stuck(ReplayHost):
    """A machine where reading one path never returns until `release` is set."""

    def __init__(self, path: str, files: Mapping[str, str] | None = None) -> None:
        super().__init__(whole(files or {"/proc/meminfo": ""}).recording)
        self.path = path
        self.release = threading.Event()

    def _read(self, path: str) -> bytes:
        if path == self.path:
            self.release.wait(60)
        return super()._read(path)


class Nonsense(Host):
    """Every file holds, and every program prints, the same bytes."""

    executes = True
    home = "/home/me"

    def __init__(self, data: bytes, names: tuple[str, ...], run: Run | None = None) -> None:
        self.data, self.names, self.ended = data, names, run or Run(outcome="exited", exit=0, stdout=data, stderr=data)

    def _read(self, path: str) -> bytes:
        return self.data

    def list(self, path: str, wanted: Callable[[str], object] | None = None) -> tuple[str, ...]:
        return tuple(sorted(filter(wanted, self.names)))

    def stat(self, path: str) -> Stat:
        return Stat(kind="character", mode="0660", uid=0, gid=0)

    def readlink(self, path: str) -> str:
        return self.data.decode("utf-8", "replace")

    def realpath(self, path: str) -> str:
        return path

    def try_open(self, path: str) -> None:
        raise OSError(errno.EPERM, "no", path)

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}"

    def _run(self, argv: tuple[str, ...], timeout_s: float, stdin: bytes) -> Run:
        return self.ended

    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        return {"TMPDIR": self.data.decode("utf-8", "replace")} if wanted("TMPDIR") else {}

    def identity(self) -> Identity:
        return Identity(uid=0, groups=(0,), promised=(), group_names={})

    def machine(self) -> str:
        return "x86_64"

    def asked_python(self, choice: str | None) -> str | None:
        return choice

    def own_python(self) -> str | None:
        return None

    def gpu_code(self, path: str) -> FileCode:
        raise ValueError(path)

    def kernel_files(self, library: str, path: str) -> KernelFiles:
        raise FileNotFoundError(errno.ENOENT, "no", path)

    def space(self, path: str) -> Space:
        raise FileNotFoundError(errno.ENOENT, "no", path)

    def can_write(self, path: str) -> bool:
        return False

    def database(self, path: str) -> str:
        return self.data.decode("utf-8", "replace")

    def limits(self) -> Limits:
        return Limits(memlock_bytes=None)
