"""From the arguments of `rocmkit inspect` to all that is said of them."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rocmkit import __version__, kb
from rocmkit.errors import Exit, UsageError, worst
from rocmkit.facts import Gap
from rocmkit.gpucode.contents import contents_of
from rocmkit.gpucode.values import Contents
from rocmkit.host.base import Host
from rocmkit.host.names import Names
from rocmkit.inspect import judge
from rocmkit.inspect.kernel_folders import kernel_folder
from rocmkit.inspect.loader import Loader, Made, highest, made_for, newer
from rocmkit.inspect.scan import Entry, printable
from rocmkit.inspect.target import Resolver, Target
from rocmkit.inspect.values import Answer, InspectedFile, InspectedTarget, Inspection, ThisMachine
from rocmkit.probe.system import system

Tell = Callable[[str], None]

#: Reading waits for the disk, and unpacking lets other threads run; more of them than this gain nothing.
THREADS = 4
#: Files that are read before they are asked for; what waits takes memory.
_AHEAD = 100

_EXITS: dict[Answer, Exit] = {"yes": Exit.OK, "no": Exit.BLOCKED, "unknown": Exit.INCONCLUSIVE, "none": Exit.INCONCLUSIVE}


@dataclass
class _Read:
    """One file, read."""

    entry: Entry
    contents: Contents | None
    made: Made | None
    problem: str = ""


@dataclass
class _Machine:
    """What files are compared with."""

    loader: Loader
    facts: ThisMachine
    private: Names

    def shown(self, path: str) -> str:
        """A path of this machine as it may be sent to others: without the home folder and the names of user and machine."""
        return self.private.hide(printable(path))


@dataclass
class _Found:
    """What came of one target so far."""

    files: list[InspectedFile] = field(default_factory=list)
    asks: list[tuple[str | None, str | None, str]] = field(default_factory=list)
    """(glibc, glibcxx, file) of every file for this machine's kind of processor; of a folder, only of those that bear on GPUs."""


def look(
    typed: Sequence[str],
    gpus: Sequence[str],
    host: Host,
    *,
    python: str | None = None,
    names: bool = False,
    everything: bool = False,
    tell: Tell | None = None,
) -> Inspection:
    """Look at every target and judge it for every card of `gpus`. Raises UsageError for what cannot be a target."""
    resolver = Resolver(host, python, tell)
    machine = _this_machine(host)
    targets, files = [], []
    for one in dict.fromkeys(typed):
        with resolver.open(one) as target:
            summary, found = _look_at(target, gpus, machine, names=names, everything=everything, tell=tell)
        targets.append(summary)
        files += found
    runs = [run for target in targets for run in target.runs]
    return Inspection(
        rocmkit=__version__,
        kb=kb.date(),
        asked=tuple(gpus),
        machine=machine.facts,
        targets=tuple(targets),
        files=tuple(files),
        answer=judge.overall(runs) if gpus else None,
        exit=int(worst(_EXITS[run.answer] for run in runs)),
    )


def _this_machine(host: Host) -> _Machine:
    loader, found = Loader.of_this_machine(), system(host)
    return _Machine(
        loader,
        ThisMachine(
            architecture=loader.native.name if loader.native else None,
            glibc=None if isinstance(found.glibc, Gap) else found.glibc,
            glibcxx=None if isinstance(found.glibcxx, Gap) else found.glibcxx,
        ),
        host.private,
    )


