"""Which of the things that `rocmkit inspect` is given is a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rocmkit.errors import UsageError
from rocmkit.gpucode.source import File

#: The first byte of an ONNX file, whatever its name: the version of its format comes first. Nothing with GPU code begins so.
_FIRST = b"\x08"


def model_among(targets: Sequence[str]) -> Path | None:
    """The target that is a model; None where none is. Raises UsageError where others stand beside it."""
    paths = (Path(os.path.expanduser(one)) for one in targets)  # noqa: PTH111 - pathlib's raises where there is no such user
    found = next((path for path in paths if _is_model(path)), None)
    if found and len(targets) > 1:
        raise UsageError(f"{found} is a model, and other targets stand beside it", "inspect a model by itself")
    return found


def _is_model(path: Path) -> bool:
    try:
        if path.suffix == ".onnx":
            return path.is_file()
        with File(path) as file:
            return file.read(0, 1) == _FIRST
    except (OSError, ValueError):  # the other readers say why not
        return False
