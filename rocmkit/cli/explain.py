"""`rocmkit explain`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import codes
from rocmkit.cli.options import LOG
from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, write
from rocmkit.sources import read_log


@click.command(
    cls=Command,
    short_help="Say what a finding or an error text means.",
    exits=((0, "printed, whatever a log shows"), (2, "usage error, no such page, or a log that cannot be read"), (70, "a bug in rocmkit")),
    examples=(
        ("rocmkit explain RK307", "a finding, by its code"),
        ("rocmkit explain kfd-permission", "or by its name"),
        ("rocmkit explain --list", "all of them"),
        ("rocmkit explain --log crash.txt", "the error texts in what a program printed"),
        ("python transcribe.py 2>&1 | rocmkit explain --log -", "the same, at once"),
    ),
)
@click.argument("name", required=False, metavar="[CODE|ID]", shell_complete=codes)
@click.option("--list", "list_all", is_flag=True, help="One line for each check, and for each failure that only logs show.")
@click.option("--log", type=LOG, metavar="FILE", help="Say what the error texts of a log mean. - is standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file.")
def explain(name: str | None, list_all: bool, log: Path | None, as_json: bool, output: Path | None) -> Exit:
    """Say what a finding or an error text means: why it matters, the fix, the sources.

    A log is read as text, of any length: what a program printed, a build log, dmesg, the output of docker or pip. Nothing but its
    error texts is looked at; `rocmkit doctor --log FILE` looks at the machine as well.
    """
    from rocmkit.report import explain as pages
    from rocmkit.report import json
    from rocmkit.report.markdown import spoken

    asked = [bool(name), list_all, log is not None].count(True)
    if asked != 1:
        wrong = "which check, or which log?" if not asked else "a check, --list and --log are three questions: pass one of them"
        raise UsageError(wrong, "`rocmkit explain RK201`, `rocmkit explain --log FILE`, or `rocmkit explain --list` for all")
    if output and output == log and str(output) != "-":
        raise UsageError(f"{output} is named twice: the answer would overwrite the log")
    width = drawing(to_terminal=True)["width"] if output is None and sys.stdout.isatty() else None
    if log:
        write(_log(log, as_json, to_terminal=output is None), output)
    elif name:
        from rocmkit.report.drawing import flowed

        page = pages.find(name)
        shown = spoken(pages.markdown(page))
        if width:  # what is piped is Markdown line for line, as in docs/checks
            shown = flowed(shown, width)
        write(json.render(page) if as_json else shown, output)
    else:
        everything = pages.listing()
        write(json.render(everything) if as_json else pages.table(everything.pages, width), output)
    return Exit.OK


def _log(path: Path, as_json: bool, *, to_terminal: bool) -> str:
    from rocmkit.doctor.told import told
    from rocmkit.report import json
    from rocmkit.report import log as text

    found, name = read_log(path, "explain")
    report = text.published(found, told(found), source=name)
    return json.render(report) if as_json else text.render(report, **drawing(to_terminal=to_terminal))
