"""Folders of kernel files: one library's code for many cards, a file or more for each. The folder is judged, its files are not."""

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


def kernel_folder(
    target: str, library: str, folder: str, entries: Sequence[Entry], gpus: Sequence[str], *, whole: bool = True
) -> InspectedFile:
    """All kernel files of `library` in one folder, read. A file counts for the target that its name says, else for those in it.

    Not `whole`: only some of the files are there to be looked at, so that none can be missed.
    """
    counts: Counter[str] = Counter()
    listed: set[str] = set()
    coded: set[str] = set()
    problems: list[tuple[str | None, str]] = []
    """(target that the file's name says, "FILE: why")."""
    for entry in entries:
        name = entry.name.rpartition("/")[2]
        try:
            with entry.open() as source:
                found = read_kernel_file(source, name, entry.path)
        except (OSError, ValueError) as error:
            problems.append((names.of_file_name(name), f"{entry.name}: {getattr(error, 'strerror', None) or error}"))
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
    if whole and listed:
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


def _targets(found: KernelFile, path: str) -> tuple[str, ...]:
    if found.named:
        return (found.named,)
    below = names.of_file_name(path.rpartition("/")[0].rpartition("/")[2])  # library/gfx950/ of ROCm 7
    return (below,) if below else found.targets or ()
