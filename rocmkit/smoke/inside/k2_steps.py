"""Steps of `rocmkit transcribe` with a zipformer transducer of k2: load it, transcribe a file with it."""

from __future__ import annotations

import importlib
import platform
import time
from typing import Any, Mapping

from .sound import RATE, read, resampled
from .transducer import Transducer, timed

_TEXT = 400
_TOGETHER = 100

_loaded: dict[str, Transducer] = {}


def k2_load(step: Mapping[str, Any]) -> dict[str, Any]:
    """Make the sessions: the encoder's on the provider, those of the search on the processor unless `search` is "provider"."""
    modules = {name: importlib.import_module(name) for name in ("numpy", "onnxruntime", "kaldi_native_fbank")}
    start = time.perf_counter()
    model = Transducer(modules, step["parts"], asked=step["provider"], forced=step["forced"], on_provider=step["search"] == "provider")
    _loaded.update(model=model)
    return {
        "provider": model.sessions["encoder"].get_providers()[0],
        "parts": {part: session.get_providers()[0] for part, session in model.sessions.items()},
        "offered": list(modules["onnxruntime"].get_available_providers()),
        "left_out": model.left_out,
        "vocabulary": model.vocabulary,
        "notes": model.notes,
        "seconds": round(time.perf_counter() - start, 3),
        "versions": {"python": platform.python_version(), **{name: _version(name, module) for name, module in modules.items()}},
    }


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
    model = _loaded["model"]
    start = time.perf_counter()
    sound, rate = read(model.numpy, step["file"])
    samples = resampled(model.numpy, sound, rate)
    took: dict[str, float] = {"features": 0.0, "encoder": 0.0, "search": 0.0}
    asked = {name: step[name] for name in ("unknown", "whole_s", "piece_s")}
    pieces = list(model.pieces(samples, took, table=step["buckets"], **asked))
    found = [f"{token},{ms}" for piece in pieces for token, ms in timed(piece)]
    return {
        "audio_s": round(len(sound) / rate, 3),
        "rate": rate,
        "seconds": round(time.perf_counter() - start, 4),
        "took": {name: round(seconds, 4) for name, seconds in took.items()},
        "count": len(found),
        "silent": not sound.any(),
        "pieces": [[round(one.begin / RATE, 2), round(one.end / RATE, 2), one.frames, one.length] for one in pieces],
        "tokens": [" ".join(found[at : at + _TOGETHER]) for at in range(0, len(found), _TOGETHER)],
    }


STEPS = {"k2_load": k2_load, "k2_transcribe": k2_transcribe}
