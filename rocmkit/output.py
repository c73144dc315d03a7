"""The streams of the command line: what is drawn how, the line that says what is still being read, files written at once."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rocmkit.errors import UsageError
from rocmkit.report.terminal import line
from rocmkit.telling import Tell
from rocmkit.words import said
from rocmkit.words.columns import width


class _Line:
    """A line on stderr, drawn over and over: what is being done, since when, and how long that may still take."""

    def __init__(self, doing: str, after_s: float, *, clock: bool) -> None:
        self._doing, self._clock = doing, clock
        self._began = time.monotonic()
        self._due = self._began + after_s
        self._apart_s = 0.1 if after_s else 0.0  # what is told of thousands of files is told ten times a second
        self._text, self._shown = "", False
        self._ends, self._sure = 0.0, False
        self._drawing, self._over = threading.Lock(), threading.Event()
        threading.Thread(target=self._move, name="progress", daemon=True).start()

    def __call__(self, text: str, left_s: float | None = None, most_s: float | None = None) -> None:
        """Tell that this is done now; nothing: take the line away."""
        now = time.monotonic()
        seconds = most_s if left_s is None else left_s
        with self._drawing:
            self._text, self._sure = text, left_s is None
            self._ends = 0.0 if seconds is None else now + seconds
            if not text and self._shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._shown = False
            elif text and now >= self._due:
                self._draw(now)
                self._due = now + self._apart_s

    def aside(self, text: str) -> None:
        """Write a line that stays, above it."""
        with self._drawing:
            sys.stderr.write(("\r\x1b[K" if self._shown else "") + text)
            if self._shown:
                self._draw(time.monotonic())
            sys.stderr.flush()

    def end(self) -> None:
        """Take it away for good."""
        self._over.set()
        self("")

    def _move(self) -> None:
        while not self._over.wait(1):
            with self._drawing, contextlib.suppress(OSError, ValueError):  # nobody looks any more
                if self._text and time.monotonic() >= self._due:
                    self._draw(time.monotonic())

    def _draw(self, now: float) -> None:
        dots = "…" if is_utf8(sys.stderr) else "..."
        clock = self._clocked(now)
        doing = self._text.replace("_", " ") if self._text.isidentifier() else self._text  # the name of a section of facts
        text = f"{said(self._doing)} {line(said(doing))} {dots}"
        while text and width(text) > _columns() - 1 - width(clock):
            text = text[:-1]
        sys.stderr.write(f"\r\x1b[K{text}{clock}")
        sys.stderr.flush()
        self._shown = True

    def _clocked(self, now: float) -> str:
        """How long it has been going, once that is worth a word, and how long it may still."""
        if not self._clock or now - self._began < _SOON_S:
            return ""
        from rocmkit.report.preflight import duration

        took, left_s = duration(now - self._began), self._ends - now
        if left_s < 1:
            return f" {took}"
        left = duration(left_s)
        return f" {took}, " + (said(f"at most {left} left") if self._sure else said(f"about {left} left"))


#: Who waits for less needs no clock.
_SOON_S = 2.0
_line: _Line | None = None


@contextlib.contextmanager
def progress(*, after_s: float = 0, doing: str = "looked at", clock: bool = True) -> Iterator[Tell | None]:
    """A line on stderr that says what is still being read, or done; only on a terminal, once it has taken so long, and gone at the end.

    It moves every second, so that one sees that it lives. `clock`: it says the time by itself; else that is in what it is told.
    """
    global _line  # noqa: PLW0603 - there is one terminal
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    outer, _line = _line, _Line(doing, after_s, clock=clock)
    try:
        yield _line
    finally:
        _line.end()
        _line = outer


def note(text: str) -> None:
    """A line for people, which stays. That nobody can read it ends nothing."""
    told = to_people("rocmkit: ", text)
    with contextlib.suppress(OSError):
        if _line:
            _line.aside(told)
        else:
            sys.stderr.write(told)
            sys.stderr.flush()


def to_people(first: str, text: str) -> str:
    """A message for stderr behind what it begins with: wrapped on a terminal, one line for whatever else reads it."""
    text = line(text)[:_LONGEST]
    if not sys.stderr.isatty():
        return f"{first}{said(text)}\n"
    from rocmkit.report.drawing import wrapped

    return "\n".join(wrapped(first, text, min(_columns(), _WIDEST), indent=width(first))) + "\n"


#: So much is told of a message that holds what somebody else wrote.
_LONGEST = 2000
#: Lines longer than this are hard to read, however wide a terminal is.
_WIDEST = 120


def _columns() -> int:
    """The width of the terminal behind stderr; what is longer would wrap, and could not be taken back."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def is_utf8(stream: Any) -> bool:
    """Whether a stream takes UTF-8."""
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"


def drawing(*, to_terminal: bool) -> Any:
    """How text is drawn: color, unicode, width."""
    stream = sys.stdout
    tty = to_terminal and stream.isatty()
    return {
        "color": tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        "unicode": not to_terminal or is_utf8(stream),
        "width": min(os.get_terminal_size(stream.fileno()).columns, _WIDEST) if tty else 100,
    }


def write(text: str, path: Path | None) -> None:
    """Print `text`, or put it into a file at once: a kill leaves the old file or the new one.

    What is no regular file (a device, a pipe) is written to, never replaced; "-" is standard output.
    """
    if path is None or str(path) == "-":
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader went away (`| head`): nobody's fault, and the exit code still tells the verdict.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        except OSError as error:
            raise UsageError(f"cannot write to standard output: {error.strerror or error}") from None
        return
    import tempfile

    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8") as file:
                file.write(text)
            return
        path = path.resolve()
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".rocmkit-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
