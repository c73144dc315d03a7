"""This machine, now."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import resource
import shutil
import stat as stat_module
import sys
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from rocmkit import gpucode
from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.host.base import LIMIT_BYTES, Host, Identity, Limits, Run, Space, Stat, Wanted, asked
from rocmkit.host.names import of_this_machine
from rocmkit.host.process import run_process

#: Variables whose values are nobody's business: that they are set is all that leaves the host.
_SECRET = re.compile(r"TOKEN|SECRET|KEY|PASS(W|PHRASE|$)|PWD|CREDENTIAL|AUTH|COOKIE|_SERVICE_HOST", re.IGNORECASE)


#: Of Docker's settings only what tells this machine's engines apart: an address or a name of another machine stays here.
_SHOWN = {"DOCKER_HOST": re.compile(r"unix://.*"), "DOCKER_CONTEXT": re.compile(r"default|desktop-linux")}


class LiveHost(Host):
    """Asks the kernel. Reads only; nothing below any path is created or changed."""

    executes = True

    def __init__(self) -> None:
        self.private = of_this_machine()

    def _real(self, path: str) -> str:
        return self.private.reveal(path)

    def _read(self, path: str) -> bytes:
        with asked(path):
            # O_NONBLOCK and the type check keep a FIFO or a device in an unexpected place from blocking for ever.
            fd = os.open(self._real(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return regular(fd, path)
            finally:
                os.close(fd)

    def list(self, path: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        with asked(path):
            return tuple(sorted(map(self.private.hide, filter(wanted, os.listdir(self._real(path))))))

    def stat(self, path: str) -> Stat:
        with asked(path):
            return from_os_stat(os.stat(self._real(path)))

    def readlink(self, path: str) -> str:
        with asked(path):
            return self.private.hide(os.readlink(self._real(path)))

    def realpath(self, path: str) -> str:
        return self.private.hide(os.path.realpath(self._real(path)))

    def try_open(self, path: str) -> None:
        with asked(path):
            os.close(os.open(self._real(path), os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))

    def which(self, name: str) -> str | None:
        # Relative entries of PATH would let the current folder decide what runs.
        entries = (p for p in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(p))
        found = shutil.which(name, path=os.pathsep.join(entries))
        return None if found is None else self.private.hide(found)

    def _run(self, argv: tuple[str, ...], timeout_s: float, stdin: bytes) -> Run:
        with asked(argv[0]):
            return run_process((self._real(argv[0]), *argv[1:]), timeout_s=timeout_s, stdin=stdin)

    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        return {self.private.hide(name): self._shown(name, value) for name, value in os.environ.items() if wanted(name)}

    def _shown(self, name: str, value: str) -> str:
        known = _SHOWN.get(name)
        if _SECRET.search(name) or (value and known is not None and not known.fullmatch(value)):
            return "<set>"
        return self.private.hide_text(value)

    def asked_python(self, choice: str | None) -> str | None:
        return None if choice is None else self.private.hide(os.path.abspath(os.path.expanduser(choice)))

    def own_python(self) -> str | None:
        return self.private.hide(sys.executable) if sys.executable else None

    def identity(self) -> Identity:
        found = _identity()
        return replace(found, group_names={self.private.hide(name): gid for name, gid in found.group_names.items()})

    def machine(self) -> str:
        return platform.machine()

    def gpu_code(self, path: str) -> FileCode:
        with asked(path):
            found = gpucode.read_file(self._real(path))
        return replace(found, rpath=tuple(map(self.private.hide, found.rpath)))  # a library built at home names it

    def kernel_files(self, library: str, path: str) -> KernelFiles:
        with asked(path):
            return replace(gpucode.read_kernel_files(library, self._real(path)), path=path)  # the home folder's name stays here

    def space(self, path: str) -> Space:
        with asked(path):
            real = self._real(path)
            usage = os.statvfs(real)
            free, total = usage.f_bavail * usage.f_frsize, usage.f_blocks * usage.f_frsize
            return Space(free_bytes=free, total_bytes=total, file_system=_file_system(os.path.realpath(real)))

    def can_write(self, path: str) -> bool:
        with asked(path):
            real = self._real(path)
            how = os.W_OK | os.X_OK if stat_module.S_ISDIR(os.stat(real).st_mode) else os.W_OK
            return os.access(real, how, effective_ids=True)

    def database(self, path: str) -> str:
        from rocmkit.gpucode.database import check

        with asked(path):
            return self.private.hide_text(check(self._real(path)))

    def limits(self) -> Limits:
        soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        return Limits(memlock_bytes=None if soft == resource.RLIM_INFINITY else soft)


def regular(fd: int, path: str) -> bytes:
    """The bytes of an open regular file, at most LIMIT_BYTES. In pieces: what is below /proc/sys refuses to give megabytes at once."""
    if not stat_module.S_ISREG(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    chunks: list[bytes] = []
    left = LIMIT_BYTES
    while left > 0 and (chunk := os.read(fd, min(left, 1 << 16))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def from_os_stat(found: os.stat_result) -> Stat:
    """os.stat_result as a Stat."""
    mode = found.st_mode
    if stat_module.S_ISCHR(mode):
        return Stat(
            kind="character",
            mode=f"{stat_module.S_IMODE(mode):04o}",
            uid=found.st_uid,
            gid=found.st_gid,
            major=os.major(found.st_rdev),
            minor=os.minor(found.st_rdev),
        )
    return Stat(
        kind="folder" if stat_module.S_ISDIR(mode) else "file" if stat_module.S_ISREG(mode) else "other",
        mode=f"{stat_module.S_IMODE(mode):04o}",
        uid=found.st_uid,
        gid=found.st_gid,
        size_bytes=found.st_size,
    )


def _file_system(path: str) -> str | None:
    """The type of the file system that holds a real path. The table itself, with what is mounted where, stays here."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as table:
            lines = table.read(LIMIT_BYTES).splitlines()
    except OSError:
        return None
    found: tuple[str, str | None] = ("", None)
    for line in lines:
        fields = line.split(" ")
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]) if len(fields) > 2 else ""
        # Of two that are mounted at one place, the later one hides the other.
        if place and len(place) >= len(found[0]) and (path == place or path.startswith(place.rstrip("/") + "/")):
            found = (place, fields[2])
    return found[1]


def _identity() -> Identity:
    import grp
    import pwd

    uid = os.getuid()
    groups = tuple(sorted({os.getgid(), os.getegid(), *os.getgroups()}))
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    entries = grp.getgrall()
    promised = tuple(sorted({g.gr_gid for g in entries if name and name in g.gr_mem}))
    names = {g.gr_name: g.gr_gid for g in entries if g.gr_name in {"render", "video", "nogroup"} or g.gr_gid in _node_groups()}
    return Identity(uid=uid, groups=groups, promised=promised, group_names=names)


def _node_groups() -> set[int]:
    """The groups that own the GPU's device nodes."""
    found: set[int] = set()
    nodes = ["/dev/kfd"]
    with contextlib.suppress(OSError):
        nodes += [f"/dev/dri/{name}" for name in os.listdir("/dev/dri") if name.startswith("renderD")]
    for node in nodes:
        try:
            found.add(os.stat(node).st_gid)
        except OSError:
            continue
    return found
