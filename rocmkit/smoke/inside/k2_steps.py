"""Steps with a zipformer transducer of k2, as three models in ONNX: load it, transcribe a file with it."""

from __future__ import annotations

import importlib
import platform
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from .features import BINS, NOTHING, features
from .greedy import WrongNumbers, search
from .sessions import CPU, choose, open_on, typed
from .sound import RATE, read, resampled
from .windows import bucket, cuts

#: Silence before and behind, as reazonspeech.k2.asr adds it: the model was trained with it.
PAD_S = 0.9
#: From one frame of the encoder's to the next.
FRAME_MS = 40
#: The last frames lie in the silence that was added, and are the only ones that see how far it was padded behind that: a convolution looks
#: three frames ahead of them, and where a length does not divide, the last frame is repeated. Where it was padded they are not searched.
EDGE = 3
_PARTS = ("encoder", "decoder", "joiner")
_KINDS = ("zipformer2", "zipformer", "conformer")  # what sherpa-onnx takes for a transducer
_TEXT = 400
_TOGETHER = 100

_loaded: dict[str, Any] = {}


class BadModel(ValueError):
    """Three files that are no transducer."""


class Int8OnGpu(ValueError):
    """A quantized encoder, which ONNX Runtime computes on the processor whatever provider is asked for."""


def k2_load(step: Mapping[str, Any]) -> dict[str, Any]:
    """Make the sessions: the encoder's on the provider, those of the search on the processor unless `search` is "provider"."""
    modules = {name: importlib.import_module(name) for name in ("numpy", "onnxruntime", "kaldi_native_fbank")}
    ort = modules["onnxruntime"]
    start = time.perf_counter()
    paths = {part: step["parts"][part]["path"] for part in _PARTS}
    provider, left_out = choose(ort, step["provider"], paths["joiner"])
    if provider != CPU and step["parts"]["encoder"]["precision"] == "int8" and not step["forced"]:
        raise Int8OnGpu(
            f"{Path(paths['encoder']).name} is quantized: {provider} has no kernel for its MatMulInteger with unsigned numbers, so that "
            "the processor would compute most of it"
        )
    searching = provider if step["search"] == "provider" else CPU
    sessions = {"encoder": _opened(ort, paths["encoder"], provider)}
    sessions.update({part: _opened(ort, paths[part], searching, threads=1) for part in ("decoder", "joiner")})
    told = {part: session.get_modelmeta().custom_metadata_map for part, session in sessions.items()}
    vocabulary, context = (_number(told["decoder"], name) for name in ("vocab_size", "context_size"))
    notes = _shaped(sessions, told["encoder"])
    length = sessions["encoder"].get_inputs()[0].shape[1]
    _loaded.update(length=length if isinstance(length, int) else None)  # it may have been fixed, as MIGraphX likes it
    _loaded.update(sessions=sessions, numpy=modules["numpy"], knf=modules["kaldi_native_fbank"], context=context)
    return {
        "provider": sessions["encoder"].get_providers()[0],
        "parts": {part: session.get_providers()[0] for part, session in sessions.items()},
        "offered": list(ort.get_available_providers()),
        "left_out": left_out,
        "vocabulary": vocabulary,
        "notes": notes,
        "seconds": round(time.perf_counter() - start, 3),
        "versions": {"python": platform.python_version(), **{name: _version(name, module) for name, module in modules.items()}},
    }


def _opened(ort: Any, path: str, provider: str, *, threads: int = 0) -> Any:
    try:
        return open_on(ort, path, provider, threads=threads)
    except Exception as error:
        # ONNX Runtime's own kinds of errors have no common base but this.
        if "INVALID_PROTOBUF" in str(error) or "parsing failed" in str(error):
            why = "its download may have been cut off, or it is Git LFS's stand-in for it"
            raise BadModel(f"{Path(path).name} is no whole ONNX file: {why}") from error
        raise


def _number(told: Mapping[str, str], name: str) -> int:
    try:
        number = int(told[name])
    except KeyError:
        raise BadModel(f"the decoder's metadata lacks {name}: a tool that rewrote the file dropped it, or it is no decoder") from None
    except ValueError:
        raise BadModel(f"the decoder's metadata says {name}={told[name]!r}, which is no number") from None
    if not 0 < number < 1 << 20:
        raise BadModel(f"the decoder's metadata says {name}={number}")
    return number


def _shaped(sessions: Mapping[str, Any], told: Mapping[str, str]) -> list[str]:
    """What is odd about the model. Raises BadModel where it takes or gives something else than a transducer's parts do."""
    for part, takes, gives in (("encoder", 2, 2), ("decoder", 1, 1), ("joiner", 2, 1)):
        has = len(sessions[part].get_inputs()), len(sessions[part].get_outputs())
        if has != (takes, gives):
            why = ": a model that streams is another one" if part == "encoder" and has[0] > takes else ""
            raise BadModel(f"the {part} has {has[0]} inputs and {has[1]} outputs, not {takes} and {gives}{why}")
    shape = sessions["encoder"].get_inputs()[0].shape
    if len(shape) != 3 or (isinstance(shape[2], int) and shape[2] != BINS):
        raise BadModel(f"the encoder takes sound of the shape {shape}, not of {BINS} numbers a frame")
    if isinstance(shape[1], int) and _sound_s(shape[1]) < 1:
        raise BadModel(f"the encoder takes {shape[1]} frames and no other number: that is less than a second, with the silence around it")
    kind = told.get("model_type")
    if kind in _KINDS:
        return []
    return [
        f"the encoder's metadata says model_type={kind}" if kind else "the encoder's metadata lacks model_type, and sherpa-onnx wants it"
    ]


