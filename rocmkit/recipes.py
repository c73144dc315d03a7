"""What the recipes can build, read from the recipes themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rocmkit.doctor.routes.values import Offer
from rocmkit.model import convert, load_yaml

#: Beside the package in a wheel; at the top of a clone.
_PLACES = (Path(__file__).parent / "_data" / "recipes", Path(__file__).parent.parent / "recipes")


def folder() -> Path:
    """Where the recipes lie."""
    return next((place for place in _PLACES if place.is_dir()), _PLACES[0])


def offers(root: Path | None = None) -> tuple[Offer, ...]:
    """What each release of each recipe builds, by name. Raises DataError for a recipe that does not say it, OSError."""
    found = []
    for path in sorted((root or folder()).glob("*/recipe.yaml")):
        text: Any = load_yaml(path.read_text(encoding="utf-8"), source=path.name)
        for release in text.get("releases", ()):
            row = {
                "recipe": path.parent.name,
                "package": text.get("package"),
                "engine": text.get("engine"),
                "version": release.get("version"),
                "rocm": release.get("rocm"),
                "archs": release.get("archs"),
                "sources": text.get("sources"),
            }
            found.append(convert(row, Offer, source=f"{path.parent.name}/{path.name}"))
    return tuple(found)
