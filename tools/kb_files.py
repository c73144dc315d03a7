"""The files of the knowledge base, each in its own shape, from any folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from rocmkit.kb import backends, build, gpus, issues, packages, releases, reports, systems, targets, toggles, values
from rocmkit.model import DataError, convert, load_yaml

Files = dict[str, Any]

SHAPES: dict[str, type] = {
    "backends": backends._File,
    "build": build._File,
    "ctranslate2": values.CTranslate2Wheels,
    "logs": issues._LogFile,
    "numba": releases._NumbaFile,
    "onnxruntime": releases._OrtFile,
    "packages": packages._File,
    "pci": targets._PciFile,
    "reports": reports._File,
    "rocm": releases._RocmFile,
    "systems": systems._File,
    "toggles": toggles._File,
    "torch": releases._TorchFile,
}
_FOLDERS: dict[str, type] = {"arch": gpus.Arch, "issues": issues.Issue}


def load(root: Path) -> tuple[Files, list[str]]:
    """Every file by its name below `root` without the ending ("issues/kfd-missing"), and what is wrong with those that cannot be read."""
    files: Files = {}
    faults: list[str] = []
    for path in sorted(root.rglob("*.yaml")):
        name = str(path.relative_to(root).with_suffix(""))
        folder = name.rpartition("/")[0]
        shape = _FOLDERS.get(folder) if folder else SHAPES.get(name)
        if shape is None:
            faults.append(f"{name}: tools/kb_files.py does not know its shape")
            continue
        try:
            files[name] = convert(load_yaml(path.read_text(encoding="utf-8"), source=name), shape, source=name)
        except DataError as error:
            faults.append(str(error))
    return files, faults


def structs(value: object) -> Iterator[Any]:
    """Every value with fields in it, itself included."""
    if isinstance(value, msgspec.Struct):
        yield value
        for field in value.__struct_fields__:
            yield from structs(getattr(value, field))
    elif isinstance(value, (tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from structs(item)
