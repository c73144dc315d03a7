"""The streams of the command line: what is drawn how, the line that says what is still being read, files written at once."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from rocmkit.errors import UsageError
from rocmkit.report.terminal import line


@contextlib.contextmanager
def progress(*, after_s: float = 0, doing: str = "looked at") -> Any:
    """A line on stderr that says what is still being read, or done; only on a terminal, once it has taken so long, and gone at the end."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return

    due, shown = time.monotonic() + after_s, False

    def tell(text: str) -> None:
        nonlocal due, shown
        if text and time.monotonic() < due:
            return
        if after_s:  # what is told of thousands of files is told ten times a second
            due = time.monotonic() + 0.1
        if text or shown:
            shown_text = f"{doing} {line(text).replace('_', ' ')} …"
            sys.stderr.write(f"\r\x1b[K{shown_text[: _columns() - 1]}" if text else "\r\x1b[K")
            sys.stderr.flush()
        shown = bool(text)

    try:
        yield tell
    finally:
        tell("")


def _columns() -> int:
    """The width of the terminal behind stderr; what is longer would wrap, and could not be taken back."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def drawing(*, to_terminal: bool) -> Any:
    """How text is drawn: color, unicode, width."""
    stream = sys.stdout
    tty = to_terminal and stream.isatty()
    return {
        "color": tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        "unicode": not to_terminal or (stream.encoding or "").lower().replace("-", "") == "utf8",
        "width": min(os.get_terminal_size(stream.fileno()).columns, 120) if tty else 100,
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
