"""Compiles the catalogues that the wheel, or an installation in place, speaks other languages by."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Writes a .mo beside each .po; they are no part of the repository."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files are gathered."""
        sys.path.insert(0, self.root)
        from tools.words.compiled import compiled

        compiled(Path(self.root) / "rocmkit/locale")
