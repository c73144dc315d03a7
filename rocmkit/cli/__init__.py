"""The command line: parse, call, render, exit. No logic, and nothing imported before it is needed. One module a command."""

from __future__ import annotations

import click

from rocmkit import __version__
from rocmkit.cli.bisect import bisect
from rocmkit.cli.build import build
from rocmkit.cli.commands import Group
from rocmkit.cli.completions import completions
from rocmkit.cli.diff import diff
from rocmkit.cli.doctor import doctor
from rocmkit.cli.explain import explain
from rocmkit.cli.inspect import inspect
from rocmkit.cli.options import EXIT_CODES
from rocmkit.cli.recipes import recipes
from rocmkit.cli.rewrite import rewrite
from rocmkit.cli.smoke import smoke
from rocmkit.cli.transcribe import transcribe


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    exits=EXIT_CODES,
    examples=(
        ("rocmkit doctor", "what is wrong with this machine, and what to do: begin here"),
        ("rocmkit doctor --route all", "every way from this machine to a transcript"),
        ("rocmkit explain RK307", "what a finding means, offline"),
        ("rocmkit explain --log crash.txt", "what an error text means"),
        ("rocmkit inspect torch --for gfx906", "whether a package's GPU code runs on a card"),
        ("rocmkit bisect -- python prog.py", "what a program dies of"),
        ("rocmkit build ctranslate2 --arch gfx906 --dry-run", "what a build for a card would do"),
        ("rocmkit smoke", "prove that Japanese speech is transcribed on the GPU"),
        ("rocmkit transcribe speech.wav --model ~/reazonspeech-k2-v2", "transcribe a file"),
    ),
)
@click.version_option(__version__, message="rocmkit %(version)s")
def cli() -> None:
    """Says why an AMD GPU does not transcribe, and what would make it."""


for command in (doctor, explain, diff, inspect, bisect, build, recipes, rewrite, transcribe, smoke, completions):
    cli.add_command(command)
