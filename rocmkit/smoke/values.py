"""What became of a transcription: the published values of `rocmkit transcribe --json`."""

from __future__ import annotations

from typing import Literal

from rocmkit.model import Model
from rocmkit.trial.values import Trial

Asked = Literal["auto", "rocm", "migraphx", "cpu"]
Precision = Literal["fp32", "fp16", "int8"]
Part = Literal["encoder", "decoder", "joiner"]
PARTS: tuple[Part, ...] = ("encoder", "decoder", "joiner")


class ModelFile(Model, kw_only=True):
    """One of the three models, by its name in the folder."""

    name: str  # encoder-epoch-99-avg-1.onnx
    precision: Precision  # by its name


class Token(Model, kw_only=True):
    """A token of a transcript."""

    text: str  # as it stands in tokens.txt, with a blank for the sign of one
    at_s: float  # the frame that it was found in, in seconds from the beginning of the file


class Piece(Model, kw_only=True):
    """What the encoder was given at once."""

    begin_s: float  # in the file
    end_s: float  # in the file
    frames: int  # hundredths of a second, with the silence around it
    padded: int  # the length that they were padded to: GPU libraries compile for each length once


class Heard(Model, kw_only=True):
    """One sound file."""

    file: str  # its path
    outcome: Literal["transcribed", "failed", "not-reached"]  # not-reached: the process ended before it
    because: str | None = None  # why it failed
    text: str | None = None  # the transcript; None unless transcribed
    tokens: tuple[Token, ...] = ()  # those that are not blank
    audio_s: float | None = None  # how long it lasts
    transcribe_s: float | None = None  # how long reading, features, encoder and search took together
    rtf: float | None = None  # transcribe_s for each second of audio_s
    took: dict[str, float] = {}  # seconds of features, encoder and search
    pieces: tuple[Piece, ...] = ()  # what it was cut into
    warnings: tuple[str, ...] = ()  # what is odd about it


class Transcript(Model, kw_only=True):
    """`rocmkit transcribe --json`."""

    schema: Literal["rocmkit.transcript/1"] = "rocmkit.transcript/1"  # the name of this shape
    rocmkit: str  # version
    model: str  # its folder
    models: dict[Part, ModelFile]  # the files that were taken of it
    python: str  # the interpreter that did it
    asked: Asked  # the provider that was asked for
    provider: str | None = None  # the encoder's, as its session tells; that claims where it computes, and proves nothing
    parts: dict[Part, str] = {}  # the provider of each part's session
    offered: tuple[str, ...] = ()  # the providers that this onnxruntime was built with
    versions: dict[str, str] = {}  # of Python, onnxruntime, numpy and kaldi_native_fbank
    load_s: float | None = None  # how long loading the model took
    because: str | None = None  # why nothing, or not everything, was transcribed
    advice: tuple[str, ...] = ()  # what to do about that
    commands: tuple[str, ...] = ()  # that do it
    warnings: tuple[str, ...] = ()  # what is odd about the model, or about where it ran
    files: tuple[Heard, ...] = ()  # in the order of the command line
    peak_bytes: int | None = None  # resident memory of the process at its highest
    exit: int  # the exit code
    trial: Trial | None = None  # how the process ended, where that was not well
