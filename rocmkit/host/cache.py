"""Where rocmkit keeps what it made on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from rocmkit.errors import UsageError


def cache(name: str) -> Path:
    """The folder of that name in the user's cache (XDG Base Directory Specification). Raises UsageError where there is no home."""
    base = os.environ.get("XDG_CACHE_HOME", "")  # a host would hide the user's name in it, which makes another folder of it
    # That specification: what is not absolute is to be ignored.
    try:
        return (Path(base) if base.startswith("/") else (Path.home() / ".cache").resolve()) / "rocmkit" / name
    except (OSError, RuntimeError) as error:
        raise UsageError(f"no folder for what rocmkit keeps: {error}", "name one with XDG_CACHE_HOME") from None
