"""Recordings: the answers of a host, written down as one YAML file a machine, and a host that gives them again.

A recording is data. Nothing in it is executed, and a file that is not one gives DataError.
"""

from __future__ import annotations

import base64
import errno
import os
import posixpath
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.host.base import Host, Identity, Limits, NotAsked, Run, Space, Stat, absent
from rocmkit.model import Model, convert, load_yaml, to_builtins

T = TypeVar("T")
FORMAT = 1
#: No recording of a machine comes near this.
MAX_BYTES = 32 << 20


class Refused(Model):
    """The answer was an error: its errno's name, ValueError for a file that is not what was asked for."""

    error: str


class Raw(Model):
    """Bytes that are not UTF-8 text, in base64."""

    base64: str


class Ended(Model, kw_only=True):
    """How a command ended; see host.base.Run."""

    argv: tuple[str, ...]
    outcome: str = "exited"
    exit: int | None = None
    signal: str | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    error: str | None = None


class Recording(Model, kw_only=True):
    """One machine. With `whole`, a path that is not listed does not exist; without, it was not asked about."""

    rocmkit_recording: int
    about: str
    whole: bool = False
    files: dict[str, Any] = {}
    folders: dict[str, Any] = {}
    links: dict[str, Any] = {}
    stats: dict[str, Any] = {}
    opens: dict[str, str] = {}
    which: dict[str, str | None] = {}
    commands: tuple[Ended, ...] = ()
    environ: dict[str, str] | None = None
    identity: Identity | None = None
    machine: str | None = None
    gpu_code: dict[str, Any] = {}
    kernel_files: dict[str, Any] = {}
    space: dict[str, Any] = {}
    limits: Limits | None = None


def load(text: str, *, source: str) -> Recording:
    """A recording from YAML. Raises DataError."""
    found = convert(load_yaml(text, source=source), Recording, source=source)
    if found.rocmkit_recording != FORMAT:
        from rocmkit.model import DataError

        raise DataError(f"{source}: recording format {found.rocmkit_recording}; this rocmkit reads {FORMAT}")
    return found


