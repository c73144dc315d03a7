"""From the arguments of `rocmkit inspect` to all that is said of them."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rocmkit import __version__, kb
from rocmkit.errors import Exit, UsageError, worst
from rocmkit.facts import Gap
from rocmkit.host.base import Host
from rocmkit.inspect import advice, judge
from rocmkit.inspect.files import Machine, file_of, judged, read_all
from rocmkit.inspect.kernel_folders import kernel_file, kernel_folder
from rocmkit.inspect.loader import Loader, highest, newer
from rocmkit.inspect.scan import LIBC, Scan
from rocmkit.inspect.target import Resolver, Target
from rocmkit.inspect.values import Answer, InspectedFile, InspectedTarget, Inspection, Runs, ThisMachine
from rocmkit.probe.system import system
from rocmkit.telling import Tell

_EXITS: dict[Answer, Exit] = {"yes": Exit.OK, "no": Exit.BLOCKED, "unknown": Exit.INCONCLUSIVE, "none": Exit.INCONCLUSIVE}


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


def _this_machine(host: Host) -> Machine:
    loader, found = Loader.of_this_machine(), system(host)
    return Machine(
        loader,
        ThisMachine(
            architecture=loader.native.name if loader.native else None,
            glibc=None if isinstance(found.glibc, Gap) else found.glibc,
            glibcxx=None if isinstance(found.glibcxx, Gap) else found.glibcxx,
        ),
        host.private,
    )


def _look_at(
    target: Target, gpus: Sequence[str], machine: Machine, *, names: bool, everything: bool, tell: Tell | None
) -> tuple[InspectedTarget, list[InspectedFile]]:
    files, asks, left_out = _files(target, machine, names=names, everything=everything, tell=tell)
    siblings = {name: file for file in files for name in (posixpath.basename(file.file), file.soname) if name}
    files = [judged(file, siblings, gpus) for file in files]
    typed = machine.shown(target.typed)
    for (library, folder), entries in target.scan.kernels.items():
        one = target.kind == "file"
        files.append(kernel_file(typed, library, entries[0], gpus) if one else kernel_folder(typed, library, folder, entries, gpus))
        if tell:
            tell(f"the kernel files of {library}")
    if target.kind == "file" and files[0].kind == "unknown":
        raise UsageError(f"{target.typed}: {files[0].unreadable[0]}")
    glibc, glibc_file = highest((asked, file) for asked, _, file in asks)
    glibcxx, glibcxx_file = highest((asked, file) for _, asked, file in asks)
    # A tree with a C library of its own runs with that one, and an environment with a libstdc++ of its own with that.
    own = target.scan.shared_names if target.kind != "file" else set()
    too_new = [
        _TooNew("glibc", glibc, glibc_file, machine.facts.glibc, "this machine has"),
        _TooNew("GLIBCXX", glibcxx, glibcxx_file, machine.facts.glibcxx, "this machine's libstdc++ provides up to"),
    ]
    too_new = [one for one in too_new if newer(one.asked, one.here) and not ({LIBC, one.brought_by} & own)]
    runs = tuple(_together(target, files, gpu) for gpu in gpus)
    summary = InspectedTarget(
        target=typed,
        kind=target.kind,
        path=machine.shown(target.path),
        package=target.package,
        wheel=target.wheel,
        kernel_libraries=_added(file.kernel_libraries for file in files),
        glibc=glibc,
        glibc_file=glibc_file,
        glibcxx=glibcxx,
        glibcxx_file=glibcxx_file,
        seen=target.scan.seen,
        unread=target.scan.unread,
        left_out=dict(sorted(left_out.items())),
        notes=tuple(map(machine.shown, [*target.scan.notes, *_notes(target, files, runs)])),
        does_not_load=f"needs {', and '.join(f'{one.name} {one.asked}, here is {one.here}' for one in too_new)}" if too_new else None,
        pages=advice.pages(target.package or (target.wheel.name if target.wheel else None), files, runs),
        warnings=tuple(_warnings(target, too_new, glibc, glibc_file)),
        runs=runs,
    )
    return summary, files


@dataclass(frozen=True)
class _TooNew:
    """What a file asks of a C library, and what this machine's has."""

    name: str
    asked: str | None
    file: str | None
    here: str | None
    words: str

    @property
    def brought_by(self) -> str:
        return {"glibc": LIBC, "GLIBCXX": "libstdc++.so.6"}[self.name]


def _files(
    target: Target, machine: Machine, *, names: bool, everything: bool, tell: Tell | None
) -> tuple[list[InspectedFile], list[tuple[str | None, str | None, str]], Counter[str]]:
    """The files to tell of; (glibc, glibcxx, file) of every one for this machine's kind of processor; and how many are left out, by why."""
    files, asks, left_out = [], [], Counter(target.scan.left_out)
    for read in read_all(target.scan.entries, names=names, tell=tell):
        file = file_of(target, read, machine)
        # In a folder any program may lie; what it asks for says nothing of those that bear on GPUs.
        if read.made == machine.loader.native and (target.kind != "folder" or _tells(file)):
            asks.append((file.glibc, file.glibcxx, file.file))
        if everything or target.kind == "file" or _tells(file):
            files.append(file)
        else:
            left_out[f"{'programs' if file.kind == 'program' else 'libraries'} without GPU code"] += 1
    return files, asks, left_out


def _tells(file: InspectedFile) -> bool:
    """Whether a file bears on GPUs, or could."""
    return bool(file.gpu_api != "none" or file.gfx or file.gfx is None or file.sm or file.objects)


def _together(target: Target, files: Sequence[InspectedFile], gpu: str) -> Runs:
    if not files:
        answer, because = _nothing(target.scan)
        return Runs(gpu=gpu, answer=answer, because=because, own=False)
    return judge.together(((file.file, run) for file in files for run in file.runs), gpu)


def _nothing(found: Scan) -> tuple[Answer, str]:
    return judge.nothing(len(found.entries), found.seen, found.left_out.total(), found.unread)


def _added(every: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, Counter[str]] = {}
    for one in every:
        for library, targets in one.items():
            total.setdefault(library, Counter()).update(targets)
    return {library: dict(sorted(targets.items())) for library, targets in sorted(total.items())}


def _notes(target: Target, files: Sequence[InspectedFile], runs: Sequence[Runs]) -> Iterable[str]:
    if target.kind == "file" and any(run.answer != "no" for run in runs):
        yield from advice.apart(files[0])
    if not files and not runs:
        yield _nothing(target.scan)[1]
    if files and target.scan.libc:
        yield f"brings a C library of its own, {target.scan.libc}: what it needs is not compared with this machine's"


def _warnings(target: Target, too_new: Sequence[_TooNew], glibc: str | None, glibc_file: str | None) -> Iterable[str]:
    for one in too_new:
        asked = f"{one.name}{'_' if one.name == 'GLIBCXX' else ' '}{one.asked}"
        yield f"{one.file} asks for {asked}, {one.words} {one.here}: it does not load here"
    if target.wheel and newer(glibc, target.wheel.glibc_of_tags):
        promised = f"the wheel's tags promise that {target.wheel.glibc_of_tags} is enough"
        yield f"{glibc_file} asks for glibc {glibc}, {promised}: pip installs it where it cannot load"
