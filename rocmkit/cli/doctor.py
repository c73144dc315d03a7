"""`rocmkit doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rocmkit.cli.options import EXIT_CODES, form_of
from rocmkit.errors import Exit, UsageError, worst
from rocmkit.output import drawing, write
from rocmkit.sources import looked_at, recording

if TYPE_CHECKING:
    from rocmkit.doctor.check import Check
    from rocmkit.host.recording import Recording
    from rocmkit.report.published import Report


@click.command(epilog=EXIT_CODES)
@click.option("--python", "python", metavar="PATH", help="Interpreter or environment to judge. Default: the active one, else python3.")
@click.option("--sysroot", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Judge the files below a folder.")
@click.option(
    "--from",
    "recordings",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Judge a recording instead of this machine; may be repeated. - is standard input.",
)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write what was read, as a recording.")
@click.option("--preview", is_flag=True, help="Print what a recording holds, or would hold, in place of a report; write none.")
@click.option("--only", multiple=True, metavar="CODE", help="Make only this check; may be repeated.")
@click.option("--skip", multiple=True, metavar="CODE", help="Leave this check out; may be repeated.")
@click.option("--strict", is_flag=True, help="Warnings make the exit code 1 too.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), help="How to print the report. Default: text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report to a file.")
def doctor(
    python: str | None,
    sysroot: Path | None,
    recordings: tuple[Path, ...],
    record: Path | None,
    preview: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    strict: bool,
    as_json: bool,
    form: str | None,
    output: Path | None,
) -> Exit:
    """Say what this machine is, what is wrong with it, and what to do.

    Reads only: nothing is changed, downloaded or imported. Ends within six seconds even where every tool hangs.

    \b
    Examples:
      rocmkit doctor --python ~/venv/bin/python
      rocmkit doctor --json | jq .verdict
      rocmkit doctor --format markdown -o report.md
      rocmkit doctor --preview            what a recording of this machine would tell
      rocmkit doctor --record machine.yaml && rocmkit doctor --from machine.yaml
    """
    form = form_of(as_json, form)
    if recordings and (sysroot or record or python):
        raise UsageError("--from cannot be combined with --sysroot, --record or --python", "a recording holds its own machine")
    if sysroot and record:
        raise UsageError("--record keeps what a live machine says; it cannot be combined with --sysroot")
    if output and output in {record, *recordings} and str(output) != "-":
        raise UsageError(f"{output} is named twice: the report would overwrite the recording")
    if preview and (sysroot or only or skip or strict or form == "markdown" or len(recordings) > 1):
        raise UsageError("--preview shows one recording, as text or JSON, and makes no checks")
    if preview:
        write(_render_preview(*recording(python, recordings), form), output)
        return Exit.OK
    from rocmkit.report.published import publish

    checks, left_out = _chosen(only, skip)
    found = looked_at(python, sysroot, recordings, record)
    reports = [publish(facts, checks, source=source, strict=strict, left_out=left_out) for facts, source in found]
    write(_render(reports, form, to_terminal=output is None), output)
    return worst(Exit(report.exit) for report in reports)


def _chosen(only: tuple[str, ...], skip: tuple[str, ...]) -> tuple[list[Check], tuple[str, ...]]:
    """The checks to make, and the codes of those that the options leave out."""
    from rocmkit.doctor.check import all_checks
    from rocmkit.report.explain import find

    wanted = {find(name).code for name in only}
    unwanted = {find(name).code for name in skip}
    made = [check for check in all_checks() if (not wanted or check.code in wanted) and check.code not in unwanted]
    if not made:
        raise UsageError("--only and --skip leave no check to make")
    return made, tuple(check.code for check in all_checks() if check not in made)


def _render_preview(kept: Recording, source: str, form: str) -> str:
    from rocmkit.report import json
    from rocmkit.report import preview as pages

    found = pages.preview(kept, source=source)
    return json.render(found) if form == "json" else pages.text(found)


def _render(reports: list[Report], form: str, *, to_terminal: bool) -> str:
    if form == "json":
        from rocmkit.report import json
        from rocmkit.report.published import Reports

        return json.render(reports[0] if len(reports) == 1 else Reports(reports=tuple(reports)))
    if form == "markdown":
        from rocmkit.report import markdown

        return "\n".join(map(markdown.render, reports))
    from rocmkit.report import text

    return "\n".join(text.render(report, **drawing(to_terminal=to_terminal)) for report in reports)
