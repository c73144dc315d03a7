"""`rocmkit diff`."""

from __future__ import annotations

from pathlib import Path

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.options import form_of
from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, write


@click.command(
    cls=Command,
    short_help="Say what changed between two looks at a machine.",
    exits=(
        (0, "NEW has no sure error that OLD has not"),
        (1, "it has one"),
        (2, "usage error, or a file that is neither"),
        (70, "a bug in rocmkit"),
    ),
    examples=(
        ("rocmkit doctor --record before.yaml", "before an upgrade; and after it --record after.yaml"),
        ("rocmkit diff before.yaml after.yaml", "what the upgrade changed"),
        ("rocmkit doctor --json | rocmkit diff last-week.json -", "what is new since last week"),
        ("rocmkit diff mine.yaml working-machine.yaml --format markdown", "what another machine has that this one has not"),
    ),
)
@click.argument("old", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), help="How to print it. Default: text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file.")
def diff(old: Path, new: Path, as_json: bool, form: str | None, output: Path | None) -> Exit:
    """Say what changed between two looks at a machine: findings that came and went, and facts that differ.

    OLD and NEW are recordings (`rocmkit doctor --record`), which are judged with today's checks, or reports (`rocmkit doctor --json`),
    which are taken as they stand, of whatever version. One of them may be -, standard input.
    """
    from rocmkit.report.diff import diff as compared
    from rocmkit.sources import compared_side

    form = form_of(as_json, form)
    if str(old) == str(new) == "-":
        raise UsageError("standard input can be one of the two, not both")
    if output and str(output) != "-" and output in {old, new}:
        raise UsageError(f"{output} is named twice: the comparison would overwrite what it compares")
    found = compared(compared_side(old), compared_side(new))
    if form == "json":
        from rocmkit.report import json

        write(json.render(found), output)
    elif form == "html":
        from rocmkit.report import diffhtml

        write(diffhtml.render(found), output)
    else:
        from rocmkit.report import difftext

        write(difftext.markdown(found) if form == "markdown" else difftext.text(found, **drawing(to_terminal=output is None)), output)
    return Exit(found.exit)
