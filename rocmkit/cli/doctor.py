"""`rocmkit doctor`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import changes, checks, files, systems
from rocmkit.cli.options import EXIT_CODES, LOG, can_write, form_of
from rocmkit.errors import Exit, UsageError
from rocmkit.many import expanded
from rocmkit.output import drawing, write
from rocmkit.sources import looked_at, read_log, recording, tried

if TYPE_CHECKING:
    from rocmkit.doctor.check import Check
    from rocmkit.host.recording import Recording
    from rocmkit.report.published import Report


@click.command(
    cls=Command,
    exits=EXIT_CODES,
    examples=(
        ("rocmkit doctor", "this machine, and the active Python environment"),
        ("rocmkit doctor --python ~/venv/bin/python", "another environment"),
        ("rocmkit doctor --json | jq .verdict", "for programs"),
        ("rocmkit doctor --format markdown -o report.md", "for an issue on the web"),
        ("rocmkit doctor --format html -o report.html", "a page to look at, to send or to print"),
        ("rocmkit doctor --route kotoba-whisper --max-vram 8GiB", "every way of one speech system to this GPU"),
        ("rocmkit doctor --what-if torch=2.11+rocm7.2", "before pip install changes anything"),
        ("rocmkit doctor --what-if rocm=7.2 kernel=6.14", "before apt upgrade does"),
        ("rocmkit doctor --try --python ~/venv", "what dies on this GPU, and in which library"),
        ("rocmkit doctor --log crash.txt --python ~/venv", "what an error text means on this machine"),
        ("rocmkit doctor --preview", "what a recording of this machine would tell"),
        ("rocmkit doctor --record machine.yaml && rocmkit doctor --from machine.yaml", "record this machine, and judge it elsewhere"),
        ("rocmkit doctor --from rack/", "all machines that were recorded into a folder, as one table"),
    ),
)
@click.option(
    "--python",
    "python",
    metavar="PATH",
    shell_complete=files,
    help="Interpreter or environment to judge. Default: the active one, else python3.",
)
@click.option("--sysroot", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Judge the files below a folder.")
@click.option(
    "--from",
    "recordings",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
    help="Judge a recording instead of this machine: a file, or - for standard input; may be repeated. Of a folder, all files that end in "
    ".yaml. Several are told in one table, and one object of JSON.",
)
@click.option(
    "--what-if",
    "supposed",
    multiple=True,
    metavar="KEY=VERSION",
    shell_complete=changes,
    help="Judge as if this were changed: torch=2.9.1+rocm6.3, rocm=7.2, kernel=6.14, gfx=gfx1030, numba=none. More may follow, each with = "
    "or, as pip has it, ==.",
)
@click.argument("more", nargs=-1, metavar="[KEY=VERSION]...", shell_complete=changes)
@click.option(
    "--log",
    type=LOG,
    metavar="FILE",
    help="Also say what the error texts of a log mean, with fixes that fit this machine. - is standard input.",
)
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="SYSTEM",
    shell_complete=systems,
    help="Show every way of a speech system to this GPU, in place of the findings; may be repeated, or all. Not with --only and --skip.",
)
@click.option(
    "--try",
    "tries",
    is_flag=True,
    help="Also make experiments: import the environment's libraries and compute with them, each time in a process of its own.",
)
@click.option("--max-vram", metavar="SIZE", help="Video memory that a model may take: 8GiB. Default: all that the GPU has.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write what was read, as a recording.")
@click.option("--preview", is_flag=True, help="Print what a recording holds, or would hold, in place of a report; write none.")
@click.option("--only", multiple=True, metavar="CODE", shell_complete=checks, help="Make only this check; may be repeated.")
@click.option("--skip", multiple=True, metavar="CODE", shell_complete=checks, help="Leave this check out; may be repeated.")
@click.option("--strict", is_flag=True, help="Warnings make the exit code 1 too.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), help="How to print the report. Default: text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report to a file.")
def doctor(
    python: str | None,
    sysroot: Path | None,
    recordings: tuple[Path, ...],
    supposed: tuple[str, ...],
    more: tuple[str, ...],
    log: Path | None,
    routes: tuple[str, ...],
    tries: bool,
    max_vram: str | None,
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

    Not so with --try: it imports and computes for minutes, and begins nothing after the fifteenth. A crash or a hang there is a result. It
    downloads nothing, resets nothing, and writes to temporary folders alone, which it removes. A recording holds no experiments.
    """
    form = form_of(as_json, form)
    many = len(recordings) > 1 or any(path.is_dir() for path in recordings)
    recordings = expanded(recordings)
    if more and not supposed:
        raise UsageError(f"unexpected argument {more[0]!r}", "changes to suppose come after --what-if")
    supposed += more
    if recordings and (sysroot or record or python):
        raise UsageError("--from cannot be combined with --sysroot, --record or --python", "a recording holds its own machine")
    if sysroot and record:
        raise UsageError("--record keeps what a live machine says; it cannot be combined with --sysroot")
    if output and output in {record, log, *recordings} and str(output) != "-":
        raise UsageError(f"{output} is named twice: the report would overwrite the {'log' if output == log else 'recording'}")
    if log and [*recordings, log].count(Path("-")) > 1:
        raise UsageError("--log - and --from - cannot both read standard input", "put one of them into a file")
    if log and supposed:
        raise UsageError("--log tells what was, --what-if what would be: ask for one of them")
    if tries and (recordings or sysroot or supposed or preview or record):
        other = "--from" if recordings else "--sysroot" if sysroot else "--what-if" if supposed else "--preview" if preview else "--record"
        raise UsageError(f"--try makes experiments on this machine as it is: it cannot be combined with {other}", _TRY_HINTS.get(other))
    if routes and (only or skip):
        raise UsageError("--route stands on all the checks: it cannot be combined with --only or --skip")
    if preview and (sysroot or only or skip or strict or supposed or log or routes or max_vram or form in {"markdown", "html"} or many):
        raise UsageError("--preview shows one recording, as text or JSON, and makes no checks")
    if preview:
        write(_render_preview(*recording(python, recordings), form), output)
        return Exit.OK
    from msgspec.structs import replace

    from rocmkit.doctor.whatif import parse
    from rocmkit.recipes import offers
    from rocmkit.report import routes as ways
    from rocmkit.report.published import Terms
    from rocmkit.report.supposed import report_on

    named, limit = ways.chosen(routes), ways.limit(max_vram)
    changes = parse(supposed)
    checks, left_out = _chosen(only, skip, tries=tries)
    read = read_log(log, "doctor") if log else None
    terms = Terms(strict=strict, left_out=left_out, log=read, offers=offers(), limit_bytes=limit)
    if many:
        from rocmkit.cli.fleet import several

        draw = partial(_render, form=form, named=named, to_terminal=output is None) if log or named else None
        return several(recordings, lambda facts, source: report_on(facts, changes, checks, source=source, terms=terms), form, output, draw)
    if tries:
        can_write(output)
        facts, trials = tried(python)
        source, terms = "this machine", replace(terms, trials=trials)
    else:
        ((facts, source),) = looked_at(python, sysroot, recordings, record)
    report = report_on(facts, changes, checks, source=source, terms=terms)
    write(_render(report, form, named, to_terminal=output is None), output)
    return Exit(report.exit)


