"""Builds by recipes: on this machine's ROCm, or in an image whose ROCm holds the GPU."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._stack import release
from rocmkit.doctor.routes.ground import NO_KERNELS, Ground
from rocmkit.doctor.routes.place import USUAL, Place, container, here, packages, suits
from rocmkit.doctor.routes.source import home, rocblas_note
from rocmkit.doctor.routes.values import Offer, Route, Status, Vram
from rocmkit.doctor.routes.ways import INSIDE, docker, route, transcribing
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.versions import within

#: Where the parts of a ROCm may lie, by its kind.
_LAYOUTS = {"system": frozenset({"amd", "core"}), "distro": frozenset({"debian"})}
#: What an image to build in lacks for a wheel that is there.
_PIP = "apt-get update && apt-get install -y python3-pip"


def routes(system: SpeechSystem, ground: Ground, offers: tuple[Offer, ...], size: Vram | None) -> tuple[Route, ...]:
    """The builds for a system by recipes, in no order."""
    mine = tuple(offer for offer in offers if offer.engine == system.engine)
    minor = advice.python_minor(ground.python).removesuffix("t") if suits(system, ground.python) else USUAL
    layouts = _LAYOUTS.get(ground.rocm_kind or "", frozenset())
    found = _fitting(mine, ground.gfx, ground.rocm, layouts, minor)
    below = tuple(offer for offer in offers if "rocblas" in offer.provides)
    kernels = None if ground.rocblas is not False else _fitting(below, ground.gfx, ground.rocm, layouts, None)
    served = found is not None and ground.rocblas is True
    return (
        *(() if served or ground.container else _in_an_image(system, ground, mine, size)),
        *((_on_this_rocm(system, ground, found, kernels, size),) if found else ()),
    )


def building(offers: tuple[Offer, ...], ground: Ground, package: str) -> Offer | None:
    """The release of a package that recipes build on this machine's ROCm; None where there is none, or where its rocBLAS lacks the GPU."""
    mine = tuple(offer for offer in offers if offer.package == package)
    layouts = _LAYOUTS.get(ground.rocm_kind or "", frozenset())
    return _fitting(mine, ground.gfx, ground.rocm, layouts, None) if ground.rocblas else None


def in_image(offers: tuple[Offer, ...], gfx: str, package: str) -> Offer | None:
    """The release of a package that recipes build in the newest image whose rocBLAS holds the GPU."""
    image, mine = home(gfx), tuple(offer for offer in offers if offer.package == package)
    return _fitting(mine, gfx, image.rocm, _LAYOUTS["system"], None) if image else None


def _fitting(offers: tuple[Offer, ...], gfx: str, rocm: str | None, layouts: frozenset[str], python: str | None) -> Offer | None:
    """The first of them that is for this ROCm and this GPU, and for this Python where one is named."""
    arch = kb.arch(gfx)
    if rocm is None or kb.compiler_knows(gfx, rocm) is False:
        return None
    return next(
        (
            offer
            for offer in offers
            if within(offer.rocm, rocm)
            and layouts & set(offer.layouts)
            and (not offer.archs or gfx in offer.archs)
            and (not offer.wavefront or (arch is not None and arch.wavefront == offer.wavefront))
            and (not offer.python or python is None or within(offer.python, python))
        ),
        None,
    )


def _on_this_rocm(system: SpeechSystem, ground: Ground, offer: Offer, kernels: Offer | None, size: Vram | None) -> Route:
    lacks, unseen = ground.rocblas is False and kernels is None, ground.rocblas is None
    status: Status = "blocked" if lacks else "unknown" if unseen else "buildable"
    place = here(system, ground.python)
    names = f"{kernels.recipe} {offer.recipe}" if kernels else offer.recipe
    also = f", and a rocBLAS that holds {ground.gfx}," if kernels else ""
    notes = (_KERNELS,) if kernels else rocblas_note(ground)
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
            f"rocmkit build {names} --arch {ground.gfx} --python {place.word} --install",
            *((_use(kernels, ground),) if kernels else ()),
            *_after(system, offer, place, size),
        ),
        vram=size,
        needs=(NO_KERNELS,) if lacks else (),
        notes=(*notes, *offer.notes, *_older_notes(system, offer)),
    )


_KERNELS = "Programs take the ROCm's own rocBLAS, which lacks the GPU, unless LD_LIBRARY_PATH leads to the one that was built."


def _use(kernels: Offer, ground: Ground) -> str:
    """What makes programs take the rocBLAS that was built in this folder."""
    return f'export LD_LIBRARY_PATH="$PWD/{kernels.recipe}-{kernels.version}+rocm{ground.rocm}.{ground.gfx}/lib:$LD_LIBRARY_PATH"'


def _in_an_image(system: SpeechSystem, ground: Ground, offers: tuple[Offer, ...], size: Vram | None) -> tuple[Route, ...]:
    image = home(ground.gfx)
    offer = _fitting(offers, ground.gfx, image.rocm, _LAYOUTS["system"], None) if image else None
    if image is None or offer is None:
        return ()
    place = container()
    rocm = release(image.rocm)
    wheel = f"./{offer.package}-{offer.version}+rocm{rocm}.{ground.gfx}-*.whl"
    build = f"rocmkit build {offer.recipe} --arch {ground.gfx} --rocm-version {rocm} --container"
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
                *docker(image.name, _PIP, *place.pip(f"install --no-deps {wheel}"), *_after(system, offer, place, size)),
            ),
            vram=size,
            notes=(INSIDE, *offer.notes, *_older_notes(system, offer)),
        ),
    )


def _after(system: SpeechSystem, offer: Offer, place: Place, size: Vram | None) -> tuple[str, ...]:
    """What comes after the build: the packages of the system that go with that release, and its command."""
    older = next((row for row in system.older if within(row.engine, offer.version)), None)
    lines = [line for arguments in older.install for line in place.pip(f"install {arguments}")] if older else packages(system, place)
    return (*dict.fromkeys(lines), *transcribing(system, place.word, size))


def _older_notes(system: SpeechSystem, offer: Offer) -> tuple[str, ...]:
    return tuple(row.note for row in system.older if within(row.engine, offer.version))
