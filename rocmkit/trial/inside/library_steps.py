"""Steps with what stands beside PyTorch in speech programs (Numba, resamplers, CTranslate2), and with variables that libraries set."""

from __future__ import annotations

import ctypes
import importlib
import math
import time
from typing import Any, Callable, Mapping

#: Every kind of resampling that librosa knows, and which package does it: its own default, soxr, resampy, SciPy, samplerate.
_RESAMPLERS = (None, "soxr_hq", "kaiser_best", "kaiser_fast", "fft", "polyphase", "sinc_best")
_FROM, _TO, _TONE = 44100, 16000, 440
_EDGE = 1000  # samples at each end, where a filter has heard only half of what it needs
#: A filter passes a tone far below its end unchanged within some thousandths.
_PASSED = 1e-2


def jit(step: Mapping[str, Any]) -> dict[str, Any]:
    """Compile a loop with Numba and run it."""
    numba, numpy = importlib.import_module("numba"), importlib.import_module("numpy")

    def squares(values: Any) -> float:
        total = 0.0
        for value in values:
            total += value * value
        return total

    compiled = numba.njit(squares)
    values = numpy.arange(1009, dtype=numpy.float64) / 7
    measured: dict[str, Any] = {"compiles": not numba.config.DISABLE_JIT}
    for name in ("first_seconds", "seconds"):
        start = time.perf_counter()
        got = compiled(values)
        measured[name] = round(time.perf_counter() - start, 6)
    want = squares(values.tolist())
    return {**measured, "error": abs(float(got) - want) / want, "at_most": 1e-12}


def _tone(numpy: Any, rate: int) -> Any:
    """A second of a tone."""
    return numpy.sin(2 * math.pi * _TONE * numpy.arange(rate) / rate)


def _resampled(resample: Callable[[Any], Any]) -> dict[str, Any]:
    """Resample a tone, which has to be the same tone afterwards."""
    numpy = importlib.import_module("numpy")
    start = time.perf_counter()
    got = resample(_tone(numpy, _FROM).astype(numpy.float32))
    measured = {"seconds": round(time.perf_counter() - start, 4)}
    if abs(len(got) - _TO) > 1:
        return {**measured, "fault": f"WrongNumbers: a second has {len(got)} samples, not {_TO}"}
    error = numpy.abs(got[_EDGE : _TO - _EDGE] - _tone(numpy, _TO)[_EDGE : _TO - _EDGE]).max()
    return {**measured, "error": float(error), "at_most": _PASSED}


def resample(step: Mapping[str, Any]) -> dict[str, Any]:
    """Resample with librosa in its own way, and in every other one whose package is there."""
    librosa = importlib.import_module("librosa")
    there, missing = [], []
    measured: dict[str, Any] = {}
    for kind in _RESAMPLERS:
        using = {"res_type": kind} if kind else {}
        try:
            told = _resampled(lambda sound, using=using: librosa.resample(sound, orig_sr=_FROM, target_sr=_TO, **using))  # type: ignore[misc]
        except ImportError:
            if not kind:
                raise
            missing.append(kind)
            continue
        if kind:
            there.append(kind)
        if not told.get("error", math.inf) <= _PASSED:
            return {**told, "resampler": kind or "its own"}
        measured = measured or told
    return {**measured, "resamplers": there, "missing": missing}


def resampy(step: Mapping[str, Any]) -> dict[str, Any]:
    """Resample with resampy, which compiles with Numba."""
    module = importlib.import_module("resampy")
    return _resampled(lambda sound: module.resample(sound, _FROM, _TO))


def _ct2_device(step: Mapping[str, Any]) -> str:
    return "cuda" if step["device"] == "gpu" else "cpu"  # HIP builds call it so too


def ct2_device(step: Mapping[str, Any]) -> dict[str, Any]:
    """What CTranslate2 computes with on the device. A build without code for a GPU says so in its own words."""
    ctranslate2 = importlib.import_module("ctranslate2")
    count = ctranslate2.get_cuda_device_count()
    measured = {"version": str(ctranslate2.__version__), "gpus": count}
    if not hasattr(ctranslate2, "get_supported_compute_types"):
        return {**measured, "unsupported": "this CTranslate2 does not tell its compute types"}
    types = sorted(ctranslate2.get_supported_compute_types(_ct2_device(step)))
    fault = {"fault": "NoGPU: CTranslate2 counts no GPU"} if step["device"] == "gpu" and not count else {}
    return {**measured, "compute_types": types, **fault}


def ct2_copy(step: Mapping[str, Any]) -> dict[str, Any]:
    """Copy numbers to the device and back with CTranslate2."""
    ctranslate2, numpy = importlib.import_module("ctranslate2"), importlib.import_module("numpy")
    if not hasattr(ctranslate2.StorageView, "to_device"):
        return {"unsupported": "this CTranslate2 does not copy between devices"}
    device, cpu = getattr(ctranslate2.Device, _ct2_device(step)), ctranslate2.Device.cpu
    start = time.perf_counter()
    for rows, columns in ((1, 1), (31, 33), (63, 65), (1500, 512)):
        sent = numpy.random.default_rng(step.get("seed", 1)).standard_normal((rows, columns)).astype(numpy.float32)
        there = ctranslate2.StorageView.from_array(sent).to_device(device)
        if there.device != _ct2_device(step):
            return {"fault": f"RanElsewhere: the numbers are on {there.device}"}
        wrong = int((numpy.array(there.to_device(cpu)) != sent).sum())
        if wrong:
            return {"fault": f"WrongNumbers: {wrong} of {sent.size} values came back changed"}
    return {"seconds": round(time.perf_counter() - start, 4)}


def environment(step: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of this process as libraries see them. os.environ was filled when Python started, and misses what a library set."""
    getenv = ctypes.CDLL(None).getenv
    getenv.argtypes, getenv.restype = [ctypes.c_char_p], ctypes.c_char_p
    raw = {name: getenv(name.encode()) for name in step["expected"]}
    values = {name: None if value is None else value.decode(errors="replace") for name, value in raw.items()}
    wrong = [
        f"{name} is {'not set' if values[name] is None else repr(values[name])}, not {expected!r}"
        for name, expected in step["expected"].items()
        if values[name] != expected
    ]
    return {"values": values, **({"fault": f"WrongEnvironment: {'; '.join(wrong)}"} if wrong else {})}


STEPS = {"jit": jit, "resample": resample, "resampy": resampy, "ct2_device": ct2_device, "ct2_copy": ct2_copy, "environment": environment}
