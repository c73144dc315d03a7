"""Transcribe files with a k2 transducer in a process of the user's Python, and say what came of it and where it ran."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import replace

from rocmkit import __version__
from rocmkit.errors import Exit, worst
from rocmkit.host.names import Names
from rocmkit.kb.providers import NAMES, provider
from rocmkit.model import DataError, Model, convert
from rocmkit.onnx.advice import advise
from rocmkit.onnx.read import read
from rocmkit.smoke.inside.sound import RATE
from rocmkit.smoke.inside.tokens import Tokens, piece_of, text_of
from rocmkit.smoke.inside.transducer import BUCKETS, PIECE_S, WHOLE_S
from rocmkit.smoke.values import PARTS, Asked, Heard, ModelFile, Part, Piece, Token, Transcript
from rocmkit.trial.values import Device, Experiment, Limits, Run, Trial
from rocmkit.trial.words import ELSEWHERE, ending
from rocmkit.trial.work import worker

INSIDE = Path(__file__).with_name("inside")
_MISSING = re.compile(r"(\S{1,200}\.so(?:\.\d+)*): cannot open shared object file")
_NO_MODULE = re.compile(r"(?:ModuleNotFoundError|ImportError): ")


class Ask(Model, kw_only=True):
    """What is transcribed, with what, and where."""

    python: str  # the interpreter's path
    model: str  # the folder's path
    models: dict[Part, ModelFile]
    tokens: Tokens
    files: tuple[str, ...]  # their paths, absolute
    provider: Asked
    forced: bool = False  # the precision was asked for by name
    search_on_provider: bool = False
    timeout_s: float = 1800.0
    buckets: tuple[int, ...] = BUCKETS
    brings: tuple[str, ...] = ()  # commands that bring an onnxruntime with the provider
    installs: tuple[str, ...] = ()  # commands that bring what else is needed


class _Loaded(Model, kw_only=True):
    """What the worker says of the model."""

    provider: str
    parts: dict[Part, str]
    offered: tuple[str, ...]
    left_out: tuple[str, ...]
    vocabulary: Annotated[int, Meta(ge=1)]
    notes: tuple[str, ...]
    seconds: float
    versions: dict[str, str]


class _Told(Model, kw_only=True):
    """What the worker says of a file."""

    error: str | None = None
    audio_s: float = 0.0
    rate: int = RATE
    seconds: float = 0.0
    took: dict[str, float] = {}
    count: int = 0
    silent: bool = False
    pieces: tuple[tuple[float, float, int, int], ...] = ()
    tokens: tuple[str, ...] = ()


def transcribe(ask: Ask, run: Run, names: Names) -> Transcript:
    """Do it. Raises OSError where the interpreter cannot be started."""
    trial = run(experiment(ask, os.environ))
    found = judged(ask, trial, names)
    return replace(found, warnings=(*found.warnings, *_of_graph(ask, found)))


def experiment(ask: Ask, environ: Mapping[str, str]) -> Experiment:
    """All files in one process, so that the model is loaded once, and what is compiled for a length serves all of it."""
    parts = {part: {"path": f"{ask.model}/{one.name}", "precision": one.precision} for part, one in ask.models.items()}
    search = "provider" if ask.search_on_provider else "cpu"
    load = {"do": "k2_load", "parts": parts, "provider": ask.provider, "forced": ask.forced, "search": search}
    each = {"buckets": list(ask.buckets), "unknown": ask.tokens.unknown, "whole_s": WHOLE_S, "piece_s": PIECE_S}
    steps: list[dict[str, Any]] = [load, *({"do": "k2_transcribe", "file": file, **each} for file in ask.files)]
    # By itself MIOpen compiles and times kernels for each length that it has no record of (ROCm/MIOpen docs/how-to/find-and-immediate.rst).
    env: dict[str, str | None] = {} if "MIOPEN_FIND_MODE" in environ else {"MIOPEN_FIND_MODE": "FAST"}
    devices: dict[Asked, Device | None] = {"cpu": "cpu", "auto": None}
    device = devices.get(ask.provider, "gpu")
    limits = Limits(time_s=ask.timeout_s)
    made = worker(ask.python, "transcribe", steps, device=device, limits=limits, env=env, folders=(INSIDE,))
    return replace(made, fresh_caches=False)  # what was compiled for a length once is there the next time


def judged(ask: Ask, trial: Trial, names: Names) -> Transcript:
    """What came of it. Pure."""
    found = Transcript(
        rocmkit=__version__,
        model=names.hide(ask.model),
        models={part: replace(one, name=names.hide(one.name)) for part, one in ask.models.items()},
        python=names.hide(ask.python),
        asked=ask.provider,
        exit=int(Exit.BLOCKED),
        trial=None if trial.outcome == "pass" else replace(trial, measured=()),
        peak_bytes=trial.peak_bytes,
    )
    files = tuple(names.hide(file) for file in ask.files)
    unreached = tuple(Heard(file=file, outcome="not-reached") for file in files)
    if not trial.measured:
        return replace(_not_loaded(found, ask, trial), files=unreached)
    try:
        loaded = convert(trial.measured[0], _Loaded, source="the worker's answer")
        told = [convert(one, _Told, source="the worker's answer") for one in trial.measured[1 : 1 + len(files)]]
    except DataError as error:
        return replace(found, because=str(error), files=unreached, exit=int(Exit.INCONCLUSIVE))
    found = replace(
        found,
        provider=loaded.provider,
        parts=loaded.parts,
        offered=loaded.offered,
        versions=loaded.versions,
        load_s=loaded.seconds,
        warnings=(*loaded.notes, *_not_there(ask, loaded, trial)),
        commands=() if _there(ask, loaded) else ask.brings,
    )
    lacking = loaded.vocabulary - sum(number < loaded.vocabulary for number in ask.tokens.pieces)
    if lacking:
        apart = f"tokens.txt and the model do not belong together: {lacking} of its {loaded.vocabulary} tokens are not in it"
        return replace(found, because=apart, files=unreached, advice=("Take tokens.txt from where the model is from.",))
    heard = [_heard(file, one, ask.tokens) for file, one in zip(files, told, strict=False)]
    if trial.outcome != "pass" and len(heard) < len(files):
        heard.append(Heard(file=files[len(heard)], outcome="failed", because=ending(trial)))
    heard += unreached[len(heard) :]
    bad = [one for one in heard if one.outcome != "transcribed"]
    codes = [] if _there(ask, loaded) else [Exit.RAN_ON_CPU]
    because: str | None = None
    if trial.outcome != "pass":
        because = f"it ended before all was done: {ending(trial)}"
    elif bad:
        because = f"{len(bad)} of {len(heard)} files could not be transcribed"
    return replace(found, because=because, files=tuple(heard), exit=int(worst([*codes, *([Exit.BLOCKED] if because else [])])))


def _not_loaded(found: Transcript, ask: Ask, trial: Trial) -> Transcript:
    """Why the model was not loaded, and what to do."""
    because = ending(trial)
    if trial.outcome == "fail" and _NO_MODULE.match(because):
        return replace(
            found,
            because=f"this Python cannot import what is needed: {because.partition(': ')[2]}",
            advice=("It needs numpy, kaldi-native-fbank, and an onnxruntime; that of the package index computes on the processor.",),
            commands=(*ask.installs, *ask.brings),
            exit=int(Exit.INCONCLUSIVE),
        )
    kind, _, text = because.partition(": ")
    if kind in ELSEWHERE:
        why = _loader(trial.log)
        advice = "`rocmkit doctor` says what the machine lacks. To have it transcribed on the processor, say --provider cpu."
        return replace(found, because=text + (f": {why}" if why else ""), advice=(advice,), commands=ask.brings)
    if kind == "Int8OnGpu":
        advice = "Take the fp32 file for the GPU; --precision int8 takes this one all the same, --provider cpu runs it on the processor."
        return replace(found, because=text, advice=(advice,), commands=())
    return replace(found, because=f"the model was not loaded: {text if kind == 'BadModel' else because}")


def _loader(log: str) -> str | None:
    """Which libraries the loader did not find, by its own words in the log."""
    names = tuple(dict.fromkeys(_MISSING.findall(log)))
    return f"the loader did not find {', '.join(names)}" if names else None


def _there(ask: Ask, loaded: _Loaded) -> bool:
    """Whether the encoder's session puts one of the providers first that were asked for."""
    return provider(loaded.provider) in (("rocm", "migraphx") if ask.provider == "auto" else (ask.provider,))


