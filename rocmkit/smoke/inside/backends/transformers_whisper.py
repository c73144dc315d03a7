"""Whisper by the pipeline of Transformers, as insanely-fast-whisper calls it and as the cards of kotoba- and Distil-Whisper do.

Options: `chunk_length_s`, into pieces of how many seconds the pipeline cuts what is long; `batch_size`, how many of these at once.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from ..sound import RATE
from ..torch_model import TorchBackend, dtype_of, place_of
from ..whisper import ENGLISH_ALONE, LANGUAGE, TASK, WINDOW_S, Found, Languages, Window, told
from . import Ask, Text


class System(TorchBackend):
    """`transformers.pipeline`. The device is named: without one it takes whatever there is."""

    def __init__(self, ask: Ask) -> None:
        torch = importlib.import_module("torch")
        pipeline = importlib.import_module("transformers").pipeline
        kind = "dtype" if "dtype" in inspect.signature(pipeline).parameters else "torch_dtype"  # its name before transformers 4.56
        dtype = dtype_of(torch, ask, "float16" if ask.device == "gpu" else "float32")
        self._pipe = pipeline("automatic-speech-recognition", model=ask.model, device=place_of(ask), **{kind: dtype})
        if self._pipe.type != "seq2seq_whisper":
            raise ValueError(f"it is no Whisper, but a {self._pipe.model.config.model_type}")
        self._model = self._pipe.model
        self._cut = {"chunk_length_s": ask.options.get("chunk_length_s", WINDOW_S), "batch_size": ask.options.get("batch_size", 1)}
        self._windows: list[Window] = []
        self._generate = self._model.generate
        self._model.generate = self._note
        self._languages = Languages(self._detect)
        self.hold(torch, self._model)

    def notes(self) -> list[str]:
        return [*super().notes(), *([] if self._tokens_of_languages() else [ENGLISH_ALONE])]

    def transcribe(self, samples: Any) -> Text:
        language = self._languages.of(samples)
        self._windows.clear()
        asked = {"language": LANGUAGE, "task": TASK, "do_sample": False, "num_beams": 1}
        made = self._pipe({"raw": samples, "sampling_rate": RATE}, return_timestamps=True, generate_kwargs=asked, **self._cut)
        return told(made["text"], self._windows, timed=bool(made["chunks"]), found=language)

    def encode(self, samples: Any) -> Any:
        with self.torch.inference_mode():
            return self._model.get_encoder()(self._features(samples)).last_hidden_state[0].float().cpu().numpy()

    def _features(self, samples: Any) -> Any:
        made = self._pipe.feature_extractor(samples, sampling_rate=RATE, return_tensors="pt").input_features
        return made.to(device=self._model.device, dtype=self._model.dtype)

    def _tokens_of_languages(self) -> dict[str, int]:
        return dict(getattr(self._model.generation_config, "lang_to_id", None) or {})

    def _detect(self, samples: Any) -> Found | None:
        """By the decoder's first step, as OpenAI's own program looks for it: whether there is speech at all stands there too."""
        tokens, config = self._tokens_of_languages(), self._model.generation_config
        if not tokens:
            return None
        begin = self.torch.tensor([[config.decoder_start_token_id]], device=self._model.device)
        with self.torch.inference_mode():
            logits = self._model(self._features(samples), decoder_input_ids=begin).logits[0, -1].float()
        sure, at = logits[list(tokens.values())].softmax(-1).max(-1)
        # <|nospeech|> (<|nocaptions|> in Transformers) comes before <|notimestamps|> in each vocabulary.
        silent = logits.softmax(-1)[config.no_timestamps_token_id - 1]
        return Found(list(tokens)[int(at)].strip("<|>"), float(sure), float(silent))

    def _note(self, *given: Any, **named: Any) -> Any:
        """What the pipeline calls for each batch of windows."""
        seen = _Seen(self.torch, self._model.generation_config.eos_token_id)
        made = self._generate(*given, **{**named, "logits_processor": [seen]})
        self._windows += seen.windows()
        return made


class _Seen:
    """Looks at the decoder's numbers, and changes none: a processor of logits that stands behind all others."""

    def __init__(self, torch: Any, end: int) -> None:
        self._torch, self._end = torch, end
        self._rows: Any = None  # of each window: sum of logarithms, number of tokens, whether it goes on
        self._length = 0
        self._done: list[Window] = []

    def __call__(self, tokens: Any, scores: Any) -> Any:
        numbers = scores.float()
        likeliest, taken = numbers.max(-1)
        if self._rows is None or tokens.shape[1] <= self._length or len(tokens) != self._rows.shape[1]:
            self._end_windows()
            self._rows = self._torch.zeros(3, len(tokens), device=numbers.device)
        self._length = tokens.shape[1]
        still = (tokens[:, -1] != self._end).to(numbers.dtype)  # a text that has ended waits for the others of its batch
        logprob = self._torch.where(still > 0, likeliest - numbers.logsumexp(-1), still)
        self._rows = self._torch.stack([self._rows[0] + logprob, self._rows[1] + still, still * (taken != self._end)])
        return scores

    def windows(self) -> list[Window]:
        """All that were heard."""
        self._end_windows()
        return self._done

    def _end_windows(self) -> None:
        if self._rows is not None:
            rows = zip(*self._rows.tolist())
            self._done += [Window(total / max(many, 1.0), int(many), None, bool(unended)) for total, many, unended in rows]
            self._rows = None
