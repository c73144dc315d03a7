# mypy: disable-error-code="import-not-found,misc,untyped-decorator,no-any-return"
"""Stands for the package nue_asr, which no package index has: its interface (rinnakk/nue-asr, nue_asr/utils.py, transcribe.py, model.py)
around a model of a convolution and a projection. HuBERT and GPT-NeoX are not in it; device, types, the limit of tokens and what its calls
take and give are as there."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

_FIRST = 3  # the token of the first tone; those before it are special
_LOUD = 0.2


@dataclass(frozen=True)
class ASRResult:
    text: str = ""


class Tokenizer:
    """The parts of a tokenizer of Transformers' that are asked for."""

    bos_token_id, eos_token_id, pad_token_id = 0, 1, 1

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def decode(self, ids: torch.Tensor, skip_special_tokens: bool = False) -> str:
        return "".join(self.tokens[one] for one in ids.tolist() if one >= _FIRST or not skip_special_tokens)


class NueASRModel(nn.Module):
    """It writes a token for each tone, then the end."""

    def __init__(self, tones: int) -> None:
        super().__init__()
        self.audio_encoder = nn.Conv1d(1, 4 * tones, 400, 320, bias=False)
        self.bridge_proj = nn.Linear(4 * tones, tones)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def encode_audio(self, audio: torch.Tensor) -> torch.Tensor:
        heard: torch.Tensor = self.bridge_proj(torch.relu(self.audio_encoder(audio.unsqueeze(1))).transpose(1, 2))
        return heard

    def forward(self, audio: torch.Tensor, *, max_new_tokens: int, eos_token_id: int, **_: Any) -> torch.Tensor:
        loudest = self.encode_audio(audio)[0].max(-1)
        found: list[int] = []
        last = -1
        for loud, tone in zip(loudest.values.tolist(), loudest.indices.tolist(), strict=True):
            now = tone if loud > _LOUD else -1
            if now not in (last, -1):
                found.append(_FIRST + now)
            last = now
        return torch.tensor([[*found, eos_token_id][:max_new_tokens]], device=self.device)


def load_tokenizer(model_name_or_path: str) -> Tokenizer:
    return Tokenizer(json.loads((Path(model_name_or_path) / "tokens.json").read_text(encoding="utf-8")))


def load_model(model_name_or_path: str, device: str = "cuda", fp16: bool = True, use_deepspeed: bool = False) -> NueASRModel:
    if torch.device(device).type == "cpu" and fp16:
        logging.warning("no float16 on the processor")
        fp16 = False
    weights = load_file(str(Path(model_name_or_path) / "model.safetensors"))
    model = NueASRModel(weights["bridge_proj.bias"].numel())
    model.load_state_dict(weights)
    return model.to(torch.float16 if fp16 else torch.float32).to(device)


@torch.inference_mode()
def transcribe(model: NueASRModel, tokenizer: Tokenizer, audio: Any, **decode_options: Any) -> ASRResult:
    heard = audio if torch.is_tensor(audio) else torch.from_numpy(audio)
    options = {"max_new_tokens": None, "eos_token_id": tokenizer.eos_token_id, **decode_options}
    if options["max_new_tokens"] is None:
        options["max_new_tokens"] = int(4 * len(heard) / 16000 + 20.5)
    made = model(heard.to(model.dtype).reshape(1, -1).to(model.device), **options)
    return ASRResult(text=tokenizer.decode(made[0], skip_special_tokens=True))
