"""The files of a target, read: each as one value, with what it needs and where that is. Nothing is judged here."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from rocmkit.gpucode import read_file
from rocmkit.gpucode.contents import contents_of
from rocmkit.gpucode.values import Contents, FileCode
from rocmkit.host.names import Names
from rocmkit.inspect import judge
from rocmkit.inspect.loader import C_LIBRARY, Loader, Made, made_for, made_of
from rocmkit.inspect.scan import Entry, printable
from rocmkit.inspect.target import Target
from rocmkit.inspect.values import InspectedFile, ThisMachine
from rocmkit.telling import Pace, Tell

#: Reading waits for the disk, and unpacking lets other threads run; more of them than this gain nothing.
THREADS = 4
#: Files that are read before they are asked for; what waits takes memory.
_AHEAD = 100
#: Of more needed libraries than this nobody asks what they hold.
MAX_LOADS = 50


@dataclass
class Read:
    """One file, read."""

    entry: Entry
    contents: Contents | None
    made: Made | None
    problem: str = ""


@dataclass
class Machine:
    """What files are compared with."""

    loader: Loader
    facts: ThisMachine
    private: Names

    def shown(self, path: str) -> str:
        """A path of this machine as it may be sent to others: without the home folder and the names of user and machine."""
        return self.private.hide(printable(path))


def read_all(entries: Sequence[Entry], *, names: bool, tell: Tell | None) -> Iterable[Read]:
    """Every file read, in the order of `entries`."""

    def read(entry: Entry) -> Read:
        return _read(entry, names=names)

    if len(entries) < 2:
        yield from map(read, entries)
        return
    pace = Pace()
    pool = ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1))
    ahead = deque(pool.submit(read, entry) for entry in entries[:_AHEAD])
    try:
        for number in range(1, len(entries) + 1):
            one = ahead.popleft().result()
            ahead.extend(pool.submit(read, entry) for entry in entries[number + _AHEAD - 1 : number + _AHEAD])
            if tell:
                tell(f"{number} of {len(entries)} files", left_s=pace.left(number, len(entries)))
            yield one
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read(entry: Entry, *, names: bool) -> Read:
    try:
        with entry.open() as source:
            return Read(entry, contents_of(source, names=names), made_for(source.read(0, 20)))
    except (OSError, ValueError) as error:
        return Read(entry, None, None, f"{getattr(error, 'strerror', None) or error}")


def file_of(target: Target, read: Read, machine: Machine) -> InspectedFile:
    """One file as a value, not judged yet."""
    contents, made = read.contents, read.made
    if contents is None:
        return InspectedFile(
            target=machine.shown(target.typed),
            file=read.entry.name,
            kind="unknown",
            size_bytes=read.entry.size,
            gpu_api="unknown",
            gfx=None,
            unreadable=(read.problem,),
        )
    code = contents.code
    found: dict[str, str] = {}
    loads: dict[str, str] = {}
    missing: tuple[str, ...] | None = None
    beside: tuple[str, ...] = ()
    if made is not None and made == machine.loader.native and contents.kind in {"library", "program"}:
        own = target.scan.shared_names if target.kind != "file" else set()
        origin = os.path.dirname(os.path.abspath(read.entry.path)) if read.entry.path else None
        elsewhere, missing = machine.loader.needed(code, made, origin, beside=own)
        found = {
            name: target.where if name in own else machine.shown(elsewhere[name]) for name in code.needs if name in own or name in elsewhere
        }
        beside = tuple(name for name in missing if origin and "/" not in name and made_of(f"{origin}/{name}") == made)
        if target.kind == "file":
            loads = _loads(code, {**{name: f"{origin}/{name}" for name in beside}, **elsewhere})
    return InspectedFile(
        target=machine.shown(target.typed),
        file=read.entry.name,
        kind=contents.kind,
        size_bytes=read.entry.size,
        architecture=made.name if made else None,
        gpu_api=code.gpu_api,
        gfx=code.gfx,
        sm=code.sm,
        objects=contents.objects,
        bundles=code.bundles,
        compressed=code.compressed,
        kernel_names=contents.kernel_names,
        unreadable=code.unreadable,
        soname=code.soname,
        needs=code.needs,
        rpath=code.rpath,
        rpath_kind=code.rpath_kind,
        found=found,
        missing=missing,
        beside=beside,
        loads=loads,
        glibc=code.glibc,
        glibcxx=code.glibcxx,
    )


def _loads(code: FileCode, found: Mapping[str, str]) -> dict[str, str]:
    """What the libraries that a file needs hold, where it has no GPU code of its own; `found` are their paths on this machine."""
    if code.gfx or code.gfx is None or code.sm:
        return {}
    held: dict[str, str] = {}
    for name in [name for name in code.needs if not C_LIBRARY.fullmatch(name)][:MAX_LOADS]:
        words = _held(found[name]) if name in found else "not found here" if code.gpu_api == "none" else None
        if words and _matters(words, code):
            held[name] = words
    return held


def _matters(held: str, loader: FileCode | InspectedFile) -> bool:
    """Whether what a library holds is worth a word: that what is linked with HIP loads more of it is not."""
    return loader.gpu_api == "none" or not held.startswith("linked")


@lru_cache(maxsize=1024)
def _held(path: str) -> str | None:
    try:
        return judge.holds(read_file(path))
    except (OSError, ValueError):
        return "cannot be read"


def judged(file: InspectedFile, siblings: Mapping[str, InspectedFile], gpus: Sequence[str]) -> InspectedFile:
    """The file with its answers. `siblings`: the libraries of the same target by their names; one may load another."""
    if file.kind == "unknown":
        return msgspec.structs.replace(file, runs=tuple(judge.unreadable_runs(file.unreadable[0], gpu) for gpu in gpus))
    loads = dict(file.loads)
    if file.gfx == () and not file.sm:
        near = [(name, judge.holds(siblings[name])) for name in file.needs if name in siblings]
        loads |= {name: held for name, held in near if held and _matters(held, file)}
    return msgspec.structs.replace(file, loads=loads, runs=tuple(judge.file_runs(file, file.objects, gpu, loads) for gpu in gpus))
