"""`rocmkit bisect`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import files
from rocmkit.cli.options import Seconds, can_write, form_of
from rocmkit.errors import Exit, NotApplicable, UsageError
from rocmkit.output import drawing, note, progress, write

if TYPE_CHECKING:
    from rocmkit.facts import Facts
    from rocmkit.host.names import Names
    from rocmkit.report.bisectvalues import Bisect
    from rocmkit.telling import Tell
    from rocmkit.trial.attempts import Attempts, Plan, T
    from rocmkit.trial.values import Experiment, Run, Trial

#: How long one run may take: of a program of the user's, and of a step of ours.
_COMMAND_S, _STEP_S = 600.0, 180.0


@click.command(
    cls=Command,
    context_settings={"allow_interspersed_args": False},
    short_help="Find out what a program dies of.",
    exits=(
        (0, "it dies, and what of is named: changes with which it lives, or the fewest steps that die"),
        (2, "usage error"),
        (3, "it did not die, or what of was not found"),
        (4, "not applicable here"),
        (70, "a bug in rocmkit"),
        (130, "interrupted"),
    ),
    examples=(
        ("rocmkit bisect -- python transcribe.py short.wav", "what this program dies of"),
        ("rocmkit bisect --runs 20 -- whisper short.wav --model tiny", "a program that dies seldom"),
        ("rocmkit bisect --python ~/venv", "the libraries of an environment, without a program"),
        (
            "rocmkit bisect --format markdown -o report.md --script crash.sh -- python transcribe.py short.wav",
            "a report, and a script that shows it",
        ),
    ),
)
@click.option(
    "--python",
    "python",
    metavar="PATH",
    shell_complete=files,
    help="Interpreter or environment. Default: that of the COMMAND, else as for doctor.",
)
@click.option("--timeout", "timeout_s", type=Seconds(), metavar="S", help="Seconds for one run. Default: 600; without COMMAND 180.")
@click.option("--budget", "budget_s", type=Seconds(), default=1800, metavar="S", help="Seconds for all runs. Default: 1800.")
@click.option("--runs", type=click.IntRange(1, 100), default=5, metavar="N", help="Runs as it is, to see how often it dies. Default: 5.")
@click.option(
    "--script",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write a program that shows it: a shell script of a COMMAND, else Python.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), help="How to print the report. Default: text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report to a file.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND…]", shell_complete=files)
def bisect(
    python: str | None,
    timeout_s: float | None,
    budget_s: float,
    runs: int,
    script: Path | None,
    as_json: bool,
    form: str | None,
    output: Path | None,
    command: tuple[str, ...],
) -> Exit:
    """Find out what a program dies of: run it many times, each time with something else changed.

    COMMAND is run as it stands, in this folder and with this environment, first without a change and then with MIOpen off, with Numba
    hidden, with one thread and so on, until it lives. Whatever else it does, it does each time: give it a short input, and nothing that it
    must not do twice. Without COMMAND the libraries of the environment are imported and put to work in one process, which is cut down to
    the fewest steps that die. Nothing is installed or reset.
    """
    from rocmkit.doctor.advice import quote
    from rocmkit.report.terminal import line
    from rocmkit.sources import examined
    from rocmkit.trial.attempts import Attempts
    from rocmkit.trial.program import gets_rights, program, python_of
    from rocmkit.trial.run import runner

    form = form_of(as_json, form)
    if output and output == script and str(output) != "-":
        raise UsageError(f"{output} is named twice: the script would overwrite the report")
    can_write(output, script)
    argv = command
    if command:
        found = program(command[0])
        if found is None:
            file = quote(line(command[0])) if Path(command[0]).is_file() else "program.py"
            raise UsageError(f"{command[0]!r} is no program", f"what comes after -- is run as it stands: rocmkit bisect -- python {file}")
        if gets_rights(found):
            raise UsageError(
                f"{command[0]} gets rights of another user, and none while it is watched",
                "put it in front: sudo rocmkit bisect -- python program.py",
            )
        argv = (found, *command[1:])
        python = python or python_of(found)
    facts, names = examined(python)
    with progress(doing="trying") as tell:
        attempts = Attempts(budget_s, note if tell else None)
        run = runner(names)
        if command:
            shown = names.hide_words(command)
            run = _told(_asking(run, facts, names), attempts, tell, timeout_s or _COMMAND_S)
            report = _of_command(argv, shown, facts, attempts, run, timeout_s or _COMMAND_S, runs)
        else:
            run = _told(run, attempts, tell, timeout_s or _STEP_S)
            report = _of_libraries(facts, names, attempts, run, timeout_s or _STEP_S, runs)
    if script:
        if report.script:
            write(report.script, script)
        else:
            note(f"it did not die: {script} was not written")
    write(_render(report, form, to_terminal=output is None), output)
    return Exit(report.exit)


def _of_command(
    argv: tuple[str, ...], shown: tuple[str, ...], facts: Facts, attempts: Attempts, run: Run, timeout_s: float, runs: int
) -> Bisect:
    from rocmkit.facts import Gap
    from rocmkit.kb.toggles import toggles
    from rocmkit.report.bisect import Ground, of_command
    from rocmkit.trial.search import search, sort_out
    from rocmkit.trial.values import Experiment, Limits

    packages = None if isinstance(facts.python, Gap) else facts.python.packages
    tried, left_out = sort_out(toggles(), packages, os.environ, fresh_caches=False)
    _warn("the program", attempts, timeout_s)
    limits = Limits(time_s=timeout_s)
    base = Experiment(name=Path(shown[0]).name, argv=argv, cwd=_here(), fresh_caches=False, limits=limits)
    found = _driven(search(base, tried, os.environ, attempts, runs=runs), run, shown[0])
    return of_command(found, attempts, Ground(facts=facts, left_out=left_out, command=shown))


def _asking(run: Run, facts: Facts, names: Names) -> Run:
    """`run`, which pauses after a fault of the GPU, and asks it with the program's own torch where that computes there."""
    from rocmkit.facts import Gap
    from rocmkit.trial.device import answers, guarded
    from rocmkit.trial.ladder import can_take, on_rocm

    if not can_take(facts.gpus, facts.access):
        return run
    python = facts.python
    question = None if isinstance(python, Gap) or not on_rocm(python, "torch") else answers(names.reveal(python.executable))
    return guarded(run, question, whole=True)


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError as error:
        raise UsageError(f"the current folder cannot be used: {error.strerror or error}") from None


