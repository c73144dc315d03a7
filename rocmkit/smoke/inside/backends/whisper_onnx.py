"""Whisper as an encoder and a decoder in ONNX, as Optimum writes them and onnx-community has them, with ONNX Runtime.

The search is greedy and without a cache of keys and values: the decoder reads all that was written before for each token. What is shown is
where ONNX Runtime computes and that the text is right, not how fast it could be.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any, Mapping

from ..mel import log_mel
from ..profile import Profiled, placed
from ..sessions import choose, claims, device_of, small_model, typed
from ..sound import RATE
from ..transducer import BadModel, bytes_of, opened
from ..whisper import ENGLISH_ALONE, LANGUAGE, TASK, WINDOW_S, Found, Window, told
from ..windows import bucket, cuts
from . import Ask, Backend, Text

#: By the type that they compute in: how the names of the files end.
_ENDS = {"float32": "", "float16": "_fp16"}
#: What is longer than a window is cut at a quiet place, a sixth of this sooner or later.
_PIECE_S = 25.0
#: Lengths of what the decoder reads, for a provider that compiles for each: what is padded behind a token does not change it.
_LENGTHS = (32, 64, 128, 256)
_COMPILES = "MIGraphXExecutionProvider"


class System(Backend):
    """Two sessions and a tokenizer."""

    def __init__(self, ask: Ask) -> None:
        self._numpy, ort, tokenizers = (importlib.import_module(name) for name in ("numpy", "onnxruntime", "tokenizers"))
        folder = Path(ask.model)
        self.dtype, paths = _files(folder, ask.compute_type)
        self._provider, self._left_out = choose(ort, ask.device, small_model())
        self._encoder, self._decoder = (opened(Profiled, ort, str(path), self._provider) for path in paths)
        self.device = device_of(self._encoder, self._decoder)
        self.weights_bytes = sum(bytes_of(path) for path in paths)
        config, usual = (_told(folder / name) for name in ("config.json", "generation_config.json"))
        self._bins = int(config.get("num_mel_bins", 80))
        self._words = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._most = int(config.get("max_target_positions", 448)) // 2
        self._table = _LENGTHS if self._provider == _COMPILES else ()
        self._start, self._end = self._number("<|startoftranscript|>"), self._number("<|endoftext|>")
        self._many = bool(usual.get("is_multilingual", int(config.get("vocab_size", 0)) >= 51865))
        asked = [f"<|{LANGUAGE}|>", f"<|{TASK}|>"] if self._many else []
        self._prompt = [self._start, *map(self._number, (*asked, "<|notimestamps|>"))]
        self._never = [number for number in usual.get("suppress_tokens") or () if number >= 0]
        self._not_first = list(usual.get("begin_suppress_tokens") or ())
        self._shaped()

    def claims(self) -> dict[str, str]:
        return claims({"encoder": self._encoder, "decoder": self._decoder})

    def notes(self) -> list[str]:
        return [*self._left_out, *([] if self._many else [ENGLISH_ALONE])]

    def transcribe(self, samples: Any) -> Text:
        texts, windows, language = [], [], None
        for begin, end in cuts(self._numpy, samples, RATE, whole_s=WINDOW_S, piece_s=_PIECE_S):
            text, window, found = self._window(samples[begin:end])
            texts.append(text)
            windows.append(window)
            language = language or found
        return told("".join(texts), windows, timed=False, found=language)

    def encode(self, samples: Any) -> Any:
        mel = log_mel(self._numpy, samples, self._bins)
        return self._encoder.run(None, typed(self._numpy, self._encoder, {0: mel[None]}))[0]

    def placed(self) -> list[dict[str, Any]]:
        return placed((self._encoder, self._decoder), self._provider)

    def _window(self, samples: Any) -> tuple[str, Window, Found | None]:
        """The text of at most 30 seconds. Numbers that are none end it, and stand in what is told of it."""
        numpy, heard = self._numpy, self.encode(samples)
        written: list[int] = []
        sum_, found, no_speech = 0.0, None, None
        for _ in range(self._most):
            scores = self._scores([*self._prompt, *written], heard)
            if not written:
                found, no_speech = self._first(scores[0])
            row = scores[len(self._prompt) + len(written) - 1]
            if not numpy.isfinite(row).all():
                return self._text(written), Window(float("nan"), 1, no_speech, spent=False), found
            row[self._end + 1 :] = -numpy.inf  # what is not text
            row[self._never] = -numpy.inf
            if not written:
                row[self._not_first] = -numpy.inf
            best = int(row.argmax())
            sum_ += float(numpy.log(softmax(numpy, row)[best]))
            if best == self._end:
                break
            written.append(best)
        many = min(len(written) + 1, self._most)
        return self._text(written), Window(sum_ / many, many, no_speech, spent=len(written) == self._most), found

    def _scores(self, tokens: list[int], heard: Any) -> Any:
        """Of each token that may follow, for each place: float64."""
        filled = tokens + [self._end] * (bucket(len(tokens), self._table) - len(tokens))
        places = {one.name: place for place, one in enumerate(self._decoder.get_inputs())}
        given = typed(self._numpy, self._decoder, {places["input_ids"]: [filled], places["encoder_hidden_states"]: heard})
        return self._decoder.run(["logits"], given)[0][0].astype(self._numpy.float64)

    def _first(self, row: Any) -> tuple[Found | None, float | None]:
        """What the first place tells: the language, and how likely it is that nobody speaks."""
        shares = softmax(self._numpy, row)
        silent = next((number for number in map(self._words.token_to_id, ("<|nospeech|>", "<|nocaptions|>")) if number is not None), None)
        no_speech = None if silent is None else float(shares[silent])
        if not self._many:
            return None, no_speech
        languages = shares[self._start + 1 : self._number("<|translate|>")]
        best = int(languages.argmax())
        name = self._words.id_to_token(self._start + 1 + best).strip("<|>")
        return Found(name, float(languages[best] / languages.sum())), no_speech

    def _text(self, tokens: list[int]) -> str:
        return str(self._words.decode(tokens, skip_special_tokens=True))

    def _number(self, token: str) -> int:
        number = self._words.token_to_id(token)
        if number is None:
            raise BadModel(f"tokenizer.json knows no {token}: it is not Whisper's")
        return int(number)

    def _shaped(self) -> None:
        takes, gives = ([one.name for one in told] for told in (self._decoder.get_inputs(), self._decoder.get_outputs()))
        if sorted(takes) != ["encoder_hidden_states", "input_ids"] or "logits" not in gives:
            raise BadModel(f"the decoder takes {', '.join(takes)}: wanted is the one without a cache, decoder_model.onnx")


def softmax(numpy: Any, row: Any) -> Any:
    """Shares of one."""
    powers = numpy.exp(row - row.max())
    return powers / powers.sum()


def _files(folder: Path, compute_type: str | None) -> tuple[str, list[Path]]:
    """The type that it computes in, and the files of encoder and decoder. Raises BadModel, ValueError."""
    if compute_type not in (None, *_ENDS):
        raise ValueError(f"{compute_type} is no type that ONNX Runtime computes in on an AMD GPU: take one of {', '.join(_ENDS)}")
    inner = folder / "onnx" if (folder / "onnx").is_dir() else folder
    for dtype in (compute_type,) if compute_type else _ENDS:
        paths = [inner / f"{part}_model{_ENDS[dtype]}.onnx" for part in ("encoder", "decoder")]
        if all(path.is_file() for path in paths):
            return dtype, paths
    wanted = " or ".join(f"encoder_model{_ENDS[one]}.onnx" for one in ((compute_type,) if compute_type else _ENDS))
    raise BadModel(f"there is no {wanted} with its decoder in {inner.name}")


def _told(path: Path) -> Mapping[str, Any]:
    """A file of settings; none are told where it is missing."""
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}
