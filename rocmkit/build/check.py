"""`rocmkit recipes check`: a recipe's folder looked through, each complaint with the place in its file."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rocmkit.build import shape
from rocmkit.build.lint import lint
from rocmkit.build.load import FILE, MAX_FILES, load, load_text, recipes
from rocmkit.build.recipe import Recipe
from rocmkit.model import DataError, Model

#: Names of recipes that a path can be made of.
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Problem(Model, kw_only=True):
    """What is wrong with a recipe, or has to be known of it."""

    file: str  # path of the recipe's file
    line: int | None  # counted from 1; null: the file cannot be read that far
    column: int | None  # counted from 1
    level: Literal["error", "note"]  # note: it holds, and is told
    text: str  # what it is


def check(place: Path) -> tuple[Problem, ...]:
    """All that is to be said of the recipe of a folder, or of a file in it, in the order of its text. Raises OSError."""
    file = place / FILE if place.is_dir() else place
    try:
        loaded, text = load_text(place)
    except DataError as error:
        return (_refused(str(file), str(error)),)
    told = lint(loaded, _others(loaded.recipe, file.parent))
    places = shape.where(text, [one.path for one in told])
    found = [
        Problem(file=str(file), line=line, column=column, level=one.level, text=one.text)
        for one, (line, column) in zip(told, places, strict=True)
    ]
    if file.name == FILE:
        for name in _stray(file.parent, {FILE, *loaded.texts}):
            found.append(Problem(file=str(file), line=None, column=None, level="note", text=f"no release names `{name}`"))
    # What two releases have from one place is told once.
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.line or 0, one.column or 0, one.level)))


def _others(recipe: Recipe, folder: Path) -> dict[str, Recipe]:
    """The recipes that this one may use: rocmkit's own, and those whose folders lie beside its own."""
    places = {name: folder.parent / name for release in recipe.releases for name in release.uses if _PLAIN.fullmatch(name)}
    found = {}
    for name, place in {**places, **recipes()}.items():
        if place.resolve() != folder.resolve():
            with contextlib.suppress(DataError, OSError):  # what is wrong with it is told where it is checked itself
                found[name] = load(place).recipe
    return found if places else {}


def _refused(file: str, message: str) -> Problem:
    """What a recipe could not be loaded for: `FILE:LINE:COLUMN: text`, or `FILE: text`."""
    rest = message.removeprefix(f"{file}:")
    found = re.match(r"([0-9]+):([0-9]+): ", rest)
    line, column = (int(found[1]), int(found[2])) if found else (None, None)
    text = rest[found.end() :] if found else rest
    return Problem(file=file, line=line, column=column, level="error", text=" ".join(text.split()))


def _stray(folder: Path, named: set[str]) -> Iterator[str]:
    """Files of a recipe's folder that the recipe does not name, a few of them; what is written about it (.md) may be there."""
    left = MAX_FILES
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = (Path(here) / name).relative_to(folder).as_posix()
            if path not in named and not name.endswith(".md"):
                yield path
            left -= 1
            if left <= 0:
                return
