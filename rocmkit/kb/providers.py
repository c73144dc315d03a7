"""Execution providers of ONNX Runtime, by short names and by its own."""

from __future__ import annotations

from typing import Literal

Provider = Literal["rocm", "migraphx", "cpu"]

#: The names that ONNX Runtime has for them.
NAMES: dict[Provider, str] = {
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


def provider(name: str | None) -> Provider | None:
    """The one that ONNX Runtime calls so; None: it is another one."""
    return next((short for short, full in NAMES.items() if full == name), None)
