"""What the options ask for: a machine, a folder or a recording, and the facts of it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rocmkit import __version__
from rocmkit.errors import NotApplicable, UsageError
from rocmkit.output import note, progress, to_people, write
from rocmkit.report.terminal import line
from rocmkit.telling import Pace
from rocmkit.words import said
from rocmkit.words.columns import pad

if TYPE_CHECKING:
    from rocmkit.facts import Facts, Gap
    from rocmkit.host.base import Host
    from rocmkit.host.names import Names
    from rocmkit.host.recording import Recording
    from rocmkit.logs.values import Log
    from rocmkit.report.diff import Look
    from rocmkit.trial.values import Trial


def looked_at(python: str | None, sysroot: Path | None, recordings: tuple[Path, ...], record: Path | None) -> list[tuple[Facts, str]]:
    """The facts that the options ask for, each with a word on where they come from."""
    if record is None:
        asked = (machine(python, sysroot, path, live) for path in recordings or (None,))
        return [(_collect(host, place), source) for host, place, source in asked]
    if _is_other(record):
        raise UsageError(f"{record} is there and no recording: it would be lost", "name another file, or remove that one first")
    facts, kept = _recorded(python)
    from rocmkit.host.recording import dump
    from rocmkit.report import preview

    write(dump(kept), record)
    for label, told in preview.brief(preview.preview(kept, source="this machine")):
        sys.stderr.write(to_people(f"  {pad(said(label), 9)}  " if label else "", told))
    return [(facts, "this machine")]


def machine(python: str | None, sysroot: Path | None, recording: Path | None, at: Callable[[], Host]) -> tuple[Host, str | None, str]:
    """What is to be looked at, the Python there, and a word on where it is. `at` gives this machine.

    Raises UsageError, NotApplicable.
    """
    if recording:
        from rocmkit.host.replay import ReplayHost

        return ReplayHost(_loaded(recording)[1]), None, f"recording {shown(recording.name)}"
    if sysroot:
        from rocmkit.host.sysroot import SysrootHost

        host = SysrootHost(sysroot)
        if python and not python.startswith("/"):
            python = str(Path(python).absolute())
        inside = host.inside(Path(python)) if python else None
        return host, inside or python, f"files below {sysroot}"
    return at(), named(python), "this machine"


def shown(path: str | os.PathLike[str]) -> str:
    """A path as text, with escapes for what is no UTF-8 in it: no JSON could hold that."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def surveyed(python: str | None) -> tuple[Facts, Host]:
    """The facts of this machine, and the machine."""
    host = live()
    return _collect(host, named(python)), host


def examined(python: str | None) -> tuple[Facts, Names]:
    """The facts of this machine, and what is hidden in them."""
    facts, host = surveyed(python)
    return facts, host.private


def tried(python: str | None) -> tuple[Facts, tuple[Trial, ...] | Gap]:
    """The facts of this machine, and what experiments in its interpreter give; a Gap where there is no interpreter to make them in.

    Raises UsageError where it cannot be started.
    """
    from rocmkit.facts import Gap
    from rocmkit.trial.climb import climb
    from rocmkit.trial.ladder import Stage, plan
    from rocmkit.trial.run import runner

    host = live()
    facts = _collect(host, named(python))
    if isinstance(facts.python, Gap):
        return facts, facts.python
    stages = plan(facts)
    if not stages:
        note(f"nothing to try: {facts.python.prefix} holds no package that speech programs compute with")
    pace = Pace()
    with progress(doing="trying") as tell:

        def told(number: int, many: int, stage: Stage) -> None:
            if tell:
                tell(f"{number} of {many}: {stage.what}", left_s=pace.left(number - 1, many))

        try:
            return facts, climb(stages, runner(host.private), host.private.reveal(facts.python.executable), tell=told)
        except OSError as error:
            hint = "name an interpreter that runs on this machine with --python"
            raise UsageError(f"cannot make experiments with {facts.python.executable}: {error.strerror or error}", hint) from None


def recording(python: str | None, recordings: tuple[Path, ...]) -> tuple[Recording, str]:
    """The recording to preview: one that is there, or one of this machine that is not written anywhere."""
    if not recordings:
        return _recorded(python)[1], "a recording of this machine"
    path, loaded = _loaded(recordings[0])
    return loaded, path.name


