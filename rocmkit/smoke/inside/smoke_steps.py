"""The steps of `rocmkit smoke`: load a system's model, transcribe, and look at the process from inside.

A step's answer is a line of at most 4000 bytes, except for lists, which may be longer: what is long is told as a list of pieces.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import math
import os
import platform
import time
from pathlib import Path
from typing import Any, Iterable, Mapping

from .backends import DISTRIBUTIONS, Ask, Backend
from .packets import counted
from .sound import RATE, NoSound, read, resampled

_TEXT = 300
_SAMPLE = 512
_loaded: dict[str, Any] = {}


def smoke_load(step: Mapping[str, Any]) -> dict[str, Any]:
    """Load the model."""
    numpy = importlib.import_module("numpy")
    module = importlib.import_module(f"{__package__}.backends.{step['module']}")
    start = time.perf_counter()
    backend: Backend = module.System(Ask(step["model"], step["device"], step.get("compute_type"), step.get("options", {})))
    seconds = time.perf_counter() - start
    _loaded.update(backend=backend, numpy=numpy)
    distributions = tuple(dict.fromkeys((*DISTRIBUTIONS, *step.get("distributions", ()))))
    runtimes = _hip_runtimes()
    return {
        "seconds": round(seconds, 4),
        "device": backend.device,
        "dtype": backend.dtype,
        "weights_bytes": backend.weights_bytes,
        "versions": _versions(distributions),
        "records": _records(distributions),
        "claims": [{"kind": "library", "where": where, "value": str(value)[:_TEXT]} for where, value in backend.claims().items()],
        "notes": [note[:_TEXT] for note in backend.notes()],
        # To ask HIP starts it: a process that is to use the processor alone would open the GPU, and hang with it.
        "gpu_pci": _pci(runtimes[0]) if runtimes and step["device"] == "gpu" else None,
        "runtimes": runtimes,
        "packets": counted(),
    }


def smoke_transcribe(step: Mapping[str, Any]) -> dict[str, Any]:
    """Transcribe a file. An error of this one is told, so that the next one gets its turn."""
    numpy, backend = _loaded["numpy"], _loaded["backend"]
    try:
        sound, rate = read(numpy, step["file"])
        samples = resampled(numpy, sound, rate)
        start = time.perf_counter()
        text = backend.transcribe(samples)
        seconds = time.perf_counter() - start
    except Exception as error:
        line = next(iter(str(error).splitlines()), "")
        return {"clip": step["clip"], "error": f"{type(error).__name__}: {line}"[:_TEXT], "packets": counted()}
    told = {name: value for name, value in text._asdict().items() if name != "text"}
    return {
        "clip": step["clip"],
        **{name: value if not isinstance(value, float) or math.isfinite(value) else None for name, value in told.items()},
        "audio_s": round(len(samples) / RATE, 3),
        "seconds": round(seconds, 4),
        "packets": counted(),
        "text": [text.text[at : at + _TEXT] for at in range(0, len(text.text), _TEXT)],
    }


def smoke_encode(step: Mapping[str, Any]) -> dict[str, Any]:
    """The encoder's output for a file, thinned out."""
    numpy, backend = _loaded["numpy"], _loaded["backend"]
    try:
        sound, rate = read(numpy, step["file"])
    except NoSound:  # as was told when it was to be transcribed
        return {"unreached": True}
    made = backend.encode(resampled(numpy, sound, rate)[: 30 * RATE])
    if made is None:
        return {"unreached": True}
    flat = numpy.asarray(made, numpy.float64).ravel()
    finite = bool(numpy.isfinite(flat).all())
    every = max(1, -(-len(flat) // _SAMPLE))
    sample = [float(f"{value:.7g}") for value in flat[::every].tolist()] if finite else []
    return {
        "shape": list(numpy.asarray(made).shape),
        "finite": finite,
        "norm": float(numpy.sqrt((flat * flat).sum())) if finite else 0.0,
        "sample": sample,
    }


def smoke_placed(_: Mapping[str, Any]) -> dict[str, Any]:
    """Where ONNX Runtime put the operators; nothing where the system does not compute with it."""
    return {"placed": _loaded["backend"].placed()}


def _versions(distributions: Iterable[str]) -> dict[str, str]:
    metadata = importlib.import_module("importlib.metadata")
    found = {"python": platform.python_version()}
    for name in distributions:
        with contextlib.suppress(Exception):  # it is not installed, or nobody knows its version
            found[name] = str(metadata.version(name))[:80]
    return found


def _records(distributions: Iterable[str]) -> list[str]:
    """A digest of what each distribution's wheel says of its files, whatever pip added to that when it was installed."""
    metadata = importlib.import_module("importlib.metadata")
    found = []
    for name in distributions:
        with contextlib.suppress(Exception):  # it is not installed, or not from a wheel
            lines = metadata.distribution(name).read_text("RECORD").splitlines()
            own = sorted(line for line in lines if ",sha256=" in line and ".dist-info/" not in line and not line.startswith(".."))
            found.append(f"{name} {hashlib.sha256(chr(10).join(own).encode()).hexdigest()}")
    return found


def _hip_runtimes() -> list[str]:
    """The files of HIP's runtime in this process; two of them are two worlds that do not know of each other's memory."""
    mapped = importlib.import_module("rocmkit_trial_inside.worker").mapped
    return sorted({str(Path(path).resolve()) for path in mapped() if Path(path).name.startswith("libamdhip64.so")})


def _pci(library: str) -> str | None:
    """The PCI address of HIP's device 0, from the runtime that is loaded already; None: it tells none."""
    try:
        hip = ctypes.CDLL(library, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        buffer = ctypes.create_string_buffer(64)
        if hip.hipDeviceGetPCIBusId(buffer, len(buffer), 0) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return buffer.value.decode("ascii", "replace").lower()


STEPS = {"smoke_load": smoke_load, "smoke_transcribe": smoke_transcribe, "smoke_encode": smoke_encode, "smoke_placed": smoke_placed}
