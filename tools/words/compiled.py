"""Catalogues as programs read them. The build of a wheel makes them too: `hatch_build.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


def compiled(locale: Path) -> Iterator[Path]:
    """Write a .mo beside each .po, and name it."""
    for path in sorted(locale.glob("*/LC_MESSAGES/*.po")):
        with path.open("rb") as source, path.with_suffix(".mo").open("wb") as target:
            write_mo(target, read_po(source))
        yield path.with_suffix(".mo")
