"""A stand-in for faster-whisper and CTranslate2 that does what its model's name says: it transcribes, lies, dies, hangs or eats memory.

It has the interface that the backend uses, and computes nothing. On the GPU that it claims to use it writes what the kernel would write.
"""

from __future__ import annotations

import json
import sys
import venv
import wave
from pathlib import Path

from rocmkit.smoke.clips import shipped
from tests.support.command import ROOT

_CTRANSLATE2 = """
__version__ = "4.8.5"


class DataType:
    float32 = "float32"


class StorageView:
    @staticmethod
    def from_array(array):
        return array


def get_cuda_device_count():
    return 1
"""
_FASTER_WHISPER = """
import ctypes, json, os, sys, time
from pathlib import Path
from types import SimpleNamespace

import numpy


class Encoded:
    dtype = "float32"

    def __init__(self, numbers):
        self.numbers = numbers

    def __array__(self, dtype=None, copy=None):
        return self.numbers


class Whisper:
    is_multilingual = False
    device_index = [0]

    def __init__(self, model, device, compute_type):
        self.does, self.device, self.compute_type = model.name, device, "float32" if compute_type == "default" else compute_type

    def encode(self, features, to_cpu):
        if self.does == "other-numbers" and self.device == "cuda":
            return Encoded(numpy.flip(numpy.arange(1.0, 1001.0, dtype=numpy.float32))[None])
        if self.does == "not-a-number" and self.device == "cuda":
            return Encoded(numpy.full((1, 1000), numpy.nan, numpy.float32))
        return Encoded(numpy.arange(1.0, 1001.0, dtype=numpy.float32)[None])


class WhisperModel:
    max_length = 448

    def __init__(self, path, device, device_index, compute_type, local_files_only):
        self.folder = Path(path)
        does = self.folder.name
        if "FAKE_RUNS" in os.environ:
            with open(os.environ["FAKE_RUNS"], "a") as file:
                file.write(f"{does} {device}\\n")
        if does == "hangs-in-load":
            time.sleep(600)
        if does == "raises":
            raise RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version")
        if does == "eats":
            self.eaten = [bytearray(b"x" * (1 << 26)) for _ in range(1000)]
        hidden = os.environ.get("HIP_VISIBLE_DEVICES") == "-1"
        if device == "cuda" and hidden and does != "sees-what-is-hidden":
            raise RuntimeError("no ROCm-capable device is detected")
        self.gpu = device == "cuda" and does != "falls-back"
        self.kernel = None
        if self.gpu and "FAKE_KERNEL" in os.environ and does != "only-claims":
            sys.path.append(os.environ["FAKE_ROOT"])
            from tests.support import kernel_tree
            self.kernel = kernel_tree.Kernel(Path(os.environ["FAKE_KERNEL"]), kernel_tree.GFX906)
            self.kernel.opened(os.getpid())
            if does != "only-opens":
                self.kernel.queue(os.getpid(), 0, kernel_tree.GFX906)
                self.kernel.vram(os.getpid(), kernel_tree.GFX906, 2 << 30)
            time.sleep(0.3)
        self.model = Whisper(self.folder, "cuda" if self.gpu else "cpu", compute_type)
        self.feature_extractor = lambda sound: numpy.zeros((80, 3000), numpy.float32)
        self.texts = json.loads((self.folder / "texts.json").read_text())
        self.asked = 0

    def generate_with_fallback(self, *_):
        return SimpleNamespace(sequences_ids=[[1] * 20], no_speech_prob=0.01), -0.3, 0.0, 1.0

    def transcribe(self, samples, **_):
        does = self.folder.name
        self.asked += 1
        if self.kernel and does not in ("only-opens", "sleeps"):
            from tests.support import kernel_tree
            self.kernel.occupied(os.getpid(), kernel_tree.GFX906, 40)
        time.sleep(0.06)
        if does == "crashes" and self.asked > 1:
            ctypes.string_at(0)
        if does == "hangs" and self.asked > 1:
            time.sleep(600)
        if does == "prints":
            print("progress " * 1000, flush=True)
            os.write(1, b'{"done": 1, "measured": {"text": ["invented"]}}\\n')
        if does == "leaves":
            os._exit(0)
        self.generate_with_fallback(None, None)
        near = min(self.texts, key=lambda length: abs(int(length) - len(samples)))
        text = self.texts[near]
        if does == "wrong":
            text = "ご視聴ありがとうございました"
        if does == "unsteady" and self.asked > 7:
            text = text[: len(text) // 2]
        if does == "other-text" and self.model.device == "cuda":
            text = text[::-1]
        return [SimpleNamespace(text=text)], None
"""


def packages(site: Path) -> Path:
    """The two packages, with what tells their versions, in a folder for packages."""
    for name, version, text in (("faster_whisper", "1.2.1", _FASTER_WHISPER), ("ctranslate2", "4.8.5", _CTRANSLATE2)):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text(text)
        told = site / f"{name}-{version}.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    return site


def environment(folder: Path) -> Path:
    """A virtual environment with the stand-in, and with the tests' own numpy."""
    import numpy

    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    packages(site)
    mine = Path(numpy.__file__).parent.parent
    for path in (*mine.glob("numpy"), *mine.glob("numpy.libs"), *mine.glob("numpy-*.dist-info")):
        (site / path.name).symlink_to(path)
    return folder


def model(folder: Path, does: str) -> Path:
    """A model of that name, which knows the text of every clip by its length."""
    place = folder / does
    place.mkdir(parents=True, exist_ok=True)
    texts = {}
    for clip in shipped():
        with wave.open(clip.file) as sound:
            texts[str(round(sound.getnframes() * 16000 / sound.getframerate()))] = clip.text
    (place / "texts.json").write_text(json.dumps(texts))
    (place / "model.bin").write_bytes(bytes(1 << 20))
    return place


def variables(site: Path, kernel: Path | None = None) -> dict[str, str]:
    """What a process needs in its environment to find the stand-in, and the kernel's files that it writes."""
    found = {"PYTHONPATH": f"{site}:{ROOT}", "FAKE_ROOT": str(ROOT)}
    return found if kernel is None else {**found, "FAKE_KERNEL": str(kernel)}


PYTHON = sys.executable
