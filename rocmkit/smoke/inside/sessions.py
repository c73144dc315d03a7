"""Sessions of ONNX Runtime on the provider that was asked for, or none at all."""

from __future__ import annotations

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


def open_on(ort: Any, path: str, provider: str, *, threads: int = 0) -> Any:
    """A session whose first provider is that one. Raises NoProvider where ONNX Runtime leaves it out, which by itself it only logs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    known = next((given for name, given in ON_GPU.values() if name == provider), None)
    session = ort.InferenceSession(path, options, providers=[CPU] if known is None else [(provider, known), CPU])
    if provider not in session.get_providers():
        has = ", ".join(session.get_providers())
        raise NoProvider(f"{provider} is in this onnxruntime, and was left out of the session of {Path(path).name}, which has {has}")
    session.disable_fallback()  # else a run that fails there is done again on the processor, and nobody is told
    return session


def choose(ort: Any, asked: str, probe: str) -> tuple[str, list[str]]:
    """The provider to compute on, and why others were left out. `probe` is a small model.

    Raises NoProvider where one that was asked for by name cannot be had; "auto" comes down to the processor.
    """
    there = list(ort.get_available_providers())
    if asked == "cpu":
        return CPU, []
    wanted = [ON_GPU[name][0] for name in ((asked,) if asked != "auto" else ON_GPU)]
    left_out = []
    if lacking := [provider for provider in wanted if provider not in there]:
        left_out.append(f"this onnxruntime was built without {' and '.join(lacking)}; it has {', '.join(there)}")
        if asked != "auto":
            raise NoProvider(left_out[0])
    for provider in (one for one in wanted if one in there):
        try:
            open_on(ort, probe, provider, threads=1)
        except NoProvider as error:
            if asked != "auto":
                raise
            left_out.append(str(error))
        else:
            return provider, left_out
    return CPU, left_out


def typed(numpy: Any, session: Any, values: Mapping[int, Any]) -> dict[str, Any]:
    """Inputs by their places, as the session names and types them: lengths are of 32 or 64 bits, sound of 16 or 32."""
    kinds = {"tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(float)": "float32", "tensor(float16)": "float16"}
    inputs = session.get_inputs()
    return {inputs[place].name: numpy.asarray(value, kinds.get(inputs[place].type)) for place, value in values.items()}
