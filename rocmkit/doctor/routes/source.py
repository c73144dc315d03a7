"""Builds by hand: on this machine's ROCm, and in an image whose ROCm holds the GPU."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor.checks._stack import release
from rocmkit.doctor.routes.ground import NO_KERNELS, Ground
from rocmkit.doctor.routes.place import Place, container, here, packages
from rocmkit.doctor.routes.values import Route, Status, Vram
from rocmkit.doctor.routes.ways import INSIDE, docker, route, transcribing
from rocmkit.kb import systems as knowledge
from rocmkit.kb.build import Image
from rocmkit.kb.systems import SourceBuild, SpeechSystem


def routes(system: SpeechSystem, ground: Ground, package: str, size: Vram | None) -> tuple[Route, ...]:
    """The builds of a package, in no order."""
    # What is built by hand takes AMD's layout: a distribution's own ROCm needs patches.
    build = _made(package, ground.rocm, ground.gfx) if ground.rocm and ground.rocm_kind != "distro" else None
    served = build is not None and ground.rocblas is True
    return (
        *((_on_this_rocm(system, ground, build, size),) if build else ()),
        *(() if served or ground.container else _in_an_image(system, ground, package, size)),
    )


def home(gfx: str) -> Image | None:
    """The newest image whose rocBLAS holds a GPU."""
    return next((image for image in reversed(kb.build_images()) if kb.rocblas_kernels(gfx, image.rocm)), None)


def _made(package: str, rocm: str, gfx: str) -> SourceBuild | None:
    """The build of a package on a ROCm, where it computes rightly on a GPU."""
    build, arch = knowledge.source_build(package, rocm), kb.arch(gfx)
    return build if build and (not build.wavefront or (arch and arch.wavefront == build.wavefront)) else None


def _on_this_rocm(system: SpeechSystem, ground: Ground, build: SourceBuild, size: Vram | None) -> Route:
    lacks, unseen = ground.rocblas is False, ground.rocblas is None
    status: Status = "blocked" if lacks else "unknown" if unseen else "buildable"
    place = here(system, ground.python)
    return route(
        system,
        ground,
        "source",
        f"Build {build.package} {build.version} on the ROCm {ground.rocm} of this machine. {build.what}",
        place,
        status=status,
        known=build.known,
        sources=build.sources,
        commands=_commands(system, ground, place, build, size),
        vram=size,
        needs=(NO_KERNELS,) if lacks else (),
        notes=(*rocblas_note(ground), build.needs),
    )


def _in_an_image(system: SpeechSystem, ground: Ground, package: str, size: Vram | None) -> tuple[Route, ...]:
    image = home(ground.gfx)
    build = _made(package, image.rocm, ground.gfx) if image else None
    if image is None or build is None:
        return ()
    place = container()
    lines = _commands(system, ground, place, build, size)
    return (
        route(
            system,
            ground,
            "source",
            f"Build {package} {build.version} in a container with ROCm {release(image.rocm)}, whose rocBLAS holds {ground.gfx}. "
            f"{build.what}",
            place,
            status="buildable",
            known="inferred",
            sources=(*build.sources, *image.sources),
            commands=docker(image.name, knowledge.build_setup(), *lines),
            vram=size,
            notes=(INSIDE,),
        ),
    )


def _commands(system: SpeechSystem, ground: Ground, place: Place, build: SourceBuild, size: Vram | None) -> tuple[str, ...]:
    lines: list[str] = []
    for command in build.commands:
        text = command.replace("{gfx}", ground.gfx).replace("{rocm}", "/opt/rocm").replace("{python}", place.word)
        lines += place.pip(text.removeprefix("pip ")) if text.startswith("pip ") else (text,)
    return (*dict.fromkeys(lines), *packages(system, place), *transcribing(system, place.word, size))


def rocblas_note(ground: Ground) -> tuple[str, ...]:
    """What to know where the ROCm of the machine may not hold the GPU."""
    if ground.rocblas is False:
        return (
            f"The rocBLAS of this ROCm holds nothing for {ground.gfx}: what is built aborts at the first matrix product, until rocBLAS is "
            "built for it too or the files of the same release are put into lib/rocblas/library.",
        )
    return (f"Whether the rocBLAS of this ROCm holds {ground.gfx} could not be seen.",) if ground.rocblas is None else ()
