"""Speech systems, and the images that lead to a GPU."""

from __future__ import annotations

from functools import cache
from typing import Literal

from msgspec.structs import replace

from rocmkit.kb._load import document
from rocmkit.kb.values import Row
from rocmkit.model import Model

Engine = Literal["torch", "ctranslate2", "onnxruntime"]


class SpeechModel(Model, kw_only=True):
    """A model that a system transcribes Japanese with."""

    id: str
    """Its name, as the system takes it."""
    precision: Literal["float32", "float16", "int8"]
    """What it is kept in on the GPU."""
    vram_gib: float
    """Video memory for one clip of 30 seconds, by its weights and a margin."""
    licence: str
    """Of the weights."""


class OlderEngine(Model, kw_only=True):
    """What a system needs with older releases of what it computes with."""

    engine: str
    """Specifier on the engine's release, `<4`."""
    install: tuple[str, ...]
    """Arguments of `pip install` in place of the usual ones; one call each."""
    note: str
    """What to know of that."""
    sources: tuple[str, ...]
    """Public places that say so; never empty."""


class SpeechSystem(Row, kw_only=True):
    """A system that transcribes Japanese."""

    id: str
    """Stable name in words."""
    title: str
    """Name, as people know it."""
    engine: Engine
    """What it computes with."""
    packages: tuple[str, ...]
    """Distributions whose presence says that it is installed."""
    install: tuple[str, ...]
    """Arguments of `pip install`, once the engine is there; one call each. {torch} stands for the torch that is there."""
    torch: str = ""
    """Specifier on torch, for the newest releases of what `install` names; empty: none known."""
    python: str = ""
    """Specifier on Python, for the same; empty: none known."""
    older: tuple[OlderEngine, ...] = ()
    """What goes with older releases of the engine."""
    models: tuple[SpeechModel, ...]
    """Best first."""
    gpu_packages: tuple[str, ...] = ()
    """What takes the place of `packages` on the way to the GPU; empty: nothing does."""
    gpu_install: tuple[str, ...] = ()
    """The same for `install`."""
    model_command: str = ""
    """A command that fetches the model for the GPU before the first time; empty: the system does that itself."""
    migraphx_commands: tuple[str, ...] = ()
    """What has to be done to the model before the MIGraphX provider takes it."""
    gpu_command: str
    """A command that transcribes speech.wav on the GPU, or empty; {python}, {model}, {precision} and {provider} are filled in."""
    cpu_command: str
    """The same on the processor; empty: there is none."""
    checks: tuple[str, ...] = ()
    """Ids of the checks whose findings stop it, beside those of its engine."""
    notes: tuple[str, ...] = ()
    """What to know before."""

    def on_gpu(self) -> SpeechSystem:
        """The system with the packages that it takes on the GPU."""
        return replace(self, packages=self.gpu_packages or self.packages, install=self.gpu_install or self.install)


class Image(Row, kw_only=True):
    """A container image."""

    image: str
    """As docker takes it."""
    engine: Engine
    """What is inside."""
    rocm: str
    """ROCm release inside, `7.2`."""
    torch: str = ""
    """Release of torch inside; empty: none."""
    archs: tuple[str, ...]
    """Architectures it is made for; empty: those of AMD's packages of that ROCm."""
    note: str = ""
    """Whose it is."""


class _File(Model, kw_only=True):
    systems: tuple[SpeechSystem, ...]
    images: tuple[Image, ...]


@cache
def _file() -> _File:
    return document("systems", _File)


def systems() -> tuple[SpeechSystem, ...]:
    """Every speech system."""
    return _file().systems


def images(engine: Engine) -> tuple[Image, ...]:
    """The images with that engine."""
    return tuple(row for row in _file().images if row.engine == engine)
