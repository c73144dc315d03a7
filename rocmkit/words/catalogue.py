"""Catalogues of gettext as they ship: `locale/LANGUAGE/LC_MESSAGES/*.mo`."""

from __future__ import annotations

import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "locale"
_MAGIC = 0x950412DE


def read(language: str) -> dict[str, str]:
    """Every template of a language's catalogues. Empty where none were made, as in a checkout that was not installed."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / language / "LC_MESSAGES").glob("*.mo")):
        found |= unpacked(path.read_bytes())
    return found


def unpacked(data: bytes) -> dict[str, str]:
    """The messages of a .mo file (GNU gettext manual, "The Format of GNU MO Files"). Raises ValueError for what is none.

    The standard library's reader answers for one message at a time, and never tells which there are.
    """
    if len(data) < 20:
        raise ValueError("too short for a catalogue")
    magic, _, count, sources, targets = struct.unpack_from("<5I", data)
    if magic != _MAGIC or max(sources, targets) + 8 * count > len(data):
        raise ValueError("no catalogue, or one that is cut off")
    found = {}
    for number in range(count):
        size, at = struct.unpack_from("<2I", data, sources + 8 * number)
        told_size, told_at = struct.unpack_from("<2I", data, targets + 8 * number)
        if size:  # the first is about the catalogue itself
            found[data[at : at + size].decode()] = data[told_at : told_at + told_size].decode()
    return found