def _loaded(path: Path) -> tuple[Path, Recording]:
    from rocmkit.host.recording import load_file

    try:
        return path, load_file(path)
    except (ValueError, OSError) as error:
        raise UsageError(f"not a recording: {error}", "recordings are written by `rocmkit doctor --record FILE`") from None


def read_log(path: Path, command: str) -> tuple[Log, str]:
    """What a log shows, without what names a person or a machine, and the log's name. `command` is the one that asks, for hints.

    Raises UsageError where it cannot be read, or is packed.
    """
    from rocmkit.host.names import of_this_machine
    from rocmkit.logs.match import match
    from rocmkit.report.log import STDIN

    names = of_this_machine()
    name = STDIN if str(path) == "-" else names.hide(shown(path))
    try:
        with contextlib.ExitStack() as stack:
            file = sys.stdin.buffer if name == STDIN else stack.enter_context(path.open("rb"))
            if file.isatty():
                note("paste the text, then press Ctrl-D on a line of its own")
            tell = stack.enter_context(progress(after_s=2))
            return match(_plain(_chunks(file.fileno()), name, command), tell, names.hide_text), name
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None


#: So much of a log is read at a time.
_CHUNK = 1 << 18
#: How packed files begin, what packed them, and what unpacks them.
_PACKED = (
    (b"\x1f\x8b", "gzip", "zcat {file}"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat {file}"),
    (b"\xfd7zXZ\x00", "xz", "xzcat {file}"),
    (b"BZh", "bzip2", "bzcat {file}"),
    (b"PK\x03\x04", "zip", "unzip -p {file}"),
    (b"LPKSHHRH", "systemd's journal", "journalctl --file {file}"),
)


def _chunks(handle: int) -> Iterator[bytes]:
    """What is read until the end; that of a terminal is one Ctrl-D."""
    while True:
        try:
            chunk = os.read(handle, _CHUNK)
        except BlockingIOError:  # whoever started us wants its own end of a pipe not to block
            select.select([handle], [], [])
            continue
        if not chunk:
            return
        yield chunk


def _plain(chunks: Iterator[bytes], name: str, command: str) -> Iterator[bytes]:
    """The same chunks. Raises UsageError where they begin as a packed file does."""
    from rocmkit.doctor.advice import quote
    from rocmkit.report.log import STDIN

    head = b""
    while len(head) < 8 and (chunk := next(chunks, b"")):
        head += chunk
    for magic, packer, unpack in _PACKED:
        if head.startswith(magic):
            file = "FILE" if name == STDIN else quote(line(name))
            raise UsageError(f"{name} is no text: {packer} wrote it", f"`{unpack.format(file=file)} | rocmkit {command} --log -` reads it")
    yield head
    yield from chunks


def compared_side(path: Path) -> Look:
    """What a recording says to today's checks, or what a report said: one side of a comparison. Raises UsageError."""
    import msgspec

    from rocmkit.doctor.check import all_checks
    from rocmkit.host.recording import load, read_file
    from rocmkit.host.replay import ReplayHost
    from rocmkit.model import DataError, to_builtins
    from rocmkit.report.diff import look
    from rocmkit.report.published import publish

    name = "standard input" if str(path) == "-" else shown(path)
    try:
        text = read_file(path)
        data = msgspec.json.decode(text) if text.lstrip()[:1] == "{" else None
        if data is None or "rocmkit_recording" in data:
            facts = _collect(ReplayHost(load(text, source=name)), None)
            data = to_builtins(publish(facts, all_checks(), source=f"recording {Path(name).name}"))
        return look(data, source=name)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None
    except (DataError, msgspec.DecodeError, RecursionError) as error:
        hint = "recordings are written by `rocmkit doctor --record FILE`, reports by `rocmkit doctor --json -o FILE`"
        raise UsageError(f"neither a recording nor a report: {error}", hint) from None


def live() -> Host:
    """This machine, for a process that is rocmkit's own and finds what it started when it ends. Raises NotApplicable."""
    from rocmkit.host.process import adopt_orphans

    host = here()
    adopt_orphans()
    return host


def here() -> Host:
    """This machine, for a process that is somebody else's. Raises NotApplicable."""
    if sys.platform != "linux":
        raise NotApplicable(
            f"rocmkit looks at Linux machines, this is {sys.platform}", "judge a recording with `rocmkit doctor --from FILE`"
        )
    from rocmkit.host.live import LiveHost

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

    with progress(after_s=1) as tell:
        return collect(host, python=python, progress=tell)
