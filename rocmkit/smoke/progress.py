"""The file of --resume: what was seen of each case that ran to its end, so that a later run goes on behind it.

A line a case, on the disk before the next one begins. Whatever ends rocmkit, or the machine, costs one case at most.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

from rocmkit import __version__
from rocmkit.errors import UsageError
from rocmkit.model import DataError, Model, from_json, to_builtins
from rocmkit.smoke.observed import Card, Clip, Observed, Wanted
from rocmkit.smoke.planned import Planned

#: All that smoke sees of a hundred cases is less.
MOST = 256 << 20


class Header(Model, kw_only=True):
    """The first line."""

    schema: Literal["rocmkit.smoke.progress/1"] = "rocmkit.smoke.progress/1"
    rocmkit: str  # version that wrote it


class Line(Model, kw_only=True):
    """Any other one."""

    key: str
    observed: Observed


def key(
    planned: Planned, clips: Sequence[Clip], cards: Sequence[Card], environment: Mapping[str, str], *, control: bool, timeout_s: float
) -> str:
    """A digest of all that decides what is seen of a case. Pure.

    What is known only once it ran, such as versions of packages, is not in it: after an upgrade begin with a new file.
    """
    plan = to_builtins(planned)
    for judged in ("skip", "cer_pass"):
        del plan[judged]
    plan["backend"] = {name: plan["backend"][name] for name in ("id", "module", "options")}
    sounds = [[clip.name, clip.sha256, clip.text, clip.kana] for clip in clips]
    gpus = [[card.gfx, card.pci, card.gpu_id] for card in cards]
    parts = [plan, sounds, gpus, dict(environment), control, timeout_s]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()  # names of files may be no UTF-8


class Progress:
    """The file while a run is at work; nobody else may write it meanwhile."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._end = 0
        self._done: dict[str, Observed] = {}

    @classmethod
    def open(cls, path: Path) -> Progress:
        """Open it, or make it. Raises UsageError where it is another program's, another version's or another run's: that is left alone."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o600)
        except (OSError, ValueError) as error:
            raise UsageError(f"--resume {path}: {getattr(error, 'strerror', None) or error}", "name a file that can be written") from None
        opened = cls(descriptor, path)
        try:
            opened._begin()
        except OSError as error:
            opened.close()
            raise UsageError(f"--resume {path}: {error.strerror or error}", "name a file on another disk") from None
        except BaseException:
            opened.close()
            raise
        return opened

    def _begin(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise self._foreign("it is no file")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"--resume {self._path}: another run is writing it", "wait for that run, or name another file") from None
        size = os.fstat(self._descriptor).st_size
        if size > MOST:
            raise self._foreign(f"it is longer than {MOST >> 20} MiB")
        data = os.pread(self._descriptor, size, 0)
        header = _line(Header(rocmkit=__version__))
        if header.startswith(data):  # new, or its first line was not written whole
            self._write(header)
            return
        self._end = data.rfind(b"\n") + 1  # what is behind the last line's end was not written whole
        first, *lines = data[: self._end].split(b"\n")
        try:
            found = from_json(first, Header, source="line 1")
        except DataError:
            raise self._foreign("it is no file of rocmkit smoke's") from None
        if found.rocmkit != __version__:
            raise self._foreign(f"rocmkit {found.rocmkit} wrote it, and this is {__version__}")
        for line in lines:
            with contextlib.suppress(DataError):  # that case runs again
                told = from_json(line, Line, source="line")
                self._done[told.key] = told.observed

    def _foreign(self, why: str) -> UsageError:
        return UsageError(f"--resume {self._path}: {why}", "name another file; this one is left as it is")

    def found(self, name: str, wanted: Wanted) -> Observed | None:
        """What was seen of the case with that key, to be held to what is `wanted` now; None: it did not run yet."""
        seen = self._done.get(name)
        return None if seen is None else msgspec.structs.replace(seen, wanted=wanted)

    def add(self, name: str, observed: Observed) -> None:
        """Keep what was seen of a case. One that was skipped is not kept: what it lacked may be there next time. Raises OSError."""
        if observed.skip is not None:
            return
        self._write(_line(Line(key=name, observed=observed)))
        self._done[name] = observed

    def _write(self, line: bytes) -> None:
        """Put a line at the end, over what was not written whole."""
        try:
            os.ftruncate(self._descriptor, self._end)
            left, place = line, self._end
            while left:
                many = os.pwrite(self._descriptor, left, place)
                left, place = left[many:], place + many
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise
        self._end = place

    def close(self) -> None:
        """Give it back."""
        os.close(self._descriptor)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _line(value: Model) -> bytes:
    return msgspec.json.encode(value) + b"\n"
