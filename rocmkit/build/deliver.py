"""The result, brought from the work folder to where the user wants it: whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from rocmkit.build.values import Plan, Proof
from rocmkit.gpucode.source import sha256
from rocmkit.trial.inside.sweep import sweep


def destination(plan: Plan) -> Path:
    """Where the result goes: a wheel, or a folder that is called after the recipe and the version.

    It is a folder and no archive, since it is used where it lies: ROCBLAS_TENSILE_LIBPATH and its like name a folder.
    """
    return Path(plan.out) / plan.wheel if plan.wheel else folder(plan)


def folder(plan: Plan) -> Path:
    """Where a folder of the result goes: all of it, or headers and libraries beside a wheel."""
    return Path(plan.out) / f"{plan.recipe}-{plan.local_version}"


def deliver(plan: Plan, proof: Proof) -> Proof:
    """Copy what was proved to the plan's `out`, and say where it is now. Raises OSError; then nothing new is there.

    For whoever holds the work folder: what an earlier run out of it has left half copied is taken away.
    """
    out = Path(plan.out)
    out.mkdir(parents=True, exist_ok=True)
    place = out / Path(proof.wheel).name if proof.wheel else destination(plan)
    beside = f"{_beside(place)}{hashlib.sha256(plan.work.encode()).hexdigest()[:12]}-"
    for left in out.glob(f"{glob.escape(beside)}*"):
        sweep(str(left))
    prefix = Path(plan.prefix)
    if (proof.folder or not proof.wheel) and out.resolve().is_relative_to(prefix.resolve()):
        raise OSError(errno.EINVAL, f"it lies in {prefix}, which would be copied into itself", str(out))
    if not proof.wheel:
        _folder(prefix, place, beside)
        return replace(proof, artefacts=tuple(str(place) if one == plan.prefix else one for one in proof.artefacts))
    if proof.folder:
        _folder(Path(proof.folder), folder(plan), beside)
    _file(Path(proof.wheel), place, proof.sha256, beside)
    return replace(proof, wheel=str(place), folder=str(folder(plan)) if proof.folder else None)


def write_atomically(place: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it. Raises OSError."""
    with _new(place, _beside(place)) as file:
        file.write(data)


def _file(source: Path, place: Path, digest: str | None, beside: str) -> None:
    if place.exists() and place.samefile(source):
        return
    with _new(place, beside) as file, source.open("rb") as given:
        shutil.copyfileobj(given, file, 1 << 20)
        file.flush()
        if sha256(Path(file.name)) != digest:
            raise OSError(f"{source}: it is not what was proved any more")


@contextlib.contextmanager
def _new(place: Path, beside: str) -> Iterator[BinaryIO]:
    """A file that takes its place when all went well, and is gone where not."""
    with tempfile.TemporaryDirectory(prefix=beside, dir=place.parent) as folder:
        written = Path(folder, place.name)
        with written.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        written.replace(place)


def _folder(source: Path, place: Path, beside: str) -> None:
    """A copy of a folder, links as links. One that is there already is put aside first, and taken away when the new one stands."""
    with tempfile.TemporaryDirectory(prefix=beside, dir=place.parent) as folder:
        new, old = Path(folder, "new"), Path(folder, "old")
        shutil.copytree(source, new, symlinks=True)
        if place.exists():
            place.rename(old)
        try:
            new.rename(place)
        except OSError:
            if old.exists():
                old.rename(place)
            raise


def _beside(place: Path) -> str:
    """How a temporary name begins; the result's own may be as long as a name can be."""
    return f".{place.name[:50]}-"
