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
    facts, kept = _recorded(python)
    from rocmkit.host.recording import dump
    from rocmkit.report import preview

    write(dump(kept), record)
    sys.stderr.write(preview.brief(preview.preview(kept, source="this machine")))
    return [(facts, "this machine")]


def recording(python: str | None, recordings: tuple[Path, ...]) -> tuple[Recording, str]:
    """The recording to preview: one that is there, or one of this machine that is not written anywhere."""
    if not recordings:
        return _recorded(python)[1], "this machine"
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
    if python and os.path.lexists(Path(python).expanduser()):
        return python
    found = shutil.which(python) if python and "/" not in python else None
    if found is None:
        raise UsageError(f"--python {python!r}: no such file, folder or program", "name an interpreter or an environment's folder")
    return found


def _collect(host: Host, python: str | None) -> Facts:
    from rocmkit.probe import collect

    with progress() as tell:
        return collect(host, python=python, progress=tell)
