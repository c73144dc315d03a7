"""What fails, or does not answer in time, becomes a Gap: a probe never ends another one, let alone the command."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from rocmkit.facts import Gap, gap
from rocmkit.host.base import Host, Keep, NotAsked, ProcessDied, Run, Wanted, whole

P = ParamSpec("P")
T = TypeVar("T")


def from_error(error: BaseException) -> Gap:
    """The Gap for an exception that a question to a Host, or the parsing of its answer, ended with."""
    if isinstance(error, NotAsked):
        return gap("not-executed", str(error))
    if isinstance(error, ProcessDied):
        return gap("crashed", str(error))
    if isinstance(error, TimeoutError):
        return gap("timeout", _words(error))
    if isinstance(error, PermissionError):
        return gap("denied", _words(error))
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return gap("absent", _words(error))
    if isinstance(error, ValueError):
        return gap("unparsable", str(error) or type(error).__name__)
    return gap("unparsable", f"{type(error).__name__}: {_words(error)}")


def field(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Gap:
    """What `ask(*args)` returns, or the Gap for what it raises."""
    try:
        return ask(*args, **kwargs)
    except Exception as error:
        return from_error(error)


def names(host: Host, folder: str, wanted: Wanted | None = None) -> tuple[str, ...]:
    """The `wanted` entries of a folder; none where it cannot be listed. Only where an empty folder and a hidden one mean the same."""
    found = field(host.list, folder, wanted)
    return () if isinstance(found, Gap) else found


def text(host: Host, path: str, keep: Keep = whole) -> str:
    """A file as text, empty where it cannot be read. Only for what is a bonus, never where silence would read as "fine"."""
    found = field(host.read_text, path, keep)
    return "" if isinstance(found, Gap) else found


def from_run(run: Run, program: str) -> Gap | None:
    """The Gap for a program that did not end by itself, with its last words; None for one that did."""
    if run.outcome == "timeout":
        return gap("timeout", f"{program} did not answer and was stopped")
    if run.outcome == "signal":
        words = run.stderr.decode("utf-8", "replace").strip().splitlines()
        return gap("crashed", f"{program} ended by {run.signal}" + (f": {words[-1][:200]}" if words else ""))
    return None


def side_by_side(
    asks: Mapping[str, Callable[[], T]], *, timeout_s: float, progress: Callable[[str], None] | None = None
) -> dict[str, T | Gap]:
    """Ask everything at once, each in a daemon thread of its own, and answer after `timeout_s` at the latest.

    What is not done by then is a Gap: a read inside a wedged driver cannot be interrupted, so its thread is left behind and
    never joined. `progress` is called in this thread with the name of each question that was answered.
    """
    end = time.monotonic() + timeout_s
    answers: queue.SimpleQueue[tuple[str, T | Gap]] = queue.SimpleQueue()

    def work(name: str, ask: Callable[[], T]) -> None:
        answers.put((name, field(ask)))

    for name, ask in asks.items():
        threading.Thread(target=work, args=(name, ask), name=f"rocmkit-{name}", daemon=True).start()
    found: dict[str, T | Gap] = {}
    while len(found) < len(asks):
        try:
            name, answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[name] = answer
        if progress:
            progress(name)
    return {name: found[name] if name in found else gap("timeout", f"{name}: no answer within {timeout_s:g} s") for name in asks}


def _words(error: BaseException) -> str:
    """What happened and where. From the errno alone where there is one: a recording keeps no other words of it."""
    if isinstance(error, OSError) and error.errno:
        words = os.strerror(error.errno)
        return f"{error.filename}: {words}" if error.filename else words
    return str(error) or type(error).__name__
