"""A Whisper of twenty tokens as a folder of Optimum's: two graphs and a tokenizer whose answer to any sound is known.

The encoder convolves what it hears, the decoder multiplies the last token with a table of what may follow, and takes one table where there
is sound and another one where there is none. So the backend's own work is tried: features, prompt, search, what is left out, when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORDS = ("今", "日", "は", "晴", "れ", "。", "雨")
SPECIAL = (
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|ja|>", "<|zh|>", "<|translate|>", "<|transcribe|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>", "<|0.00|>"),
)
TOKENS = (*WORDS, *SPECIAL)
#: What it writes.
TEXT = "今日は晴れ"
BINS, WIDTH = 80, 8
_FOLLOWS = {"<|notimestamps|>": "今", "今": "日", "日": "は", "は": "晴", "晴": "れ", "れ": "<|endoftext|>"}
Scores = Mapping[tuple[str, str], float]


def _table(scores: Scores) -> Any:
    """A row for each token that was read: the scores of what may follow."""
    table = np.zeros((len(TOKENS), len(TOKENS)), np.float32)
    for (before, after), score in scores.items():
        table[TOKENS.index(before), TOKENS.index(after)] = score
    return table


def encoder() -> onnx.ModelProto:
    """The mean of all bands, every second frame, in each of its numbers."""
    kernel = np.zeros((WIDTH, BINS, 3), np.float32)
    kernel[:, :, 1] = 1 / BINS
    nodes = [
        helper.make_node("Conv", ["input_features", "kernel"], ["heard"], "conv", kernel_shape=[3], strides=[2], pads=[1, 1]),
        helper.make_node("Transpose", ["heard"], ["last_hidden_state"], "transpose", perm=[0, 2, 1]),
    ]
    value = helper.make_tensor_value_info
    return _model(
        nodes,
        {"kernel": kernel},
        [value("input_features", TensorProto.FLOAT, ["batch", BINS, 3000])],
        [value("last_hidden_state", TensorProto.FLOAT, ["batch", 1500, WIDTH])],
    )


def decoder(more: Scores | None = None, *, cache: bool = False) -> onnx.ModelProto:
    """`more`: scores beside those that make `TEXT`. `cache`: it wants keys of what it read before, too."""
    sound = dict.fromkeys(_FOLLOWS.items(), 10.0) | {("<|startoftranscript|>", "<|ja|>"): 5.0} | dict(more or {})
    silence = {("<|notimestamps|>", "<|endoftext|>"): 10.0, ("<|startoftranscript|>", "<|nospeech|>"): 9.0}
    nodes = [
        helper.make_node("Gather", ["ones", "input_ids"], ["read"], "gather"),
        helper.make_node("MatMul", ["read", "sound"], ["of_sound"], "sound"),
        helper.make_node("MatMul", ["read", "silence"], ["of_silence"], "silence"),
        helper.make_node("ReduceMax", ["encoder_hidden_states"], ["loudest"], "loudest", axes=[1, 2], keepdims=1),
        helper.make_node("Greater", ["loudest", "quiet"], ["is_sound"], "greater"),
        helper.make_node("Where", ["is_sound", "of_sound", "of_silence"], ["logits"], "where"),
    ]
    value = helper.make_tensor_value_info
    cached = [value("past_key_values.0.decoder.key", TensorProto.FLOAT, ["batch", 1, "past", 1])] if cache else []
    return _model(
        nodes,
        {
            "ones": np.eye(len(TOKENS), dtype=np.float32),
            "sound": _table(sound),
            "silence": _table(silence),
            "quiet": np.array(-1.0, np.float32),
        },
        [
            value("input_ids", TensorProto.INT64, ["batch", "many"]),
            value("encoder_hidden_states", TensorProto.FLOAT, ["batch", 1500, WIDTH]),
            *cached,
        ],
        [value("logits", TensorProto.FLOAT, ["batch", "many", len(TOKENS)])],
    )


def _model(nodes: list[Any], weights: dict[str, Any], takes: list[Any], gives: list[Any]) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "tiny", takes, gives, [numpy_helper.from_array(one, name) for name, one in weights.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(made)
    return made


def write(folder: Path, of: onnx.ModelProto | None = None, *, end: str = "", **usual: Any) -> Path:
    """The folder, with this decoder. `end`: of the files' names; `usual`: what generation_config.json says otherwise."""
    (folder / "onnx").mkdir(parents=True)
    onnx.save(encoder(), folder / f"onnx/encoder_model{end}.onnx")
    onnx.save(of or decoder(), folder / f"onnx/decoder_model{end}.onnx")
    added = [
        {"id": TOKENS.index(name), "content": name, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for name in SPECIAL
    ]
    vocabulary = {"type": "WordLevel", "vocab": {name: number for number, name in enumerate(WORDS)}, "unk_token": "。"}
    tokenizer = {"version": "1.0", "added_tokens": added, "decoder": {"type": "Fuse"}, "model": vocabulary}
    absent = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor"))
    (folder / "tokenizer.json").write_text(json.dumps({**absent, **tokenizer}), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"num_mel_bins": BINS, "max_target_positions": 40, "vocab_size": len(TOKENS)}))
    (folder / "generation_config.json").write_text(json.dumps({"is_multilingual": True, **usual}))
    return folder
