"""What several commands have in common on the command line."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rocmkit.errors import UsageError

if TYPE_CHECKING:
    from rocmkit.facts import Facts
    from rocmkit.host.base import Host

#: How most commands end, the same in every output format.
EXIT_CODES = (
    (0, "nothing blocking"),
    (1, "a blocking problem"),
    (2, "usage error"),
    (3, "inconclusive"),
    (4, "not applicable here"),
    (70, "a bug in rocmkit"),
    (130, "interrupted"),
)

#: A log: a file, or - for standard input.
LOG = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class _Number(click.FloatRange):
    what = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Fails for "nan", which is in no range and out of none."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"nan is no {self.what}", param, ctx)
        return number


class Seconds(_Number):
    """How long something may take, at least a second."""

    what = "time"

    def __init__(self) -> None:
        super().__init__(min=1)


class Rate(_Number):
    """A share of errors."""

    what = "rate"

    def __init__(self) -> None:
        super().__init__(min=0, max=1)


def memory(_: click.Context, __: click.Parameter, typed: str | None) -> int | None:
    """Bytes, of 8GiB, 8G, 7.5GiB or 512MiB; GB is a thousand million, as disks have it. Fails for what is no amount, or nothing."""
    if typed is None:
        return None
    found = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([KMGT]?)(iB|B)?\s*", typed, re.ASCII | re.IGNORECASE)
    if found is None:
        raise click.BadParameter(f"{typed!r} is no amount of memory, as 8GiB is")
    number, letter, unit = found.groups()
    amount = int(float(number) * (1000 if (unit or "").lower() == "b" else 1024) ** " KMGT".index(letter.upper() or " "))
    if not amount:
        raise click.BadParameter("nothing is no limit")
    return amount


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
        with contextlib.suppress(OSError, RuntimeError):  # no such name can be
            if output is not None and (output.resolve() == one.resolve() or (output.is_file() and output.samefile(one))):
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
