"""Which of a folder's files are the transducer, by their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rocmkit.errors import UsageError
from rocmkit.smoke.values import PARTS, ModelFile, Part, Precision

TOKENS = "tokens.txt"
#: Where the model is had: reazon-research/ReazonSpeech pkg/k2-asr/src/huggingface.py names the repository and its files.
REPOSITORY = "reazon-research/reazonspeech-k2-v2"
_NAME = re.compile(r"(encoder|decoder|joiner)(?P<rest>.*?)(?:\.(?P<precision>int8|fp16))?\.onnx")
_BEST: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def pick(names: Iterable[str], precision: Precision | None, folder: str) -> dict[Part, ModelFile]:
    """The three models in a folder of these names, the encoder in `precision` if one was asked for, else the most exact.

    Decoder and joiner come in the same precision where they are there in it. Raises UsageError that says what is missing.
    """
    names = tuple(names)
    found: dict[Part, dict[Precision, list[str]]] = {part: {} for part in PARTS}
    for name in sorted(names):
        match = _NAME.fullmatch(name)
        if match:
            found[match[1]].setdefault(match["precision"] or "fp32", []).append(name)  # type: ignore[index, arg-type]
    lacking = [f"{part}*.onnx" for part in PARTS if not found[part]] + ([TOKENS] if TOKENS not in names else [])
    if lacking:
        raise UsageError(f"{folder} holds no k2 transducer: there is no {' and no '.join(lacking)}", download(folder))
    if precision and precision not in found["encoder"]:
        has = ", ".join(name for one in found["encoder"].values() for name in one)
        raise UsageError(f"{folder} has no encoder in {precision}: it has {has}", download(folder, precision))
    picked: dict[Part, ModelFile] = {}
    for part in PARTS:
        chosen = next(one for one in ((precision,) if precision else ()) + _BEST if one in found[part])
        name, *others = found[part][chosen]
        if others:
            hint = "put one encoder, decoder and joiner, and their tokens.txt, into a folder of their own: links will do"
            raise UsageError(f"{folder} has several models: {', '.join((name, *others))}", hint)
        picked[part] = ModelFile(name=name, precision=chosen)
    return picked


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
    files = " ".join((*(f"{part}-{kinds[0]}" for part in PARTS), TOKENS))
    return f"{size}, Apache-2.0: hf download {REPOSITORY} {files} --local-dir {quote(folder)} (hf comes with pip's huggingface_hub)"
