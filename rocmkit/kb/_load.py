"""Read the knowledge base's own files: one at a time, when first asked for, once."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from rocmkit.model import convert, load_yaml

T = TypeVar("T")

ROOT = Path(__file__).parent


def document(name: str, kind: type[T]) -> T:
    """`kb/NAME.yaml` as a `kind`. Raises DataError where the file does not have that shape."""
    source = f"kb/{name}.yaml"
    text = (ROOT / f"{name}.yaml").read_text(encoding="utf-8")
    # Our own files were looked at for aliases and depth by the tests; doing it again costs a quarter of the reading.
    return convert(load_yaml(text, source=source, own=True), kind, source=source)