def dump(recording: Recording) -> str:
    """A recording as YAML."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Text of several lines in block style: a recording is read by people and by diff."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    plain = {key: value for key, value in to_builtins(recording).items() if value not in (None, {}, [])}
    return str(yaml.dump(plain, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=1_000_000))


class RecordingHost(Host):
    """Passes every question on to `inner` and writes the answer down."""

    def __init__(self, inner: Host) -> None:
        self.inner = inner
        self.home = inner.home
        self.executes = inner.executes
        self._maps: dict[str, dict[str, Any]] = {}
        self._commands: dict[tuple[str, ...], Ended] = {}
        self._single: dict[str, Any] = {}

    def recording(self, about: str) -> Recording:
        """All that was answered so far."""
        maps = {name: dict(sorted(answers.items())) for name, answers in self._maps.items()}
        return Recording(
            rocmkit_recording=FORMAT,
            about=about,
            commands=tuple(self._commands[argv] for argv in sorted(self._commands)),
            **maps,
            **self._single,
        )

    def _note(self, verb: str, key: str, ask: Callable[[], T], encode: Callable[[T], Any] = to_builtins) -> T:
        answers = self._maps.setdefault(verb, {})
        try:
            answer = ask()
        except (OSError, ValueError) as error:
            answers[key] = {"error": _error_name(error)}
            raise
        answers[key] = encode(answer)
        return answer

    def read(self, path: str, keep: Callable[[bytes], bytes]) -> bytes:
        return self._note("files", path, lambda: self.inner.read(path, keep), _encode_bytes)

    def _read(self, path: str) -> bytes:  # pragma: no cover - read() never comes here
        raise NotAsked(path)

    def list(self, path: str) -> tuple[str, ...]:
        return self._note("folders", path, lambda: self.inner.list(path))

    def stat(self, path: str) -> Stat:
        return self._note("stats", path, lambda: self.inner.stat(path))

    def readlink(self, path: str) -> str:
        return self._note("links", path, lambda: self.inner.readlink(path))

    def realpath(self, path: str) -> str:
        return self._note("links", "=" + path, lambda: self.inner.realpath(path))

    def try_open(self, path: str) -> None:
        answers = self._maps.setdefault("opens", {})
        try:
            self.inner.try_open(path)
        except OSError as error:
            answers[path] = _error_name(error)
            raise
        answers[path] = "ok"

    def which(self, name: str) -> str | None:
        return self._note("which", name, lambda: self.inner.which(name))

    def run(self, argv: tuple[str, ...], keep: Callable[[bytes], bytes], *, timeout_s: float, stdin: bytes = b"") -> Run:
        try:
            run = self.inner.run(argv, keep, timeout_s=timeout_s, stdin=stdin)
        except OSError as error:
            self._commands[argv] = Ended(argv=argv, error=_error_name(error))
            raise
        self._commands[argv] = Ended(
            argv=argv,
            outcome=run.outcome,
            exit=run.exit,
            signal=run.signal,
            stdout=run.stdout.decode("utf-8", "replace"),
            stderr=run.stderr.decode("utf-8", "replace"),
            truncated=run.truncated,
        )
        return run

    def _run(self, argv: tuple[str, ...], timeout_s: float, stdin: bytes) -> Run:  # pragma: no cover - run() never comes here
        raise NotAsked(argv[0])

    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        self._single["environ"] = {**self._single.get("environ", {}), **self.inner.environ(wanted)}
        return {name: value for name, value in self._single["environ"].items() if wanted(name)}

    def identity(self) -> Identity:
        self._single["identity"] = self.inner.identity()
        return self._single["identity"]  # type: ignore[no-any-return]

    def machine(self) -> str:
        self._single["machine"] = self.inner.machine()
        return self._single["machine"]  # type: ignore[no-any-return]

    def gpu_code(self, path: str) -> FileCode:
        return self._note("gpu_code", path, lambda: self.inner.gpu_code(path))

    def kernel_files(self, library: str, path: str) -> KernelFiles:
        return self._note("kernel_files", f"{library} {path}", lambda: self.inner.kernel_files(library, path))

    def space(self, path: str) -> Space:
        return self._note("space", path, lambda: self.inner.space(path))

    def limits(self) -> Limits:
        self._single["limits"] = self.inner.limits()
        return self._single["limits"]  # type: ignore[no-any-return]


class ReplayHost(Host):
    """Gives a recording's answers. What it does not hold is NotAsked; for a whole machine, a path that is not there."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.executes = recording.identity is not None
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
            return base64.b64decode(convert(value, Raw, source=path).base64, validate=True)
        return self._answer("files", path, str).encode()

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
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def list(self, path: str) -> tuple[str, ...]:
        if path in self.recording.folders:
            return self._answer("folders", path, tuple[str, ...])
        path = self._through_links(path)
        if path in self._children:
            return tuple(sorted(self._children[path]))
        return self._answer("folders", path, tuple[str, ...])

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
            stdout=found.stdout.encode(),
            stderr=found.stderr.encode(),
            truncated=found.truncated,
        )

    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        if self.recording.environ is None:
            raise NotAsked("the environment is not in this recording")
        return {name: value for name, value in self.recording.environ.items() if wanted(name)}

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
        return self._answer("kernel_files", f"{library} {path}", KernelFiles)

    def space(self, path: str) -> Space:
        return self._answer("space", path, Space)

    def limits(self) -> Limits:
        if self.recording.limits is None:
            raise NotAsked("the limits are not in this recording")
        return self.recording.limits


def _encode_bytes(data: bytes) -> Any:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    return text if text.isprintable() or all(c.isprintable() or c in "\n\t" for c in text) else {"base64": base64.b64encode(data).decode()}


def _error_name(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "EIO")
    return "ValueError"


def _error(name: str, key: str) -> Exception:
    if name == "ValueError":
        return ValueError(f"{key}: not what was asked for")
    number = getattr(errno, name, None) if name.startswith("E") and name.isalnum() else None
    if not isinstance(number, int):
        return msgspec.ValidationError(f"unknown error {name!r} at {key}")
    return OSError(number, os.strerror(number), key)
