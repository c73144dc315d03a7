"""The process around the command line: its streams, the signals it gets, its exit code."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until all is imported there is nothing to tidy up: Ctrl-C ends it as it does any program, without a traceback of imports.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from rocmkit.cli import cli
from rocmkit.errors import Bug, Exit, RocmkitError, UsageError
from rocmkit.output import is_utf8, to_people
from rocmkit.words import preferred, said, speak


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """What an encoding lacks, as JSON writes it."""
    import json

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def main() -> None:
    """The entry point: run, and turn every failure into its message and its exit code."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # started with it closed: no other file may get its number
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115, PTH123 - for the rest of the process
            with contextlib.suppress(OSError):
                os.dup2(getattr(sys, name).fileno(), number)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Nothing is lost where it cannot hold all text, JSON stays JSON, and a page of `explain` is readable with escapes in it.
        codecs.register_error("rocmkit-escape", _escaped)
        sys.stdout.reconfigure(errors="rocmkit-escape")
    ended = _ends_on_signals()
    try:
        code = _guarded(_run)
    except OSError:  # of standard error: nobody is there to read why
        code = int(Exit.USAGE)
    except KeyboardInterrupt:  # once more, while it ended of the first
        code = int(Exit.INTERRUPTED)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends as it is
    if process := sys.modules.get("rocmkit.host.process"):  # only then was anything started
        process.kill_everything()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    if ended:
        signal.signal(ended[0], signal.SIG_DFL)
        os.kill(os.getpid(), ended[0])
    # Threads may still be stuck in a read that a wedged driver never answers: they are not waited for.
    os._exit(code)


def _run() -> Any:
    if is_utf8(sys.stdout):
        speak(preferred(os.environ))
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # a shell's job in the background has it ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return cli.main(prog_name="rocmkit", standalone_mode=False)


def _ends_on_signals() -> list[int]:
    """Let SIGTERM and SIGHUP end the run as Ctrl-C does: temporary files go, and what was started. Gets the signal that came."""
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, end)
    return came


def _guarded(run: Callable[[], Any]) -> int:
    try:
        result = run()
        return int(result) if isinstance(result, int) else int(Exit.OK)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        sys.stderr.writelines(f"{said(text)}\n" for text in shown.getvalue().splitlines())
        return int(Exit.USAGE)
    except (KeyboardInterrupt, click.Abort):
        return int(Exit.INTERRUPTED)
    except RocmkitError as error:
        _complain(error)
        return int(error.exit)
    except OSError as error:
        if error.filename is not None or error.errno not in {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EPIPE}:
            return _bug(error)
        _complain(UsageError(f"cannot write to standard output: {error.strerror}"))  # a page of help, by click
        return int(Exit.USAGE)
    except Exception as error:
        return _bug(error)


def _bug(error: Exception) -> int:
    if os.environ.get("ROCMKIT_TRACEBACK"):
        raise error
    _complain(Bug(f"rocmkit itself failed: {type(error).__name__}: {error}", "please report it; ROCMKIT_TRACEBACK=1 shows where"))
    return int(Exit.BUG)


def _complain(error: RocmkitError) -> None:
    sys.stderr.write(to_people("rocmkit: ", error.message))
    if error.hint:
        sys.stderr.write(to_people(f"{said('hint')}: ", error.hint))
