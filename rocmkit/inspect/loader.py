"""Where the libraries are that a file needs, as ld.so(8) looks for them; and the C libraries it asks for against those of this machine.

Nothing is run: no ldd, no ldconfig. The order is that of ld.so(8): DT_RPATH where there is no DT_RUNPATH, LD_LIBRARY_PATH, DT_RUNPATH,
/etc/ld.so.cache, the system's folders. What the programs that load the file would add to it (DT_RPATH of theirs, libraries loaded before)
is not known here. The cache's layout: glibc's elf/cache.c and sysdeps/generic/dl-cache.h, "struct cache_file_new".
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from rocmkit.gpucode.source import File
from rocmkit.gpucode.values import FileCode

CACHE = "/etc/ld.so.cache"
MAX_CACHE = 16 << 20
MAX_CACHE_ENTRIES = 200_000
#: Path parts, folders and libraries that one file may make us look at; far above any real one.
MAX_FOLDERS = 200

_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_CACHE_HEAD, _CACHE_ENTRY = struct.Struct("=20sII20x"), struct.Struct("=iIIIQ")

# e_machine (gABI) to the processor's name as uname has it, and the folder that Debian keeps its libraries in.
_MACHINES = {
    (64, 62): ("x86_64", "x86_64-linux-gnu"),
    (32, 62): ("x32", "x86_64-linux-gnux32"),
    (32, 3): ("i386", "i386-linux-gnu"),
    (64, 183): ("aarch64", "aarch64-linux-gnu"),
    (32, 40): ("arm", "arm-linux-gnueabihf"),
    (64, 243): ("riscv64", "riscv64-linux-gnu"),
    (64, 21): ("ppc64le", "powerpc64le-linux-gnu"),
    (64, 22): ("s390x", "s390x-linux-gnu"),
}
_GPU_MACHINES = {224, 190}  # EM_AMDGPU, EM_CUDA

#: What every program needs.
C_LIBRARY = re.compile(r"(?:lib(?:c|m|dl|rt|pthread|gcc_s|stdc\+\+)|ld-linux[a-z0-9_-]*)\.so\.[0-9]+", re.ASCII)


@dataclass(frozen=True)
class Made:
    """What an ELF file is made for: the part of its header that the loader compares."""

    bits: int
    little: bool
    machine: int

    @property
    def name(self) -> str | None:
        """The processor, as uname has it; None for a GPU's own code."""
        if self.machine in _GPU_MACHINES:
            return None
        return _MACHINES.get((self.bits, self.machine), (f"ELF machine {self.machine}", ""))[0]

    @property
    def folder(self) -> str:
        """The multiarch folder of Debian and its kin; empty: not known."""
        return _MACHINES.get((self.bits, self.machine), ("", ""))[1]


def made_for(head: bytes) -> Made | None:
    """What the first 20 bytes of a file say; None where it is no ELF file."""
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    return Made(bits=32 * head[4], little=head[5] == 1, machine=int.from_bytes(head[18:20], "little" if head[5] == 1 else "big"))


@lru_cache(maxsize=65536)
def made_of(path: str) -> Made | None:
    """What the file at `path` is made for; None where it is no ELF file, is not there or cannot be read."""
    try:
        with File(path) as source:
            return made_for(source.read(0, 20))
    except (OSError, ValueError):
        return None


def parse_cache(data: bytes) -> dict[str, tuple[str, ...]]:
    """Library name to paths, in the order of /etc/ld.so.cache; those for better processors last. Raises ValueError where it is none."""
    start = data.find(_CACHE_MAGIC, 0, MAX_CACHE)  # an older cache may stand before it
    if start < 0 or len(data) < start + _CACHE_HEAD.size:
        raise ValueError("ld.so.cache: not in the format of glibc 2.2 and later")
    _, count, _ = _CACHE_HEAD.unpack_from(data, start)
    if count > MAX_CACHE_ENTRIES or start + _CACHE_HEAD.size + count * _CACHE_ENTRY.size > len(data):
        raise ValueError("ld.so.cache: cut off")
    found: dict[str, list[tuple[bool, str]]] = {}
    for at in range(count):
        _, key, value, _, hwcap = _CACHE_ENTRY.unpack_from(data, start + _CACHE_HEAD.size + at * _CACHE_ENTRY.size)
        name, path = _string(data, start + key), _string(data, start + value)
        if name and path.startswith("/"):
            found.setdefault(name, []).append((bool(hwcap), path))
    return {name: tuple(path for _, path in sorted(paths, key=lambda one: one[0])) for name, paths in found.items()}


def _string(data: bytes, at: int) -> str:
    end = data.find(b"\0", at, at + 4096)
    return data[at:end].decode("utf-8", "surrogateescape") if end > at else ""


