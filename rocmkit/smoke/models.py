"""Where models lie on this machine: in the hub's cache, in openai-whisper's folder, or where --model says. Nothing is changed."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from string import Template
from typing import Any, NamedTuple

import msgspec

from rocmkit.kb.backends import Backend, BackendModel
from rocmkit.smoke.inside.picking import INDEX, pick
from rocmkit.smoke.planned import Find, Found

_REPOSITORY = re.compile(r"[\w][\w.-]{0,95}(/[\w][\w.-]{0,95})?", re.ASCII)
_NAME = re.compile(r"[\w][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{40}")
#: No model has so many files, and no list of them is so long.
_FILES, _LISTING_BYTES = 5000, 8 << 20


class Places(NamedTuple):
    """The folders that models are looked for in."""

    hub: Path  # huggingface_hub's
    whisper: Path  # openai-whisper's
    home: Path


def places(environ: Mapping[str, str], home: Path) -> Places:
    """Where the libraries look (huggingface/huggingface_hub src/huggingface_hub/constants.py, openai/whisper whisper/__init__.py)."""

    def folder(value: str | None, usual: Path) -> Path:
        if not value:
            return usual
        named = Template(value).safe_substitute(environ)
        return Path(f"{home}{named[1:]}" if named == "~" or named.startswith("~/") else named).absolute()

    cache = folder(environ.get("XDG_CACHE_HOME"), home / ".cache")
    own = folder(environ.get("HF_HOME"), cache / "huggingface")
    hub = folder(environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE"), own / "hub")
    return Places(hub, cache / "whisper", home)


def finder(where: Places) -> Find:
    """What finds models there. One that its row does not name may be a path."""

    def find(backend: Backend, model: BackendModel) -> Found | None:
        named = Path(model.id).expanduser() if model.id.startswith("~/") else Path(model.id)
        with contextlib.suppress(OSError, ValueError):
            if model.id and model not in backend.models and named.exists():
                return _given(named.absolute(), where)
        if backend.place == "whisper":
            return _of_whisper(model, where)
        return _in_hub(model.repository or model.id, backend.files, where)

    return find


def repository_folder(repository: str, where: Places) -> Path:
    """Where the hub's cache keeps a model."""
    return where.hub / f"models--{repository.replace('/', '--')}"


def whisper_file(model: BackendModel, where: Places) -> Path:
    """Where openai-whisper keeps a model. `repository` is the name of its file, where two names stand for one model."""
    return where.whisper / f"{model.repository or model.id}.pt"


def _found(path: Path, size: int, where: Places, lacking: str = "") -> Found:
    shown = f"~/{path.relative_to(where.home)}" if path.is_relative_to(where.home) else str(path)
    return Found(path=str(path), shown=shown, bytes=size, lacking=lacking)


def _given(path: Path, where: Places) -> Found:
    if not path.is_dir():
        return _found(path, path.stat().st_size, where)
    sizes = [_size(path / name) for name in _names(path)]
    return _found(path, sum(size for size in sizes if size), where, "" if sizes else "it is empty")


def _of_whisper(model: BackendModel, where: Places) -> Found | None:
    """Its file has its name from the first byte on, so that a download that was broken off looks like it."""
    if not _NAME.fullmatch(model.repository or model.id):
        return None
    path = whisper_file(model, where)
    size = _size(path)
    if size is None:
        return None
    if size < model.bytes or (_begins(path) == b"PK" and not zipfile.is_zipfile(path)):
        return _found(path, size, where, f"the file {path.name} ends too early: a download was broken off")
    return _found(path, size, where)


