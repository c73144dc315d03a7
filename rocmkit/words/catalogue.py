"""Catalogues of gettext as they ship: `locale/LANGUAGE/LC_MESSAGES/*.mo`."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "locale"
_MAGIC = 0x950412DE


def read(language: str) -> Catalogue:
    """A language's catalogue. Empty where none was made, as in a checkout that was not installed."""
    return Catalogue([path.read_bytes() for path in sorted((ROOT / language / "LC_MESSAGES").glob("*.mo"))])


class Catalogue(Mapping[str, str]):
    """The messages of .mo files (GNU gettext manual, "The Format of GNU MO Files"). Raises ValueError for what is none.

    One message is looked up where it lies, in a table that is in order, so that a page of help need not wait for thousands of others;
    whoever asks for all of them has them decoded. The standard library's reader decodes all at once, and never tells which there are.
    """

    def __init__(self, files: list[bytes]) -> None:
        self._files = [(data, *_tables(data)) for data in files]

    @cached_property
    def _all(self) -> dict[str, str]:
        found = {}
        for data, count, sources, targets in self._files:
            for number in range(count):
                if message := _text(data, sources, number):  # the first is about the catalogue itself
                    found[message.decode()] = _text(data, targets, number).decode()
        return found

    def __getitem__(self, message: str) -> str:
        if "_all" in vars(self):  # they were decoded
            return self._all[message]
        wanted = message.encode("utf-8", "surrogatepass")
        for data, count, sources, targets in self._files:
            low, high = 0, count
            while low < high:
                middle = (low + high) // 2
                if _text(data, sources, middle) < wanted:
                    low = middle + 1
                else:
                    high = middle
            if wanted and low < count and _text(data, sources, low) == wanted:
                return _text(data, targets, low).decode()
        raise KeyError(message)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _tables(data: bytes) -> tuple[int, int, int]:
    """(how many messages, where the table of them lies, where that of their translations does)."""
    if len(data) < 20:
        raise ValueError("too short for a catalogue")
    magic, _, count, sources, targets = struct.unpack_from("<5I", data)
    if magic != _MAGIC or max(sources, targets) + 8 * count > len(data):
        raise ValueError("no catalogue, or one that is cut off")
    return count, sources, targets


def _text(data: bytes, table: int, number: int) -> bytes:
    size, at = struct.unpack_from("<2I", data, table + 8 * number)
    return data[at : at + size]
