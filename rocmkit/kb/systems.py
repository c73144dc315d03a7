"""Speech systems, and the images and source builds that lead to a GPU."""

from __future__ import annotations

from functools import cache
from typing import Literal

from rocmkit.kb._load import document
from rocmkit.kb.values import Row
from rocmkit.kb.versions import within
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
    gpu_command: str
    """A command that transcribes speech.wav on the GPU; {python}, {model}, {precision} are filled in. Empty: there is none."""
    cpu_command: str
    """The same on the processor; empty: there is none."""
    checks: tuple[str, ...] = ()
    """Ids of the checks whose findings stop it, beside those of its engine."""
    notes: tuple[str, ...] = ()
    """What to know before."""


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


class SourceBuild(Row, kw_only=True):
    """A build from source on an installed ROCm."""

    package: str
    """Distribution that it makes."""
    version: str
    """Its release."""
    rocm: str
    """Specifier on the ROCm that is installed, of AMD's packages."""
    wavefront: int = 0
    """The wavefront size of the GPUs whose results are right; 0: any."""
    what: str
    """What is built, and what to know of it."""
    commands: tuple[str, ...]
    """Lines to copy; {gfx}, {python} and {rocm}, where it lies, are filled in; what begins with `pip` is for the pip of the environment."""
    needs: str
    """What has to be there before, or is to be known."""


class _File(Model, kw_only=True):
    systems: tuple[SpeechSystem, ...]
    images: tuple[Image, ...]
    build_setup: str
    builds: tuple[SourceBuild, ...]


@cache
def _file() -> _File:
    return document("systems", _File)


def systems() -> tuple[SpeechSystem, ...]:
    """Every speech system."""
    return _file().systems


def images(engine: Engine) -> tuple[Image, ...]:
    """The images with that engine."""
    return tuple(row for row in _file().images if row.engine == engine)


def source_build(package: str, rocm: str) -> SourceBuild | None:
    """The build of a package for an installed ROCm; None where none is known."""
    return next((row for row in _file().builds if row.package == package and within(row.rocm, rocm)), None)


def build_setup() -> str:
    """The command that brings, in an image of `kb.build_images()`, what builds by hand need beside ROCm."""
    return _file().build_setup
