"""Steps that say where the operators of a model run, by ONNX Runtime's own profile; from its release 1.16 on.

They are done in this order in one process, and the session is kept between them: each is an answer of its own, so that it is known how far
it came where one of them ends the process. Numbers of the profile: onnxruntime/core/framework/sequential_executor.cc writes an event named
`…_kernel_time` for each node, with its provider, operator and microseconds, and session/inference_session.cc `model_run` after each run.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Mapping, Tuple

from .onnx_model import model
from .onnx_steps import CPU
from .placement_inputs import inputs_for, told

#: Not even an event of a node with hundreds of inputs is longer; a longer line is passed over, and told.
_LINE_BYTES = 1 << 20
#: Outputs of more elements than this are not compared.
_MOST_ELEMENTS = 1 << 27
_MAX_ROWS = 1000
_NAME = 200
#: MIGraphX makes one node of a whole part of a graph, and numbers them.
_FUSED = "MGXKernel_"

Measured = Dict[str, Any]
Key = Tuple[str, str, str]  # provider, operator, type of what it gives


class _Kept:
    """What one step leaves for the next."""

    def __init__(self) -> None:
        self.session: Any = None
        self.folder = ""
        self.cpu: list[Any] = []
        self.got: list[Any] = []


_KEPT = _Kept()


def placement_offer(_: Mapping[str, Any]) -> Measured:
    """What this ONNX Runtime was built with, and where its libraries lie."""
    onnxruntime = importlib.import_module("onnxruntime")
    return {
        "version": str(onnxruntime.__version__),
        "built_for": onnxruntime.get_device(),
        "providers": list(onnxruntime.get_available_providers()),
        "folder": str(Path(str(onnxruntime.__file__)).parent / "capi"),
    }


def _quiet(onnxruntime: Any) -> Any:
    """Options of a session that logs errors alone: that some nodes are on the processor is said better by the profile."""
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options


def placement_cpu(step: Mapping[str, Any]) -> Measured:
    """Run the model on the processor: whether it can be run at all with these inputs, and the numbers to compare others with."""
    onnxruntime, numpy = importlib.import_module("onnxruntime"), importlib.import_module("numpy")
    session = onnxruntime.InferenceSession(step["model"], _quiet(onnxruntime), providers=[CPU])
    given = inputs_for(numpy, session.get_inputs(), step["shapes"])
    start = time.perf_counter()
    _KEPT.cpu = session.run(None, {one.name: one.value for one in given})
    return {"seconds": round(time.perf_counter() - start, 6), "inputs": [told(one) for one in given]}


def placement_open(step: Mapping[str, Any]) -> Measured:
    """Make the session that is asked for. What Python goes on with instead, once that fails, is a fault."""
    onnxruntime = importlib.import_module("onnxruntime")
    _KEPT.folder = tempfile.mkdtemp(prefix="profile-", dir=os.getcwd())  # the trial's own, which is swept
    options = _quiet(onnxruntime)
    options.enable_profiling = True
    options.profile_file_prefix = str(Path(_KEPT.folder) / "profile")
    provider = step["provider"]
    providers = [(provider, dict(step.get("options", {})))] + ([] if provider == CPU else [CPU])
    start = time.perf_counter()
    _KEPT.session = onnxruntime.InferenceSession(step["model"], options, providers=providers, enable_fallback=0)  # known from 1.23 on
    taken = list(_KEPT.session.get_providers())
    measured = {"seconds": round(time.perf_counter() - start, 6), "taken": taken}
    if provider not in taken:
        return {**measured, "fault": f"ProviderVanished: the session has {', '.join(taken)}"}
    _KEPT.session.disable_fallback()
    return measured


def placement_run(step: Mapping[str, Any]) -> Measured:
    """Run it, and sum up the profile. The first run is apart, where there is another: kernels may be compiled in it."""
    numpy, session = importlib.import_module("numpy"), _KEPT.session
    given = inputs_for(numpy, session.get_inputs(), step["shapes"])
    feed, took = {one.name: one.value for one in given}, []
    for _ in range(step["runs"]):
        start = time.perf_counter()
        _KEPT.got = session.run(None, feed)
        took.append(time.perf_counter() - start)
    profile = session.end_profiling()
    runs, unread = summed(profile)
    shutil.rmtree(_KEPT.folder, ignore_errors=True)
    counted = runs[1:] or runs
    rows = mean(counted)
    return {
        "inputs": [told(one) for one in given],
        "first_s": round(took[0], 6),
        "seconds": round(sum(took[1:]) / len(took[1:]), 6) if took[1:] else None,
        "counted": len(counted),
        "unread": unread + step["runs"] - len(runs),
        "more": max(len(rows) - _MAX_ROWS, 0),
        "rows": rows[:_MAX_ROWS],
    }


def summed(profile: str) -> tuple[list[dict[Key, list[int]]], int]:
    """The same as `sums`, of a file."""
    with open(profile, encoding="utf-8", errors="replace") as file:
        return sums(iter(lambda: file.readline(_LINE_BYTES), ""))


def sums(lines: Iterable[str]) -> tuple[list[dict[Key, list[int]]], int]:
    """A profile as [nodes, microseconds, elements of the largest result] of each kind of node, run by run; and how many lines are no event.

    It is read line by line, as it is written, and never held: that of a large model has hundreds of megabytes.
    """
    runs: list[dict[Key, list[int]]] = []
    now: dict[Key, list[int]] = {}
    unread = 0
    for line in lines:
        text = line.strip().rstrip(",")
        if text in ("", "[", "]"):
            continue
        try:
            event = json.loads(text)
            name, many = event["name"], event.get("args") or {}
            if event.get("cat") == "Node" and name.endswith("_kernel_time") and "provider" in many:
                dtype, elements = _result(many)
                operator = _FUSED.rstrip("_") if many["op_name"].startswith(_FUSED) else many["op_name"][:_NAME]
                row = now.setdefault((many["provider"][:_NAME], operator, dtype), [0, 0, 0])
                row[:] = row[0] + 1, row[1] + int(event["dur"]), max(row[2], elements)
            elif name == "model_run":
                runs.append(now)
                now = {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            unread += 1
    return runs, unread


def _result(many: Mapping[str, Any]) -> tuple[str, int]:
    """The type of what a node gives, else of what it takes, and how many elements the largest of it has."""
    for side in ("output_type_shape", "input_type_shape"):
        sizes = list(_sizes(many.get(side) or ()))
        if sizes:
            return sizes[0][0], max(size for _, size in sizes)
    return "", 0


def _sizes(tensors: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    for tensor in tensors:
        for dtype, shape in tensor.items():
            size = 1
            for one in shape:
                size *= int(one)
            yield str(dtype)[:_NAME], size


def mean(runs: list[dict[Key, list[int]]]) -> list[Measured]:
    """The kinds of nodes with what one run has of them, the longest time first."""
    rows = []
    for provider, operator, dtype in dict.fromkeys(key for run in runs for key in run):
        found = [run.get((provider, operator, dtype), [0, 0, 0]) for run in runs]
        nodes, microseconds = (round(sum(one[at] for one in found) / len(runs)) for at in (0, 1))
        rows.append(
            {
                "provider": provider,
                "op": operator,
                "dtype": dtype,
                "nodes": nodes,
                "microseconds": microseconds,
                "elements": max(one[2] for one in found),
            }
        )
    return sorted(rows, key=lambda row: (-row["microseconds"], row["provider"], row["op"], row["dtype"]))


def placement_compare(_: Mapping[str, Any]) -> Measured:
    """How far the results of the two sessions are apart, against the largest value of each."""
    numpy = importlib.import_module("numpy")
    names = [one.name[:_NAME] for one in _KEPT.session.get_outputs()]
    return {"outputs": [compared(numpy, *one) for one in zip(names, _KEPT.cpu, _KEPT.got)]}


def compared(numpy: Any, name: str, want: Any, got: Any) -> Measured:
    """How far one result is apart from that of the processor."""
    if not isinstance(want, numpy.ndarray) or want.dtype.kind not in "fiub":
        return {"name": name, "skipped": "it is no tensor of numbers"}
    measured = {"name": name, "dtype": str(want.dtype), "elements": int(want.size)}
    if want.shape != got.shape:
        return {**measured, "apart": f"its shape is {list(got.shape)}, on the processor {list(want.shape)}"}
    if not want.size or want.size > _MOST_ELEMENTS:
        return {**measured, "skipped": "it is empty" if not want.size else "it is too large"}
    want, got = (
        one.astype(numpy.float64 if one.dtype.kind == "f" else object if one.dtype == "uint64" else numpy.int64) for one in (want, got)
    )
    if not numpy.isfinite(want.astype(numpy.float64)).all():
        return {**measured, "skipped": "on the processor too it holds what is no finite number"}
    if not numpy.isfinite(got.astype(numpy.float64)).all():
        return {**measured, "apart": "it holds what is no finite number"}
    scale = float(abs(want).max())
    if not scale:
        return {**measured, "skipped": "on the processor it is zero throughout"}
    return {**measured, "error": float(abs(got - want).max()) / scale}


def placement_forbid(step: Mapping[str, Any]) -> Measured:
    """Whether a session opens that may not put anything on the processor, and runs; asked with a Conv and a MatMul."""
    onnxruntime, numpy = importlib.import_module("onnxruntime"), importlib.import_module("numpy")
    sound = numpy.random.default_rng(1).standard_normal((1, 4, 16)).astype(numpy.float32)
    weights = {"kernel": ((4, 4, 3), [0.1] * 48), "matrix": ((16, 8), [0.1] * 128)}
    small = model(
        (("Conv", ("sound", "kernel"), {"kernel_shape": (3,), "pads": (1, 1)}), ("MatMul", ("Conv", "matrix"), {})),
        weights,
        takes=("sound", sound.shape),
        gives=("MatMul", (1, 4, 8)),
    )
    options = _quiet(onnxruntime)
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    providers = [(step["provider"], dict(step.get("options", {})))]
    try:
        session = onnxruntime.InferenceSession(small, options, providers=providers, enable_fallback=0)
    except Exception as error:
        lines = str(error).strip().splitlines()
        return {"opened": False, "refused": lines[0][:500] if lines else type(error).__name__}
    session.disable_fallback()
    session.run(None, {"sound": sound})
    return {"opened": True}


STEPS = {
    "placement_offer": placement_offer,
    "placement_cpu": placement_cpu,
    "placement_open": placement_open,
    "placement_run": placement_run,
    "placement_compare": placement_compare,
    "placement_forbid": placement_forbid,
}
