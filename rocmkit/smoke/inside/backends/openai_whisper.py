"""openai-whisper, by a file of weights or by a name whose file lies in its own cache. It cuts what is long by itself, and is greedy."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from ..torch_model import TorchBackend, place_of
from ..whisper import ENGLISH_ALONE, LANGUAGE, TASK, Found, Languages, Window, told
from . import Ask, Text

_TYPES = {"float16": True, "float32": False}


class System(TorchBackend):
    """`whisper.load_model`. The weights stay in float32; with float16, which is usual on a GPU, each layer casts them as it computes."""

    def __init__(self, ask: Ask) -> None:
        torch = importlib.import_module("torch")
        self._library = importlib.import_module("whisper")
        kind = ask.compute_type or ("float16" if ask.device == "gpu" else "float32")
        if kind not in _TYPES:
            raise ValueError(f"{kind} is no type that openai-whisper computes in: take one of {', '.join(_TYPES)}")
        self._half = _TYPES[kind] and ask.device == "gpu"  # on the processor it takes float32 whatever is asked for
        self._model = self._library.load_model(str(_file(self._library, ask.model)), device=place_of(ask))
        self._windows: list[Window] = []
        self._decode = self._model.decode
        self._model.decode = self._note
        self._languages = Languages(self._detect)
        self.hold(torch, self._model)
        if self._half:
            self.dtype = "float16"

    def notes(self) -> list[str]:
        half = ["it computes in float16 with weights that it keeps in float32"] if self._half else []
        return [*super().notes(), *half, *([] if self._model.is_multilingual else [ENGLISH_ALONE])]

    def transcribe(self, samples: Any) -> Text:
        language = self._languages.of(samples)
        self._windows.clear()
        made = self._model.transcribe(
            samples,
            language=LANGUAGE,
            task=TASK,
            temperature=0.0,
            condition_on_previous_text=False,
            fp16=self._half,
            verbose=None,
        )
        return told(made["text"], self._windows, timed=bool(made["segments"]), found=language)

    def encode(self, samples: Any) -> Any:
        return self._encoded(samples)[0].float().cpu().numpy()

    def _encoded(self, samples: Any) -> Any:
        mel = self._library.log_mel_spectrogram(self._library.pad_or_trim(samples), self._model.dims.n_mels)
        kind = self.torch.float16 if self._half else self.torch.float32
        with self.torch.inference_mode():
            return self._model.embed_audio(mel[None].to(device=self._model.device, dtype=kind))

    def _detect(self, samples: Any) -> Found | None:
        if not self._model.is_multilingual:
            return None
        _, (found,) = self._model.detect_language(self._encoded(samples))
        return Found(*max(found.items(), key=lambda item: float(item[1])))

    def _note(self, *given: Any, **named: Any) -> Any:
        """What `transcribe` calls for each window."""
        made = self._decode(*given, **named)
        spent = len(made.tokens) >= self._model.dims.n_text_ctx // 2
        self._windows.append(Window(made.avg_logprob, len(made.tokens) + 1, made.no_speech_prob, spent))
        return made


def _file(library: Any, name: str) -> Path:
    """The file of a model. A name is never passed on: what is not in the cache, or not whole, would be downloaded.

    Raises FileNotFoundError.
    """
    if Path(name).is_file():
        return Path(name)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"
    known = getattr(library, "_MODELS", {})
    if name not in known:
        raise FileNotFoundError(f"{name} is neither a file nor a model that this openai-whisper knows: {', '.join(known)}")
    path = cache / str(known[name]).rpartition("/")[2]
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: {name} was not downloaded yet")
    return path
