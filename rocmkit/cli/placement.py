"""What `rocmkit inspect MODEL.onnx --provider P` does."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rocmkit.cli.options import can_write, interpreter, starting
from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, progress, write
from rocmkit.sources import surveyed

_SHAPE = re.compile(r"(?P<name>.+)=(?P<sizes>[0-9]{1,9}(?:,[0-9]{1,9}){0,9})?", re.ASCII | re.DOTALL)


def provider_named(name: str) -> str:
    """ONNX Runtime's own name of a provider. Raises UsageError."""
    from rocmkit.placement.values import PROVIDERS

    if name.lower() in PROVIDERS:
        return PROVIDERS[name.lower()]
    if re.fullmatch(r"[A-Za-z0-9]{1,60}ExecutionProvider", name, re.ASCII):
        return name
    raise UsageError(f"--provider {name}: not known", f"name {', '.join(PROVIDERS)}, or one as ONNX Runtime does: ROCMExecutionProvider")


def shapes_of(typed: tuple[str, ...], option: str = "--shape") -> dict[str, tuple[int, ...]]:
    """The sizes of inputs, from NAME=1,1000,80. Raises UsageError."""
    shapes = {}
    for one in typed:
        found = _SHAPE.fullmatch(one)
        if found is None:
            raise UsageError(f"{option} {one}: not NAME=1,1000,80")
        shapes[found["name"]] = tuple(int(size) for size in (found["sizes"] or "").split(",") if size)
    return shapes


def placed(
    targets: tuple[str, ...],
    provider: str,
    *,
    shapes: tuple[str, ...],
    python: str | None,
    runs: int,
    timeout_s: float,
    form: str,
    everything: bool,
    output: Path | None,
) -> Exit:
    """Run the model on the provider, and say where its operators ran."""
    from rocmkit.placement.look import advice_on, look
    from rocmkit.placement.values import Asked
    from rocmkit.placement.ways import brings
    from rocmkit.trial.run import runner

    name, sizes = provider_named(provider), shapes_of(shapes)
    if len(targets) != 1 or not os.path.isfile(targets[0]):  # noqa: PTH113 - pathlib's raises for a name that is too long
        if len(targets) == 1 and not os.path.lexists(targets[0]):
            raise UsageError(f"{targets[0]}: no such file", "--provider runs one model: name its file")
        raise UsageError("--provider runs one model: name one file, as in MODEL.onnx")
    can_write(output)
    facts, host = surveyed(python)
    asked = Asked(
        model=str(Path(targets[0]).absolute()),  # a link stays one: weights in other files lie beside it, not beside what it leads to
        provider=name,
        python=interpreter(facts, host),
        shapes=sizes,
        runs=runs,
        timeout_s=timeout_s,
        brings=brings(facts, name),
    )
    with starting(asked.python, host), progress(doing="running") as tell:
        found = look(asked, runner(host.private), host.private, advice=advice_on(asked), tell=tell)
    if form == "json":
        from rocmkit.report import json

        write(json.render(found), output)
    else:
        from rocmkit.report import placement as text

        write(text.render(found, everything=everything, **drawing(to_terminal=output is None)), output)
    return Exit(found.exit)