def _of_libraries(facts: Facts, names: Names, attempts: Attempts, run: Run, timeout_s: float, runs: int) -> Bisect:
    from rocmkit.facts import Gap
    from rocmkit.kb.toggles import toggles
    from rocmkit.report.bisect import Ground, of_matrix
    from rocmkit.trial import matrix
    from rocmkit.trial.device import answers, guarded
    from rocmkit.trial.search import sort_out

    if isinstance(facts.python, Gap):
        raise UsageError(f"no Python to try: {facts.python.detail}", "name one with --python, or a program after --")
    programs = matrix.programs(facts)
    if not programs:
        raise NotApplicable(f"{facts.python.executable} has none of the libraries that speech programs use", "name another with --python")
    python = names.reveal(facts.python.executable)
    asked = [step.ask["do"] for one in programs for step in one.steps if step.device == "gpu"]
    question = next((do for do in ("copy", "ct2_copy") if do in asked), None)
    if question:
        run = guarded(run, answers(python, question))
    tried, left_out = sort_out(toggles(), facts.python.packages, os.environ, fresh_caches=True)
    _warn("the libraries of this environment", attempts, timeout_s)
    plan = matrix.bisect(programs, python, tried, os.environ, attempts, runs=runs, timeout_s=timeout_s)
    return of_matrix(_driven(plan, run, facts.python.executable), attempts, Ground(facts=facts, left_out=left_out))


def _driven(plan: Plan[T], run: Run, what: str) -> T:
    from rocmkit.trial.attempts import drive

    try:
        return drive(plan, run)
    except OSError as error:
        raise UsageError(f"cannot run {what}: {error.strerror or error}") from None


def _warn(what: str, attempts: Attempts, timeout_s: float) -> None:
    budget = f"{attempts.budget_s / 60:.0f} minutes" if attempts.budget_s >= 120 else f"{attempts.budget_s:.0f} s"
    most = f"{budget} and one run, which may take {timeout_s:.0f} s"
    note(f"runs {what} many times, for at most {most}. Ctrl-C ends it and tells what is known by then.")


def _told(run: Run, attempts: Attempts, tell: Tell | None, timeout_s: float) -> Run:
    """`run`, which says first what it is about to do."""
    if tell is None:
        return run

    def run_told(experiment: Experiment) -> Trial:
        left_s = max(attempts.budget_s - attempts.seconds, 0.0)
        number, what = len(attempts.trials) + 1, attempts.doing.removeprefix("with ")
        tell(f"run number {number}: {what}", most_s=left_s + timeout_s)
        return run(experiment)

    return run_told


def _render(report: Bisect, form: str, *, to_terminal: bool) -> str:
    if form == "json":
        from rocmkit.report import json

        return json.render(report)
    if form == "markdown":
        from rocmkit.report import bisectmarkdown

        return bisectmarkdown.render(report)
    from rocmkit.report import bisecttext

    return bisecttext.render(report, **drawing(to_terminal=to_terminal))
