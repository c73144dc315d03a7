"""Files below a folder, laid out like the root of a file system. Nothing is executed; no link leads out of the folder."""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from rocmkit import gpucode
from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.host.base import Host, Identity, Limits, NotAsked, Run, Space, Stat, Wanted, absent, asked
from rocmkit.host.live import from_os_stat, regular
from rocmkit.host.names import Names

_MAX_LINKS = 40


class SysrootHost(Host):
    """`root` is the folder; the paths asked about are those inside it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.private = Names()

    def _resolve(self, path: str, *, follow_last: bool = True) -> tuple[Path, str]:
        """The real place of `path`, and its own name inside the root after following links, as chroot(2) would."""
        todo = _parts(self.private.reveal(path))
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop(0)
            if part == ".":
                continue
            if part == "..":
                done = done[:-1]
                continue
            place = self.root.joinpath(*done, part)
            text = None if not todo and not follow_last else _link_text(place)
            if text is None:
                done.append(part)
                continue
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if text.startswith("/"):
                done = []
            todo = _parts(text) + todo
        return self.root.joinpath(*done), "/" + "/".join(done)

    def inside(self, path: Path) -> str | None:
        """The name inside the root of a real path below it; None for one that is elsewhere."""
        try:
            return "/" + str(Path(os.path.realpath(path)).relative_to(self.root))
        except ValueError:
            return None

    def _read(self, path: str) -> bytes:
        with asked(path):
            place, _ = self._resolve(path)
            fd = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                return regular(fd, path)
            finally:
                os.close(fd)

    def list(self, path: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        with asked(path):
            return tuple(sorted(map(self.private.hide, filter(wanted, os.listdir(self._resolve(path)[0])))))

    def stat(self, path: str) -> Stat:
        with asked(path):
            return from_os_stat(self._resolve(path)[0].lstat())

    def readlink(self, path: str) -> str:
        text = _link_text(self._resolve(path, follow_last=False)[0])
        if text is None:
            if not self.exists(path):
                raise absent(path)
            raise OSError(errno.EINVAL, "not a link", path)
        return self.private.hide(text)

    def realpath(self, path: str) -> str:
        return self.private.hide(self._resolve(path)[1])

    def try_open(self, path: str) -> None:
        if not self.exists(path):
            raise absent(path)
        raise NotAsked(f"{path} is a file below a folder, not a device")

    def which(self, name: str) -> str | None:
        raise NotAsked(f"nothing is executed below a folder ({name})")

    def _run(self, argv: tuple[str, ...], timeout_s: float, stdin: bytes) -> Run:
        raise NotAsked(f"nothing is executed below a folder ({argv[0]})")

    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        raise NotAsked("the environment of a folder's machine is not known")

    def asked_python(self, choice: str | None) -> str | None:
        if choice is None:
            return None
        # Typed as it is called from here, or as the folder's own machine calls it. The last part is not followed: a
        # virtual environment's bin/python is a link that leads out of the folder as seen from here.
        place = Path(os.path.abspath(choice))
        parent = self.inside(place.parent)
        return choice if parent is None else str(PurePosixPath(parent) / place.name)

    def identity(self) -> Identity:
        raise NotAsked("the user of a folder's machine is not known")

    def machine(self) -> str:
        raise NotAsked("the processor of a folder's machine is not known")

    def gpu_code(self, path: str) -> FileCode:
        with asked(path):
            return gpucode.read_file(self._resolve(path)[0])

    def kernel_files(self, library: str, path: str) -> KernelFiles:
        with asked(path):
            return replace(gpucode.read_kernel_files(library, self._resolve(path)[0]), path=path)

    def space(self, path: str) -> Space:
        raise NotAsked("the room on a folder's machine is not known")

    def can_write(self, path: str) -> bool:
        raise NotAsked("the user of a folder's machine is not known")

    def database(self, path: str) -> str:
        from rocmkit.gpucode.database import check

        with asked(path):
            return check(str(self._resolve(path)[0]))

    def limits(self) -> Limits:
        raise NotAsked("the limits on a folder's machine are not known")


def _parts(path: str) -> list[str]:
    """The names in a path. Not PurePosixPath.parts: of "//etc" the first is "//", which leads out of every folder."""
    return [part for part in path.split("/") if part]


def _link_text(place: Path) -> str | None:
    """The text of a link. A small regular file that holds nothing but a relative path stands for one, as some copies keep them."""
    try:
        found = place.lstat()
        if stat_module.S_ISLNK(found.st_mode):
            return os.readlink(place)
        if stat_module.S_ISREG(found.st_mode) and 3 < found.st_size < 512 and place.name in {"device", "driver", "subsystem", "module"}:
            with os.fdopen(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
                text = file.read(512)
            if text.startswith(b"../") and b"\n" not in text.rstrip(b"\n"):
                return os.fsdecode(text.strip())
    except OSError:
        return None
    return None
