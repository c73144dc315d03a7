"""What the files of a result hold: code for the cards that were asked for, and nothing of CUDA. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rocmkit.build.case import listed
from rocmkit.build.values import Proven
from rocmkit.gpucode import apis
from rocmkit.inspect.values import InspectedFile
from rocmkit.kb.targets import base

#: Files that hold code for every card, where they hold any. A code object by itself is for one.
_WHOLE = {"library", "program", "archive", "object", "kernel-folder"}
#: So many files are named; of the others the number is enough.
NAMED = 3


def targets(files: Iterable[InspectedFile]) -> tuple[str, ...]:
    """Every target that there is code for."""
    return tuple(sorted({gfx for file in files for gfx in file.gfx or ()}))


def gfx(asked: Sequence[str], files: Sequence[InspectedFile], *, own: bool = True) -> Proven:
    """Whether there is code for every target that was asked for, in each library that holds GPU code at all.

    Features count: who asks for gfx906:xnack- is not served by gfx906, nor the other way round. `own`: False where it needs to hold none.
    """
    inside, holding = targets(files), [file for file in files if file.gfx]
    unread = [f"{file.file}: {reason}" for file in files if file.gfx is None for reason in (file.unreadable or file.problems)[:1]]
    nowhere = [one for one in asked if not any(_has(file, one) for file in holding)]
    lacking = [
        f"{file.file} holds no code for {listed(lacks)}"
        for file in holding
        if file.kind in _WHOLE and (lacks := [one for one in asked if not _has(file, one)])
    ]
    if unread and (nowhere or not lacking):
        return Proven(name="gfx", outcome="unknown", text=f"not all of the GPU code can be read: {some(unread)}")
    if not inside and not own:
        return Proven(name="gfx", outcome="ok", text="no code for GPUs inside, as planned: what it uses compiles on the machine")
    if not inside:
        return Proven(name="gfx", outcome="found", text=f"there is no code for AMD GPUs inside, and there should be for {listed(asked)}")
    if nowhere:
        return Proven(name="gfx", outcome="found", text=f"there is no code for {listed(nowhere)}; what is inside is for {listed(inside)}")
    if lacking:
        return Proven(name="gfx", outcome="found", text=some(lacking))
    others = [one for one in inside if _key(one) not in set(map(_key, asked))]
    also = f"; there is code for {listed(others)} too, which was not asked for" if others else ""
    return Proven(name="gfx", outcome="ok", text=f"code for {listed(asked)}{also}")


def _key(target: str) -> frozenset[str]:
    return frozenset(target.split(":"))


def _has(file: InspectedFile, target: str) -> bool:
    if file.kind == "kernel-folder":  # the names of its files spell features in some and leave them out in others
        return base(target) in map(base, file.gfx or ())
    return _key(target) in map(_key, file.gfx or ())


def cuda(files: Sequence[InspectedFile]) -> Proven:
    """Whether nothing is linked with CUDA, holds code for NVIDIA's GPUs, or is a library of CUDA."""
    found, doubtful = [], []
    for file in files:
        linked = [name for name in file.needs if apis.of_libraries([name]) == {"cuda"}]
        if linked:
            found.append(f"{file.file} needs {listed(linked)}")
        elif file.sm:
            found.append(f"{file.file} holds code for {listed(file.sm)}")
        elif apis.of_libraries([file.soname or "", file.file]) & {"cuda"}:
            found.append(f"{file.file} is a library of CUDA")
        elif file.gpu_api == "cuda":
            found.append(f"{file.file} is built for CUDA")
        elif file.gpu_api == "unknown":
            doubtful.append(f"{file.file}: {'; '.join(file.unreadable) or 'what it is linked with cannot be read'}")
    if found:
        return Proven(name="no-cuda", outcome="found", text=some(found))
    if doubtful:
        return Proven(name="no-cuda", outcome="unknown", text=some(doubtful))
    return Proven(name="no-cuda", outcome="ok", text="nothing is linked with CUDA")


def some(texts: Sequence[str]) -> str:
    """The first of several remarks, and how many more there are."""
    more = len(texts) - NAMED
    return "; ".join([*texts[:NAMED], *([f"and {more} more"] if more > 0 else [])])
