"""What `rocmkit inspect MODEL.onnx` does without a provider."""

from __future__ import annotations

from pathlib import Path

from rocmkit.errors import Exit
from rocmkit.output import drawing, write
from rocmkit.sources import live


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
