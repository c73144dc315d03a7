"""A host that gives a recording's answers."""

from __future__ import annotations

import base64
import errno
import os
import posixpath
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.host.base import LIMIT_BYTES, Host, Identity, Limits, NotAsked, Run, Space, Stat, Wanted, absent
from rocmkit.host.names import Names
from rocmkit.host.recording import MAX_PATH, Raw, Recording
from rocmkit.model import DataError, convert

T = TypeVar("T")


class ReplayHost(Host):
    """Gives a recording's answers. What it does not hold is NotAsked; for a whole machine, a path that is not there."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.executes = recording.identity is not None
        self.private = Names()
        self._commands = {command.argv: command for command in recording.commands}
        self._children: dict[str, set[str]] = {}
        if recording.whole:
            self._imply_folders()

    def _imply_folders(self) -> None:
        listed = [p for m in (self.recording.files, self.recording.links, self.recording.stats, self.recording.gpu_code) for p in m]
        listed += [key.partition(" ")[2] for key in self.recording.kernel_files] + list(self.recording.folders)
        for path in listed:
            if path.startswith("="):
                continue
            while path not in {"/", "~", ""}:
                parent, name = posixpath.split(path)
                if name in self._children.setdefault(parent, set()):
                    break
                self._children[parent].add(name)
                path = parent

    def _answer(self, verb: str, key: str, kind: type[T]) -> T:
        answers: dict[str, Any] = getattr(self.recording, verb)
        if key not in answers:
            raise self._missing(key.rpartition(" ")[2] if verb == "kernel_files" else key)
        value = answers[key]
        if isinstance(value, dict) and set(value) == {"error"}:
            raise _error(str(value["error"]), key)
        return convert(value, kind, source=f"{verb}: {key}")

    def _missing(self, path: str) -> Exception:
        return absent(path) if self.recording.whole else NotAsked(f"{path} is not in this recording")

    def _read(self, path: str) -> bytes:
        if path in self._children and path not in self.recording.files:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        path = self._through_links(path)
        value = self.recording.files.get(path)
        if isinstance(value, dict) and "base64" in value:
            return base64.b64decode(convert(value, Raw, source=path).base64, validate=True)[:LIMIT_BYTES]
        return self._answer("files", path, str).encode()[:LIMIT_BYTES]

    def _through_links(self, path: str) -> str:
        """`path` with the links that a whole machine lists resolved; a recording was asked with the same words."""
        if not self.recording.whole or path in self.recording.files:
            return path
        for _ in range(40):
            prefix, rest = path, ""
            while prefix not in {"/", "~", ""} and not isinstance(self.recording.links.get(prefix), str):
                prefix, _, last = prefix.rpartition("/")
                rest = f"/{last}{rest}"
            target = self.recording.links.get(prefix)
            if not isinstance(target, str):
                return path
            path = posixpath.normpath(posixpath.join(posixpath.dirname(prefix), target)) + rest
            if len(path) > MAX_PATH:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path[:MAX_PATH])
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def list(self, path: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        if path not in self.recording.folders:
            path = self._through_links(path)
        if path in self._children and path not in self.recording.folders:
            return tuple(sorted(filter(wanted, self._children[path])))
        return tuple(filter(wanted, self._answer("folders", path, tuple[str, ...])))

    def stat(self, path: str) -> Stat:
        if path in self.recording.stats:
            return self._answer("stats", path, Stat)
        if self.recording.whole:
            place = self._through_links(path)
            if place in self.recording.stats:
                return self._answer("stats", place, Stat)
            if place in self._children:
                return Stat(kind="folder", mode="0755", uid=0, gid=0)
            if place in self.recording.files or place in self.recording.gpu_code:
                return Stat(kind="file", mode="0644", uid=0, gid=0)
        raise self._missing(path)

    def readlink(self, path: str) -> str:
        if self.recording.whole and path not in self.recording.links:
            folder, name = posixpath.split(path)
            path = posixpath.join(self._through_links(folder), name)
        if self.recording.whole and path not in self.recording.links and self.exists(path):
            raise OSError(errno.EINVAL, "not a link", path)
        return self._answer("links", path, str)

    def realpath(self, path: str) -> str:
        if "=" + path in self.recording.links:
            return self._answer("links", "=" + path, str)
        if self.recording.whole:
            return self._through_links(path)
        raise self._missing(path)

    def try_open(self, path: str) -> None:
        answer = self.recording.opens.get(path)
        if answer is None:
            if self.recording.whole and self.exists(path):
                raise NotAsked(f"{path} was not opened on this machine")
            raise self._missing(path)
        if answer != "ok":
            raise _error(answer, path)

    def which(self, name: str) -> str | None:
        if name in self.recording.which:
            return self.recording.which[name]
        if self.recording.whole:
            return None
        raise self._missing(name)

    def _run(self, argv: tuple[str, ...], timeout_s: float, stdin: bytes) -> Run:
        found = self._commands.get(argv)
        if found is None:
            raise NotAsked(f"`{' '.join(argv)}` was not run when this was recorded")
        if found.error:
            raise _error(found.error, argv[0])
        if found.outcome not in {"exited", "signal", "timeout"}:
            raise ValueError(f"unknown outcome {found.outcome!r} of {argv[0]}")
        return Run(
            outcome=found.outcome,  # type: ignore[arg-type]
            exit=found.exit,
            signal=found.signal,
            stdout=found.stdout.encode()[:LIMIT_BYTES],
            stderr=found.stderr.encode()[:LIMIT_BYTES],
            truncated=found.truncated,
        )

    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        if self.recording.environ is None:
            raise NotAsked("the environment is not in this recording")
        return {name: value for name, value in self.recording.environ.items() if wanted(name)}

    def asked_python(self, choice: str | None) -> str | None:
        return choice if choice is not None else self.recording.python

    def identity(self) -> Identity:
        if self.recording.identity is None:
            raise NotAsked("the user is not in this recording")
        return self.recording.identity

    def machine(self) -> str:
        if self.recording.machine is None:
            raise NotAsked("the processor is not in this recording")
        return self.recording.machine

    def gpu_code(self, path: str) -> FileCode:
        return self._answer("gpu_code", self._through_links(path), FileCode)

    def kernel_files(self, library: str, path: str) -> KernelFiles:
        return self._answer("kernel_files", f"{library} {self._through_links(path)}", KernelFiles)

    def space(self, path: str) -> Space:
        return self._answer("space", path, Space)

    def can_write(self, path: str) -> bool:
        return self._answer("writable", self._listed("writable", path), bool)

    def database(self, path: str) -> str:
        return self._answer("databases", self._listed("databases", path), str)

    def _listed(self, verb: str, path: str) -> str:
        """`path`. Raises NotAsked where it is there on a whole machine that does not say what was asked of it."""
        if self.recording.whole and path not in getattr(self.recording, verb) and self.exists(path):
            raise NotAsked(f"{path} was not looked at on this machine")
        return path

    def limits(self) -> Limits:
        if self.recording.limits is None:
            raise NotAsked("the limits are not in this recording")
        return self.recording.limits


def _error(name: str, key: str) -> Exception:
    if name.startswith("ValueError"):
        return ValueError(name.partition(": ")[2] or f"{key}: not what was asked for")
    number = getattr(errno, name, None) if name.startswith("E") and name.isalnum() else None
    if not isinstance(number, int):
        return DataError(f"unknown error {name!r} at {key}")
    return OSError(number, os.strerror(number), key)
