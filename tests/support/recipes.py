"""Recipes for the tests: the one that the guide writes, and changes of it."""

from __future__ import annotations

import re
from pathlib import Path

from rocmkit.doctor.routes.values import Offer

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "write-a-recipe.md"


def guide() -> str:
    """The recipe.yaml of the guide, to the letter."""
    found = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def changed(old: str, new: str, *, text: str | None = None) -> str:
    """That recipe with one place of it changed."""
    text = guide() if text is None else text
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


def write(folder: Path, text: str | None = None, **files: str) -> Path:
    """The folder of a recipe with that text, and with small files: compat__x_h="…" is compat/x.h."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(guide() if text is None else text, encoding="utf-8")
    for name, content in files.items():
        path = folder / re.sub(r"_(?=[a-z]+$)", ".", name.replace("__", "/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


#: What recipes offer, for tests of routes: CTranslate2 of today and of before, and a rocBLAS.
OFFERS = (
    Offer(
        recipe="ctranslate2",
        package="ctranslate2",
        engine="ctranslate2",
        version="4.8.1",
        rocm=">=6.2,<8",
        layouts=("amd", "core", "debian"),
        why="CTranslate2's own sources build for HIP.",
        known="reported",
        sources=("OpenNMT/CTranslate2#1989",),
    ),
    Offer(
        recipe="ctranslate2",
        package="ctranslate2",
        engine="ctranslate2",
        version="3.23.0",
        rocm=">=5.7,<6.2",
        layouts=("amd",),
        wavefront=64,
        python=">=3.8,<3.12",
        why="AMD's own port, for a ROCm before 6.2.",
        known="documented",
        sources=("ROCm/CTranslate2@amd_dev docker_rocm/Dockerfile.rocm",),
    ),
    Offer(
        recipe="rocblas",
        package=None,
        engine=None,
        provides=("rocblas",),
        version="6.4.4",
        rocm=">=6.4,<7",
        layouts=("amd",),
        archs=("gfx906",),
        why="AMD's packages hold no kernels for gfx906 from 6.4 on.",
        known="reported",
        sources=("ROCm/legacy-rocm-build#4625",),
    ),
)
