"""Weights that lie in files beside the model.

Their place is relative to the model's folder and may not lead out of it: https://onnx.ai/onnx/repo-docs/ExternalData.html. What does is not
looked for, since ONNX Runtime does not take it either.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from rocmkit.model import DataError

#: Distinct files; exporters write one, or one for each tensor.
MAX_FILES = 100_000


class External:
    """The files that the tensors of one model name, and how far into each of them they reach."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reach: dict[str, int] = {}

    def add(self, told: Mapping[str, str], size: int) -> None:
        """A tensor of `size` bytes, and what it says of its place. Raises DataError where there are too many files."""
        location = told.get("location", "")
        offset, length = (
            int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
            for text in map(told.get, ("offset", "length"), ("0", ""))
        )
        self._reach[location] = max(self._reach.get(location, 0), offset + max(length, size))
        if len(self._reach) > MAX_FILES:
            raise DataError("its weights are in more files than those of any model")

    def files(self) -> tuple[str, ...]:
        """Their names, as the model has them."""
        return tuple(sorted(self._reach))

    def missing(self) -> dict[str, str]:
        """Those that cannot be used, and why."""
        why = ((name, self._why_not(name, reach)) for name, reach in sorted(self._reach.items()))
        return {name: reason for name, reason in why if reason}

    def _why_not(self, name: str, reach: int) -> str | None:
        place = PurePosixPath(name)
        if not name or place.is_absolute() or ".." in place.parts:
            return "its place is outside of the model's folder" if name else "the model does not say where it is"
        try:
            found = os.stat(self._folder / name)  # noqa: PTH116 - one question, whatever it is
        except FileNotFoundError:
            return "it is not there"
        except (OSError, ValueError) as error:
            return f"it cannot be looked at: {getattr(error, 'strerror', None) or error}"
        if not stat.S_ISREG(found.st_mode):
            return "it is no file"
        if found.st_size < reach:
            return f"it is cut short: {found.st_size} of at least {reach} bytes"
        return None
