"""The files of a folder that may hold GPU code: walked without following a link out of it, told by their names and first bytes.

Only regular files are opened, and of one that begins with no known magic nothing more than that beginning is read.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from rocmkit.gpucode import archives, bundles, cuda, kernels, offloading
from rocmkit.gpucode.source import File, Source

#: More files than this are not looked at: a whole system has fewer.
MAX_FILES = 3_000_000
MAX_NOTES = 10
MAX_LED_OUT = 2
#: glibc's name for itself on every Linux machine of today but Alpha and IA-64.
LIBC = "libc.so.6"
#: Kernel file systems: their files are no files, and reading one can do something.
_NOT_FILES = ("/proc", "/sys", "/dev")
_NEVER = re.compile(r"/(?:proc|sys)(?:/.*)?", re.DOTALL)  # below /dev people keep files too: /dev/shm

_MAGIC = {
    b"\x7fELF": "elf",
    bundles.MAGIC: "bundle",
    bundles.COMPRESSED_MAGIC: "bundle",
    offloading.MAGIC: "bundle",
    cuda.MAGIC: "cuda-binary",
    archives.MAGIC: "archive",
    archives.THIN_MAGIC: "archive",
}
_HEAD = max(map(len, _MAGIC))

# Tensile's files have a folder of their own: gpucode/kernels.py says where these were seen.
_TENSILE_FOLDER = re.compile(r"(?:.*/)?(?P<library>rocblas|hipblaslt)/(?:[^/]+/)?library(?P<of>/gfx[^/]*)?", re.DOTALL)
_TENSILE = re.compile(r".*\.(?:dat|co|hsaco)(?:\.zlib)?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)  # there may be very many
class Entry:
    """A file that may hold GPU code. `name` is its path below the target, `path` its path on this machine, if it has one."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[Source]]
    path: str | None = None


@dataclass
class Scan:
    """What one target is made of."""

    entries: list[Entry] = field(default_factory=list)
    """Files that begin as something that can hold GPU code."""
    kernels: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    """(library, folder) to its kernel files."""
    seen: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Files that no more is said of, by the reason."""
    unread: int = 0
    """Files and folders that could not be looked at."""
    notes: list[str] = field(default_factory=list)
    shared_names: set[str] = field(default_factory=set)
    """Names of all libraries met: one may need another."""
    libc: str | None = None
    """The C library that is among them."""
    led_out: list[str] = field(default_factory=list)
    """Remarks on links that lead out to what may hold GPU code."""

    def note(self, text: str) -> None:
        """Keep a remark; of very many only the first."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def shared(self, name: str) -> None:
        """Keep the name of a library that lies at `name`."""
        last = name.rpartition("/")[2]
        self.shared_names.add(last)
        if last == LIBC:
            self.libc = min(self.libc or name, name)

    def sort(self) -> None:
        """Put everything in the order of names, whatever order it was met in."""
        for text in sorted(self.led_out)[:MAX_LED_OUT]:
            self.note(text)
        if len(self.led_out) > MAX_LED_OUT:
            self.note(f"{len(self.led_out) - MAX_LED_OUT} more libraries and folders are links that lead out")
        self.entries.sort(key=lambda entry: entry.name)
        for every in self.kernels.values():
            every.sort(key=lambda entry: entry.name)
        self.kernels = dict(sorted(self.kernels.items(), key=lambda one: one[0][::-1]))


def kernel_library(place: str) -> tuple[str, str] | None:
    """(library, folder) that a file at `place` is a kernel file of; None where it is none."""
    folder, _, name = place.rpartition("/")
    found = _TENSILE_FOLDER.fullmatch(folder)
    if found and _TENSILE.fullmatch(name):
        return found["library"], folder[: len(folder) - len(found["of"] or "")]
    if kernels.MIOPEN.fullmatch(name):
        return "miopen", folder
    cache = kernels.ROCFFT.fullmatch(name)
    return ("rocfft", folder) if cache and cache["cache"] else None