def _not_there(ask: Ask, loaded: _Loaded, trial: Trial) -> tuple[str, ...]:
    if _there(ask, loaded):
        return ()
    where = "the processor" if loaded.provider == NAMES["cpu"] else loaded.provider
    why = "; ".join(filter(None, (*loaded.left_out, _loader(trial.log))))
    return (f"this ran on {where}, not on the GPU" + (f": {why}" if why else ""),)


def _heard(file: str, told: _Told, tokens: Tokens) -> Heard:
    if told.error is not None:
        return Heard(file=file, outcome="failed", because=told.error.removeprefix("NoSound: "))
    try:
        found = [(int(number), int(ms) / 1000) for row in told.tokens for number, _, ms in (one.partition(",") for one in row.split())]
        text = text_of(tokens, (number for number, _ in found))
    except (ValueError, KeyError, OverflowError) as error:
        return Heard(file=file, outcome="failed", because=f"a token that is none: {error}")
    if len(found) != told.count:
        return Heard(file=file, outcome="failed", because=f"{told.count - len(found)} of {told.count} tokens were lost on the way")
    return Heard(
        file=file,
        outcome="transcribed",
        text=text,
        tokens=tuple(Token(text=piece_of(tokens, number), at_s=at_s) for number, at_s in found),
        audio_s=told.audio_s,
        transcribe_s=told.seconds,
        rtf=round(told.seconds / told.audio_s, 4) if told.audio_s else None,
        took=told.took,
        pieces=tuple(Piece(begin_s=begin, end_s=end, frames=frames, padded=length) for begin, end, frames, length in told.pieces),
        warnings=tuple(_odd(told)),
    )


def _odd(told: _Told) -> list[str]:
    found = []
    if told.rate < RATE:
        found.append(f"recorded at {told.rate} Hz: what is above {told.rate // 2} Hz is missing, and the model was trained with it")
    if not told.audio_s:
        found.append("there is no sound in it")
    elif told.silent:
        found.append("it is silent throughout")
    elif not told.count:
        found.append("no speech was found in it")
    if len(told.pieces) > 1:
        found.append(f"it is long: it was cut into {len(told.pieces)} pieces where it is quiet")
    return found


def _of_graph(ask: Ask, found: Transcript) -> Sequence[str]:
    """What the encoder's graph says of the GPU's provider, where that was taken, or asked for by name."""
    taken = ask.provider if found.provider is None else provider(found.provider)
    if taken not in ("rocm", "migraphx"):
        return ()
    try:
        advice = advise(read(Path(ask.model) / ask.models[PARTS[0]].name), taken)
    except (DataError, OSError):
        return ()
    return [f"{one.text} {one.fix or ''}".strip() for one in advice if one.severity != "note"]
