"""Ways for faster-whisper, which computes with CTranslate2."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor.checks.rk4_ct2 import ct2_fix, ct2_official
from rocmkit.doctor.routes.ground import NO_KERNELS, Ground
from rocmkit.doctor.routes.place import container, here, kept, packages
from rocmkit.doctor.routes.values import Route, Status, Vram
from rocmkit.doctor.routes.ways import INSIDE, docker, route, transcribing
from rocmkit.kb import systems as knowledge
from rocmkit.kb.systems import SpeechSystem


def routes(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """The ways of a system that computes with CTranslate2, in no order; recipes build it too."""
    return (
        *_as_is(system, ground, size),
        *_wheel(system, ground, size),
        *_images(system, ground, size),
    )


def _as_is(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    version = ground.python.packages.get("ctranslate2")
    if version is None:
        return ()
    fitting = ground.results.get("ct2-rocm-wrong-arch")
    place = kept(system, ground.python)
    missing = packages(system, place)
    good = fitting is not None and fitting.outcome == "ok" and ground.access and ground.rocblas  # it brings no rocBLAS with it
    status: Status = "unknown" if not good else "installable" if missing else "ready"
    return (
        route(
            system,
            ground,
            "as-is",
            f"With CTranslate2 {version} as it is" + (", and the packages of the system." if missing else "."),
            place,
            status=status,
            known="inferred",
            sources=(),
            commands=(*missing, *transcribing(system, place.word, size)),
            vram=size,
            needs=(NO_KERNELS,) if ground.rocblas is False else (),
            cures=False,
        ),
    )


def _wheel(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    row = kb.ctranslate2_wheels()
    fitting = ground.results.get("ct2-rocm-wrong-arch")
    if not ct2_official(ground.python, ground.gfx) or (fitting is not None and fitting.outcome == "ok"):
        return ()
    there = ground.rocm == row.rocm and ground.rocm_kind == "system"  # they look for it in /opt/rocm
    place = here(system, ground.python)
    fix = ct2_fix(ground.python, ground.gfx)
    return (
        route(
            system,
            ground,
            "wheel",
            str(fix.text),
            place,
            status="installable" if there else "blocked",
            known=row.known,
            sources=row.sources,
            commands=(*fix.commands, *packages(system, place), *transcribing(system, place.word, size)),
            vram=size,
            notes=() if there else (f"It needs ROCm {row.rocm}; the ROCm of this machine: {ground.rocm or 'none'}.",),
        ),
    )


def _images(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    place = container()
    return tuple(
        route(
            system,
            ground,
            "container",
            f"In the image {row.image}, with CTranslate2 for ROCm {row.rocm}. {row.note}",
            place,
            status="installable",
            known=row.known,
            sources=row.sources,
            commands=docker(row.image, *packages(system, place), *transcribing(system, place.word, size)),
            vram=size,
            notes=(INSIDE,),
        )
        for row in knowledge.images("ctranslate2")
        if ground.gfx in row.archs and not ground.container
    )
