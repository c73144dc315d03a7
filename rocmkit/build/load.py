"""Recipes from their folders: `recipe.yaml`, and the small files that it names. Nothing outside a recipe's own folder is read."""

from __future__ import annotations

import difflib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rocmkit.build import shape
from rocmkit.build.recipe import Loaded, Recipe
from rocmkit.errors import UsageError
from rocmkit.model import DataError

FILE = "recipe.yaml"
#: Of `recipe.yaml`, and of each file that a recipe brings. Real ones have some thousands.
MAX_BYTES = 256 << 10
MAX_FILES = 64

#: Beside the package in a wheel; at the top of a clone.
_PACKAGE = Path(__file__).parent.parent
_PLACES = (_PACKAGE / "_data" / "recipes", _PACKAGE.parent / "recipes")


def folder() -> Path:
    """Where rocmkit's own recipes lie."""
    return next((place for place in _PLACES if place.is_dir()), _PLACES[0])


def recipes(root: Path | None = None) -> dict[str, Path]:
    """The folders of all recipes, by name."""
    return {path.parent.name: path.parent for path in sorted((root or folder()).glob(f"*/{FILE}"))}


def load(place: Path) -> Loaded:
    """The recipe of a folder, or of a file in it, with what it brings. Raises DataError (`FILE:LINE:COLUMN: …`), OSError."""
    return load_text(place)[0]


def load_text(place: Path) -> tuple[Loaded, str]:
    """The same, and the text of the recipe's file."""
    file = place / FILE if place.is_dir() else place
    root = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _loaded(root, file)
    finally:
        os.close(root)


def _loaded(root: int, file: Path) -> tuple[Loaded, str]:
    whole = _read(root, file.name, file=str(file))
    text = _text(whole, file=str(file))
    recipe = shape.read(text, source=str(file))
    if file.name == FILE and recipe.name != (own := file.resolve().parent.name):
        wrong = f"the recipe is called `{recipe.name}`, and its folder `{own}`: a recipe has the name of its folder"
        raise shape.wrong_at(text, ("name",), wrong, source=str(file))
    texts: dict[str, str] = {}
    sums = [(FILE, hashlib.sha256(whole).hexdigest())]
    for path, name in brought(recipe):
        if name in texts:
            continue
        try:
            if len(texts) >= MAX_FILES:
                raise DataError(f"a recipe brings {MAX_FILES} files at most")
            content = _read(root, name, file=f"`{name}`")
            texts[name] = _text(content, file=f"`{name}`")
        except (DataError, OSError) as error:
            why = f"`{name}` cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
            raise shape.wrong_at(text, path, why, source=str(file)) from None
        sums.append((name, hashlib.sha256(content).hexdigest()))
    digest = hashlib.sha256("".join(f"{one}  {name}\n" for name, one in (sums[0], *sorted(sums[1:]))).encode()).hexdigest()
    return Loaded(recipe=recipe, texts=texts, sha256=digest), text


def brought(recipe: Recipe) -> Iterator[tuple[shape.Path, str]]:
    """Each file that a recipe brings, with the place that names it."""
    for number, release in enumerate(recipe.releases):
        for which, file in enumerate(release.files):
            yield ("releases", number, "files", which, "file"), file.file
        for which, patch in enumerate(release.patches):
            if not patch.source_of:
                yield ("releases", number, "patches", which, "file"), patch.file


def _text(content: bytes, *, file: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: no UTF-8 from byte {error.start} on") from None


def _read(root: int, name: str, *, file: str) -> bytes:
    """A regular file below an open folder, that no link leads to. Raises DataError, OSError."""
    *above, last = parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\0" in name:
        raise DataError(f"{file}: leads out of the recipe's folder: files are named by plain paths below it, like compat/hip6.h")
    here = os.dup(root)
    try:
        for part in above:
            here = _into(here, part, file)
        return _content(here, last, file)
    finally:
        os.close(here)


def _into(here: int, part: str, file: str) -> int:
    """A folder in an open folder, opened in its place."""
    try:
        below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise DataError(f"{file}: `{part}` is no folder, or a link to one; links are not followed") from None
        raise
    os.dup2(below, here, inheritable=False)
    os.close(below)
    return here


def _content(here: int, name: str, file: str) -> bytes:
    # Looked at first: to open a device may do something.
    kind = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
    if not stat.S_ISREG(kind):
        raise DataError(f"{file}: is {'a link, and links are not followed' if stat.S_ISLNK(kind) else 'no regular file'}")
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    with os.fdopen(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise DataError(f"{file}: is no regular file")
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"{file}: is larger than {MAX_BYTES >> 10} KiB")
    return content


def find(name: str) -> Path:
    """The folder of the recipe of that name, or of a path to one (it has a slash in it). Raises UsageError that names what comes close."""
    known = recipes()
    if name in known:
        return known[name]
    if "/" in name or name == ".":
        place = Path(name)
        if place.is_file() or (place / FILE).is_file():
            return place
        raise UsageError(f"there is no {FILE} in {name}", "`rocmkit recipes` lists those that rocmkit brings")
    if len(name) <= 100 and "\0" not in name and (Path(name) / FILE).is_file():
        raise UsageError(f"no recipe is called {name!r}", f"did you mean ./{name}?")
    near = difflib.get_close_matches(name[:100].lower(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else "`rocmkit recipes` lists all; a recipe of your own is named by its path, ./NAME"
    raise UsageError(f"no recipe is called {name!r}", hint)


def opened(place: Path) -> Loaded:
    """The same as `load`, for people: raises UsageError."""
    try:
        return load(place)
    except DataError as error:
        raise UsageError(f"not a recipe: {error}", f"`rocmkit recipes check {place}` says all that is wrong with it") from None
    except OSError as error:
        raise UsageError(f"cannot read {error.filename or place}: {error.strerror or error}") from None
