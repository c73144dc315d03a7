"""`rocmkit inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from rocmkit.cli.options import form_of
from rocmkit.errors import Exit
from rocmkit.output import drawing, progress, write
from rocmkit.sources import live, named


@click.command(
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

    form = form_of(as_json, form)
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
