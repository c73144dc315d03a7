"""What `rocmkit inspect MODEL.onnx` does without a provider."""

from __future__ import annotations

import os
from pathlib import Path

from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, write
from rocmkit.sources import live

#: The first byte of an ONNX file, whatever its name: the version of its format comes first. Nothing with GPU code begins so.
_FIRST = b"\x08"


def model_among(targets: tuple[str, ...]) -> Path | None:
    """The target that is a model; None where none is. Raises UsageError where others stand beside it."""
    paths = (Path(os.path.expanduser(one)) for one in targets)  # noqa: PTH111 - pathlib's raises where there is no such user
    found = next((path for path in paths if _is_model(path)), None)
    if found and len(targets) > 1:
        raise UsageError(f"{found} is a model, and other targets stand beside it", "inspect a model by itself")
    return found


def _is_model(path: Path) -> bool:
    from rocmkit.gpucode.source import File

    try:
        if path.suffix == ".onnx":
            return path.is_file()
        with File(path) as file:
            return file.read(0, 1) == _FIRST
    except (OSError, ValueError):  # the other readers say why not
        return False


def described(path: Path, *, form: str, everything: bool, output: Path | None) -> Exit:
    """Say what is in the model, and what that means for the providers of an AMD GPU."""
    from msgspec.structs import replace

    from rocmkit import __version__
    from rocmkit.kb.providers import Provider
    from rocmkit.onnx.advice import advise
    from rocmkit.onnx.read import opened
    from rocmkit.onnx.values import Advised, Inspected

    graph = opened(path)
    asked: tuple[Provider, ...] = ("rocm", "migraphx")
    found = Inspected(
        rocmkit=__version__,
        model=replace(graph, file=live().private.hide(graph.file)),
        providers=tuple(Advised(provider=one, advice=advise(graph, one)) for one in asked),
        exit=int(Exit.OK),
    )
    if form == "json":
        from rocmkit.report import json

        write(json.render(found), output)
    else:
        from rocmkit.report import onnx as text

        write(text.render(found, everything=everything, **drawing(to_terminal=output is None)), output)
    return Exit.OK
