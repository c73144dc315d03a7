"""A host that passes every question on and writes the answers down."""

from __future__ import annotations

import base64
import errno
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.host.base import Host, Identity, Limits, NotAsked, Run, Space, Stat, Wanted
from rocmkit.host.recording import FORMAT, Ended, Recording
from rocmkit.model import to_builtins

T = TypeVar("T")


class RecordingHost(Host):
    """Passes every question on to `inner` and writes the answer down."""

    def __init__(self, inner: Host) -> None:
        self.inner = inner
        self.private = inner.private
        self.executes = inner.executes
        self._maps: dict[str, dict[str, Any]] = {}
        self._commands: dict[tuple[str, ...], Ended] = {}
        self._single: dict[str, Any] = {}
        self._space: dict[str, Space] = {}
        # Probes ask side by side, and some add to the same answer. Held while noting, never while asking.
        self._lock = threading.Lock()
        self._pending: set[tuple[str, str]] = set()
        self._running: set[tuple[str, ...]] = set()

    def recording(self, about: str) -> Recording:
        """All that was answered so far."""
        with self._lock:  # a probe that was given up may still come back and note something
            # What never came back is as much of an answer.
            late: dict[str, dict[str, Any]] = {verb: {} for verb in self._maps}
            for verb, key in self._pending:
                late[verb][key] = "ETIMEDOUT" if verb == "opens" else {"error": "ETIMEDOUT"}
            answers: dict[str, Any] = {verb: dict(sorted((late[verb] | found).items())) for verb, found in self._maps.items()}
            answers |= self._single
            ended = {argv: Ended(argv=argv, outcome="timeout") for argv in self._running} | self._commands
            commands = tuple(ended[argv] for argv in sorted(ended))
        return Recording(rocmkit_recording=FORMAT, about=about, commands=commands, **answers)

    def _note(self, verb: str, key: str, ask: Callable[[], T], encode: Callable[[T], Any] = to_builtins) -> T:
        with self._lock:
            answers = self._maps.setdefault(verb, {})
            self._pending.add((verb, key))
        try:
            answer = ask()
            with self._lock:
                answers[key] = encode(answer)
        except (OSError, ValueError) as error:
            with self._lock:
                answers[key] = self._refused(verb, error)
            raise
        finally:
            with self._lock:
                self._pending.discard((verb, key))
        return answer

    def _refused(self, verb: str, error: OSError | ValueError) -> Any:
        name = _error_name(error)
        if name == "ValueError" and str(error):
            name = f"ValueError: {self.private.hide_text(str(error))[:200]}"
        return name if verb == "opens" else {"error": name}

    def read(self, path: str, keep: Callable[[bytes], bytes]) -> bytes:
        return self._note("files", path, lambda: self.inner.read(path, keep), _encode_bytes)

    def _read(self, path: str) -> bytes:  # pragma: no cover - read() never comes here
        raise NotAsked(path)

    def list(self, path: str, wanted: Wanted | None = None) -> tuple[str, ...]:
        def joined(names: tuple[str, ...]) -> Any:
            known = self._maps["folders"].get(path)  # several probes may want different names of one folder
            return sorted({*names, *(known if isinstance(known, list) else ())})

        return self._note("folders", path, lambda: self.inner.list(path, wanted), joined)

    def stat(self, path: str) -> Stat:
        return self._note("stats", path, lambda: self.inner.stat(path))

    def readlink(self, path: str) -> str:
        return self._note("links", path, lambda: self.inner.readlink(path))

    def realpath(self, path: str) -> str:
        return self._note("links", "=" + path, lambda: self.inner.realpath(path))

    def try_open(self, path: str) -> None:
        self._note("opens", path, lambda: self.inner.try_open(path), lambda _: "ok")

    def which(self, name: str) -> str | None:
        return self._note("which", name, lambda: self.inner.which(name))

    def run(self, argv: tuple[str, ...], keep: Callable[[bytes], bytes], *, timeout_s: float, stdin: bytes = b"") -> Run:
        with self._lock:
            self._running.add(argv)
        try:
            run = self.inner.run(argv, keep, timeout_s=timeout_s, stdin=stdin)
        except OSError as error:
            self._ended(Ended(argv=argv, error=_error_name(error)))
            raise
        self._ended(
            Ended(
                argv=argv,
                outcome=run.outcome,
                exit=run.exit,
                signal=run.signal,
                stdout=run.stdout.decode("utf-8", "replace"),
                stderr=run.stderr.decode("utf-8", "replace"),
                truncated=run.truncated,
            )
        )
        return run

    def _ended(self, command: Ended) -> None:
        with self._lock:
            self._running.discard(command.argv)
            self._commands[command.argv] = command

    def _run(self, argv: tuple[str, ...], timeout_s: float, stdin: bytes) -> Run:  # pragma: no cover - run() never comes here
        raise NotAsked(argv[0])

    def environ(self, wanted: Callable[[str], bool]) -> Mapping[str, str]:
        found = self.inner.environ(wanted)
        with self._lock:
            self._single["environ"] = {**self._single.get("environ", {}), **found}
        return found

    def asked_python(self, choice: str | None) -> str | None:
        return self._note_python(self.inner.asked_python(choice))

    def own_python(self) -> str | None:
        return self._note_python(self.inner.own_python())

    def _note_python(self, answer: str | None) -> str | None:
        if answer is not None:
            self._single["python"] = answer
        return answer

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
        # Several probes ask, and free room changes between two questions: the first answer counts for all.
        return self._note("space", path, lambda: self._space.setdefault(path, self.inner.space(path)))

    def can_write(self, path: str) -> bool:
        return self._note("writable", path, lambda: self.inner.can_write(path))

    def database(self, path: str) -> str:
        return self._note("databases", path, lambda: self.inner.database(path))

    def limits(self) -> Limits:
        self._single["limits"] = self.inner.limits()
        return self._single["limits"]  # type: ignore[no-any-return]


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
