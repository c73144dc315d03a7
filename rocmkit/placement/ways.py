"""What brings an ONNX Runtime with a provider into an environment. Pure."""

from __future__ import annotations

from rocmkit.doctor.advice import pip, quote
from rocmkit.facts import Facts, Gap
from rocmkit.kb.providers import NAMES
from rocmkit.placement.values import CPU

_RECIPES = {NAMES["rocm"]: "onnxruntime", NAMES["migraphx"]: "onnxruntime-migraphx"}


def brings(facts: Facts, provider: str) -> tuple[str, ...]:
    """Commands to copy; empty where rocmkit knows of none."""
    if provider == CPU:
        return () if isinstance(facts.python, Gap) else pip(facts.python, "install onnxruntime")
    recipe = _RECIPES.get(provider)
    if recipe is None:
        return ()
    card = not isinstance(facts.gpus, Gap) and any(gpu.gfx for gpu in facts.gpus)
    python = "" if isinstance(facts.python, Gap) else f" --python {quote(facts.python.executable)}"
    return (f"rocmkit build {recipe} --arch {'native' if card else 'GFX'}{python}",)
