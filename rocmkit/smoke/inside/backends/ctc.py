"""Wav2Vec2 with CTC by Transformers: MMS, where `target_lang` names the language's adapter, and XLS-R, which has none.

The text is the likeliest token of each frame, without a language model beside it. `.to()` sends the weights, and raises where there is no
GPU.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from ..sound import RATE
from ..torch_model import TorchBackend, dtype_of, place_of
from ..windows import cuts
from . import Ask, Text

#: What lasts longer than `_WHOLE_S` is cut about every `_PIECE_S`: these models were trained on sentences, and attention takes memory with
#: the square of the length.
_WHOLE_S, _PIECE_S = 30.0, 20.0
#: Shorter than what the convolutions look at for one frame (400 samples) there is nothing to hear.
_SHORTEST = RATE // 20


class System(TorchBackend):
    """`Wav2Vec2ForCTC`."""

    def __init__(self, ask: Ask) -> None:
        torch = importlib.import_module("torch")
        transformers = importlib.import_module("transformers")
        self._language = ask.options.get("target_lang")
        dtype = dtype_of(torch, ask, "float32")
        adapter = {"target_lang": self._language, "ignore_mismatched_sizes": True} if self._language else {}
        model = transformers.Wav2Vec2ForCTC.from_pretrained(ask.model, **adapter)
        self._features = transformers.Wav2Vec2FeatureExtractor.from_pretrained(ask.model)
        self._tokenizer = transformers.Wav2Vec2CTCTokenizer.from_pretrained(
            ask.model, **({"target_lang": self._language} if adapter else {})
        )
        if adapter and model.target_lang != self._language:
            raise ValueError(f"the adapter of {self._language} was not loaded: the model speaks {model.target_lang}")
        self._model = model.to(device=place_of(ask), dtype=dtype)
        self._language_model = (Path(ask.model) / "language_model").is_dir()
        self.hold(torch, self._model)

    def claims(self) -> dict[str, str]:
        return {**super().claims(), **({"model.target_lang": str(self._model.target_lang)} if self._language else {})}

    def notes(self) -> list[str]:
        left = ["the language model in its folder is left out: the text is the network's alone"] if self._language_model else []
        return [*super().notes(), *left]

    def transcribe(self, samples: Any) -> Text:
        numpy = importlib.import_module("numpy")
        texts, finite, placed = [], True, False
        for begin, end in cuts(numpy, samples, RATE, whole_s=_WHOLE_S, piece_s=_PIECE_S):
            if end - begin < _SHORTEST:
                continue
            with self.torch.inference_mode():
                logits = self._model(self._given(samples[begin:end])).logits[0]
            finite = finite and bool(self.torch.isfinite(logits).all())
            told = self._tokenizer.decode(logits.argmax(-1).tolist(), output_char_offsets=True)
            texts.append(told.text)
            placed = placed or bool(told.char_offsets)
        return Text("".join(texts), timestamps="word" if placed else "none", finite=finite)

    def encode(self, samples: Any) -> Any:
        with self.torch.inference_mode():
            return self._model.wav2vec2(self._given(samples)).last_hidden_state[0].float().cpu().numpy()

    def _given(self, samples: Any) -> Any:
        values = self._features(samples, sampling_rate=RATE, return_tensors="pt").input_values
        return values.to(device=self._model.device, dtype=self._model.dtype)
