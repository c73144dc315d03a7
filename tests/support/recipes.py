"""Recipes for the tests: the one that the guide writes, and changes of it."""

from __future__ import annotations

import re
from pathlib import Path

from rocmkit.doctor.routes.values import Offer
from rocmkit.kb.when import Note, When

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


#: What recipes offer, for tests of routes: CTranslate2 of today and of before, a rocBLAS, and ONNX Runtime with either provider.
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
    *(
        Offer(
            recipe="onnxruntime",
            package="onnxruntime-rocm",
            engine="onnxruntime",
            providers=("ROCMExecutionProvider",),
            version=version,
            rocm=rocm,
            layouts=("amd", "debian") if rocm.endswith("<7.0") else ("amd",),
            wavefront=wavefront,
            why="A release that has the ROCm provider.",
            known="documented",
            gives=("The encoder in fp32 runs on the GPU.", Note(when=When(arch=("gfx906",)), text="On gfx906 too.")),
            notes=(Note(when=When(arch=("gfx1100",)), text="Not tried on gfx1100."),),
            sources=("microsoft/onnxruntime#25181",),
        )
        for version, rocm, wavefront in (("1.19.2", ">=6.0,<6.2", 64), ("1.22.1", ">=6.2,<7.0", 64), ("1.22.1", ">=7.0,<7.3", 0))
    ),
    Offer(
        recipe="onnxruntime-migraphx",
        package="onnxruntime-migraphx",
        engine="onnxruntime",
        providers=("MIGraphXExecutionProvider",),
        version="1.22.1",
        rocm=">=6.2,<7.3",
        layouts=("amd",),
        archs=("gfx90a", "gfx942", "gfx1100", "gfx1201"),
        why="It compiles on the machine.",
        known="documented",
        sources=("ROCm/AMDMIGraphX#4618",),
    ),
)