def _in_hub(repository: str, patterns: tuple[str, ...], where: Places) -> Found | None:
    """A model in the hub's cache (huggingface.co/docs/huggingface_hub/guides/manage-cache)."""
    if not _REPOSITORY.fullmatch(repository):
        return None
    folder = repository_folder(repository, where)
    revision = _revision(folder)
    if revision is None:
        return None
    snapshot = folder / "snapshots" / revision
    try:
        within = folder.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    wanted, lacking = pick(_names(snapshot), patterns)
    seen = {name: _inside(snapshot / name, within) for name in wanted}
    sizes = {name: size for name, size in seen.items() if size is not None}
    broken = [f"{name} is missing" for name in lacking]
    broken += [f"{name} leads to no file of its own" for name, size in seen.items() if size is None]
    broken += _unlike(sizes, patterns, folder / "trees" / f"{revision}.json") + _torn(sizes, snapshot)
    if all(pattern.startswith("!") for pattern in patterns):  # else it is known what belongs to it
        broken += _parts(folder / "blobs")
    return _found(snapshot, sum(sizes.values()), where, f"a download was broken off: {broken[0]}" if broken else "")


def _revision(folder: Path) -> str | None:
    """The commit that `main` is; where nothing says that, the only one that is there."""
    with contextlib.suppress(OSError), (folder / "refs" / "main").open("rb") as file:
        text = file.read(100).decode("ascii", "replace").strip()
        if _REVISION.fullmatch(text):
            return text
    with contextlib.suppress(OSError), os.scandir(folder / "snapshots") as entries:
        names = [entry.name for entry, _ in zip(entries, range(3), strict=False) if _REVISION.fullmatch(entry.name)]
        if len(names) == 1:
            return names[0]
    return None


def _unlike(sizes: dict[str, int], patterns: tuple[str, ...], listing: Path) -> list[str]:
    """What is not as the hub lists it: newer releases of huggingface_hub keep that list (src/huggingface_hub/_tree_cache.py)."""
    listed = _mapping(listing, "files")
    found = [f"{name} is missing" for name in pick(listed, patterns)[0] if name not in sizes]
    for name, size in sizes.items():
        told = listed.get(name)
        if isinstance(told, dict) and isinstance(told.get("size"), int) and told["size"] != size:
            found.append(f"{name} has {size} of {told['size']} bytes")
    return found


def _torn(sizes: dict[str, int], snapshot: Path) -> list[str]:
    """Which pieces of weights are missing."""
    found = []
    for name in sizes:
        if name.endswith(INDEX):
            told = _mapping(snapshot / name, "weight_map").values()
            pieces = {str(PurePosixPath(name).parent / one) for one in told if isinstance(one, str)}
            found += [f"{piece} is missing" for piece in sorted(pieces) if piece not in sizes]
    return found


def _parts(blobs: Path) -> list[str]:
    """Files that were begun, as far as the whole one is not there too."""
    with contextlib.suppress(OSError), os.scandir(blobs) as entries:
        parts = [entry.name for entry, _ in zip(entries, range(_FILES), strict=False) if entry.name.endswith(".incomplete")]
        return [f"{name} is a part of a file" for name in sorted(parts) if not (blobs / name.partition(".")[0]).exists()]
    return []


def _mapping(path: Path, name: str) -> dict[str, Any]:
    """What a JSON file holds by that name; nothing where it cannot be read."""
    with contextlib.suppress(OSError, ValueError, RecursionError), path.open("rb") as file:
        data = file.read(_LISTING_BYTES + 1)
        if len(data) <= _LISTING_BYTES:
            value = msgspec.json.decode(data)
            found = value.get(name) if isinstance(value, dict) else None
            return found if isinstance(found, dict) else {}
    return {}


def _names(folder: Path) -> Iterator[str]:
    """The files below a folder, links among them, as POSIX paths; no more than a model has."""
    count = 0
    for at, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            count += 1
            if count > _FILES:
                return
            yield (Path(at) / name).relative_to(folder).as_posix()


def _inside(path: Path, folder: Path) -> int | None:
    """The size of a file that lies in `folder`, whatever links lead to it; None: there is none."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    return _size(real) if real.is_relative_to(folder) else None


def _size(path: Path) -> int | None:
    try:
        told = path.stat()
    except (OSError, ValueError):
        return None
    return told.st_size if stat.S_ISREG(told.st_mode) else None


def _begins(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(2)
    return b""