def _look_at(
    target: Target, gpus: Sequence[str], machine: _Machine, *, names: bool, everything: bool, tell: Tell | None
) -> tuple[InspectedTarget, list[InspectedFile]]:
    found, left_out = _Found(), Counter(target.scan.left_out)
    for read in _read_all(target.scan.entries, names=names, tell=tell):
        file = _file(target, read, gpus, machine)
        if read.made == machine.loader.native and (target.kind != "folder" or _tells(file)):
            found.asks.append((file.glibc, file.glibcxx, file.file))
        if everything or target.kind == "file" or _tells(file):
            found.files.append(file)
        else:
            left_out[f"{'programs' if file.kind == 'program' else 'libraries'} without GPU code"] += 1
    for (library, folder), entries in target.scan.kernels.items():
        found.files.append(kernel_folder(machine.shown(target.typed), library, folder, entries, gpus, whole=target.kind != "file"))
        if tell:
            tell(f"the kernel files of {library}")
    if target.kind == "file" and found.files[0].kind == "unknown":
        raise UsageError(f"{target.typed}: {found.files[0].unreadable[0]}")
    glibc, glibc_file = highest((asked, file) for asked, _, file in found.asks)
    glibcxx, glibcxx_file = highest((asked, file) for _, asked, file in found.asks)
    summary = InspectedTarget(
        target=machine.shown(target.typed),
        kind=target.kind,
        path=machine.shown(target.path),
        package=target.package,
        wheel=target.wheel,
        kernel_libraries=_added(file.kernel_libraries for file in found.files),
        glibc=glibc,
        glibc_file=glibc_file,
        glibcxx=glibcxx,
        glibcxx_file=glibcxx_file,
        seen=target.scan.seen,
        left_out=dict(sorted(left_out.items())),
        notes=tuple(map(machine.shown, target.scan.notes)),
        warnings=tuple(_warnings(target, machine.facts, glibc, glibc_file, glibcxx, glibcxx_file)),
        runs=tuple(judge.together(((file.file, run) for file in found.files for run in file.runs), gpu) for gpu in gpus),
    )
    return summary, found.files


def _read_all(entries: Sequence[Entry], *, names: bool, tell: Tell | None) -> Iterable[_Read]:
    """Every file read, in the order of `entries`."""

    def read(entry: Entry) -> _Read:
        return _read(entry, names=names)

    if len(entries) < 2:
        yield from map(read, entries)
        return
    pool = ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1))
    ahead = deque(pool.submit(read, entry) for entry in entries[:_AHEAD])
    try:
        for number in range(1, len(entries) + 1):
            one = ahead.popleft().result()
            ahead.extend(pool.submit(read, entry) for entry in entries[number + _AHEAD - 1 : number + _AHEAD])
            if tell:
                tell(f"{number} of {len(entries)} files")
            yield one
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read(entry: Entry, *, names: bool) -> _Read:
    try:
        with entry.open() as source:
            return _Read(entry, contents_of(source, names=names), made_for(source.read(0, 20)))
    except (OSError, ValueError) as error:
        return _Read(entry, None, None, f"{getattr(error, 'strerror', None) or error}")


def _tells(file: InspectedFile) -> bool:
    """Whether a file bears on GPUs, or could."""
    return bool(file.gpu_api != "none" or file.gfx or file.gfx is None or file.sm or file.objects)


def _file(target: Target, read: _Read, gpus: Sequence[str], machine: _Machine) -> InspectedFile:
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
            runs=tuple(judge.unreadable_runs(read.problem, gpu) for gpu in gpus),
        )
    code = contents.code
    found: dict[str, str] = {}
    missing: tuple[str, ...] | None = None
    if made is not None and made == machine.loader.native and contents.kind in {"library", "program"}:
        own = target.scan.shared_names if target.kind != "file" else set()
        origin = os.path.dirname(os.path.abspath(read.entry.path)) if read.entry.path else None
        elsewhere, missing = machine.loader.needed(code, made, origin, beside=own)
        found = {
            name: target.where if name in own else machine.shown(elsewhere[name]) for name in code.needs if name in own or name in elsewhere
        }
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
        glibc=code.glibc,
        glibcxx=code.glibcxx,
        runs=tuple(judge.file_runs(code, contents.objects, gpu) for gpu in gpus),
    )


def _added(every: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, Counter[str]] = {}
    for one in every:
        for library, targets in one.items():
            total.setdefault(library, Counter()).update(targets)
    return {library: dict(sorted(targets.items())) for library, targets in sorted(total.items())}


def _warnings(
    target: Target, machine: ThisMachine, glibc: str | None, glibc_file: str | None, glibcxx: str | None, glibcxx_file: str | None
) -> Iterable[str]:
    if newer(glibc, machine.glibc):
        yield f"{glibc_file} asks for glibc {glibc}, this machine has {machine.glibc}: it does not load here"
    if newer(glibcxx, machine.glibcxx):
        yield f"{glibcxx_file} asks for GLIBCXX_{glibcxx}, this machine's libstdc++ provides up to {machine.glibcxx}: it does not load here"
    if target.wheel and newer(glibc, target.wheel.glibc_of_tags):
        promised = f"the wheel's tags promise that {target.wheel.glibc_of_tags} is enough"
        yield f"{glibc_file} asks for glibc {glibc}, {promised}: pip installs it where it cannot load"
