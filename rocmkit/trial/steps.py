"""What a worker can be asked to do: which libraries to import, and the operations that speech models are made of.

Shapes are those of Whisper (80 mel bands, 3000 frames, 512 channels, 1500 positions, a vocabulary of 51865) and of wav2vec 2.0 (kernels of
10 with stride 5, grouped ones of 128), since MIOpen and rocBLAS choose their kernels by shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec.structs import replace

from rocmkit.model import Model
from rocmkit.trial.values import Device

#: What it exercises, in the order of the ladder; what stands first has to work for the rest to say anything.
Rung = Literal[
    "device", "memory", "elementwise", "norm", "matmul", "conv", "attention", "fft", "model", "jit", "ctranslate2", "onnxruntime"
]

#: Distributions whose import is an experiment, and the module that each brings. Those that compute come first.
MODULES: dict[str, str] = {
    "torch": "torch",
    "ctranslate2": "ctranslate2",
    "onnxruntime": "onnxruntime",
    "onnxruntime-rocm": "onnxruntime",
    "onnxruntime-migraphx": "onnxruntime",
    "onnxruntime-gpu": "onnxruntime",
    "sherpa-onnx": "sherpa_onnx",
    "triton": "triton",
    "pytorch-triton-rocm": "triton",
    "numpy": "numpy",
    "scipy": "scipy.signal",
    "llvmlite": "llvmlite.binding",
    "numba": "numba",
    "resampy": "resampy",
    "soxr": "soxr",
    "soundfile": "soundfile",
    "librosa": "librosa",
    "torchaudio": "torchaudio",
    "tokenizers": "tokenizers",
    "av": "av",
    "transformers": "transformers",
    "openai-whisper": "whisper",
    "faster-whisper": "faster_whisper",
    "espnet": "espnet2",
    "nue-asr": "nue_asr",
}


class Operation(Model, kw_only=True):
    """Something to compute, beside what it stands on."""

    id: str  # conv1d-k3-float16
    what: str  # conv1d, kernel 3, float16, MIOpen on
    rung: Rung
    do: str  # the worker's own name for it
    using: dict[str, Any] = {}  # arguments
    modules: tuple[str, ...] = ("torch",)  # what it imports
    after: tuple[str, ...] = ()  # operations that have to have passed
    gpu_only: bool = False  # without a GPU it says nothing

    def step(self, device: Device) -> dict[str, Any]:
        """What the worker is asked."""
        return {"do": self.do, "device": device, **self.using}


def import_step(module: str) -> dict[str, Any]:
    """Import a module, and nothing else."""
    return {"do": "import", "module": module}


def modules(packages: Mapping[str, str]) -> dict[str, str]:
    """Distribution to module, of those that are installed; several builds of one module count once."""
    found: dict[str, str] = {}
    for name, module in MODULES.items():
        if name in packages and module not in found.values():
            found[name] = module
    return found


_ELEMENTWISE = ("elementwise-float32",)


def _each(
    id: str, what: str, rung: Rung, do: str, after: tuple[str, ...] = _ELEMENTWISE, modules: tuple[str, ...] = ("torch",), **using: Any
) -> list[Operation]:
    """In single and in half precision."""
    return [
        Operation(
            id=f"{id}-{dtype}", what=f"{what}, {dtype}", rung=rung, do=do, using={"dtype": dtype, **using}, modules=modules, after=after
        )
        for dtype in ("float32", "float16")
    ]


def _switched(id: str, what: str, rung: Rung, do: str, modules: tuple[str, ...] = ("torch",), **using: Any) -> list[Operation]:
    """The same, each with MIOpen on and off: without a GPU it is not there to be turned off."""
    return [
        replace(
            one,
            id=one.id + ("" if miopen else "-without-miopen"),
            what=f"{one.what}, MIOpen {'on' if miopen else 'off'}",
            using={**one.using, "miopen": miopen},
            gpu_only=not miopen,
        )
        for one in _each(id, what, rung, do, modules=modules, **using)
        for miopen in (True, False)
    ]


def _conv(id: str, what: str, **using: Any) -> list[Operation]:
    return _switched(f"conv1d-{id}", f"conv1d, {what}", "conv", "conv1d", **using)


def _whisper(id: str, what: str) -> list[Operation]:
    words = f"{what} of a small Whisper with random weights"
    return _switched(f"whisper-{id}", words, "model", f"whisper_{id}", modules=("torch", "transformers"))


#: Every operation, from the ground up.
OPERATIONS: tuple[Operation, ...] = (
    Operation(id="device", what="count and name the GPUs", rung="device", do="device"),
    Operation(id="copy", what="allocate, copy there and back", rung="memory", do="copy", after=("device",)),
    *_each("elementwise", "add and multiply", "elementwise", "elementwise", after=("copy",)),
    *_each("sum", "sum over rows", "norm", "sum"),
    *_each("softmax", "softmax", "norm", "softmax"),
    *_each("layer-norm", "layer norm", "norm", "layer_norm"),
    *_each("gelu", "GELU", "norm", "gelu"),
    *_each("matmul", "matrix product 1500x512x2048", "matmul", "matmul", rows=1500, inner=512, columns=2048),
    *_each("bmm", "batched matrix product", "matmul", "bmm", batch=8, rows=1500, inner=64, columns=1500),
    *_each("linear", "linear layer to a vocabulary of 51865", "matmul", "linear", rows=8, inner=512, columns=51865),
    Operation(
        id="matmul-int8",
        what="matrix product 64x512x512, int8",
        rung="matmul",
        do="int8_matmul",
        using={"rows": 64, "inner": 512, "columns": 512},
        after=_ELEMENTWISE,
    ),
    *_conv("k3", "kernel 3 (Whisper's first)", channels=80, out=512, length=3000, kernel=3, stride=1, padding=1, groups=1),
    *_conv("k3s2", "kernel 3, stride 2 (Whisper's second)", channels=512, out=512, length=3000, kernel=3, stride=2, padding=1, groups=1),
    *_conv("k10s5", "kernel 10, stride 5 (wav2vec 2.0)", channels=1, out=512, length=16000, kernel=10, stride=5, padding=0, groups=1),
    *_conv(
        "k128g16", "kernel 128, 16 groups (wav2vec 2.0)", channels=768, out=768, length=149, kernel=128, stride=1, padding=64, groups=16
    ),
    *_each("attention", "attention", "attention", "attention", math=False),
    *_each("attention-math", "attention by plain products", "attention", "attention", math=True),
    Operation(id="rfft", what="real Fourier transform and back", rung="fft", do="rfft", after=_ELEMENTWISE),
    Operation(id="stft", what="short-time Fourier transform", rung="fft", do="stft", after=_ELEMENTWISE),
    *_whisper("encoder", "encoder"),
    *_whisper("generate", "five tokens"),
    Operation(id="jit", what="compile and run a function with Numba", rung="jit", do="jit", modules=("numba",)),
    Operation(id="resample", what="resample a second of sound with librosa", rung="jit", do="resample", modules=("librosa",)),
    Operation(id="resampy", what="resample a second of sound with resampy", rung="jit", do="resampy", modules=("resampy",)),
    Operation(
        id="ctranslate2-device",
        what="devices and compute types of CTranslate2",
        rung="ctranslate2",
        do="ct2_device",
        modules=("ctranslate2",),
    ),
    Operation(
        id="ctranslate2-copy",
        what="copy with CTranslate2 there and back",
        rung="ctranslate2",
        do="ct2_copy",
        modules=("ctranslate2",),
        after=("ctranslate2-device",),
    ),
    Operation(
        id="onnxruntime-providers", what="providers of ONNX Runtime", rung="onnxruntime", do="ort_providers", modules=("onnxruntime",)
    ),
    Operation(
        id="onnxruntime-placement",
        what="where ONNX Runtime puts MatMul, Conv and Softmax",
        rung="onnxruntime",
        do="ort_placement",
        modules=("onnxruntime",),
        after=("onnxruntime-providers",),
    ),
)
