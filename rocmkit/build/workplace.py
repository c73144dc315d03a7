"""The folder that a build works in: ours alone, held by one build at a time, and nothing in it leads out of it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from rocmkit.build import installed, lock, state
from rocmkit.errors import UsageError
from rocmkit.trial.inside.sweep import sweep

#: Says that the folder is ours. Without it nothing in a folder is touched.
MARK = ".rocmkit-build"
_MARK_TEXT = "A work folder of `rocmkit build`. What lies in it is made again when it is gone.\n"
#: All that a build makes, but for the mark and the lock. The state goes first: whatever comes then, nothing counts as done.
FOLDERS = ("files", "src", "build", "prefix", "dist", "downloads", "logs", "steps")
MADE = (state.NAME, installed.NAME, "plan.json", "build.sh", *FOLDERS)


@contextlib.contextmanager
def held(work: Path, *, fresh: bool = False) -> Iterator[int]:
    """Make and hold the work folder; with `fresh`, as if no build had been there. Gives the lock's descriptor.

    Raises UsageError where it is not ours, somebody holds it, a link leads out of it, or nothing can be written there.
    """
    with contextlib.ExitStack() as stack:
        try:
            # Addresses that are typed may hold a password, and scripts and logs hold them.
            work.mkdir(mode=0o700, parents=True, exist_ok=True)
            _ours(work)
            descriptor = stack.enter_context(lock.locked(work))
            if not (work / MARK).is_file():
                state.write_whole(work / MARK, _MARK_TEXT)
            if fresh:
                _empty(work)
            inside(work, (work / name for name in MADE))
        except OSError as error:
            raise UsageError(
                f"the work folder {work} cannot be used: {error.strerror or error}", "name another with --work, or make room there"
            ) from None
        yield descriptor


def inside(work: Path, paths: Iterable[Path]) -> None:
    """Raise UsageError where one of these leads out of the work folder, by links or as it is written."""
    root = os.path.realpath(work)
    for path in paths:
        place = os.path.realpath(path)
        if place != root and not place.startswith(f"{root}/"):
            raise UsageError(f"{path} leads out of the work folder, to {place}", "remove the link, or name another folder with --work")


def _ours(work: Path) -> None:
    there = work.stat()
    # Who may write there may change a source while it is compiled, or lead a file out by a link, with the rights of who builds.
    if there.st_uid != os.geteuid() or there.st_mode & stat.S_IWOTH:
        whose = "may be written by everybody" if there.st_uid == os.geteuid() else "is somebody else's"
        raise UsageError(f"the work folder {work} {whose}", "name one of your own with --work")
    # Another build that has just begun has made its lock, and not yet its mark.
    ours = {MARK, f".{MARK}.part", lock.NAME}
    names = {path.name for path in work.iterdir()}
    if MARK not in names and names - ours:
        raise UsageError(
            f"the work folder {work} holds files that are not of a build ({', '.join(sorted(names - ours)[:3])}, …)",
            "name an empty folder with --work, or one that is not there yet",
        )


def _empty(work: Path) -> None:
    for name in MADE:
        path = work / name
        if path.is_dir() and not path.is_symlink():
            if not sweep(str(path)):
                raise UsageError(f"{path} cannot be removed", "remove it by hand: who built there had other rights")
        else:
            path.unlink(missing_ok=True)
