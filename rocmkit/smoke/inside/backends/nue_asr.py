"""Nue-ASR by its own package: HuBERT, a bridge of convolutions, and GPT-NeoX that writes (rinnakk/nue-asr, nue_asr/)."""

from __future__ import annotations

import importlib
from typing import Any

from ..sound import RATE
from ..torch_model import TorchBackend, dtype_of, place_of
from ..windows import cuts
from . import Ask, Text

#: The package warns above 16 seconds and does not cut.
_WHOLE_S, _PIECE_S = 16.0, 13.0
_SHORTEST = RATE // 5
#: Its own rule for how much it may write: so many tokens a second, and so many more.
_TOKENS_A_SECOND, _TOKENS = 4, 20


class System(TorchBackend):
    """`nue_asr.load_model`."""

    def __init__(self, ask: Ask) -> None:
        torch = importlib.import_module("torch")
        self._package = importlib.import_module("nue_asr")
        dtype = dtype_of(torch, ask, "float16" if ask.device == "gpu" else "float32")
        if dtype not in ((torch.float16, torch.float32) if ask.device == "gpu" else (torch.float32,)):
            raise ValueError(f"Nue-ASR computes in float32, on a GPU in float16 too, not in {ask.compute_type}")
        # With half precision on the processor it would go over to single by itself.
        self._model = self._package.load_model(ask.model, device=place_of(ask), fp16=dtype == torch.float16)
        self._tokenizer = self._package.load_tokenizer(ask.model)
        self._written: Any = None
        self.hold(torch, self._model)
        self.look_at(self._model.bridge_proj)
        self._model.register_forward_hook(self._keep)

    def _keep(self, _: Any, __: Any, written: Any) -> None:
        self._written = written

    def transcribe(self, samples: Any) -> Text:
        numpy = importlib.import_module("numpy")
        texts, spent = [], False
        for begin, end in cuts(numpy, samples, RATE, whole_s=_WHOLE_S, piece_s=_PIECE_S):
            if end - begin < _SHORTEST:
                continue
            most = int(_TOKENS_A_SECOND * (end - begin) / RATE + _TOKENS + 0.5)
            texts.append(self._package.transcribe(self._model, self._tokenizer, samples[begin:end], max_new_tokens=most).text)
            tokens = self._written[0].tolist()
            spent = spent or (len(tokens) >= most and tokens[-1] != self._tokenizer.eos_token_id)
        return Text("".join(texts), spent=spent, finite=self.looked())

    def encode(self, samples: Any) -> Any:
        given = self.torch.from_numpy(samples).reshape(1, -1).to(device=self._model.device, dtype=self._model.dtype)
        with self.torch.inference_mode():
            return self._model.encode_audio(given)[0].float().cpu().numpy()
