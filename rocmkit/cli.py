"""The command line: parse, call, render, exit. No logic, and nothing imported before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rocmkit import __version__
from rocmkit.errors import Exit, UsageError, worst
from rocmkit.output import drawing, progress, write
from rocmkit.sources import live, looked_at, named, recording

if TYPE_CHECKING:
    from rocmkit.doctor.check import Check
    from rocmkit.host.recording import Recording
    from rocmkit.report.published import Report

EXIT_CODES = """\b
Exit codes, the same in every output format:
  0  nothing blocking    1  a blocking problem     2  usage error
  3  inconclusive        4  not applicable here   70  a bug in rocmkit
  130  interrupted"""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_CODES)
@click.version_option(__version__, message="rocmkit %(version)s")
def cli() -> None:
    """Says why an AMD GPU does not transcribe, and what would make it.

    \b
    Examples:
      rocmkit doctor                      look at this machine
      rocmkit doctor --python ~/venv      judge another Python environment
      rocmkit inspect torch --for gfx906  whether a package's GPU code runs on a card
      rocmkit explain RK307               what a finding means, offline
    """


@cli.command(epilog=EXIT_CODES)
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
    form = _form(as_json, form)
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


@cli.command(epilog="Exit codes: 0 printed, 2 no such check.")
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


@cli.command(
    epilog="""\b
Exit codes:
  0  printed; with --for: it holds code for every card that was named
  1  with --for: it does not            2  usage error, or no such TARGET
  3  with --for: not known, or nothing to judge
  4  --for native without an AMD GPU    70  a bug in rocmkit"""
)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@click.option("--for", "cards", multiple=True, metavar="GFX", help="Judge it for a card: gfx906, gfx90a:xnack+, native; may be repeated.")
@click.option("--python", "python", metavar="PATH", help="Environment that packages are looked up in. Default: as for doctor.")
@click.option("--names", is_flag=True, help="Also list the names of the kernels.")
@click.option("--all", "everything", is_flag=True, help="Show every file, those without GPU code too.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), help="How to print it. Default: text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file.")
def inspect(
    targets: tuple[str, ...],
    cards: tuple[str, ...],
    python: str | None,
    names: bool,
    everything: bool,
    as_json: bool,
    form: str | None,
    output: Path | None,
) -> Exit:
    """Say what GPU code a file holds, what it needs, and whether it runs on a card. Loads and executes nothing of it.

    TARGET is a library, program, object file, code object, archive or wheel; a folder, such as a ROCm installation; or the name of an
    installed package. A path that exists goes before a package; ./NAME is always a path.

    \b
    Examples:
      rocmkit inspect torch --for gfx906
      rocmkit inspect /opt/rocm --for native
      rocmkit inspect libfoo.so kernels.hsaco --names
      rocmkit inspect onnxruntime_rocm-1.22.2-*.whl --json | jq '.files[].gfx'
    """
    from rocmkit.inspect.cards import cards as known_cards
    from rocmkit.inspect.look import look

    form = _form(as_json, form)
    host = live()
    asked = known_cards(cards, host)
    python = named(python)
    with progress(after_s=2) as tell:
        found = look(targets, asked, host, python=python, names=names, everything=everything, tell=tell)
    if form == "json":
        from rocmkit.report import json

        write(json.render(found), output)
    else:
        from rocmkit.report import inspect as text

        write(text.render(found, everything=everything, **drawing(to_terminal=output is None)), output)
    return Exit(found.exit)


def _form(as_json: bool, form: str | None) -> str:
    """How to print, of the two options that say so."""
    if as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} contradict each other")
    return "json" if as_json else form or "text"


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
