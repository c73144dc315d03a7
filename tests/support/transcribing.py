"""What tests of `rocmkit transcribe` stand on: speech, an environment, the small model, and sherpa-onnx's answers to compare with."""

from __future__ import annotations

import json
import platform
import struct
import sys
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rocmkit.host.names import Names
from rocmkit.smoke.clips import shipped
from rocmkit.smoke.inside.tokens import parse
from rocmkit.smoke.model_files import pick
from rocmkit.smoke.transcribe import Ask, transcribe
from rocmkit.smoke.values import Heard, Transcript
from rocmkit.trial.run import runner
from tests.conftest import ROOT
from tests.support.command import Ran, rocmkit
from tests.support.registry import Environment, run

#: Japanese speech.
SPEECH = [Path(clip.file) for clip in shipped()]
#: The marks of what takes ONNX Runtime's wheels.
WHEELS = [
    pytest.mark.network,
    pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 13), reason="the packages have no wheels for this Python"),
]
#: The same with the one for ROCm, over a stand-in for ROCm's libraries.
ROCM_WHEELS = [
    *WHEELS,
    pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the wheels are those of Linux on x86-64"),
    pytest.mark.skipif(Path("/opt/rocm/lib").exists(), reason="the wheel would find the ROCm of this machine"),
]
PAD_S = 0.9
FRAME_S = 0.04
#: The last frames, which lie in the silence that was added, are not searched where a sound was padded behind that.
EDGE = 3
#: sherpa-onnx, asked plainly: for each file its tokens, their times and the text. It gets the samples as they stand in the file.
_SHERPA = """
import json, sys, wave
import numpy, sherpa_onnx
folder, padding, *files = sys.argv[1:]
parts = {part: f"{folder}/{part}-epoch-99-avg-1.onnx" for part in ("encoder", "decoder", "joiner")}
recognizer = sherpa_onnx.OfflineRecognizer.from_transducer(
    **parts, tokens=f"{folder}/tokens.txt", num_threads=1, sample_rate=16000, feature_dim=80, decoding_method="greedy_search"
)
told = {}
for name in files:
    with wave.open(name) as file:
        rate = file.getframerate()
        sound = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768
    silence = numpy.zeros(round(float(padding) * rate), numpy.float32)
    stream = recognizer.create_stream()
    stream.accept_waveform(rate, numpy.concatenate([silence, sound, silence]))
    recognizer.decode_stream(stream)
    told[name] = {"tokens": stream.result.tokens, "times": stream.result.timestamps, "text": stream.result.text}
print(json.dumps(told))
"""


class Told(NamedTuple):
    """What sherpa-onnx says of a file; times are from the file's beginning."""

    tokens: list[str]
    times: list[float]
    text: str


class Place:
    """An environment with an onnxruntime, kaldi-native-fbank and sherpa-onnx, and the small models."""

    def __init__(self, folder: Path, onnxruntime: str = "onnxruntime") -> None:
        self.environment = Environment(folder / "env")
        self.environment.install_all("numpy", "onnx", "kaldi-native-fbank==1.23.0", "sherpa-onnx==1.13.4")
        self.environment.install_all(onnxruntime)
        self.python = self.environment.python
        made = run(self.python, ROOT / "tests/support/zipformer.py", folder, *SPEECH[:3])
        assert made.returncode == 0, made.stderr
        self.model, self.heedless = folder / "model", folder / "heedless"

    def sherpa(self, *files: Path) -> dict[Path, Told]:
        asked = run(self.python, "-I", "-c", _SHERPA, self.model, str(PAD_S), *files)
        assert asked.returncode == 0, asked.stderr
        told = json.loads(asked.stdout.splitlines()[-1])
        return {
            Path(name): Told(one["tokens"], [max(time - PAD_S, 0.0) for time in one["times"]], one["text"]) for name, one in told.items()
        }

    def command(self, *arguments: str | Path, model: Path | None = None, env: Mapping[str, str | None] | None = None) -> Ran:
        """`rocmkit transcribe` with the model, in the environment."""
        told = ("--model", str(model or self.model), "--python", str(self.python))
        return rocmkit("transcribe", *map(str, arguments), *told, env=dict(env or {}), timeout_s=120)

    def transcribed(self, *files: Path, model: Path | None = None, **more: Any) -> Transcript:
        """The same without a command line, to change what that does not offer."""
        folder = model or self.model
        ask = Ask(
            python=str(self.python),
            model=str(folder),
            models=pick([one.name for one in folder.iterdir()], None, str(folder)),
            tokens=parse((folder / "tokens.txt").read_bytes()),
            files=tuple(map(str, files)),
            **{"provider": "cpu", **more},
        )
        return transcribe(ask, runner(Names()), Names())


def said(told: Told, audio_s: float, *, padded: bool = True) -> list[tuple[str, float]]:
    """Tokens and times; those that lie in the last of the silence only where it was not `padded`."""
    end = last_s(audio_s) if padded else audio_s + PAD_S
    return [(token, round(time, 3)) for token, time in zip(told.tokens, told.times, strict=True) if time < end]


def last_s(audio_s: float) -> float:
    """Where the first frame lies that is not searched."""
    frames = round((audio_s + 2 * PAD_S) * 100)
    return (((frames - 7) // 2 + 1) // 2 - EDGE) * FRAME_S - PAD_S - FRAME_S / 2


def heard(one: Heard) -> list[tuple[str, float]]:
    assert one.outcome == "transcribed", one.because
    return [(token.text, round(token.at_s, 3)) for token in one.tokens]


def samples_of(path: Path) -> tuple[list[int], int]:
    """Those of a file of 16 bits, and how many there are a second."""
    with wave.open(str(path)) as file:
        data = file.readframes(file.getnframes())
        return list(struct.unpack(f"<{len(data) // 2}h", data)), file.getframerate()


def wav(path: Path, samples: Sequence[int], rate: int) -> Path:
    """A file of 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def raw_wav(path: Path, data: bytes, *, kind: int, bits: int, channels: int, rate: int, size: int | None = None) -> Path:
    """A file of any kind of samples. `size` is what it says of itself."""
    block = bits // 8 * channels
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, channels, rate, rate * block, block, bits)
    body = form + struct.pack("<4sI", b"data", len(data) if size is None else size) + data
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body)
    return path
