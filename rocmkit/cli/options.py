"""What several commands have in common on the command line."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import click

from rocmkit.errors import UsageError

EXIT_CODES = """\b
Exit codes, the same in every output format:
  0  nothing blocking    1  a blocking problem     2  usage error
  3  inconclusive        4  not applicable here   70  a bug in rocmkit
  130  interrupted"""


#: A log: a file, or - for standard input.
LOG = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


def form_of(as_json: bool, form: str | None) -> str:
    """How to print, of the two options that say so."""
    if as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} contradict each other")
    return "json" if as_json else form or "text"


def not_onto(output: Path | None, *inputs: Path) -> None:
    """Raise UsageError where what comes of it would be written over what it is made of."""
    for one in inputs:
        with contextlib.suppress(OSError):  # one of them is not there
            if output is not None and output.is_file() and output.samefile(one):
                raise UsageError(f"{output} is what is read: it would be lost", "name another file with -o")


def can_write(*paths: Path | None) -> None:
    """Raise UsageError before minutes of work, where what comes of them could not be written into its folder."""
    for path in paths:
        if path is None or str(path) == "-" or (path.exists() and not path.is_file()):
            continue
        try:
            with tempfile.TemporaryFile(dir=path.resolve().parent):
                pass
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