#: What helps where --try does not go with another option.
_TRY_HINTS = {"--record": "a recording holds no experiments: make it with a run of its own", "--from": "a recording holds no GPU to try"}


def _chosen(only: tuple[str, ...], skip: tuple[str, ...], *, tries: bool) -> tuple[list[Check], tuple[str, ...]]:
    """The checks to make, and the codes of those that the options leave out. Those that judge experiments alone need --try."""
    from rocmkit.doctor.check import all_checks

    wanted, unwanted = _codes(only), _codes(skip)
    there = [check for check in all_checks() if tries or not check.tries]
    for code in sorted(wanted - {check.code for check in there}):
        raise UsageError(f"{code} judges experiments", "`rocmkit doctor --try` makes them")
    made = [check for check in there if (not wanted or check.code in wanted) and check.code not in unwanted]
    if not made:
        raise UsageError("--only and --skip leave no check to make")
    return made, tuple(check.code for check in there if check not in made)


def _codes(names: tuple[str, ...]) -> set[str]:
    from rocmkit.doctor.check import all_checks
    from rocmkit.report.explain import find

    codes = {find(name).code for name in names}
    for code in sorted(codes - {check.code for check in all_checks()}):
        raise UsageError(f"{code} is no check: logs alone show it", "`rocmkit doctor --log FILE` looks for it in a log")
    return codes


def _render_preview(kept: Recording, source: str, form: str) -> str:
    from rocmkit.report import json
    from rocmkit.report import preview as pages

    found = pages.preview(kept, source=source)
    return json.render(found) if form == "json" else pages.text(found)


def _render(report: Report, form: str, named: frozenset[str], *, to_terminal: bool) -> str:
    if form == "json":
        from rocmkit.report import json

        return json.render(report)
    if form == "markdown":
        from rocmkit.report import markdown

        return markdown.render(report)
    if form == "html":
        from rocmkit.report import doctorhtml

        return doctorhtml.render(report, named)
    from rocmkit.report import text

    return text.render(report, named=named, **drawing(to_terminal=to_terminal))
