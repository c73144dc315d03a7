"""Builds by recipes: on this machine's ROCm, or in an image whose ROCm holds the GPU."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._stack import release
from rocmkit.doctor.routes import provider
from rocmkit.doctor.routes.ground import NO_KERNELS, Ground
from rocmkit.doctor.routes.place import USUAL, Place, container, here, packages, suits
from rocmkit.doctor.routes.values import Offer, Route, Status, Vram
from rocmkit.doctor.routes.ways import INSIDE, PIP, ROCMKIT, docker, inside, route, transcribing
from rocmkit.kb.build import Image
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.versions import within
from rocmkit.kb.when import Layout, said

#: Where the parts of AMD's own packages lie, which the images hold.
_OF_IMAGES: tuple[Layout, ...] = ("amd", "core")


def routes(system: SpeechSystem, ground: Ground, offers: tuple[Offer, ...], size: Vram | None) -> tuple[Route, ...]:
    """The builds for a system by recipes, in no order."""
    mine = tuple(offer for offer in offers if offer.engine == system.engine and provider.leads(system, offer))
    found = on_this_rocm(system, ground, mine, size, offers)
    served = bool(found) and ground.rocblas is True
    return (*(() if served or ground.container else _in_an_image(system, ground, mine, size)), *found)


def on_this_rocm(
    system: SpeechSystem, ground: Ground, mine: tuple[Offer, ...], size: Vram | None, offers: tuple[Offer, ...]
) -> tuple[Route, ...]:
    """The build of the first of `mine` that fits on this machine's ROCm, where one does; with a rocBLAS of `offers` where it must."""
    minor = advice.python_minor(ground.python).removesuffix("t") if suits(system, ground.python) else USUAL
    found = _here(mine, ground, minor)
    below = tuple(offer for offer in offers if "rocblas" in offer.provides)
    kernels = _here(below, ground, None) if ground.rocblas is False else None
    return (_built(system, ground, found, kernels, size),) if found else ()


def building(offers: tuple[Offer, ...], ground: Ground, package: str) -> Offer | None:
    """The release of a package that recipes build on this machine's ROCm; None where there is none, or where its rocBLAS lacks the GPU."""
    mine = tuple(offer for offer in offers if offer.package == package)
    return _here(mine, ground, None) if ground.rocblas else None


def in_image(offers: tuple[Offer, ...], gfx: str, package: str) -> Offer | None:
    """The release of a package that recipes build in the newest image whose rocBLAS holds the GPU."""
    image, mine = home(gfx), tuple(offer for offer in offers if offer.package == package)
    return _fitting(mine, gfx, image.rocm, _OF_IMAGES, None) if image else None


def home(gfx: str) -> Image | None:
    """The newest image whose rocBLAS holds a GPU."""
    return next((image for image in reversed(kb.build_images()) if kb.rocblas_kernels(gfx, image.rocm)), None)


def _here(offers: tuple[Offer, ...], ground: Ground, python: str | None) -> Offer | None:
    layouts = (ground.layout,) if ground.layout else ()
    return _fitting(offers, ground.gfx, ground.rocm, layouts, python)


def _fitting(offers: tuple[Offer, ...], gfx: str, rocm: str | None, layouts: tuple[Layout, ...], python: str | None) -> Offer | None:
    """The first of them that is for this ROCm and this GPU, and for this Python where one is named."""
    arch = kb.arch(gfx)
    # A distribution's own clang is another one than AMD's of that ROCm.
    if rocm is None or (layouts != ("debian",) and kb.compiler_knows(gfx, rocm) is False):
        return None
    return next(
        (
            offer
            for offer in offers
            if within(offer.rocm, rocm)
            and {*layouts} & {*offer.layouts}
            and (not offer.archs or gfx in offer.archs)
            and (not offer.wavefront or arch is None or arch.wavefront == offer.wavefront)
            and (not offer.python or python is None or within(offer.python, python))
        ),
        None,
    )


