"""What a build has installed below its prefix: whether all of it is there, whether it was changed since, and whether it leads out."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from rocmkit.build.digests import of_text
from rocmkit.build.state import stored, write_whole
from rocmkit.build.values import Plan
from rocmkit.model import DataError, Model, to_json

#: In the work folder: what was there when the result was found to be what it should be.
NAME = "proof.json"
#: A folder with more in it is not looked through.
MOST = 200_000


class Sealed(Model, kw_only=True):
    """A result that was looked at, and found right."""

    schema: Literal["rocmkit.build-proof/1"] = "rocmkit.build-proof/1"
    plan: str  # digest of the plan
    installed: str  # digest of the names, sizes and times of all that is below the prefix


def is_there(prefix: Path, pattern: str) -> bool:
    """Whether something below the prefix matches. A pattern that leads out of it never does."""
    path = PurePosixPath(pattern)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return False
    try:
        return any(os.path.lexists(found) for found in prefix.glob(pattern))
    except (OSError, ValueError):
        return False


def missing(prefix: Path, patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns that nothing below the prefix matches."""
    return tuple(pattern for pattern in patterns if not is_there(prefix, pattern))


def below(top: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every name below a folder, with what it is; links are not followed. Raises OSError, ValueError where there are too many."""
    seen = 0
    for folder, folders, files in os.walk(top, onerror=_raise):
        folders.sort()
        for name in sorted((*folders, *files)):
            seen += 1
            if seen > MOST:
                raise ValueError(f"there are more than {MOST} files in {top}")
            path = os.path.join(folder, name)  # noqa: PTH118 - of hundreds of thousands
            yield os.path.relpath(path, top), os.lstat(path)


def _raise(error: OSError) -> None:
    raise error


def leading_out(top: Path) -> tuple[str, ...]:
    """Links that would lead elsewhere once the folder is: by an absolute path, or out of it. Raises OSError, ValueError."""
    root = os.path.realpath(top)
    found = []
    for name, what in below(top):
        if stat.S_ISLNK(what.st_mode):
            link = top / name
            real = os.path.realpath(link)
            if link.readlink().is_absolute() or not real.startswith(f"{root}/"):
                found.append(name)
    return tuple(found)


def seal(top: Path) -> str:
    """A digest of what lies below a folder: names, sizes, times, and where links lead. Raises OSError, ValueError."""
    rows = [
        (
            name,
            stat.S_IFMT(what.st_mode),
            what.st_size,
            what.st_mtime_ns,
            str((top / name).readlink()) if stat.S_ISLNK(what.st_mode) else "",
        )
        for name, what in below(top)
        if not stat.S_ISDIR(what.st_mode)
    ]
    return of_text(json.dumps(rows, ensure_ascii=True))


def keep(plan: Plan) -> None:
    """Write down that the result is what it should be, as it is now. Raises OSError, ValueError."""
    write_whole(Path(plan.work) / NAME, to_json(Sealed(plan=plan.digest, installed=seal(Path(plan.prefix)))) + "\n")


def forget(plan: Plan) -> None:
    """It is not known any more. Raises OSError."""
    (Path(plan.work) / NAME).unlink(missing_ok=True)


def kept(work: Path) -> Sealed | None:
    """What was written down in a work folder; None: nothing that can be read."""
    try:
        return stored(work / NAME, Sealed, mib=1)
    except (OSError, DataError):
        return None


def wrong(plan: Plan) -> str | None:
    """What is not as it was left, in words; None: nothing is, or nobody knows how it was left."""
    prefix = Path(plan.prefix)
    if lacking := missing(prefix, plan.expect.files):
        return f"{prefix} has no {lacking[0]}"
    before = kept(Path(plan.work))
    try:
        changed = before is not None and before.plan == plan.digest and before.installed != seal(prefix)
    except (OSError, ValueError) as error:
        return f"{prefix} cannot be read: {error}"
    return f"{prefix} was changed since it was looked at" if changed else None
