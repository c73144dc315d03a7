"""Ways for ReazonSpeech k2 with the MIGraphX provider, for the cards that AMD makes it for. None of them goes before one with ROCm's."""

from __future__ import annotations

from msgspec.structs import replace

from rocmkit import kb
from rocmkit.doctor.routes import provider, recipe
from rocmkit.doctor.routes.ground import Ground
from rocmkit.doctor.routes.place import here, kept, packages
from rocmkit.doctor.routes.values import Offer, Route, Vram
from rocmkit.doctor.routes.ways import route, transcribing
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.values import MigraphxArchs
from rocmkit.kb.versions import within

_PACKAGE = "It wants ROCm's package migraphx, which not every ROCm has beside the rest."
_ABOUT = (
    "MIGraphX compiles anew for each length of input, within the run; on a GPU of a processor that was seen to take a minute and a half "
    "(immich-app/immich#29559). The encoder is fixed to one length here, for speech of up to 30 seconds.",
    "This provider was seen to register and to run nothing: what rocmkit transcribe prints says where the encoder ran.",
)
_SOURCES = ("microsoft/onnxruntime#31607", "ROCm/AMDMIGraphX#4618", "immich-app/immich#29559")
_OTHER = "The published wheel was built on ROCm {built}; whether it loads on {rocm} is not known. AMD's own wheels for newer ROCm: {page}"
_PAGE = "https://rocm.docs.amd.com/projects/ai-ecosystem/en/latest/inference/onnxruntime.html"


def routes(system: SpeechSystem, ground: Ground, offers: tuple[Offer, ...], size: Vram | None) -> tuple[Route, ...]:
    """All of them, in no order."""
    mine = tuple(one for one in offers if one.engine == system.engine and provider.word(one.providers) == "migraphx")
    made = kb.migraphx(ground.rocm) if ground.rocm else None
    if made is None or ground.gfx not in made.archs:
        return ()
    system = replace(system, packages=(*system.packages, "onnx"), install=(*system.install, "onnx"))  # `rocmkit rewrite` takes it
    return (
        *_as_is(system, ground, size),
        *_wheel(system, ground, made, size),
        *recipe.on_this_rocm(system, ground, mine, size, offers),
    )


def _as_is(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """With the provider that is there, where there is not ROCm's as well."""
    built = provider.library(ground.python, provider.MIGRAPHX)
    if built is None or provider.library(ground.python, provider.ROCM):
        return ()
    place = kept(system, ground.python)
    return (
        route(
            system,
            ground,
            "as-is",
            f"With {built.package} as it is, whose MIGraphX provider compiles on the machine.",
            place,
            status="unknown",
            known="inferred",
            sources=_SOURCES,
            commands=(*packages(system, place), *transcribing(system, place.word, size, "migraphx")),
            vram=size,
            notes=_ABOUT,
            cures=False,
        ),
    )


def _wheel(system: SpeechSystem, ground: Ground, made: MigraphxArchs, size: Vram | None) -> tuple[Route, ...]:
    """The published wheel, which loads ROCm 7 from /opt/rocm; of a newer one it is not known."""
    (row,) = kb.onnxruntime_flavours("onnxruntime-migraphx")
    built, rocm = row.rocm or "", ground.rocm or ""
    if provider.library(ground.python, provider.MIGRAPHX) or ground.rocm_kind != "system" or within("<7", rocm):
        return ()
    place, same = here(system, ground.python), within("<8", rocm)
    return (
        route(
            system,
            ground,
            "wheel",
            f"Install onnxruntime-migraphx, which has the MIGraphX provider. {row.note}",
            place,
            status="installable" if same else "unknown",
            known="inferred",
            sources=(*row.sources, *made.sources, *_SOURCES),
            commands=(
                *provider.away(system, place),
                *place.pip('install "onnxruntime-migraphx!=1.24.4,!=1.25.0" numpy'),
                *packages(system, place),
                *transcribing(system, place.word, size, "migraphx"),
            ),
            vram=size,
            notes=(_PACKAGE, *(() if same else (_OTHER.format(built=built, rocm=rocm, page=_PAGE),)), *_ABOUT),
        ),
    )
