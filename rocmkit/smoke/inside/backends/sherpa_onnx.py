"""ReazonSpeech k2 through sherpa-onnx as its authors pack it, which knows no AMD GPU: it goes on with the processor, and that is told."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

from ..k2_files import TOKENS
from ..sound import RATE
from ..transducer import PAD_S, PIECE_S, WHOLE_S
from ..windows import cuts
from . import Ask, Backend, Text
from .k2 import files, weights

#: What sherpa-onnx prints when it knows the provider not, or has it not (csrc/provider.cc, csrc/session.cc); it raises nothing.
_FALLS_BACK = "fallback to cpu"
_LOG_BYTES = 1 << 16
#: Copies what it reads into a file, and to standard error: what is said there just before the process ends is not lost.
_COPY = """
import os, sys
with open(sys.argv[1], "wb", 0) as file:
    for data in iter(lambda: os.read(0, 65536), b""):
        file.write(data)
        os.write(2, data)
"""


class System(Backend):
    """`OfflineRecognizer.from_transducer` of the three models."""

    def __init__(self, ask: Ask) -> None:
        self._numpy, library = importlib.import_module("numpy"), importlib.import_module("sherpa_onnx")
        parts = files(ask)
        self._asked = "cpu" if ask.device == "cpu" else str(ask.options.get("provider", "rocm"))
        with _errors(Path("sherpa-onnx.log").absolute()) as said:
            self._recognizer = library.OfflineRecognizer.from_transducer(
                **{part: one["path"] for part, one in parts.items()},
                tokens=str(Path(ask.model) / TOKENS),
                num_threads=1,
                sample_rate=RATE,
                feature_dim=80,
                decoding_method="greedy_search",
                provider=self._asked,
            )
        self._fell = next((line for line in said if _FALLS_BACK in line.lower()), None)
        self.device = "cpu" if self._asked == "cpu" or self._fell else "gpu"
        self.dtype, self.weights_bytes = weights(parts)

    def claims(self) -> dict[str, str]:
        told = self._fell or ("asked for" if self._asked == "cpu" else "no fallback was told, which is all that it tells")
        return {f'OfflineRecognizer.from_transducer(provider="{self._asked}"), on standard error': told}

    def transcribe(self, samples: Any) -> Text:
        silence, text, heard = self._numpy.zeros(round(PAD_S * RATE), self._numpy.float32), [], 0
        for begin, end in cuts(self._numpy, samples, RATE, whole_s=WHOLE_S, piece_s=PIECE_S):
            stream = self._recognizer.create_stream()
            stream.accept_waveform(RATE, self._numpy.concatenate([silence, samples[begin:end], silence]))
            self._recognizer.decode_stream(stream)
            text.append(stream.result.text)
            heard += len(stream.result.timestamps)
        return Text("".join(text), timestamps="word" if heard else "none")


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[list[str]]:
    """The lines that go to standard error meanwhile, as libraries write them. They get there as well."""
    lines: list[str] = []
    kept, (reading, writing) = os.dup(2), os.pipe()
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", _COPY, str(path)], stdin=reading):
        os.close(reading)
        os.dup2(writing, 2)
        os.close(writing)
        try:
            yield lines
        finally:
            os.dup2(kept, 2)  # the copy ends with that, and is waited for
            os.close(kept)
    with path.open(encoding="utf-8", errors="replace") as file:
        lines += file.read(_LOG_BYTES).splitlines()
