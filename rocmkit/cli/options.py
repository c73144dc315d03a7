"""What several commands have in common on the command line."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rocmkit.errors import UsageError

if TYPE_CHECKING:
    from rocmkit.facts import Facts
    from rocmkit.host.base import Host

EXIT_CODES = """\b
Exit codes, the same in every output format:
  0  nothing blocking    1  a blocking problem     2  usage error
  3  inconclusive        4  not applicable here   70  a bug in rocmkit
  130  interrupted"""


#: A log: a file, or - for standard input.
LOG = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class Seconds(click.FloatRange):
    """How long something may take, at least a second."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Fails for "nan", which is in no range and out of none."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail("nan is no time", param, ctx)
        return seconds


def form_of(as_json: bool, form: str | None) -> str:
    """How to print, of the two options that say so."""
    if as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} contradict each other")
    return "json" if as_json else form or "text"


def interpreter(facts: Facts, host: Host) -> str:
    """The path of the Python that was found. Raises UsageError where there is none."""
    from rocmkit.facts import Gap

    if isinstance(facts.python, Gap):
        raise UsageError(f"no Python to do it in: {facts.python.detail}", "name one with --python")
    return host.private.reveal(facts.python.executable)


@contextlib.contextmanager
def starting(python: str, host: Host) -> Iterator[None]:
    """Raise UsageError where that interpreter does not start."""
    try:
        yield
    except OSError as error:
        hint = "name an interpreter that runs on this machine with --python"
        raise UsageError(f"cannot run {host.private.hide(python)}: {error.strerror or error}", hint) from None


def not_onto(output: Path | None, *inputs: Path) -> None:
    """Raise UsageError where what comes of it would be written over what it is made of."""
    for one in inputs:
        with contextlib.suppress(OSError):  # one of them is not there
            if output is not None and output.is_file() and output.samefile(one):
                raise UsageError(f"{output} is what is read: it would be lost", "name another file with -o")


def can_write(*paths: Path | None) -> None:
    """Raise UsageError before minutes of work, where what comes of them could not be written into its folder."""
    import tempfile

    for path in paths:
        if path is None or str(path) == "-" or (path.exists() and not path.is_file()):
            continue
        try:
            with tempfile.TemporaryFile(dir=path.resolve().parent):
                pass
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
