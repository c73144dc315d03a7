"""Ways that people try because they read of them somewhere, judged for this GPU."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor.checks._fixes import newest
from rocmkit.doctor.checks._stack import release
from rocmkit.doctor.routes.ground import Ground
from rocmkit.doctor.routes.recipe import building, home, in_image
from rocmkit.doctor.routes.values import Idea, Offer
from rocmkit.doctor.routes.ways import docker
from rocmkit.kb.versions import within

_ROCM_DOCS = "https://rocm.docs.amd.com/projects/install-on-linux/en/docs-6.2.0/how-to/3rd-party/pytorch-install.html"
#: What AMD's documents of that time say that its images of PyTorch are built for.
_IMAGE_OF_61 = ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx940", "gfx941", "gfx942", "gfx1030", "gfx1100", "gfx1101")


def ideas(ground: Ground, offers: tuple[Offer, ...]) -> tuple[Idea, ...]:
    """Each of them, for this GPU; "unknown" where no source says."""
    return (_latest(ground), _image_of_61(ground), _old_environment(ground), _ct2(ground, offers), _processor())


def _latest(ground: Ground) -> Idea:
    gfx, holds = ground.gfx, kb.rocblas_kernels(ground.gfx, "7.2")
    arch = kb.arch(gfx)
    sources = arch.rocblas.sources if arch and arch.rocblas else ()
    if holds is None:
        return Idea(
            name="rocm/pytorch:latest",
            verdict="unknown",
            because=f"no source says whether AMD's newest packages hold code for {gfx}",
            commands=(),
            known="inferred",
            sources=(),
        )
    because = (
        f"AMD's packages have rocBLAS kernels for {gfx} up to ROCm 7.2, the newest that was looked into"
        if holds
        else f"AMD's packages of ROCm 7.2 have no rocBLAS kernels for {gfx}, and of later ones none is known: "
        "the first matrix product aborts"
    )
    return Idea(
        name="rocm/pytorch:latest",
        verdict="yes" if holds else "no",
        because=because,
        commands=docker("rocm/pytorch:latest") if holds else (),
        known="inferred",
        sources=sources,
    )


def _image_of_61(ground: Ground) -> Idea:
    name = "rocm/pytorch:rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2"
    gfx, holds = ground.gfx, kb.rocblas_kernels(ground.gfx, "6.1")
    if gfx in _IMAGE_OF_61 and holds is not False:
        because = (
            f"AMD builds the PyTorch of such images for {gfx}, and ROCm 6.1 has rocBLAS kernels for it; nobody reported on speech with it. "
            "Its torch 2.1.2 is too old for today's transformers: pin transformers below 5"
        )
        return Idea(name=name, verdict="yes", because=because, commands=docker(name), known="inferred", sources=(_ROCM_DOCS,))
    because = f"ROCm 6.1 has no code for {gfx}" if holds is False else f"no source says whether that image holds code for {gfx}"
    return Idea(
        name=name,
        verdict="no" if holds is False else "unknown",
        because=because,
        commands=(),
        known="inferred",
        sources=(_ROCM_DOCS,),
    )


def _old_environment(ground: Ground) -> Idea:
    name = "an environment of ROCm 5.7+, torch 2.2.1+, transformers 4.36+"
    rows = [row for row in kb.torch_wheels() if row.stable and ground.gfx in row.archs and ground.gfx not in row.rocblas_missing]
    fitting = [row for row in rows if not within("<2.2", row.torch) and within(">=5.7", row.rocm)]
    if not fitting:
        return Idea(
            name=name,
            verdict="no",
            because=f"no wheel of pytorch.org of that time or later holds code for {ground.gfx}",
            commands=(),
            known="inferred",
            sources=("pytorch/test-infra tools/scripts/generate_binary_build_matrix.py",),
        )
    best = fitting[-1]
    return Idea(
        name=name,
        verdict="yes",
        because=f"torch {fitting[0].torch} for ROCm {fitting[0].rocm} to torch {newest(best)} for ROCm {best.rocm} hold code for "
        f"{ground.gfx}: take the newest, since transformers 5 asks for torch 2.6",
        commands=(),
        known=best.known,
        sources=best.sources,
    )


def _ct2(ground: Ground, offers: tuple[Offer, ...]) -> Idea:
    name = "building CTranslate2 from source"
    gfx, image = ground.gfx, home(ground.gfx)
    here = building(offers, ground, "ctranslate2")
    used = here or in_image(offers, gfx, "ctranslate2")
    if used is None:
        return Idea(
            name=name,
            verdict="unknown",
            because=f"its sources build for HIP, but no source says of a ROCm whose rocBLAS holds {gfx}",
            commands=(),
            known="inferred",
            sources=("OpenNMT/CTranslate2#1989",),
        )
    where = "on this machine's ROCm" if here or image is None else f"with ROCm {release(image.rocm)}, whose rocBLAS holds {gfx}"
    wheels = kb.ctranslate2_wheels()
    return Idea(
        name=name,
        verdict="yes",
        because=f"`rocmkit build ctranslate2` makes {used.version} for {gfx}, {where}; the wheels that its makers publish for ROCm are for "
        f"{', '.join(wheels.archs)}",
        commands=(),
        known="reported" if gfx in {"gfx906", "gfx900"} else "inferred",
        sources=(*used.sources, *wheels.sources),
    )


def _processor() -> Idea:
    return Idea(
        name="the processor, as it is",
        verdict="yes",
        because="all of these systems but insanely-fast-whisper run on it; faster-whisper in int8 and ReazonSpeech k2 do so fastest",
        commands=(),
        known="inferred",
        sources=("SYSTRAN/faster-whisper README.md",),
    )
