"""What --what-if asks for: `KEY=VALUE`, read strictly, since a mistyped key would be judged as no change at all."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from rocmkit import kb
from rocmkit.doctor.whatif.torch_version import torch_version
from rocmkit.errors import UsageError
from rocmkit.kb.targets import parse_target
from rocmkit.kb.versions import version
from rocmkit.model import Model

#: Keys that are no package, each with an example of its value.
KEYS = {
    "os": "ubuntu-24.04",
    "kernel": "6.14.0-36-generic",
    "driver": "in-tree, or the version of an amdgpu-dkms",
    "gfx": "gfx1030",
    "vram": "8GiB",
    "rocm": "7.2",
    "python": "3.13",
    "torch": "2.9.1+rocm6.3",
}
#: Packages that checks speak of, which may be supposed to be there although they are not.
PACKAGES = (
    *("amdsmi", "ctranslate2", "demucs", "espnet", "faster-whisper", "ffmpeg-python", "flash-attn", "hip-python"),
    *("insanely-fast-whisper", "insanely-fast-whisper-rocm", "kotoba-whisper", "librosa", "lightning", "llvmlite", "nemo-toolkit"),
    *("rinnakk-nue-asr", "numba", "numpy", "onnx-asr", "onnxruntime", "onnxruntime-directml", "onnxruntime-gpu", "onnxruntime-migraphx"),
    *("onnxruntime-openvino", "onnxruntime-qnn", "onnxruntime-rocm", "onnxruntime-training", "openai-whisper", "optimum", "optimum-onnx"),
    *("pyannote-audio", "pytorch-lightning", "pytorch-triton-rocm", "qwen-asr", "reazonspeech-espnet-asr", "reazonspeech-k2-asr"),
    *("reazonspeech-nemo-asr", "resampy", "sherpa-onnx", "silero-vad", "speechbrain", "torchaudio", "torchcodec", "torchvision"),
    *("transformers", "triton", "triton-rocm", "vllm", "whisperx", "xformers"),
)
_VARIABLES = (
    *("HSA_OVERRIDE_GFX_VERSION", "HSA_XNACK", "HSA_ENABLE_SDMA", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    *("GPU_DEVICE_ORDINAL", "LD_LIBRARY_PATH", "LD_PRELOAD", "ROCBLAS_TENSILE_LIBPATH", "HIPBLASLT_TENSILE_LIBPATH"),
    *("PYTORCH_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "MIOPEN_SYSTEM_DB_PATH", "MIOPEN_CUSTOM_CACHE_DIR"),
    *("MIOPEN_USER_DB_PATH", "MIOPEN_DISABLE_CACHE", "MIOPEN_FIND_MODE", "TORCH_BLAS_PREFER_HIPBLASLT", "ROCBLAS_USE_HIPBLASLT"),
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,99}")
_FORMS = {
    "os": re.compile(r"[a-z][a-z_]{0,30}(?:-(?![0-9])[a-z_]{1,30})*(?:-[0-9]{1,4}(?:\.[0-9]{1,3}){0,2})?"),
    "kernel": re.compile(r"[0-9]{1,3}\.[0-9]{1,4}(?:\.[0-9]{1,5})?(?:[-+._~][A-Za-z0-9]{1,40}){0,8}"),
    "driver": re.compile(r"in-tree|[0-9]{1,3}(?:\.[0-9]{1,4}){1,2}(?:-[0-9]{1,10}(?:\.[0-9]{1,4}){0,3})?"),
    "vram": re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?) ?([MG])(?:i?B)?"),
    "rocm": re.compile(r"[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?"),
    "python": re.compile(r"3\.[0-9]{1,2}(?:\.[0-9]{1,2})?t?"),
}
#: What may be taken away.
_REMOVABLE = ("rocm", "torch")
_WORDS = {
    "os": "the distribution",
    "kernel": "the kernel",
    "driver": "the driver",
    "gfx": "the GPU",
    "vram": "the GPU's memory",
    "rocm": "ROCm",
    "python": "Python",
}
_ORDER = ("os", "kernel", "driver", "gfx", "vram", "variable", "rocm", "python", "torch", "package")
_LONGEST = 4200
_LIST = "KEY is one of " + ", ".join(KEYS) + ", a package (numba=0.61.0, NAME=none to take it away) or a variable (HSA_XNACK=1)"


class Change(Model):
    """One thing that is supposed to be other than it is."""

    key: str  # of KEYS, a package's normalised name, or a variable
    value: str | None  # None: taken away

    @property
    def text(self) -> str:
        """As it is given: torch=2.9.1+rocm6.3."""
        return f"{self.key}={'none' if self.value is None else self.value}"

    @property
    def variable(self) -> bool:
        """Whether this is a variable of the environment."""
        return _VARIABLE.fullmatch(self.key) is not None


def parse(texts: Iterable[str]) -> tuple[Change, ...]:
    """The changes, in the order in which they are applied. Raises UsageError."""
    changes = [_change(text) for text in texts]
    names = [change.key for change in changes]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"--what-if {twice}: it is named twice", "give each thing one value; call doctor once for each other one")
    return tuple(sorted(changes, key=_place))


def _place(change: Change) -> int:
    """Hardware before what is built for it; variables decide what programs see of a GPU; torch is judged with its Python."""
    return _ORDER.index("variable" if change.variable else change.key if change.key in KEYS else "package")


def _change(text: str) -> Change:
    left, sign, value = text.strip().partition("=")
    value = value.removeprefix("=").strip()  # torch==2.9.1, as pip is told
    if not sign or not left.strip() or len(text) > _LONGEST:
        raise UsageError(f"--what-if {text[:80]!r}: not of the form KEY=VERSION", _LIST)
    name = left.strip()
    if _VARIABLE.fullmatch(name):
        return _variable(name, value)
    key = re.sub(r"[-_.]+", "-", name).lower()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?", key):
        raise UsageError(f"--what-if {name[:80]!r}: no key has such a name", _LIST)
    if key not in KEYS and key not in PACKAGES:
        refuse_mistyped(key, tuple(KEYS), 0.75)
    if value.lower() == "none":
        if key in KEYS and key not in _REMOVABLE:
            raise UsageError(f"--what-if {key}=none: that cannot be taken away", f"give it a value, such as {key}={KEYS[key]}")
        return Change(key, None)
    return Change(key, _value(key, value))


def _variable(name: str, value: str) -> Change:
    if name not in _VARIABLES and not name.startswith(_VARIABLES):
        refuse_mistyped(name, _VARIABLES, 0.9)
    if not value.isprintable():
        raise UsageError(f"--what-if {name}: a value that cannot be printed")
    return Change(name, None if value in {"", "none"} else value)


def refuse_mistyped(name: str, names: Iterable[str], cutoff: float) -> None:
    """Raise UsageError where `name` looks like one of `names`."""
    if near := difflib.get_close_matches(name, list(names), n=1, cutoff=cutoff):
        raise UsageError(f"--what-if {name}: no such key", f"did you mean {near[0]}? {_LIST}")


def _value(key: str, value: str) -> str:
    """The value as facts have it. Raises UsageError."""
    if key == "torch":
        return torch_version(value)
    if key == "gfx":
        return _target(value)
    if key in KEYS:
        if not _FORMS[key].fullmatch(value):
            raise UsageError(f"--what-if {key}={value[:80]}: not a value for {key}", f"such as {key}={KEYS[key]}")
        return f"{value}.0" if key == "rocm" and value.count(".") == 1 else value
    if len(value) > 80 or version(value) is None:
        raise UsageError(f"--what-if {key}={value[:80]}: not a version", f"such as {key}=1.2.3, or {key}=none to take it away")
    return value


def _target(value: str) -> str:
    """A target id whose architecture is known, with features that it has."""
    parsed = parse_target(value)
    arch = kb.arch(parsed[0]) if parsed else None
    if parsed is None or arch is None:
        near = difflib.get_close_matches(value.partition(":")[0][:20], kb.archs(), n=3, cutoff=0.5)
        hint = f"the nearest names: {', '.join(near)}" if near else "such as gfx906, gfx1030 or gfx1100"
        raise UsageError(f"--what-if gfx={value[:80]}: no such architecture is known", hint)
    for feature in parsed[1]:
        if not getattr(arch, feature):
            raise UsageError(f"--what-if gfx={value}: {arch.gfx} has no {feature}", f"gfx={arch.gfx}")
    return value


def words(texts: Iterable[str]) -> str:
    """Changes as a clause: "torch were 2.9.1+rocm6.3 and numba were not installed"."""
    return " and ".join(how.format(name=name, value=value) for name, how, value in clauses(texts))


def clauses(texts: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(what is changed, how that is said, to what) of each change; the second has places for the others."""
    for text in texts:
        key, _, value = text.partition("=")
        name = _WORDS.get(key, key)
        if value == "none":
            yield name, "{name} were not set" if _VARIABLE.fullmatch(key) else "{name} were not installed", value
        elif key == "torch" and "+" not in value:
            yield name, "{name} were {value} (the package index has the CUDA build)", value
        else:
            yield name, "{name} were {value}", value
