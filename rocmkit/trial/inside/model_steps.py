"""Steps with a small Whisper of random weights, by transformers: nothing is downloaded."""

from __future__ import annotations

import copy
import importlib
from typing import Any, Mapping

from .torch_compare import SUMMED, Case, Numbers, compared, miopen, torch_of

#: Widths are those of Whisper's base model, which choose the kernels; it has six layers where this has one.
_CONFIG = {
    "d_model": 512,
    "encoder_layers": 1,
    "encoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
    "decoder_layers": 1,
    "decoder_attention_heads": 8,
    "decoder_ffn_dim": 2048,
}
_START = 50258  # Whisper's token for the start of a transcript
_TOKENS = 5


class _Models:
    """The same weights twice: as asked on the device, and in float64 on the processor."""

    def __init__(self, torch: Any, step: Mapping[str, Any], name: str) -> None:
        _, place = torch_of(step)
        transformers = importlib.import_module("transformers")
        torch.manual_seed(step.get("seed", 1))
        model = getattr(transformers, name)(transformers.WhisperConfig(**_CONFIG)).train(False).to(getattr(torch, step["dtype"]))
        self.exact = copy.deepcopy(model).double()
        self.there = model.to(place)


def whisper_encoder(step: Mapping[str, Any]) -> dict[str, Any]:
    """Half a minute of sound through the encoder."""
    torch, _ = torch_of(step)
    models = _Models(torch, step, "WhisperModel")

    def through(model: Any) -> Any:
        return lambda features: model.get_encoder()(features).last_hidden_state

    with miopen(torch, step):
        case = Case(through(models.there), [Numbers(torch, step)(1, 80, 3000)], through(models.exact))
        return compared(torch, step, [case], SUMMED[step["dtype"]])


def whisper_generate(step: Mapping[str, Any]) -> dict[str, Any]:
    """Five tokens, each the likeliest one after those before it, as `generate` makes them: with the keys and values of earlier ones kept.

    Random weights make many tokens almost equally likely, and rounding decides between them. So float64 is given the tokens that were
    chosen on the device, once, and has to find the same logits, and that each was the highest up to rounding.
    """
    torch, place = torch_of(step)
    models = _Models(torch, step, "WhisperForConditionalGeneration")
    tokens: list[int] = []

    def greedy(features: Any) -> Any:
        encoded, past, logits, token = models.there.get_encoder()(features), None, [], _START
        for number in range(_TOKENS):
            told = models.there(
                encoder_outputs=encoded, decoder_input_ids=torch.tensor([[token]], device=place), past_key_values=past, use_cache=True
            )
            past = told.past_key_values
            logits.append(told.logits[0, -1])
            if len(tokens) == number:  # in the first run
                tokens.append(int(logits[-1].argmax()))
            token = tokens[number]
        every = torch.stack(logits)
        return every, every.gather(1, torch.tensor(tokens, device=place)[:, None])

    def exact(features: Any) -> Any:
        every = models.exact(input_features=features, decoder_input_ids=torch.tensor([[_START, *tokens[:-1]]])).logits[0]
        return every, every.max(1, keepdim=True).values

    with miopen(torch, step):
        case = Case(greedy, [Numbers(torch, step)(1, 80, 3000)], exact)
        return {**compared(torch, step, [case], SUMMED[step["dtype"]]), "tokens": tokens}


STEPS = {"whisper_encoder": whisper_encoder, "whisper_generate": whisper_generate}
