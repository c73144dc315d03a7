"""How rocmkit drives each speech system in `rocmkit smoke`: what it needs, which models, what it can do, what to expect of it."""

from __future__ import annotations

from functools import cache
from typing import Literal

from rocmkit.kb._load import document
from rocmkit.kb.systems import Engine, SpeechSystem, systems
from rocmkit.kb.values import Row
from rocmkit.model import Model

#: The finest that a system gives: a time for each word, for each sentence or so, or none.
Timestamps = Literal["word", "segment", "none"]
#: hub: huggingface_hub's cache; whisper: openai-whisper's own folder of .pt files.
Place = Literal["hub", "whisper"]


class BackendModel(Model, kw_only=True):
    """A model that a case can be made of."""

    id: str
    """Its name, as the system takes it."""
    repository: str = ""
    """Where the hub has it, where that is another name; empty: `id`."""
    bytes: int
    """What it downloads."""
    vram_gib: float
    """Video memory for one clip of 30 seconds, by its weights and a margin."""
    licence: str
    """Of the weights."""
    gated: bool = False
    """The hub gives it only to those who are logged in and have accepted its terms."""
    kana_only: bool = False
    """It writes kana alone."""
    cer_pass: float = 0.30
    """Reading error rate up to which it passes on the clips that rocmkit brings."""
    cer_expected: float
    """What it is known or estimated to reach there."""


class Backend(Row, kw_only=True):
    """A way of driving a system; `sources` and `known` are of its figures."""

    id: str
    """Name on the command line: faster-whisper."""
    system: str
    """The row of systems.yaml that it belongs to; empty: none, it stands here alone."""
    title: str
    """Name, as people know it."""
    engine: Engine
    """What it computes with."""
    module: str
    """The file in smoke/inside/backends that drives it."""
    options: dict[str, str | int | float | bool] = {}
    """What that file is given beside the model."""
    needs: tuple[str, ...]
    """Distributions that have to be there, by their normalised names; `a|b` is met by either."""
    install: tuple[str, ...] = ()
    """Arguments of `pip install` that bring them, the engine for AMD GPUs apart; one call each. Empty: those of the system."""
    install_mb: int
    """About so many megabytes of disk they take then, with what they need, the engine apart."""
    place: Place
    """Where its models lie."""
    files: tuple[str, ...] = ()
    """Of the files that the hub has of a model only those that match: see smoke/inside/picking.py; empty: all."""
    models: tuple[BackendModel, ...]
    """The one that is taken by itself first."""
    timestamps: Timestamps
    """The finest that it gives."""
    punctuation: bool
    """Whether it writes any."""
    language_detection: bool
    """Whether it finds the language by itself."""
    diarization: bool
    """Whether it tells speakers apart."""
    apart: bool = False
    """Its packages pin releases that other systems cannot use: it wants an environment of its own."""
    gpu: bool = True
    """False: as its authors pack it, it has no way to an AMD GPU."""
    trouble: tuple[str, ...] = ()
    """Ids of known issues and checks that it is known for."""
    notes: tuple[str, ...] = ()
    """What to know of its numbers here."""


class _File(Model, kw_only=True):
    backends: tuple[Backend, ...]


@cache
def backends() -> tuple[Backend, ...]:
    """Every backend, in the order of a report."""
    return document("backends", _File).backends


def backend(name: str) -> Backend:
    """The one of that name. Raises KeyError."""
    return {one.id: one for one in backends()}[name]


def system_of(one: Backend) -> SpeechSystem | None:
    """Its row in systems.yaml."""
    return next((row for row in systems() if row.id == one.system), None)


def install_of(one: Backend) -> tuple[str, ...]:
    """Arguments of `pip install` that bring its packages, the engine for AMD GPUs apart; one call each."""
    system = system_of(one)
    return one.install or (system.install if system else ())
