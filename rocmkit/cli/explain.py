"""`rocmkit explain`."""

from __future__ import annotations

import click

from rocmkit.errors import Exit, UsageError
from rocmkit.output import write


@click.command(epilog="Exit codes: 0 printed, 2 no such check.")
@click.argument("name", required=False, metavar="[CODE|ID]")
@click.option("--list", "list_all", is_flag=True, help="One line for each check.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(name: str | None, list_all: bool, as_json: bool) -> Exit:
    """Say what a finding means: what is looked at, why it matters, the fix, the sources.

    \b
    Examples:
      rocmkit explain RK307
      rocmkit explain kfd-permission
      rocmkit explain --list
    """
    from rocmkit.report import explain as pages
    from rocmkit.report import json

    if bool(name) == list_all:
        both = "a check and --list are given: pass one of them" if name else "which check?"
        raise UsageError(both, "`rocmkit explain RK201`, or `rocmkit explain --list` for all")
    if name:
        page = pages.find(name)
        write(json.render(page) if as_json else pages.markdown(page), None)
    else:
        everything = pages.listing()
        write(json.render(everything) if as_json else pages.table(everything.pages), None)
    return Exit.OK