def kind_of(head: bytes) -> str | None:
    """What a file that begins with `head` is, where that can hold GPU code."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def take(scan: Scan, entry: Entry, place: str) -> None:
    """Put one regular file where it belongs. `place` is where it lies, as far as that is known, for the folders of kernel files."""
    scan.seen += 1
    library = kernel_library(place)
    if library:
        # The folder is named as the file is: below the target.
        folder = entry.name[: -(len(place) - len(library[1]))].rstrip("/") if place != entry.name else library[1]
        scan.kernels.setdefault((library[0], folder), []).append(entry)
        return
    if entry.name.endswith(".whl"):
        scan.left_out["wheels, which are not opened here"] += 1
        return
    if entry.size < _HEAD:
        scan.left_out["other files"] += 1
        return
    try:
        with entry.open() as source:
            kind = kind_of(source.read(0, _HEAD))
    except PermissionError:
        scan.left_out["files that may not be read"] += 1
        scan.unread += 1
        return
    except (OSError, ValueError) as error:
        scan.note(f"{entry.name}: {getattr(error, 'strerror', None) or error}")
        scan.left_out["files that cannot be read"] += 1
        scan.unread += 1
        return
    if kind is None:
        scan.left_out["other files"] += 1
        return
    if kind == "elf":
        scan.shared(entry.name)
    scan.entries.append(entry)


def folder(top: str, tell: Callable[[str], None] | None = None) -> Scan:
    """Walk the folder `top`. Raises OSError where it cannot be listed; a folder below that cannot is noted.

    Raises ValueError for the kernel's own folders. What lies in the root of another process (proc(5)) is none of them.
    """
    if _NEVER.fullmatch(os.path.realpath(top)):
        raise ValueError("what lies there is made up by the kernel: no files")
    scan = Scan()
    inodes: set[tuple[int, int]] = set()
    absolute = os.path.abspath(top)  # and links left as they are
    for entry, found in files(top, scan):
        if found.st_nlink > 1:
            if (found.st_dev, found.st_ino) in inodes:
                scan.left_out["further names of a file"] += 1
                continue
            inodes.add((found.st_dev, found.st_ino))
        name = entry.path[len(top) :].lstrip("/")
        take(scan, _entry(name, entry.path, found.st_size), f"{absolute}/{name}")
        if tell and scan.seen % 200 == 0:
            tell(f"{scan.seen} files")
    scan.sort()
    return scan


def listed(top: str, names: Iterable[str], tell: Callable[[str], None] | None = None) -> Scan:
    """The files below `top` that a list names, as the RECORD of a package does. What leads out of `top` is left out."""
    scan = Scan()
    for name in sorted(set(names)):
        if os.path.isabs(name) or ".." in name.split("/"):
            scan.left_out["files outside of the folder of packages"] += 1
            continue
        path = f"{top}/{name}"
        try:
            found = os.stat(path)  # a package manager may have put links in place of files
        except (OSError, ValueError):
            scan.left_out["files that are not there"] += 1
            continue
        if stat.S_ISREG(found.st_mode):
            take(scan, _entry(name, path, found.st_size), path)
        if tell and scan.seen % 200 == 0:
            tell(f"{scan.seen} files")
    scan.sort()
    return scan


def _entry(name: str, path: str, size: int) -> Entry:
    return Entry(name=printable(name), size=size, open=lambda: File(path), path=path)


def printable(name: str) -> str:
    """A name that is no UTF-8 prints with marks in place of what cannot be."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def files(top: str, scan: Scan) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    """Every regular file below `top`, breadth last; what is not entered is noted. Raises OSError where `top` cannot be listed."""
    folders = [top]
    while folders:
        place = folders.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if scan.seen >= MAX_FILES:
                        scan.note(f"there are more than {MAX_FILES} files: the rest was not looked at")
                        return
                    try:
                        if entry.is_symlink():
                            _link(entry, top, scan)
                        elif entry.is_dir(follow_symlinks=False):
                            if os.path.abspath(entry.path) in _NOT_FILES:
                                scan.note(f"{entry.path}: not entered")
                            else:
                                folders.append(entry.path)
                        elif entry.is_file(follow_symlinks=False):
                            yield entry, entry.stat(follow_symlinks=False)
                        else:
                            scan.left_out["devices, pipes and sockets"] += 1
                    except OSError as error:
                        scan.note(f"{_below(top, entry.path)}: {error.strerror}")
                        scan.unread += 1
        except OSError as error:
            if place == top:
                raise
            scan.note(f"{_below(top, place)}: cannot be listed: {error.strerror}")
            scan.unread += 1


def _link(entry: os.DirEntry[str], top: str, scan: Scan) -> None:
    """Count a link: one that stays inside leads to what is met by itself; one that leads out is not followed."""
    real, inside = os.path.realpath(entry.path), os.path.realpath(top)
    if not os.path.lexists(real):
        scan.left_out["links that lead nowhere"] += 1
    elif real == inside or real.startswith(inside.rstrip("/") + "/"):
        scan.left_out["links to what is there anyway"] += 1
        scan.shared(_below(top, entry.path))
    else:
        scan.left_out["links that lead out, not followed"] += 1
        if ".so" in entry.name or os.path.isdir(real):  # what may hold GPU code; of the rest the number is enough
            scan.led_out.append(f"{_below(top, entry.path)}: leads out, to {printable(real)}: not followed")


def _below(top: str, path: str) -> str:
    return printable(path[len(top) :].lstrip("/")) or path
