"""Sessions of ONNX Runtime on the provider that was asked for, or none at all."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Mapping

CPU = "CPUExecutionProvider"
#: By the names that people give them, best first. A search for the fastest convolution takes minutes for each shape: it is not asked for.
ON_GPU: dict[str, tuple[str, dict[str, str]]] = {
    "rocm": ("ROCMExecutionProvider", {"device_id": "0", "miopen_conv_exhaustive_search": "0"}),
    "migraphx": ("MIGraphXExecutionProvider", {"device_id": "0"}),
}


class NoProvider(RuntimeError):
    """The provider that was asked for is not in this build, or was left out when the session was made."""


def open_on(ort: Any, path: str, provider: str, *, threads: int = 0, profile: str | None = None) -> Any:
    """A session whose first provider is that one. Raises NoProvider where ONNX Runtime leaves it out, which by itself it only logs.

    `profile`: how the name of the file begins that its profile is written to; None: none is made.
    """
    options = ort.SessionOptions()
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=[CPU] if provider == CPU else [(provider, settings(provider)), CPU])
    if provider not in session.get_providers():
        has = ", ".join(session.get_providers())
        raise NoProvider(f"{provider} is in this onnxruntime, and was left out of the session of {Path(path).name}, which has {has}")
    session.disable_fallback()  # else a run that fails there is done again on the processor, and nobody is told
    return session


def settings(provider: str) -> dict[str, str]:
    """What a provider is set to."""
    return next((given for name, given in ON_GPU.values() if name == provider), {})


def choose(ort: Any, asked: str, probe: str) -> tuple[str, list[str]]:
    """The provider to compute on, and why others were left out. `probe` is a small model.

    "gpu" takes the best that can be had on the GPU, "auto" comes down to the processor; else it is the provider's name. Raises NoProvider
    where what was asked for cannot be had.
    """
    there = list(ort.get_available_providers())
    if asked == "cpu":
        return CPU, []
    wanted = [ON_GPU[name][0] for name in (ON_GPU if asked in ("auto", "gpu") else (asked,))]
    left_out = []
    for provider in (one for one in wanted if one in there):
        try:
            open_on(ort, probe, provider, threads=1)
        except NoProvider as error:
            left_out.append(str(error))
        else:
            return provider, left_out
    if lacking := [provider for provider in wanted if provider not in there]:
        left_out.insert(0, f"this onnxruntime was built without {' and '.join(lacking)}; it has {', '.join(there)}")
    if asked != "auto":
        raise NoProvider("; ".join(left_out))
    return CPU, left_out


def small_model() -> str:
    """A small model to try providers with, in the folder that the process works in."""
    model = importlib.import_module("rocmkit_trial_inside.onnx_model").model
    path = Path("probe.onnx").absolute()
    path.write_bytes(model((("Softmax", ("x",), {"axis": -1}),), {}, takes=("x", (1, 4)), gives=("Softmax", (1, 4))))
    return str(path)


def device_of(*sessions: Any) -> str:
    """Where they compute, as they say themselves."""
    return "gpu" if all(session.get_providers()[0] in dict(ON_GPU.values()) for session in sessions) else "cpu"


def claims(sessions: Mapping[str, Any]) -> dict[str, str]:
    """What sessions say of where they compute."""
    return {f"InferenceSession.get_providers() of the {part}": ", ".join(session.get_providers()) for part, session in sessions.items()}


def typed(numpy: Any, session: Any, values: Mapping[int, Any]) -> dict[str, Any]:
    """Inputs by their places, as the session names and types them: lengths are of 32 or 64 bits, sound of 16 or 32."""
    kinds = {"tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(float)": "float32", "tensor(float16)": "float16"}
    inputs = session.get_inputs()
    return {inputs[place].name: numpy.asarray(value, kinds.get(inputs[place].type)) for place, value in values.items()}
