"""Ways for ReazonSpeech k2: its ONNX files on a GPU's provider. sherpa-onnx itself knows none for AMD GPUs."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.routes import source
from rocmkit.doctor.routes.ground import Ground
from rocmkit.doctor.routes.place import here, kept
from rocmkit.doctor.routes.values import Route, Vram
from rocmkit.doctor.routes.ways import route
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.values import OrtFlavour
from rocmkit.kb.versions import series

_FLAVOURS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-rocm", "onnxruntime-migraphx")


def routes(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """Every way of a system whose models are ONNX files, in no order."""
    if as_is := _as_is(system, ground, size):
        return as_is
    return (*_wheel(system, ground, size), *source.routes(system, ground, "onnxruntime", size))


def _as_is(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """With a ROCm provider that holds code for the card. Whether it computes rightly no check tells."""
    built = next((lib for lib in ground.python.libraries if "onnxruntime_providers_rocm" in lib.file), None)
    if built is None or ground.gfx not in (built.gfx or ()):
        return ()
    return (
        route(
            system,
            ground,
            "as-is",
            f"With {built.package} as it is, whose ROCm provider holds code for {ground.gfx}.",
            kept(system, ground.python),
            status="unknown",
            known="inferred",
            sources=("https://onnxruntime.ai/docs/execution-providers/ROCm-ExecutionProvider.html",),
            vram=size,
            cures=False,
        ),
    )


def _wheel(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """A published wheel with the ROCm provider, code for the card, and the ROCm of this machine."""
    row = next((row for row in kb.onnxruntime_flavours("onnxruntime-rocm") if _fits(row, ground)), None)
    if row is None:
        return ()
    wrong = [name for name in _FLAVOURS if name in ground.python.packages]
    away = advice.pip(ground.python, f"uninstall -y {' '.join(wrong)}") if wrong else ()
    return (
        route(
            system,
            ground,
            "wheel",
            f"Install onnxruntime-rocm{row.releases}, which has the ROCm provider with code for {ground.gfx}. {row.note}",
            here(system, ground.python),
            status="installable",
            known=row.known,
            sources=row.sources,
            commands=(*away, *advice.pip(ground.python, f'install "onnxruntime-rocm{row.releases}" numpy')),
            vram=size,
        ),
    )


def _fits(row: OrtFlavour, ground: Ground) -> bool:
    made = not row.python or advice.python_minor(ground.python) in row.python
    # They look for their libraries in /opt/rocm.
    same = ground.rocm_kind == "system" and row.rocm is not None and ground.rocm is not None and series(row.rocm) == series(ground.rocm)
    return "ROCMExecutionProvider" in row.gpu_providers and ground.gfx in row.archs and same and made
