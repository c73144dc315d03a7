"""The published values of `rocmkit smoke --json`."""

from __future__ import annotations

from typing import Literal

from rocmkit.kb.backends import Timestamps
from rocmkit.model import Model
from rocmkit.smoke.cer import By
from rocmkit.smoke.observed import Card, Evidence, Placed
from rocmkit.trial.values import Device

Outcome = Literal["pass", "fail", "inconclusive", "skipped"]
#: Executed: the GPU took packets of this process out of its queues, or waves of it were in flight. Resident: it has a compute queue, and
#: memory of the model's size, on the GPU. Claimed: a library says so. None: nothing at all.
Level = Literal["executed", "resident", "claimed", "none"]
Hidden = Literal["failed", "cpu", "void", "not-made"]
Verdict = Literal["proved", "partly", "cpu", "wrong-text", "failed", "inconclusive"]


class Proof(Model, kw_only=True):
    """What shows where a case computed."""

    level: Level
    because: str  # in a sentence: what the level rests on, and why it is no higher
    enough: bool  # whether it is a proof that the GPU computed
    gpu: Card | None = None  # the one that it is about
    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[str, ...] = ()  # two HIP runtimes, an emulated GPU, an override in force


class Control(Model, kw_only=True):
    """The same case with the GPU hidden."""

    outcome: Hidden  # void: it looked as if it ran on the GPU
    because: str


class Comparison(Model, kw_only=True):
    """The same model on the processor."""

    agrees: bool | None  # None: not compared
    because: str
    cer: float | None = None  # of the GPU's text against the processor's
    cosine: float | None = None  # of the encoder's outputs, in the numbers that were kept of them
    cpu_cer: float | None = None  # the processor's own, against the reference


class Repeat(Model, kw_only=True):
    """The same clips a second time."""

    agrees: bool | None  # None: it did not come so far
    because: str


class Score(Model, kw_only=True):
    """One clip against what is said in it."""

    clip: str
    text: str | None  # None: not transcribed
    reference: str | None
    cer: float | None = None  # of characters
    reading_cer: float | None = None  # of readings
    audio_s: float | None = None
    seconds: float | None = None
    guards: tuple[str, ...] = ()  # what is wrong with the text, whatever the rate


class Crash(Model, kw_only=True):
    """How the process ended badly."""

    signal: str | None
    last_import: str | None
    frame: str | None  # the innermost native function
    log: str
    library: str | None = None
    python: str | None = None  # the innermost Python frame
    known: tuple[str, ...] = ()  # codes of known issues that its output shows
    while_doing: str = ""  # loading; transcribing 02_jm_kumo.wav


class Features(Model, kw_only=True):
    """What the system can do beside writing the words down."""

    timestamps: Timestamps
    punctuation: bool
    language_detection: bool
    diarization: bool


class Case(Model, kw_only=True):
    """One system with one model."""

    system: str  # faster-whisper
    title: str  # as people know it
    model: str | None
    device: Device | None  # where it computed, as far as that is known; None: it did not
    outcome: Outcome
    code: str | None = None  # page that says more: RK701; None: it passed
    because: str
    commands: tuple[str, ...] = ()  # what to do next
    bytes: int | None = None  # what these commands download
    text: str | None = None  # of all clips, a line each
    reference: str | None = None
    cer: float | None = None  # by readings, where they are known; else the lower one of text and kana
    cer_by: By | None = None
    plain_cer: float | None = None  # of characters as they stand
    audio_s: float | None = None
    load_s: float | None = None
    transcribe_s: float | None = None  # all clips, the second time where there was one
    first_s: float | None = None  # all clips, the first time: kernels may be compiled in it
    rtf: float | None = None
    peak_vram_bytes: int | None = None
    peak_rss_bytes: int | None = None
    proof: Proof
    negative_control: Control
    against_cpu: Comparison
    repeat: Repeat
    placement: tuple[Placed, ...] = ()
    crash: Crash | None = None
    features: Features
    clips: tuple[Score, ...] = ()
    compute_type: str | None = None
    licence: str | None = None
    warnings: tuple[str, ...] = ()
    exit: int  # what this case alone would make of the exit code


class Smoke(Model, kw_only=True):
    """`rocmkit smoke --json`."""

    schema: Literal["rocmkit.smoke/1"] = "rocmkit.smoke/1"  # the name of this shape
    rocmkit: str  # version
    verdict: Verdict
    because: str  # in a sentence
    exit: int  # the exit code
    cards: tuple[Card, ...] = ()
    cases: tuple[Case, ...] = ()
    interrupted: bool = False  # it was broken off: what is missing did not run