def _built(system: SpeechSystem, ground: Ground, offer: Offer, kernels: Offer | None, size: Vram | None) -> Route:
    lacks, unseen = ground.rocblas is False and kernels is None, ground.rocblas is None
    status: Status = "blocked" if lacks else "unknown" if unseen else "buildable"
    place = here(system, ground.python)
    names = f"{kernels.recipe} {offer.recipe}" if kernels else offer.recipe
    also = f", and a rocBLAS that holds {ground.gfx}," if kernels else ""
    notes = (_KERNELS,) if kernels else _rocblas_note(ground)
    build = f"rocmkit build {names} --arch {ground.gfx} --python {place.word}"
    # Several packages install the folder onnxruntime. The one that is there goes once there is another to take its place.
    away = provider.away(system, place)
    into = (build, *away, *place.pip(f"install --no-deps {_wheel(offer, ground.rocm, ground.gfx)}")) if away else (f"{build} --install",)
    return route(
        system,
        ground,
        "recipe",
        f"Build {offer.package} {offer.version}{also} on the ROCm {ground.rocm} of this machine, by rocmkit's recipe. {offer.why}",
        place,
        status=status,
        known="inferred" if kernels else offer.known,
        sources=(*offer.sources, *(kernels.sources if kernels else ())),
        commands=(
            *place.make,
            *into,
            *((_use(kernels, ground),) if kernels else ()),
            *_after(system, offer, place, size),
        ),
        vram=size,
        needs=(NO_KERNELS,) if lacks else (),
        notes=(*notes, *_told(offer, ground.gfx, ground.rocm, (ground.layout,) if ground.layout else ()), *_older_notes(system, offer)),
    )


_KERNELS = "Programs take the ROCm's own rocBLAS, which lacks the GPU, unless LD_LIBRARY_PATH leads to the one that was built."


def _rocblas_note(ground: Ground) -> tuple[str, ...]:
    """What to know where the ROCm of the machine may not hold the GPU."""
    if ground.rocblas is False:
        return (
            f"The rocBLAS of this ROCm holds nothing for {ground.gfx}: what is built aborts at the first matrix product, until rocBLAS is "
            "built for it too or the files of the same release are put into lib/rocblas/library.",
        )
    return (f"Whether the rocBLAS of this ROCm holds {ground.gfx} could not be seen.",) if ground.rocblas is None else ()


def _use(kernels: Offer, ground: Ground) -> str:
    """What makes programs take the rocBLAS that was built in this folder."""
    return f'export LD_LIBRARY_PATH="$PWD/{kernels.recipe}-{kernels.version}+rocm{ground.rocm}.{ground.gfx}/lib:$LD_LIBRARY_PATH"'


def _wheel(offer: Offer, rocm: str | None, gfx: str) -> str:
    """The wheel that a build leaves in this folder, as a word of a shell command."""
    name = re.sub(r"[-_.]+", "_", offer.package or "")
    return f"./{name}-{offer.version}+rocm{rocm}.{gfx}-*.whl"


def _in_an_image(system: SpeechSystem, ground: Ground, offers: tuple[Offer, ...], size: Vram | None) -> tuple[Route, ...]:
    image = home(ground.gfx)
    offer = _fitting(offers, ground.gfx, image.rocm, _OF_IMAGES, None) if image else None
    if image is None or offer is None:
        return ()
    place = container()
    rocm = release(image.rocm)
    build = f"rocmkit build {offer.recipe} --arch {ground.gfx} --rocm-version {rocm} --container"
    mine = inside(system)
    return (
        route(
            system,
            ground,
            "recipe",
            f"Build {offer.package} {offer.version} in a container with ROCm {rocm}, whose rocBLAS holds {ground.gfx}, by rocmkit's "
            f"recipe. {offer.why}",
            place,
            status="buildable",
            known="inferred",
            sources=(*offer.sources, *image.sources),
            commands=(
                build,
                *docker(image.name, PIP, *place.pip(f"install --no-deps {_wheel(offer, rocm, ground.gfx)}"), *mine),
                *_after(system, offer, place, size),
            ),
            vram=size,
            notes=(INSIDE, *((ROCMKIT,) if mine else ()), *_told(offer, ground.gfx, image.rocm, _OF_IMAGES), *_older_notes(system, offer)),
        ),
    )


def _after(system: SpeechSystem, offer: Offer, place: Place, size: Vram | None) -> tuple[str, ...]:
    """What comes after the build: the packages of the system that go with that release, and its command."""
    older = next((row for row in system.older if within(row.engine, offer.version)), None)
    lines = [line for arguments in older.install for line in place.pip(f"install {arguments}")] if older else packages(system, place)
    return (*dict.fromkeys(lines), *transcribing(system, place.word, size, provider.word(offer.providers)))


def _told(offer: Offer, gfx: str, rocm: str | None, layouts: tuple[Layout, ...]) -> tuple[str, ...]:
    """What the result does on this card, and its limits."""
    return said((*offer.gives, *offer.notes), archs=(gfx,), rocm=rocm or "", layouts=layouts)


def _older_notes(system: SpeechSystem, offer: Offer) -> tuple[str, ...]:
    return tuple(row.note for row in system.older if within(row.engine, offer.version))
