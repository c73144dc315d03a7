"""The command line: parse, call, render, exit. No logic, and nothing imported before it is needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rocmkit import __version__
from rocmkit.errors import Exit, NotApplicable, UsageError, worst

if TYPE_CHECKING:
    from rocmkit.doctor.check import Check
    from rocmkit.facts import Facts
    from rocmkit.host.base import Host
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
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Judge a recording instead of this machine; may be repeated.",
)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write what was read, as a recording.")
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
      rocmkit doctor --record machine.yaml && rocmkit doctor --from machine.yaml
    """
    if as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} contradict each other")
    if recordings and (sysroot or record or python):
        raise UsageError("--from cannot be combined with --sysroot, --record or --python", "a recording holds its own machine")
    if sysroot and record:
        raise UsageError("--record keeps what a live machine says; it cannot be combined with --sysroot")
    if output and output in {record, *recordings} and str(output) != "-":
        raise UsageError(f"{output} is named twice: the report would overwrite the recording")
    from rocmkit.report.published import publish

    form = "json" if as_json else form or "text"
    checks, left_out = _chosen(only, skip)
    looked_at = _looked_at(python, sysroot, recordings, record)
    reports = [publish(facts, checks, source=source, strict=strict, left_out=left_out) for facts, source in looked_at]
    _write(_render(reports, form, to_terminal=output is None), output)
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
        raise UsageError("name one check or pass --list, not both", "`rocmkit explain RK201`, `rocmkit explain --list`")
    if name:
        page = pages.find(name)
        _write(json.render(page) if as_json else pages.markdown(page), None)
    else:
        everything = pages.listing()
        _write(json.render(everything) if as_json else pages.table(everything.pages), None)
    return Exit.OK


def _looked_at(python: str | None, sysroot: Path | None, recordings: tuple[Path, ...], record: Path | None) -> list[tuple[Facts, str]]:
    """The facts that the options ask for, each with a word on where they come from."""
    from rocmkit.host import recording as recording_format
    from rocmkit.host.replay import ReplayHost
    from rocmkit.model import DataError

    if recordings:
        found = []
        for path in recordings:
            try:
                loaded = recording_format.load_file(path)
            except (DataError, OSError) as error:
                raise UsageError(f"not a recording: {error}", "recordings are written by `rocmkit doctor --record FILE`") from None
            found.append((_collect(ReplayHost(loaded), None), f"recording {path.name}"))
        return found
    if sysroot:
        from rocmkit.host.sysroot import SysrootHost

        host = SysrootHost(sysroot)
        if python and not python.startswith("/"):
            python = str(Path(python).absolute())
        inside = host.inside(Path(python)) if python else None
        return [(_collect(host, inside or python), f"files below {sysroot}")]
    if sys.platform != "linux":
        raise NotApplicable(
            f"rocmkit looks at Linux machines, this is {sys.platform}", "judge a recording with `rocmkit doctor --from FILE`"
        )
    from rocmkit.host.live import LiveHost
    from rocmkit.host.process import adopt_orphans

    adopt_orphans()
    python = None if python is None else _named(python)
    live: Host = LiveHost()
    if record is None:
        return [(_collect(live, python), "this machine")]
    from rocmkit.host.record import RecordingHost

    recorder = RecordingHost(live)
    facts = _collect(recorder, python)
    _write(recording_format.dump(recorder.recording(f"recorded by rocmkit {__version__} doctor")), record)
    return [(facts, "this machine")]


def _named(python: str) -> str:
    """What --python names: a path, or a program on PATH. Raises UsageError where there is neither."""
    if python and os.path.lexists(Path(python).expanduser()):
        return python
    found = shutil.which(python) if python and "/" not in python else None
    if found is None:
        raise UsageError(f"--python {python!r}: no such file, folder or program", "name an interpreter or an environment's folder")
    return found


def _collect(host: Host, python: str | None) -> Facts:
    from rocmkit.probe import collect

    with _progress() as tell:
        return collect(host, python=python, progress=tell)


@contextlib.contextmanager
def _progress() -> Any:
    """A line on stderr that says what is still being read; only on a terminal, and gone when done."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return

    def tell(text: str) -> None:
        sys.stderr.write(f"\r\x1b[Klooked at {text.replace('_', ' ')} …" if text else "\r\x1b[K")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        tell("")


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


def _render(reports: list[Report], form: str, *, to_terminal: bool) -> str:
    if form == "json":
        from rocmkit.report import json
        from rocmkit.report.published import Reports

        return json.render(reports[0] if len(reports) == 1 else Reports(reports=tuple(reports)))
    if form == "markdown":
        from rocmkit.report import markdown

        return "\n".join(map(markdown.render, reports))
    from rocmkit.report import text

    stream = sys.stdout
    tty = to_terminal and stream.isatty()
    color = tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    unicode = not to_terminal or (stream.encoding or "").lower().replace("-", "") == "utf8"
    width = min(os.get_terminal_size(stream.fileno()).columns, 120) if tty else 100
    return "\n".join(text.render(report, color=color, unicode=unicode, width=width) for report in reports)


def _write(text: str, path: Path | None) -> None:
    """Print `text`, or put it into a file at once: a kill leaves the old file or the new one.

    What is no regular file (a device, a pipe) is written to, never replaced; "-" is standard output.
    """
    if path is None or str(path) == "-":
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader went away (`| head`): nobody's fault, and the exit code still tells the verdict.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        except OSError as error:
            raise UsageError(f"cannot write to standard output: {error.strerror or error}") from None
        return
    import tempfile

    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8") as file:
                file.write(text)
            return
        path = path.resolve()
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".rocmkit-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
