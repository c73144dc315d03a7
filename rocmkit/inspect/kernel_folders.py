"""Kernel files: one library's code for many cards, a file or more for each. The folder is judged as one, unless a file was named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rocmkit.gpucode import targets as names
from rocmkit.gpucode.kernel_file import read_kernel_file
from rocmkit.gpucode.values import KernelFile
from rocmkit.inspect import judge
from rocmkit.inspect.scan import Entry
from rocmkit.inspect.values import InspectedFile
from rocmkit.kb.targets import base

#: Of more damaged files than this only the number is told.
MAX_PROBLEMS = 100


#: rocBLAS and hipBLASLt load this one first for a card, and it names the files with code: gpucode/tensile.py.
_FIRST = "TensileLibrary_lazy_"


def kernel_folder(target: str, library: str, folder: str, entries: Sequence[Entry], gpus: Sequence[str]) -> InspectedFile:
    """All kernel files of `library` in one folder, read. A file counts for the target that its name says, else for those in it."""
    counts: Counter[str] = Counter()
    listed: set[str] = set()
    coded: set[str] = set()
    problems: list[tuple[str | None, str]] = []
    """(target that the file's name says, "FILE: why")."""
    for entry in entries:
        name = entry.name.rpartition("/")[2]
        found = _read(entry)
        if isinstance(found, str):
            problems.append((names.of_file_name(name), f"{entry.name}: {found}"))
            continue
        if found is None:
            continue
        if found.problem:
            problems.append((found.named, f"{entry.name}: {found.problem}"))
        else:
            held = _targets(found, entry.name)
            counts.update(held)
            if name.startswith(_FIRST):
                listed.update(map(base, held))
            elif found.kind == "tensile-code":
                coded.update(map(base, held))
    if listed:
        problems += [(gfx, f"there is code for {gfx}, and no {_FIRST}{gfx} that leads to it") for gfx in sorted(coded - listed)]
        problems += [(gfx, f"there is {_FIRST}{gfx}, and no code that it leads to") for gfx in sorted(listed - coded)]
    told = [problem for _, problem in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        told.append(f"and {len(problems) - MAX_PROBLEMS} more")
    ordered = dict(sorted(counts.items()))
    return InspectedFile(
        target=target,
        file=folder or ".",
        kind="kernel-folder",
        size_bytes=sum(entry.size for entry in entries),
        gpu_api="hip",
        gfx=None if problems else tuple(ordered),
        kernel_libraries={library: ordered},
        problems=tuple(told),
        runs=tuple(judge.kernel_folder_runs(library, ordered, problems, gpu) for gpu in gpus),
    )


def kernel_file(target: str, library: str, entry: Entry, gpus: Sequence[str]) -> InspectedFile:
    """One kernel file by itself. Without the others nothing can be said of what its library can do for a card."""
    found = _read(entry)
    if found is None:
        found = f"its name is that of no kernel file of {library}"
    problem = found if isinstance(found, str) else found.problem
    held = () if isinstance(found, str) or problem else _targets(found, entry.path or entry.name)
    lists = isinstance(found, KernelFile) and found.kind in {"tensile-index", "miopen-tuning"}
    return InspectedFile(
        target=target,
        file=entry.name,
        kind="kernel-list" if lists else "kernel-file",
        size_bytes=entry.size,
        gpu_api="hip",
        gfx=() if lists and not problem else held or None,
        kernel_libraries={library: dict.fromkeys(held, 1)},
        problems=(problem,) if problem else (),
        runs=tuple(judge.kernel_file_runs(held, problem, gpu, lists=lists) for gpu in gpus),
    )


def _read(entry: Entry) -> KernelFile | str | None:
    """A kernel file, or why it cannot be read; None where its name is that of no kernel file."""
    try:
        with entry.open() as source:
            return read_kernel_file(source, entry.name.rpartition("/")[2], entry.path)
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)


def _targets(found: KernelFile, path: str) -> tuple[str, ...]:
    if found.named:
        return (found.named,)
    below = names.of_file_name(path.rpartition("/")[0].rpartition("/")[2])  # library/gfx950/ of ROCm 7
    return (below,) if below else found.targets or ()
