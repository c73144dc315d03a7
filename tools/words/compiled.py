"""Catalogues as programs read them. The build of a wheel makes them too: `hatch_build.py`."""

from __future__ import annotations

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


def compiled(locale: Path) -> list[Path]:
    """Write a .mo beside each .po, and name them."""
    written = []
    for path in sorted(locale.glob("*/LC_MESSAGES/*.po")):
        written.append(path.with_suffix(".mo"))
        with path.open("rb") as source, written[-1].open("wb") as target:
            write_mo(target, read_po(source))
    return written
