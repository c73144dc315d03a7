"""The command line: parse, call, render, exit. No logic, and nothing imported before it is needed. One module a command."""

from __future__ import annotations

import click

from rocmkit import __version__
from rocmkit.cli.bisect import bisect
from rocmkit.cli.build import build
from rocmkit.cli.diff import diff
from rocmkit.cli.doctor import doctor
from rocmkit.cli.explain import explain
from rocmkit.cli.inspect import inspect
from rocmkit.cli.options import EXIT_CODES
from rocmkit.cli.recipes import recipes
from rocmkit.cli.rewrite import rewrite
from rocmkit.cli.smoke import smoke
from rocmkit.cli.transcribe import transcribe


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
      rocmkit diff before.yaml after.yaml what an upgrade changed
      rocmkit inspect torch --for gfx906  whether a package's GPU code runs on a card
      rocmkit explain RK307               what a finding means, offline
      rocmkit bisect -- python prog.py    what a program dies of
      rocmkit build ctranslate2 --arch gfx906 --dry-run
      rocmkit recipes                     what rocmkit can build
      rocmkit rewrite enc.onnx -o new.onnx  take out what a provider dies of
      rocmkit transcribe speech.wav --model ~/reazonspeech-k2-v2
      rocmkit smoke                       prove that Japanese speech is transcribed on the GPU
    """


for command in (doctor, diff, explain, inspect, bisect, build, recipes, rewrite, transcribe, smoke):
    cli.add_command(command)
