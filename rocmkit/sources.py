"""What the options ask for: a machine, a folder or a recording, and the facts of it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rocmkit import __version__
from rocmkit.errors import NotApplicable, UsageError
from rocmkit.output import progress, write

if TYPE_CHECKING:
    from rocmkit.facts import Facts
    from rocmkit.host.base import Host
    from rocmkit.host.recording import Recording


def looked_at(python: str | None, sysroot: Path | None, recordings: tuple[Path, ...], record: Path | None) -> list[tuple[Facts, str]]:
    """The facts that the options ask for, each with a word on where they come from."""
    if recordings:
        from rocmkit.host.replay import ReplayHost

        return [(_collect(ReplayHost(loaded), None), f"recording {path.name}") for path, loaded in map(_loaded, recordings)]
    if sysroot:
        from rocmkit.host.sysroot import SysrootHost

        host = SysrootHost(sysroot)
        if python and not python.startswith("/"):
            python = str(Path(python).absolute())
        inside = host.inside(Path(python)) if python else None
        return [(_collect(host, inside or python), f"files below {sysroot}")]
    if record is None:
        return [(_collect(live(), named(python)), "this machine")]
    if _is_other(record):
        raise UsageError(f"{record} is there and no recording: it would be lost", "name another file, or remove that one first")
    facts, kept = _recorded(python)
    from rocmkit.host.recording import dump
    from rocmkit.report import preview

    write(dump(kept), record)
    sys.stderr.write(preview.brief(preview.preview(kept, source="this machine")))
    return [(facts, "this machine")]


def recording(python: str | None, recordings: tuple[Path, ...]) -> tuple[Recording, str]:
    """The recording to preview: one that is there, or one of this machine that is not written anywhere."""
    if not recordings:
        return _recorded(python)[1], "a recording of this machine"
    path, loaded = _loaded(recordings[0])
    return loaded, path.name


def _loaded(path: Path) -> tuple[Path, Recording]:
    from rocmkit.host.recording import load_file
    from rocmkit.model import DataError

    try:
        return path, load_file(path)
    except (DataError, OSError) as error:
        raise UsageError(f"not a recording: {error}", "recordings are written by `rocmkit doctor --record FILE`") from None


def live() -> Host:
    """This machine. Raises NotApplicable."""
    if sys.platform != "linux":
        raise NotApplicable(
            f"rocmkit looks at Linux machines, this is {sys.platform}", "judge a recording with `rocmkit doctor --from FILE`"
        )
    from rocmkit.host.live import LiveHost
    from rocmkit.host.process import adopt_orphans

    adopt_orphans()
    return LiveHost()


def _recorded(python: str | None) -> tuple[Facts, Recording]:
    """The facts of this machine, and the recording that they can be had from again."""
    from rocmkit.host.record import RecordingHost

    recorder = RecordingHost(live())
    facts = _collect(recorder, named(python))
    return facts, recorder.recording(f"recorded by rocmkit {__version__} doctor")


def named(python: str | None) -> str | None:
    """What --python names: a path, or a program on PATH. Raises UsageError where there is neither."""
    if python is None:
        return None
    hint = "name an interpreter or an environment's folder"
    place = Path(python).expanduser()
    if python and os.path.lexists(place):
        if place.is_file() and not os.access(place, os.X_OK):
            raise UsageError(f"--python {python}: that file is no program", hint)
        if place.is_dir() and place.name not in {"site-packages", "dist-packages"} and not _has_python(place):
            raise UsageError(f"--python {python}: there is no Python in that folder", hint)
        return python
    found = shutil.which(python) if python and "/" not in python else None
    if found is None:
        raise UsageError(f"--python {python!r}: no such file, folder or program", hint)
    return found


def _has_python(folder: Path) -> bool:
    """Whether a folder can be an environment: it has an interpreter, a link to one that is gone, or an environment's own marks."""
    marks = ("bin/python", "bin/python3", "pyvenv.cfg", "conda-meta")
    return any(os.path.lexists(folder / mark) for mark in marks) or any(folder.glob("lib/python3*"))


def _is_other(path: Path) -> bool:
    """Whether a file is there that somebody wants to keep: a regular one that is neither empty nor a recording."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            beginning = file.read(64)
    except OSError:
        return False  # writing to it says why not
    return bool(beginning) and not beginning.startswith(b"rocmkit_recording:")


def _collect(host: Host, python: str | None) -> Facts:
    from rocmkit.probe import collect

    with progress() as tell:
        return collect(host, python=python, progress=tell)
