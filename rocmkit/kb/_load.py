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
    return convert(load_yaml((ROOT / f"{name}.yaml").read_text(encoding="utf-8"), source=source), kind, source=source)
