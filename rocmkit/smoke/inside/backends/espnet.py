"""ESPnet's `Speech2Text`, as ReazonSpeech uses it (espnet2/bin/asr_inference.py; ReazonSpeech pkg/espnet-asr).

Its own default device is the processor, so the device is always named. A folder or an archive of a packed model is loaded here; any other
name is given to the package that knows it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from pathlib import Path
from typing import Any, Iterator

from ..sound import RATE
from ..torch_model import TorchBackend, dtype_of, place_of
from ..windows import cuts
from . import Ask, Text

#: ReazonSpeech's own package looks for silence in windows of so many seconds; without it the cut is ours.
_WHOLE_S, _PIECE_S = 20.0, 17.0
#: Silence before and behind, in samples: the model was trained with it (transcribe.py, PADDING).
_PADDING = (16_000, 8_000)
_REAZON = "reazonspeech.espnet.asr"


class System(TorchBackend):
    """`Speech2Text`."""

    def __init__(self, ask: Ask) -> None:
        torch = importlib.import_module("torch")
        dtype = str(dtype_of(torch, ask, "float32")).replace("torch.", "", 1)
        self._reazon = _reazon()
        path = Path(ask.model)
        if path.exists():
            with _packed(path) as files:
                told = {"lm_weight": 0.0, **dict(ask.options), **files}
                self._speech2text = _inference().Speech2Text(**told, device=place_of(ask), dtype=dtype)
        elif self._reazon and not ask.compute_type:  # it knows one model, and one type
            self._speech2text = self._reazon.load_model(device=place_of(ask))
        else:
            told = {"lm_weight": 0.0, **dict(ask.options)}
            self._speech2text = _inference().Speech2Text.from_pretrained(ask.model, **told, device=place_of(ask), dtype=dtype)
        self.hold(torch, self._speech2text.asr_model)
        self.look_at(self.module.encoder)

    def claims(self) -> dict[str, str]:
        return {**super().claims(), "Speech2Text.device": str(self._speech2text.device)}

    def transcribe(self, samples: Any) -> Text:
        if self._reazon:
            audio = self._reazon.audio_from_numpy(samples, RATE)
            made = self._reazon.transcribe(self._speech2text, audio, self._reazon.TranscribeConfig(verbose=False))
            return Text(made.text, timestamps="segment" if made.segments else "none", finite=self.looked())
        numpy = importlib.import_module("numpy")
        pieces = cuts(numpy, samples, RATE, whole_s=_WHOLE_S, piece_s=_PIECE_S)
        text = "".join(self._text(numpy.pad(samples[begin:end], _PADDING)) for begin, end in pieces if end > begin)
        return Text(text, finite=self.looked())

    def _text(self, samples: Any) -> str:
        made = self._speech2text(samples)
        found = made[0] if isinstance(made, tuple) else made  # what layers in between say of it comes beside
        if not found:
            return ""
        text, tokens = found[0][:2]
        return "".join(tokens) if text is None else str(text)

    def encode(self, samples: Any) -> Any:
        torch, device = self.torch, self._speech2text.device
        given = torch.from_numpy(samples).reshape(1, -1).to(device=device, dtype=getattr(torch, self._speech2text.dtype))
        with torch.inference_mode():
            made = self.module.encode(given, torch.tensor([len(samples)], device=device))[0]
        made = made[0] if isinstance(made, tuple) else made
        return made[0].float().cpu().numpy()


def _reazon() -> Any:
    """ReazonSpeech's package; None: it is not there."""
    try:
        return importlib.import_module(_REAZON)
    except ModuleNotFoundError as error:
        if error.name and _REAZON.startswith(error.name):
            return None
        raise


def _inference() -> Any:
    return importlib.import_module("espnet2.bin.asr_inference")


@contextlib.contextmanager
def _packed(path: Path) -> Iterator[dict[str, str]]:
    """The files of a packed model, by the arguments that take them, for as long as it is loaded.

    A configuration names its other files from where the folder begins. ESPnet's model zoo writes full paths over them, which would change
    a file in the hub's cache; from inside the folder they are right as they stand.
    """
    with tempfile.TemporaryDirectory() as room:
        if path.is_file():
            yield importlib.import_module("espnet2.main_funcs.pack_funcs").unpack(path.resolve(), room)
            return
        told = path / "meta.yaml"
        if not told.is_file():
            raise FileNotFoundError(f"no packed model of ESPnet's: {path.name} holds no meta.yaml")
        meta = importlib.import_module("yaml").safe_load(told.read_text(encoding="utf-8"))
        before = Path.cwd()
        os.chdir(path)
        try:
            yield {**meta["yaml_files"], **meta["files"]}
        finally:
            os.chdir(before)