def _version(name: str, module: Any) -> str:
    found = vars(module).get("__version__")
    return found[:_TEXT] if isinstance(found, str) else importlib.import_module("importlib.metadata").version(name.replace("_", "-"))


def k2_transcribe(step: Mapping[str, Any]) -> dict[str, Any]:
    """Transcribe a file. What is wrong with this one is told as "error", so that the next one gets its turn."""
    try:
        return _transcribed(step)
    except Exception as error:
        line = next(iter(str(error).splitlines()), "")
        return {"error": f"{type(error).__name__}: {line}"[:_TEXT]}


def _transcribed(step: Mapping[str, Any]) -> dict[str, Any]:
    numpy = _loaded["numpy"]
    start = time.perf_counter()
    sound, rate = read(numpy, step["file"])
    samples = resampled(numpy, sound, rate)
    took: dict[str, float] = {"features": 0.0, "encoder": 0.0, "search": 0.0}
    found: list[str] = []
    pieces = []
    table, most_s = step["buckets"], step["whole_s"]
    if _loaded["length"]:
        table, most_s = [_loaded["length"]], min(most_s, _sound_s(_loaded["length"]))
    for begin, end in cuts(numpy, samples, RATE, whole_s=most_s, piece_s=min(step["piece_s"], most_s * 6 / 7)):
        tokens, frames, length = _piece(samples[begin:end], step, table, took)
        offset = round(begin * 1000 / RATE) - round(PAD_S * 1000)
        found += [f"{token},{max(offset + frame * FRAME_MS, 0)}" for token, frame in tokens]
        pieces.append([round(begin / RATE, 2), round(end / RATE, 2), frames, length])
    return {
        "audio_s": round(len(sound) / rate, 3),
        "rate": rate,
        "seconds": round(time.perf_counter() - start, 4),
        "took": {name: round(seconds, 4) for name, seconds in took.items()},
        "count": len(found),
        "silent": not sound.any(),
        "pieces": pieces,
        "tokens": [" ".join(found[at : at + _TOGETHER]) for at in range(0, len(found), _TOGETHER)],
    }


def _sound_s(length: int) -> float:
    """How long a sound may be for so many frames, with the silence that is added."""
    return length / 100 - 2 * PAD_S


def _piece(samples: Any, step: Mapping[str, Any], table: Sequence[int], took: dict[str, float]) -> tuple[list[tuple[int, int]], int, int]:
    """The tokens of one piece, how many frames it has, and to how many it was padded."""
    numpy, sessions = _loaded["numpy"], _loaded["sessions"]
    times = [time.perf_counter()]
    pad = numpy.zeros(round(PAD_S * RATE), numpy.float32)
    rows = features(_loaded["knf"], numpy, numpy.concatenate([pad, samples, pad]))
    length = bucket(len(rows), table)
    padded = numpy.full((1, length, BINS), NOTHING, numpy.float32)
    padded[0, : len(rows)] = rows
    times.append(time.perf_counter())
    encoder = sessions["encoder"]
    encoded, lengths = encoder.run(None, typed(numpy, encoder, {0: padded, 1: [len(rows)]}))
    many = int(lengths[0])
    if not 0 < many <= encoded.shape[1]:
        raise WrongNumbers(f"the encoder says that it made {many} frames out of {len(rows)}, and gave {encoded.shape[1]}")
    kept = encoded[0, : max(many - EDGE, 0) if length > len(rows) else many].astype(numpy.float32)
    if not numpy.isfinite(kept).all():
        raise WrongNumbers("the encoder gave NaN or infinity")
    times.append(time.perf_counter())
    tokens = search(numpy, kept, _decode, _join, context=_loaded["context"], unknown=step["unknown"])
    times.append(time.perf_counter())
    for name, one, other in zip(took, times, times[1:]):
        took[name] += other - one
    return tokens, len(rows), length


def _decode(before: Any) -> Any:
    decoder = _loaded["sessions"]["decoder"]
    (given,) = decoder.run(None, typed(_loaded["numpy"], decoder, {0: [before]}))
    return given.reshape(1, -1)


def _join(encoded: Any, predicted: Any) -> Any:
    joiner = _loaded["sessions"]["joiner"]
    (given,) = joiner.run(None, typed(_loaded["numpy"], joiner, {0: encoded, 1: predicted}))
    return given.reshape(len(encoded), -1)


STEPS = {"k2_load": k2_load, "k2_transcribe": k2_transcribe}
