"""`rocmkit inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import archs, files, providers
from rocmkit.cli.model import described
from rocmkit.cli.options import Seconds, form_of, not_onto
from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, progress, write
from rocmkit.sources import live, named


@click.command(
    cls=Command,
    short_help="Say what GPU code a file holds, or where a model's operators run.",
    exits=(
        (0, "printed; with --for: it holds code for every card that was named; with --provider: every compute operator runs there"),
        (1, "with --for: it does not; with --provider: some run elsewhere, it vanished or died, or its numbers are not those of the CPU"),
        (2, "usage error, or no such TARGET"),
        (3, "with --for: not known, or nothing to judge; with --provider: not known, as without onnxruntime"),
        (4, "--for native without an AMD GPU"),
        (70, "a bug in rocmkit"),
    ),
    examples=(
        ("rocmkit inspect torch --for gfx906", "whether an installed package runs on a card"),
        ("rocmkit inspect /opt/rocm --for native", "whether this ROCm runs on the card of this machine"),
        ("rocmkit inspect libfoo.so kernels.hsaco --names", "which kernels are in files"),
        ("rocmkit inspect onnxruntime_rocm-1.22.2-*.whl --json | jq '.files[].gfx'", "which cards a wheel is for, before it is installed"),
        ("rocmkit inspect encoder.onnx", "what in a model stops or slows an AMD GPU"),
        ("rocmkit inspect encoder.onnx --provider rocm --shape x=1,1000,80", "where its operators run"),
    ),
)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…", shell_complete=files)
@click.option(
    "--for",
    "cards",
    multiple=True,
    metavar="GFX",
    shell_complete=archs,
    help="Judge it for a card: gfx906, gfx90a:xnack+, native; may be repeated.",
)
@click.option(
    "--python", "python", metavar="PATH", shell_complete=files, help="Environment that packages are looked up in. Default: as for doctor."
)
@click.option("--names", is_flag=True, help="Also list the names of the kernels.")
@click.option("--all", "everything", is_flag=True, help="Show every file, those without GPU code too.")
@click.option(
    "--provider",
    metavar="P",
    shell_complete=providers,
    help="Run one MODEL.onnx on rocm, migraphx, cpu or another, and say where its operators ran.",
)
@click.option("--shape", "shapes", multiple=True, metavar="NAME=1,1000,80", help="Size of an input of the model; may be repeated.")
@click.option("--runs", type=click.IntRange(1, 100), metavar="N", help="Runs of the model, the first apart. Default: 2.")
@click.option("--timeout", "timeout_s", type=Seconds(), metavar="S", help="Seconds for all runs. Default: 600.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), help="How to print it. Default: text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file.")
def inspect(
    targets: tuple[str, ...],
    cards: tuple[str, ...],
    python: str | None,
    names: bool,
    everything: bool,
    provider: str | None,
    shapes: tuple[str, ...],
    runs: int | None,
    timeout_s: float | None,
    as_json: bool,
    form: str | None,
    output: Path | None,
) -> Exit:
    """Say what GPU code a file holds, what it needs, and whether it runs on a card; or what is in an ONNX model.

    Without --provider nothing of it is loaded or executed.

    TARGET is a library, program, object file, code object, archive or wheel; a folder, such as a ROCm installation; or the name of an
    installed package. A path that exists goes before a package; ./NAME is always a path. A model stands by itself: without --provider
    its operators, shapes and metadata are told, and what in it is known to stop or slow the providers of an AMD GPU.
    """
    from rocmkit.inspect.cards import cards as known_cards
    from rocmkit.inspect.look import look
    from rocmkit.onnx.among import model_among

    form = form_of(as_json, form)
    not_onto(output, *map(Path, targets))
    if provider is not None:
        if cards or names:
            raise UsageError("--provider runs a model: it cannot be combined with --for or --names")
        from rocmkit.cli.placement import placed

        return placed(
            targets,
            provider,
            shapes=shapes,
            python=python,
            runs=runs or 2,
            timeout_s=timeout_s or 600,
            form=form,
            everything=everything,
            output=output,
        )
    if shapes or runs or timeout_s:
        raise UsageError("--shape, --runs and --timeout say nothing without --provider")
    if model := model_among(targets):
        if cards or names:
            raise UsageError(f"{model} is a model, and --for and --names ask for GPU code", "`--provider rocm` runs it")
        return described(model, form=form, everything=everything, output=output)
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
