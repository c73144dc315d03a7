"""ReazonSpeech k2: a zipformer transducer whose three models ONNX Runtime computes, all of them on the provider that was asked for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Mapping

from ..greedy import WrongNumbers
from ..k2_files import TOKENS, pick
from ..profile import Profiled, placed
from ..sessions import claims, device_of
from ..tokens import parse, text_of
from ..transducer import BadModel, Transducer, bytes_of
from . import Ask, Backend, Text

#: Of the files' names, by the type that their weights have.
_PRECISIONS = {"float32": "fp32", "float16": "fp16", "int8": "int8"}
_TOKENS_BYTES = 1 << 24


class System(Backend):
    """A folder as reazon-research/reazonspeech-k2-v2 has it."""

    def __init__(self, ask: Ask) -> None:
        modules = {name: importlib.import_module(name) for name in ("numpy", "onnxruntime", "kaldi_native_fbank")}
        parts = files(ask)
        # The search too: a proof that it computes on the GPU is not one of the encoder alone.
        self._model = Transducer(modules, parts, asked=ask.device, on_provider=ask.options.get("search") != "cpu", make=Profiled)
        self._tokens = parse(_read_tokens(Path(ask.model)))
        lacking = self._model.vocabulary - sum(number < self._model.vocabulary for number in self._tokens.pieces)
        if lacking:
            raise BadModel(f"{TOKENS} and the model do not belong together: {lacking} of its {self._model.vocabulary} tokens are not in it")
        self.device = device_of(self._model.sessions["encoder"])
        self.dtype, self.weights_bytes = weights(parts)

    def claims(self) -> dict[str, str]:
        return claims(self._model.sessions)

    def notes(self) -> list[str]:
        return [*self._model.left_out, *self._model.notes]

    def transcribe(self, samples: Any) -> Text:
        try:
            tokens = [token for piece in self._model.pieces(samples, {}, unknown=self._tokens.unknown) for token, _ in piece.tokens]
        except WrongNumbers:
            return Text("", finite=False)
        return Text(text_of(self._tokens, tokens), timestamps="word" if tokens else "none")

    def encode(self, samples: Any) -> Any:
        return self._model.encode(samples)

    def placed(self) -> list[dict[str, Any]]:
        return placed(self._model.sessions.values(), self._model.provider)


def files(ask: Ask) -> dict[str, dict[str, str]]:
    """The three models. Raises ValueError, OSError."""
    if ask.compute_type not in (None, *_PRECISIONS):
        raise ValueError(f"{ask.compute_type} is no type that its files come in: take one of {', '.join(_PRECISIONS)}")
    folder = Path(ask.model)
    names = [one.name for one in folder.iterdir() if one.is_file()]
    picked = pick(names, _PRECISIONS.get(ask.compute_type or ""))
    return {part: {"path": str(folder / name), "precision": precision} for part, (name, precision) in picked.items()}


def weights(parts: Mapping[str, Mapping[str, str]]) -> tuple[str, int]:
    """The type of the encoder's weights, and the bytes that all three models' take."""
    dtype = next(name for name, precision in _PRECISIONS.items() if precision == parts["encoder"]["precision"])
    return dtype, sum(bytes_of(Path(one["path"])) for one in parts.values())


def _read_tokens(folder: Path) -> bytes:
    """Raises BadModel where it is larger than any list of tokens."""
    with (folder / TOKENS).open("rb") as file:
        data = file.read(_TOKENS_BYTES + 1)
    if len(data) > _TOKENS_BYTES:
        raise BadModel(f"{TOKENS} is larger than any list of tokens")
    return data
