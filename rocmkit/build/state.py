"""What of a plan is done, in the work folder, so that a later run goes on from there. Written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from rocmkit.build.values import PlanStep
from rocmkit.model import DataError, Model, from_json, to_json

NAME = "state.json"
T = TypeVar("T")


class Done(Model, kw_only=True):
    """A step that was done."""

    name: str
    digest: str
    seconds: float
    log: str | None


class State(Model, kw_only=True):
    """What is done, in the order of the plan; what came of the run that wrote it last."""

    schema: Literal["rocmkit.build-state/1"] = "rocmkit.build-state/1"
    outcome: Literal["running", "done", "failed", "interrupted"] = "running"
    step: str = ""  # that began last
    done: tuple[Done, ...] = ()


def read(work: Path) -> tuple[State, str]:
    """The state of a work folder, and why there is none where there should be one."""
    path = work / NAME
    try:
        return stored(path, State, mib=4), ""
    except FileNotFoundError:
        return State(), ""
    except (OSError, DataError) as error:
        return State(), f"{path} does not say what is done ({error}): the build begins again"


def stored(path: Path, kind: type[T], *, mib: int) -> T:
    """What was written down as JSON in a file of at most so many MiB. Raises OSError, DataError."""
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe waits for somebody who writes
        raise DataError(f"{path.name}: it is no file")
    with path.open("rb") as file:
        data = file.read((mib << 20) + 1)
    if len(data) > mib << 20:
        raise DataError(f"{path.name}: it is longer than {mib} MiB")
    return from_json(data, kind, source=path.name)


def kept(done: Sequence[Done], steps: Sequence[PlanStep]) -> int:
    """How many of a plan's first steps need not be done again, by what is done.

    Digests are chained: equal ones mean that all before is equal too. Steps of a group are kept together or not at all.
    """
    count = 0
    for one, step in zip(done, steps, strict=False):
        if one.digest != step.digest or one.name != step.name:
            break
        count += 1
    return whole_groups(count, steps)


def whole_groups(count: int, steps: Sequence[PlanStep]) -> int:
    """The most steps, not more than `count`, that split no group."""
    while True:
        later = {step.group for step in steps[count:] if step.group}
        first = next((number for number, step in enumerate(steps[:count]) if step.group in later), count)
        if first == count:
            return count
        count = first


def write(work: Path, state: State) -> None:
    """Keep a state. Raises OSError."""
    write_whole(work / NAME, to_json(state) + "\n")


def write_whole(path: Path, text: str, *, mode: int = 0o644, durable: bool = True) -> None:
    """Write a file so that it is as it was or as it shall be, whatever happens meanwhile; `durable`: loss of power too. Raises OSError.

    Only for whoever holds the folder's lock: the half of a file, if one was left, is written over.
    """
    half = path.with_name(f".{path.name}.part")
    with contextlib.suppress(FileNotFoundError):
        half.unlink()
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(text.encode())
            file.flush()
            if durable:
                os.fsync(descriptor)
        half.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            half.unlink()
        raise
    if durable:
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have a folder's names on the disk, where its file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
