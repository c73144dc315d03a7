"""Which execution provider of ONNX Runtime a way leads to, and the packages that lie in its place."""

from __future__ import annotations

from rocmkit.doctor.checks._stack import ONNXRUNTIMES
from rocmkit.doctor.routes.place import Place
from rocmkit.doctor.routes.values import Offer
from rocmkit.facts import Python, PythonLibrary
from rocmkit.kb.providers import NAMES, provider
from rocmkit.kb.systems import SpeechSystem

ROCM, MIGRAPHX = NAMES["rocm"], NAMES["migraphx"]


def leads(system: SpeechSystem, offer: Offer) -> bool:
    """Whether an offer is the first choice for a system: of ONNX Runtime, the one with the ROCm provider."""
    return offer.engine == system.engine and (system.engine != "onnxruntime" or ROCM in offer.providers)


def word(providers: tuple[str, ...]) -> str:
    """The provider as rocmkit's own commands take it; empty where there is none."""
    return next((short for short, name in NAMES.items() if name in providers and short != "cpu"), "")


def library(python: Python, name: str) -> PythonLibrary | None:
    """The file of a provider in an environment."""
    return next((lib for lib in python.libraries if f"onnxruntime_providers_{provider(name)}" in lib.file), None)


def away(system: SpeechSystem, place: Place) -> tuple[str, ...]:
    """Commands that take out what lies where another ONNX Runtime is to go."""
    there = [name for name in ONNXRUNTIMES if name in place.packages] if system.engine == "onnxruntime" else []
    return place.pip(f"uninstall -y {' '.join(there)}") if there else ()
