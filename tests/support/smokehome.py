"""A home for `rocmkit smoke`: an environment with stand-ins for two systems, and a hub's cache with a model for each.

faster-whisper is the one of `fakewhisper`. The stand-in for sherpa-onnx computes nothing either; each writes a line into the file named by
FAKE_RUNS when it loads its model, and that of sherpa-onnx goes to sleep as long as the file named by FAKE_SLEEPS is there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import fakewhisper

FIRST, SECOND = "faster-whisper", "sherpa-onnx"
REVISION = "0" * 39 + "1"
_MODELS = {
    "mobiuslabsgmbh/faster-whisper-large-v3-turbo": ("config.json", "tokenizer.json", "vocabulary.json", "preprocessor_config.json"),
    "reazon-research/reazonspeech-k2-v2": (*(f"{part}-epoch-99-avg-1.onnx" for part in ("encoder", "decoder", "joiner")), "tokens.txt"),
}
_SHERPA = """
import json, os, time
from pathlib import Path
from types import SimpleNamespace


class OfflineRecognizer:
    @classmethod
    def from_transducer(cls, tokens, provider, **_):
        with open(os.environ["FAKE_RUNS"], "a") as file:
            file.write(f"sherpa-onnx {provider}\\n")
        while os.path.exists(os.environ["FAKE_SLEEPS"]):
            time.sleep(0.05)
        made = cls()
        made.texts = json.loads(Path(tokens).with_name("texts.json").read_text())
        return made

    def create_stream(self):
        made = SimpleNamespace()
        made.accept_waveform = lambda rate, samples: setattr(made, "length", len(samples) - round(1.8 * rate))
        return made

    def decode_stream(self, stream):
        near = min(self.texts, key=lambda length: abs(int(length) - stream.length))
        stream.result = SimpleNamespace(text=self.texts[near], timestamps=[0.1])
"""


def environment(folder: Path) -> Path:
    """A virtual environment with both."""
    made = fakewhisper.environment(folder)
    (site,) = made.glob("lib/python3*/site-packages")
    (site / "sherpa_onnx").mkdir()
    (site / "sherpa_onnx" / "__init__.py").write_text(_SHERPA)
    told = site / "sherpa_onnx-2.0.1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: sherpa-onnx\nVersion: 2.0.1\n")
    return made


def hub(folder: Path) -> Path:
    """A cache as huggingface_hub keeps it, with what both need."""
    for repository, names in _MODELS.items():
        place = folder / f"models--{repository.replace('/', '--')}"
        snapshot = fakewhisper.model(place / "snapshots", REVISION)
        for name in names:
            shutil.copy(snapshot / "texts.json", snapshot / name)
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text(REVISION)
    return folder
