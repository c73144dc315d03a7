"""The steps that bring a model, with the system's own libraries where they have a way, into the folders that these look in.

What was brought stays: the hub's whole files, and of openai-whisper's one file as much of it as came.
"""

from __future__ import annotations

import ast
import glob
import hashlib
import http.client
import importlib
import importlib.util
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Mapping

from .picking import pick

_PIECE = 1 << 20
_TIMEOUT_S, _TRIES = 30.0, 5


class NoRoom(Exception):
    """The disk has no room for it."""


class NotTheModel(Exception):
    """What is there is not what was expected."""


def bring_hub(step: Mapping[str, Any]) -> dict[str, Any]:
    """A model of the hub: those of its files that are asked for, by huggingface_hub, which goes on where it stopped."""
    hub = importlib.import_module("huggingface_hub")
    told = hub.HfApi().model_info(step["repository"], files_metadata=True)
    sizes = {one.rfilename: one.size or 0 for one in told.siblings}
    wanted, lacking = pick(sizes, step["patterns"])
    if lacking:
        raise NotTheModel(f"{step['repository']} has no {' and no '.join(lacking)} (any more)")
    have = {name for name in wanted if isinstance(hub.try_to_load_from_cache(step["repository"], name, revision=told.sha), str)}
    need = sum(sizes[name] for name in wanted if name not in have)
    _room(Path(step["folder"]), need, step["spare_bytes"])
    path = hub.snapshot_download(step["repository"], allow_patterns=[glob.escape(name) for name in wanted])
    return {"path": str(path), "bytes": need, "files": len(wanted) - len(have)}


def bring_whisper(step: Mapping[str, Any]) -> dict[str, Any]:
    """A model of openai-whisper, from where its own table says, held to the digest in its address (whisper/__init__.py, _download)."""
    url = _address(step["model"])
    digest, path = url.split("/")[-2], Path(step["file"])
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise NotTheModel(f"whisper names an address without a digest for {step['model']}")
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = part.stat().st_size if part.exists() else 0
    _room(path.parent, max(0, step["bytes"] - begun), step["spare_bytes"])
    for left in range(_TRIES, 0, -1):
        try:
            _fetch(url, part)
            break
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if refused or left == 1:
                raise
            time.sleep(step["wait_s"])
    if _sha256(part) != digest:
        part.unlink()
        raise NotTheModel(f"{url} sent another file than its digest says")
    part.replace(path)
    return {"path": str(path), "bytes": path.stat().st_size - begun, "files": 1}


def _address(name: str) -> str:
    """Out of the source of the package: to import it takes torch, and half a minute."""
    spec = importlib.util.find_spec("whisper")
    if spec is None or not spec.origin:
        raise ModuleNotFoundError("No module named 'whisper'")
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "_MODELS" for one in node.targets):
            table = _texts(node.value)
            if name not in table:
                raise NotTheModel(f"this whisper knows no model {name}: it knows {', '.join(table)}")
            return table[name]
    raise NotTheModel("this whisper has no table of models")


def _texts(node: ast.expr) -> dict[str, str]:
    """The texts of a table that is written out; what is none is left out."""
    pairs = zip(node.keys, node.values) if isinstance(node, ast.Dict) else ()
    told = ((key.value, one.value) for key, one in pairs if isinstance(key, ast.Constant) and isinstance(one, ast.Constant))
    return {key: one for key, one in told if isinstance(key, str) and isinstance(one, str)}


def _fetch(url: str, part: Path) -> None:
    """The rest of a file. Raises what urllib raises, and ConnectionError where the rest ends too early."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - whisper's own table
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # there is no more
            return
        raise
    with answer:
        goes_on = answer.status == 206
        length = answer.headers.get("Content-Length")
        with part.open("ab" if goes_on else "wb") as file:
            shutil.copyfileobj(answer, file, _PIECE)
    came = part.stat().st_size - (have if goes_on else 0)
    if length is not None and came != int(length):
        raise ConnectionError(f"{url} ended after {came} of {length} bytes")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(_PIECE), b""):
            digest.update(piece)
    return digest.hexdigest()


def _room(folder: Path, need: int, spare: int) -> None:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(str(there)).free
    if need and need + spare > free:
        raise NoRoom(f"{need / 1e9:.2f} GB are needed in {folder}, and {free / 1e9:.2f} GB are free there")
    if not os.access(str(there), os.W_OK):
        raise NoRoom(f"{there} cannot be written")


STEPS = {"bring_hub": bring_hub, "bring_whisper": bring_whisper}
