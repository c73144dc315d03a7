"""`rocmkit rewrite`."""

from __future__ import annotations

from pathlib import Path

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import files
from rocmkit.cli.options import Seconds, can_write, form_of, interpreter, starting
from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, progress, write


@click.command(
    cls=Command,
    short_help="Rewrite an ONNX model so that a provider takes it.",
    exits=(
        (0, "OUT is written: tried beside the original, it gave the same"),
        (1, "nothing could be rewritten rightly, nothing is written"),
        (2, "usage error"),
        (3, "not known: packages are missing, or it died"),
        (70, "a bug in rocmkit"),
    ),
    examples=(
        ("rocmkit rewrite encoder.onnx -o encoder-no-ifs.onnx", "without If nodes"),
        ("rocmkit rewrite encoder.onnx -o encoder-10s.onnx --fold-ifs --fix x=1,1000,80", "for sound of one length as well"),
        ("rocmkit rewrite encoder.onnx -o out.onnx --python ~/venv --json | jq .proof", "how it was shown to compute the same"),
    ),
)
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="MODEL")
@click.option("-o", "--output", "out", required=True, type=click.Path(path_type=Path), metavar="OUT", help="The file to write.")
@click.option("--fold-ifs", "fold", is_flag=True, help="Take out If nodes. This is also what is done where nothing is asked for.")
@click.option("--fix", "fixes", multiple=True, metavar="NAME=1,1000,80", help="Fix the shape of an input; may be repeated.")
@click.option(
    "--python", "python", metavar="PATH", shell_complete=files, help="Environment with onnx, onnxruntime and numpy. Default: as for doctor."
)
@click.option("--force", is_flag=True, help="Overwrite OUT.")
@click.option("--timeout", "timeout_s", type=Seconds(), default=1800, metavar="S", help="Seconds for it. Default: 1800.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rewrite(
    model: Path, out: Path, fold: bool, fixes: tuple[str, ...], python: str | None, force: bool, timeout_s: float, as_json: bool
) -> Exit:
    """Rewrite an ONNX model so that a provider takes it: without If nodes, with fixed shapes. It computes the same, or is not written.

    An If goes where its condition is always the same with the shapes that are fixed, or where one of its branches does for both ways. The
    rewritten model is then run beside the original on the processor, with random inputs of many lengths; where an output differs,
    nothing is written. Metadata, names, opsets and weights stay as they are; weights in other files stay there.
    """
    from msgspec.structs import replace

    from rocmkit.cli.placement import shapes_of
    from rocmkit.onnx.rewrite import checked
    from rocmkit.onnx.rewrite import rewrite as rewritten
    from rocmkit.sources import surveyed
    from rocmkit.trial.run import runner

    form = form_of(as_json, None)
    fix = _sizes(shapes_of(fixes, "--fix"))
    if str(out) == "-":
        raise UsageError("a model is not printed", "name a file with -o")
    checked(model, out, fix, force=force)
    can_write(out)
    facts, host = surveyed(python)
    executable = interpreter(facts, host)
    with starting(executable, host), progress(doing="rewriting") as tell:
        if tell:
            tell(model.name, most_s=timeout_s)
        made = rewritten(model, out, executable, runner(host.private), fold=fold or not fix, fix=fix, force=force, time_s=timeout_s)
    done = replace(made, model=host.private.hide(made.model), out=host.private.hide(made.out))
    if form == "json":
        from rocmkit.report import json

        write(json.render(done), None)
    else:
        from rocmkit.report import rewrite as text

        write(text.render(done, executable, **drawing(to_terminal=True)), None)
    return Exit(done.exit)


def _sizes(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The same. Raises UsageError for a size that no input can have."""
    for name, sizes in shapes.items():
        if not all(sizes):
            raise UsageError(f"--fix {name}={','.join(map(str, sizes))}: a size of 0 leaves nothing to compute")
    return shapes
