"""Which of a folder's files are the transducer, and how they are had. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rocmkit.errors import UsageError
from rocmkit.model import convert
from rocmkit.smoke.inside import k2_files
from rocmkit.smoke.values import PARTS, ModelFile, Part, Precision

#: Where the model is had: reazon-research/ReazonSpeech pkg/k2-asr/src/huggingface.py names the repository and its files.
REPOSITORY = "reazon-research/reazonspeech-k2-v2"


def pick(names: Iterable[str], precision: Precision | None, folder: str) -> dict[Part, ModelFile]:
    """The three models in a folder of these names, as `k2_files.pick` takes them. Raises UsageError that says what is missing."""
    try:
        picked = k2_files.pick(names, precision)
    except k2_files.NotOne as error:
        own = "put one encoder, decoder and joiner, and their tokens.txt, into a folder of their own: links will do"
        raise UsageError(f"{folder} {error}", own if error.several else download(folder, precision or "fp32")) from None
    told = {part: {"name": name, "precision": kind} for part, (name, kind) in picked.items()}
    return convert(told, dict[Part, ModelFile], source=folder)


def download(folder: str, precision: Precision = "fp32") -> str:
    """How the model is had."""
    from rocmkit.doctor.advice import quote

    kinds, size = {
        "fp32": (("epoch-99-avg-1.onnx",), "615 MB"),
        "int8": (("epoch-99-avg-1.int8.onnx",), "161 MB"),
        "fp16": ((), ""),
    }[precision]
    if not kinds:
        return f"{REPOSITORY} has no such files; {REPOSITORY}-ja-en has"
    files = " ".join((*(f"{part}-{kinds[0]}" for part in PARTS), k2_files.TOKENS))
    return f"{size}, Apache-2.0: hf download {REPOSITORY} {files} --local-dir {quote(folder)} (hf comes with pip's huggingface_hub)"
