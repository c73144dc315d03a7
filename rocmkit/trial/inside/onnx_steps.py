"""Steps with ONNX Runtime, from 1.14 on: which provider computes."""

from __future__ import annotations

import importlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Mapping

from .onnx_model import model

CPU = "CPUExecutionProvider"
#: Providers that compute on an AMD GPU, the first that is there counts; the last one is that of an NVIDIA one.
ON_GPU = ("ROCMExecutionProvider", "MIGraphXExecutionProvider", "CUDAExecutionProvider")
_OPERATORS = ("Conv", "MatMul", "Softmax")
_COPIES = ("MemcpyFromHost", "MemcpyToHost")
_CHANNELS, _LENGTH, _COLUMNS = 16, 65, 33
_ROUNDED = 1e-3  # TF32-like modes round factors by 0.0005


def _provider(onnxruntime: Any, step: Mapping[str, Any]) -> str | None:
    there = onnxruntime.get_available_providers()
    return next((name for name in ON_GPU if name in there), None) if step["device"] == "gpu" else CPU


def ort_providers(step: Mapping[str, Any]) -> dict[str, Any]:
    """The providers that were built in, and the one that steps ask for."""
    onnxruntime = importlib.import_module("onnxruntime")
    provider, there = _provider(onnxruntime, step), list(onnxruntime.get_available_providers())
    measured = {"version": str(onnxruntime.__version__), "built_for": onnxruntime.get_device(), "providers": there}
    if provider is None:
        return {**measured, "fault": f"NoProvider: none for an AMD GPU among {', '.join(there)}"}
    return {**measured, "provider": provider}


def ort_offers(step: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the first of some modules that tells of execution providers has those that are expected. It loads none of them."""
    asked = [importlib.import_module(name) for name in step["modules"]]
    module = next((one for one in asked if hasattr(one, "get_available_providers")), None)
    if module is None:
        return {"fault": f"NoProvider: {', '.join(step['modules'])} tells of no execution providers"}
    there = [str(name) for name in module.get_available_providers()]
    lacks = [name for name in step["expected"] if name not in there]
    return {"providers": there, **({"fault": f"NoProvider: it offers {', '.join(there)}, and not {', '.join(lacks)}"} if lacks else {})}


def ort_placement(step: Mapping[str, Any]) -> dict[str, Any]:
    """Run a small model and read in the profile where each node of it ran, whatever the session was asked for."""
    onnxruntime, numpy = importlib.import_module("onnxruntime"), importlib.import_module("numpy")
    provider = _provider(onnxruntime, step)
    if provider is None:
        return {"fault": f"NoProvider: none for an AMD GPU among {', '.join(onnxruntime.get_available_providers())}"}
    random = numpy.random.default_rng(step.get("seed", 1))
    sound, kernel, matrix = (
        random.standard_normal(shape).astype(numpy.float32)
        for shape in ((1, _CHANNELS, _LENGTH), (_CHANNELS, _CHANNELS, 3), (_LENGTH, _COLUMNS))
    )
    small = model(
        (
            ("Conv", ("sound", "kernel"), {"kernel_shape": (3,), "pads": (1, 1)}),
            ("MatMul", ("Conv", "matrix"), {}),
            ("Softmax", ("MatMul",), {"axis": -1}),
        ),
        {name: (one.shape, one.ravel().tolist()) for name, one in (("kernel", kernel), ("matrix", matrix))},
        takes=("sound", sound.shape),
        gives=("Softmax", (1, _CHANNELS, _COLUMNS)),
    )
    with tempfile.TemporaryDirectory() as folder:
        got, seconds, profile = _run(onnxruntime, small, provider, sound, folder)
    want = _plain(numpy, sound, kernel, matrix)
    if got.shape != want.shape or not numpy.isfinite(got).all():
        return {"fault": f"WrongNumbers: the result has the shape {got.shape}, not {want.shape}, or is not finite"}
    measured = {"seconds": round(seconds, 4), "error": float(numpy.abs(got - want).max() / want.max()), "at_most": _ROUNDED}
    return {**measured, **placement(profile, provider)}


def _run(onnxruntime: Any, small: bytes, provider: str, sound: Any, folder: str) -> tuple[Any, float, Any]:
    """Its result, the seconds of the second run, and the profile."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(Path(folder) / "profile")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # nodes keep their names
    session = onnxruntime.InferenceSession(small, options, providers=[provider] if provider == CPU else [provider, CPU])
    session.run(None, {"sound": sound})
    start = time.perf_counter()
    (got,) = session.run(None, {"sound": sound})
    seconds = time.perf_counter() - start
    return got, seconds, json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))


def _plain(numpy: Any, sound: Any, kernel: Any, matrix: Any) -> Any:
    padded = numpy.pad(sound[0].astype(numpy.float64), ((0, 0), (1, 1)))
    conv = sum(kernel[:, :, tap].astype(numpy.float64) @ padded[:, tap : tap + _LENGTH] for tap in range(3))
    scores = conv @ matrix.astype(numpy.float64)
    powers = numpy.exp(scores - scores.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True))[None]


def placement(profile: Any, provider: str) -> dict[str, Any]:
    """Where each node ran, by the profile. A provider that compiles makes one node of several, under a name of its own."""
    ran = [event["args"] for event in profile if event.get("cat") == "Node" and "provider" in event.get("args", {})]
    nodes = [(one["op_name"], one["provider"]) for one in ran if one["op_name"] not in _COPIES]
    measured = {"placed": dict(nodes), "copies": sum(one["op_name"] in _COPIES for one in ran)}
    elsewhere = sorted({name for name, where in nodes if name in _OPERATORS and where != provider})
    if elsewhere or not any(where == provider for _, where in nodes):
        what = ", ".join(elsewhere) or "everything"
        return {**measured, "fault": f"RanElsewhere: {what} did not run on {provider}"}
    return measured


STEPS = {"ort_providers": ort_providers, "ort_offers": ort_offers, "ort_placement": ort_placement}