def read_cache(path: str = CACHE) -> dict[str, tuple[str, ...]]:
    """The cache of this machine; empty where there is none that can be read: then only folders are looked at."""
    try:
        with File(path) as source:
            return parse_cache(source.read(0, MAX_CACHE))
    except (OSError, ValueError):
        return {}


@dataclass(frozen=True)
class Loader:
    """What decides where this machine's loader looks."""

    native: Made | None
    cache: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    library_path: Sequence[str] = ()
    root: str = ""  # a folder that stands for "/", in tests

    @classmethod
    def of_this_machine(cls) -> Loader:
        """This process's own loader: it is what a Python that is started beside it would meet."""
        path = os.environ.get("LD_LIBRARY_PATH", "")
        return cls(made_of("/proc/self/exe"), read_cache(), tuple(part or "." for part in re.split("[:;]", path)) if path else ())

    def needed(self, code: FileCode, made: Made, origin: str | None, beside: Iterable[str] = ()) -> tuple[dict[str, str], tuple[str, ...]]:
        """(needed library to the path where it is, those that are nowhere).

        `origin` is the folder of the file ($ORIGIN); None: it lies in none, as in a wheel. `beside` are names found elsewhere already.
        """
        left = [name for name in code.needs if name not in set(beside)]
        found = {name: path for name in left if (path := self.find(name, code, made, origin))}
        return found, tuple(name for name in left if name not in found)

    def find(self, name: str, code: FileCode, made: Made, origin: str | None) -> str | None:
        """The path of one needed library; None where the loader would not find it."""
        if "/" in name:
            places: Iterable[str] = expand(name, made, origin)
            return next((path for path in places if made_of(self.root + path) == made), None)
        own = [place for part in code.rpath[:MAX_FOLDERS] for place in expand(part, made, origin)]
        before, after = (own, []) if code.rpath_kind == "rpath" else ([], own)
        folders = [*before, *self.library_path[:MAX_FOLDERS], *after]
        candidates = [
            *(f"{folder.rstrip('/')}/{name}" for folder in folders),
            *self.cache.get(name, ()),
            *(f"{folder}/{name}" for folder in system_folders(made)),
        ]
        return next((path for path in candidates if made_of(self.root + path) == made), None)


def expand(part: str, made: Made, origin: str | None) -> tuple[str, ...]:
    """A path with its $ORIGIN, $LIB and $PLATFORM filled in. $LIB is the distribution's choice: all in use are tried."""
    if re.search(r"\$(?:ORIGIN\b|\{ORIGIN\})", part):
        if origin is None:
            return ()
        part = re.sub(r"\$(?:ORIGIN\b|\{ORIGIN\})", lambda _: origin, part)
    part = re.sub(r"\$(?:PLATFORM\b|\{PLATFORM\})", lambda _: made.name or "", part)
    pattern = re.compile(r"\$(?:LIB\b|\{LIB\})")
    if not pattern.search(part):
        return (part,)
    names = ["lib64" if made.bits == 64 else "lib", "lib", *([f"lib/{made.folder}"] if made.folder else [])]
    return tuple(pattern.sub(lambda _, name=name: name, part) for name in names)  # type: ignore[misc]


def system_folders(made: Made) -> tuple[str, ...]:
    """The folders that the loader looks at last; Debian's has the multiarch ones before."""
    multiarch = (f"/lib/{made.folder}", f"/usr/lib/{made.folder}") if made.folder else ()
    wide = ("/lib64", "/usr/lib64") if made.bits == 64 else ()
    return (*multiarch, *wide, "/lib", "/usr/lib")


# The names of PEP 600 and, before it, of PEPs 513, 571 and 599.
_OLD_TAGS = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_TAG = re.compile(r"(manylinux1|manylinux2010|manylinux2014|manylinux_([0-9]{1,4})_([0-9]{1,4}))_[a-z0-9_]+", re.ASCII)


def glibc_of_tags(tags: Iterable[str]) -> str | None:
    """The lowest glibc that a wheel's tags promise to run with; None where they promise none, as linux_x86_64 and any."""
    found = []
    for tag in tags:
        for platform in tag.rpartition("-")[2].split("."):
            match = _TAG.fullmatch(platform)
            if match:
                found.append(_OLD_TAGS.get(match[1]) or (int(match[2]), int(match[3])))
    return "{}.{}".format(*min(found)) if found else None


def newer(one: str | None, other: str | None) -> bool:
    """Whether version `one` is known to be above `other`; both are numbers with dots."""
    return one is not None and other is not None and _key(one) > _key(other)


def highest(versions: Iterable[tuple[str | None, str]]) -> tuple[str | None, str | None]:
    """The highest of (version, file)."""
    known = [(version, file) for version, file in versions if version]
    return max(known, key=lambda one: _key(one[0]), default=(None, None))


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isascii() and part.isdecimal())
