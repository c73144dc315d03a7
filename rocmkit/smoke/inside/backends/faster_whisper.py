"""faster-whisper: Whisper by CTranslate2. Greedy, without a search for speech before it; it cuts what is long by itself."""

from __future__ import annotations

import importlib
import struct
from pathlib import Path
from typing import Any

from ..sound import RATE
from ..whisper import ENGLISH_ALONE, LANGUAGE, TASK, WINDOW_S, Found, Languages, Window, told
from . import Ask, Backend, Text

_FRAMES = 100 * WINDOW_S
#: Bytes of a number by CTranslate2's name of a type, and by its number of one (include/ctranslate2/types.h). A type of two parts keeps the
#: weights in the first.
_SIZES = {"int8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "float32": 4}
_STORED = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}
_VARIABLES = 10_000  # more than any model has


class System(Backend):
    """`faster_whisper.WhisperModel`."""

    def __init__(self, ask: Ask) -> None:
        self._numpy = importlib.import_module("numpy")
        self._ct2 = importlib.import_module("ctranslate2")
        library = importlib.import_module("faster_whisper")
        device = "cuda" if ask.device == "gpu" else "cpu"  # HIP goes by that name; "auto" would take the processor without a word
        self._model = library.WhisperModel(
            ask.model, device=device, device_index=0, compute_type=ask.compute_type or "default", local_files_only=True
        )
        self._whisper = self._model.model
        self._windows: list[Window] = []
        self._generate = self._model.generate_with_fallback
        self._model.generate_with_fallback = self._note
        self._languages = Languages(self._detect)
        self.device = "gpu" if self._whisper.device == "cuda" else "cpu"
        self.dtype = self._whisper.compute_type
        self.weights_bytes = _weights(Path(ask.model) / "model.bin", self.dtype)

    def claims(self) -> dict[str, str]:
        return {
            "WhisperModel.model.device": self._whisper.device,
            "WhisperModel.model.device_index": str(self._whisper.device_index),
            "WhisperModel.model.compute_type": self._whisper.compute_type,
            "ctranslate2.get_cuda_device_count()": str(self._ct2.get_cuda_device_count()),
        }

    def notes(self) -> list[str]:
        return [] if self._whisper.is_multilingual else [ENGLISH_ALONE]

    def transcribe(self, samples: Any) -> Text:
        language = self._languages.of(samples)
        self._windows.clear()
        segments, _ = self._model.transcribe(
            samples,
            language=LANGUAGE,
            task=TASK,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
        )
        parts = list(segments)  # it computes while it is asked for them
        return told("".join(part.text for part in parts), self._windows, timed=bool(parts), found=language)

    def encode(self, samples: Any) -> Any:
        made = self._encoded(samples, to_cpu=True)
        if made.dtype != self._ct2.DataType.float32:  # numpy knows no bfloat16
            made = made.to(self._ct2.DataType.float32)
        return self._numpy.array(made)[0]

    def _encoded(self, samples: Any, *, to_cpu: bool) -> Any:
        padded = self._numpy.pad(samples, (0, max(0, WINDOW_S * RATE - len(samples))))
        features = self._model.feature_extractor(padded)[:, :_FRAMES]
        given = self._numpy.ascontiguousarray(features[None], self._numpy.float32)
        return self._whisper.encode(self._ct2.StorageView.from_array(given), to_cpu=to_cpu)

    def _detect(self, samples: Any) -> Found | None:
        if not self._whisper.is_multilingual:
            return None
        ((name, sure), *_) = self._whisper.detect_language(self._encoded(samples, to_cpu=False))[0]
        return Found(name.strip("<|>"), sure)

    def _note(self, *given: Any, **named: Any) -> Any:
        """What faster-whisper calls for each window; of what it gives, the text alone comes out of it otherwise."""
        made = self._generate(*given, **named)
        result, logprob = made[:2]
        tokens = len(result.sequences_ids[0])
        spent = tokens >= self._model.max_length // 2  # CTranslate2 writes no more (src/models/whisper.cc)
        self._windows.append(Window(logprob, tokens + 1, result.no_speech_prob, spent))
        return made


def _weights(path: Path, dtype: str) -> int | None:
    """The bytes that the weights take as `dtype`: those of the file, whose matrices may be stored in a larger or smaller type.

    The file is a list of variables: name, shape, type and numbers of each (CTranslate2, src/models/model.cc). The first matrix decides.
    """
    try:
        with path.open("rb") as file:

            def number(kind: str) -> int:
                return int(struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))[0])

            file.seek(4)
            file.seek(number("H") + 4, 1)
            for _ in range(min(number("I"), _VARIABLES)):
                file.seek(number("H"), 1)
                shape = [number("I") for _ in range(number("B"))]
                stored = number("B")
                if len(shape) > 1:
                    return path.stat().st_size * _SIZES[dtype.partition("_")[0]] // _STORED[stored]
                file.seek(number("I"), 1)
    except (OSError, struct.error, KeyError):  # it was asked for by name, or its file is of another release
        pass
    return None
