"""What a route is."""

from __future__ import annotations

from typing import Literal

from rocmkit.kb.systems import Engine
from rocmkit.kb.values import Known
from rocmkit.kb.when import Layout, Note
from rocmkit.model import Model

#: as-is: what is installed. wheel: packages to install. override: another architecture's code. container: an image. recipe: `rocmkit
#: build`. cpu: the processor. In the order of what they cost.
Way = Literal["as-is", "wheel", "override", "container", "recipe", "cpu"]
WAYS: tuple[Way, ...] = ("as-is", "wheel", "override", "container", "recipe", "cpu")

#: ready: it can be used now. installable: its commands lead there. buildable: so they do, in an hour or more. blocked: `blocked_by` has
#: to be mended first. unknown: what decides could not be seen. cpu-only: it runs on the processor.
Status = Literal["ready", "installable", "buildable", "blocked", "unknown", "cpu-only"]


class Vram(Model, kw_only=True):
    """Video memory of the best model that fits, or of the smallest where none does."""

    model: str  # kotoba-tech/kotoba-whisper-v2.0
    precision: str  # float16
    need_gib: float  # for one clip of 30 seconds
    limit_gib: float | None  # of the GPU, or what the user allows; None: not known
    fits: bool | None  # None: the limit is not known
    licence: str  # of the model


class Route(Model, kw_only=True):
    """A way from this machine to a transcript with one speech system."""

    system: str  # kotoba-whisper
    title: str  # kotoba-whisper (Distil-Whisper)
    way: Way  # what kind of way it is
    how: str  # the way in a sentence
    status: Status  # how far it is
    gpu: bool  # whether it ends on the GPU
    rank: int  # 1 is the best for this system
    known: Known  # how it is known that this way leads there
    commands: tuple[str, ...]  # lines to copy, in order
    blocked_by: tuple[str, ...]  # codes of findings in its way, or that no command here takes away
    cures: tuple[str, ...]  # codes of findings that its commands take away
    vram: Vram | None  # None: it is not on the GPU
    notes: tuple[str, ...]  # what to know before
    sources: tuple[str, ...]  # public places that say so


class Offer(Model, kw_only=True):
    """What a release of a recipe can build, as it says itself."""

    recipe: str  # the name for `rocmkit build`
    package: str | None  # distribution that it makes
    engine: Engine | None  # what that computes for
    provides: tuple[str, ...] = ()  # ROCm libraries whose kernels it makes: rocblas
    providers: tuple[str, ...] = ()  # of an ONNX Runtime: the execution providers that it has
    version: str  # upstream release
    rocm: str  # specifier on the ROCm that is built with
    layouts: tuple[Layout, ...]  # where that ROCm's parts may lie: amd, core, debian, wheel
    archs: tuple[str, ...] = ()  # architectures it is for; empty: whatever the compiler knows
    wavefront: int = 0  # size of the wavefront of GPUs whose results are right; 0: any
    python: str = ""  # specifier on Python; empty: any
    why: str  # why this release for these ROCm
    known: Known  # how it is known that it works
    gives: tuple[str | Note, ...] = ()  # what the result does on the card
    notes: tuple[str | Note, ...] = ()  # limits to know before
    sources: tuple[str, ...]  # public places behind it


class Idea(Model, kw_only=True):
    """A way that people try, judged for this GPU."""

    name: str  # rocm/pytorch:latest
    verdict: Literal["yes", "no", "unknown"]  # whether it leads to this GPU
    because: str  # why
    commands: tuple[str, ...]  # how, where it does
    known: Known  # how that is known
    sources: tuple[str, ...]  # public places that say so
