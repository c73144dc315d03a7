"""Ways for ReazonSpeech k2, whose ONNX files rocmkit runs on a provider. With that of ROCm first: MIGraphX's comes after all of them."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.routes import provider
from rocmkit.doctor.routes.ground import NO_KERNELS, Ground
from rocmkit.doctor.routes.place import here, kept, packages
from rocmkit.doctor.routes.values import Route, Status, Vram
from rocmkit.doctor.routes.ways import route, transcribing
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.values import OrtFlavour
from rocmkit.kb.versions import series


def routes(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """The ways with the ROCm provider that no recipe makes, in no order."""
    return (*_as_is(system, ground, size), *_wheel(system, ground, size))


def _as_is(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """With a ROCm provider that holds code for the card."""
    built = provider.library(ground.python, provider.ROCM)
    if built is None or ground.gfx not in (built.gfx or ()):
        return ()
    place = kept(system, ground.python)
    missing = packages(system, place)
    fitting, arch = ground.results.get("ort-wrong-package"), kb.arch(ground.gfx)
    # What was compiled for another size of the wavefront computes wrong sums, which no file tells.
    good = fitting is not None and fitting.outcome == "ok" and ground.access and ground.rocblas and arch and arch.wavefront == 64
    status: Status = "unknown" if not good else "installable" if missing else "ready"
    return (
        route(
            system,
            ground,
            "as-is",
            f"With {built.package} as it is, whose ROCm provider holds code for {ground.gfx}"
            + (", and the packages of the system." if missing else "."),
            place,
            status=status,
            known="inferred",
            sources=("https://onnxruntime.ai/docs/execution-providers/ROCm-ExecutionProvider.html",),
            commands=(*missing, *transcribing(system, place.word, size, "rocm")),
            vram=size,
            needs=(NO_KERNELS,) if ground.rocblas is False else (),
            cures=False,
        ),
    )


def _wheel(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """A published wheel with the ROCm provider, code for the card, and the ROCm of this machine."""
    row = next((row for row in kb.onnxruntime_flavours("onnxruntime-rocm") if _fits(row, ground)), None)
    there = provider.library(ground.python, provider.ROCM)
    if row is None or (there is not None and ground.gfx in (there.gfx or ())):
        return ()
    place = here(system, ground.python)
    return (
        route(
            system,
            ground,
            "wheel",
            f"Install onnxruntime-rocm{row.releases}, which has the ROCm provider with code for {ground.gfx}. {row.note}",
            place,
            status="installable",
            known=row.known,
            sources=row.sources,
            commands=(
                *provider.away(system, place),
                *place.pip(f'install "onnxruntime-rocm{row.releases}" numpy'),
                *packages(system, place),
                *transcribing(system, place.word, size, "rocm"),
            ),
            vram=size,
        ),
    )


def _fits(row: OrtFlavour, ground: Ground) -> bool:
    made = not row.python or advice.python_minor(ground.python) in row.python
    # They look for their libraries in /opt/rocm.
    same = ground.rocm_kind == "system" and row.rocm is not None and ground.rocm is not None and series(row.rocm) == series(ground.rocm)
    return provider.ROCM in row.gpu_providers and ground.gfx in row.archs and same and made
