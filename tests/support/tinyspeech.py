"""Small real models of speech whose answer is known: they write a letter for each tone of a melody.

Their weights are computed, not learned: a tone is found by its frequency, and everything behind that passes it on. Each is saved by the
real class, and loaded by it again from its folder, with the convolutions, attention and decoding of the large ones. Run as a program it
makes one in a Python that has the libraries: tinyspeech.py KIND FOLDER, where KIND is mms, xls-r, espnet or nue-asr.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import struct
import sys
import wave
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RATE = 16_000
#: Each tone has a whole number of waves in 320 and in 400 samples, so that neither sees another one, nor a constant.
TONES = (400, 800, 1200, 1600, 2000, 2400)
KANA = ("ア", "イ", "ウ", "エ", "オ", "カ")
LETTERS = ("a", "b", "c", "d", "e", "f")
_TONE_S, _QUIET_S = 0.24, 0.16
_HIDDEN = 16
_EDGE_S = 0.05
_LOUD = 0.5


def melody(notes: Sequence[int], *, quiet_s: float = _QUIET_S, tone_s: float = _TONE_S) -> list[int]:
    """Tones one after another with silence around each, as samples of 16 bits. They swell and fade: what begins at once has all tones."""
    quiet, many, edge = [0] * round(quiet_s * RATE), round(tone_s * RATE), round(_EDGE_S * RATE)
    sound = list(quiet)
    for note in notes:
        for at in range(many):
            loud = _LOUD * math.sin(math.pi / 2 * min(at / edge, (many - at) / edge, 1.0)) ** 2
            sound.append(round(32767 * loud * math.sin(2 * math.pi * TONES[note] * at / RATE)))
        sound += quiet
    return sound


def wav(path: Path, notes: Sequence[int], *, quiet_s: float = _QUIET_S, tone_s: float = _TONE_S) -> Path:
    """The melody as a file."""
    sound = melody(notes, quiet_s=quiet_s, tone_s=tone_s)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(sound)}h", *sound))
    return path


def said(notes: Sequence[int], letters: Sequence[str] = KANA) -> str:
    """What a model writes of it."""
    return "".join(letters[note] for note in notes)


def _filters(torch: Any, width: int) -> Any:
    """Four for each tone: its wave, a quarter later, and both upside down. What is above zero of them tells how loud it is."""
    at = torch.arange(width, dtype=torch.float64) / RATE
    rows = []
    for tone in TONES:
        angle = 2 * math.pi * tone * at
        rows += [torch.cos(angle), -torch.cos(angle), torch.sin(angle), -torch.sin(angle)]
    return (torch.stack(rows) / math.sqrt(width)).float()


def _sums(torch: Any, rows: int) -> Any:
    """For each tone the sum of its four filters; the rows behind them stay zero."""
    found = torch.zeros(rows, 4 * len(TONES))
    for note in range(len(TONES)):
        found[note, 4 * note : 4 * note + 4] = 1.0
    return found


def _passing(torch: Any, module: Any) -> None:
    """Every weight zero, but those of norms: each layer then adds nothing to what it is given. What is divided by its own length
    (weight_norm's direction) is one."""
    for name, tensor in module.named_parameters():
        one = ("norm" in name and name.endswith("weight")) or name.endswith("original1")
        torch.nn.init.constant_(tensor, 1.0 if one else 0.0)


def _heads(torch: Any, head: Any, shift: int) -> None:
    """A head of <pad> and a token for each tone: <pad> wins where no tone is much louder than the others."""
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias[0] = 20.0
        for note in range(len(TONES)):
            head.weight[1 + note, (note + shift) % len(TONES)] = 10.0


def _wav2vec2(folder: Path, adapters: dict[str, tuple[Sequence[str], int]]) -> None:
    """Wav2Vec2ForCTC with the first convolution as wide as all seven of the real ones see together. An adapter of (letters, shift) moves
    what was heard up by so many tones, and its head knows that: neither is of use without the other."""
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    save_file = importlib.import_module("safetensors.torch").save_file
    letters = {name: {"<pad>": 0, **{letter: 1 + at for at, letter in enumerate(row)}} for name, (row, _) in adapters.items()}
    letters = {name: {**row, "<unk>": 1 + len(TONES), "|": 2 + len(TONES)} for name, row in letters.items()}
    first = next(iter(adapters))
    many = len(adapters) > 1
    config = transformers.Wav2Vec2Config(
        vocab_size=len(letters[first]),
        hidden_size=_HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=_HIDDEN,
        conv_dim=(4 * len(TONES), _HIDDEN),
        conv_kernel=(400, 1),
        conv_stride=(320, 1),
        num_feat_extract_layers=2,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
        adapter_attn_dim=_HIDDEN if many else None,
        mask_time_prob=0.0,
    )
    model = transformers.Wav2Vec2ForCTC(config).train(mode=False)
    _passing(torch, model)
    with torch.no_grad():
        convolutions = model.wav2vec2.feature_extractor.conv_layers
        convolutions[0].conv.weight.copy_(_filters(torch, 400).unsqueeze(1))
        convolutions[1].conv.weight.copy_(_sums(torch, _HIDDEN).unsqueeze(2))
        for layer in convolutions:
            layer.layer_norm.weight.fill_(1.0)
        model.wav2vec2.feature_projection.projection.weight.copy_(torch.eye(_HIDDEN))
    _heads(torch, model.lm_head, 0)
    model.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    vocabulary: Any = letters if many else letters[first]
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    named = {"pad_token": "<pad>", "unk_token": "<unk>", "word_delimiter_token": "|", "bos_token": None, "eos_token": None}
    transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), **named, **({"target_lang": first} if many else {})).save_pretrained(
        folder
    )
    for name, (_, shift) in adapters.items() if many else ():
        with torch.no_grad():
            for layer in model.wav2vec2.encoder.layers:
                layer.adapter_layer.linear_1.weight.zero_()
                layer.adapter_layer.linear_2.weight.zero_()
            if shift:  # by the last one, with more weight than what passes beside it
                layer.adapter_layer.linear_1.weight.copy_(torch.eye(_HIDDEN))
                for note in range(len(TONES)):
                    layer.adapter_layer.linear_2.weight[(note + shift) % len(TONES), note] = 20.0
        _heads(torch, model.lm_head, shift)
        save_file({name: tensor.clone() for name, tensor in model._get_adapters().items()}, str(folder / f"adapter.{name}.safetensors"))


def mms(folder: Path) -> None:
    """Like facebook/mms-1b-all: the weights are those of `eng`, and what belongs to a language lies in adapter.LANG.safetensors."""
    _wav2vec2(folder, {"eng": (LETTERS, 0), "jpn": (KANA, 1)})


def xls_r(folder: Path) -> None:
    """Like the XLS-R models for Japanese: one vocabulary, no adapter."""
    _wav2vec2(folder, {"jpn": (KANA, 0)})


def espnet(folder: Path) -> None:
    """Like ReazonSpeech's older model for ESPnet: a transformer with CTC and a decoder beside it. It comes packed, as a folder and as
    packed.zip in it. Its configuration names its statistics from where the folder begins."""
    numpy, torch, yaml = (importlib.import_module(name) for name in ("numpy", "torch", "yaml"))
    pack = importlib.import_module("espnet2.main_funcs.pack_funcs").pack
    task = importlib.import_module("espnet2.tasks.asr").ASRTask
    os.chdir(folder)
    stats, weights, config = "exp/stats/feats_stats.npz", "exp/asr/valid.acc.ave.pth", "exp/asr/config.yaml"
    for name in (stats, weights):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    mels, silence = 40, math.log(1e-10)
    numpy.savez(stats, count=1.0, sum=numpy.full(mels, silence), sum_square=numpy.full(mels, silence * silence + 1.0))
    never = [chr(ord("キ") + more) for more in range(20)]  # the search wants more tokens than it follows at once
    settings = {
        "token_list": ["<blank>", *KANA, *never, "<unk>", "<sos/eos>"],
        "token_type": "char",
        "bpemodel": None,
        "preprocessor_conf": {},
        "input_size": None,
        "frontend": "default",
        "frontend_conf": {"n_fft": 400, "hop_length": 160, "n_mels": mels},
        "specaug": None,
        "normalize": "global_mvn",
        "normalize_conf": {"stats_file": stats},
        "encoder": "transformer",
        "decoder": "transformer",
        "encoder_conf": {"input_layer": "linear", "output_size": _HIDDEN, "attention_heads": 2, "linear_units": _HIDDEN, "num_blocks": 1},
        "decoder_conf": {"attention_heads": 2, "linear_units": _HIDDEN, "num_blocks": 1},
        "model": "espnet",
        "model_conf": {"ctc_weight": 0.5},
        "ctc_conf": {},
        "init": None,
    }
    Path(config).write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    model = task.build_model(argparse.Namespace(**settings)).train(mode=False)
    for part in (model.encoder, model.decoder, model.ctc):  # the decoder finds every token as likely as any other
        _passing(torch, part)
    with torch.no_grad():
        model.encoder.embed[1].weight.fill_(1.0)  # a norm whose name does not say so
        for note in range(len(TONES)):
            sound = torch.tensor(melody([note])).float().reshape(1, -1) / 32768
            heard, _ = model.frontend(sound, torch.tensor([sound.shape[1]]))
            model.encoder.embed[0].weight[note, heard[0].amax(0).argmax()] = 1.0
    _heads(torch, model.ctc.ctc_lo, 0)
    torch.save(model.state_dict(), weights)
    pack({"asr_model_file": weights}, {"asr_train_config": config}, "packed.zip", option=[stats])
    with zipfile.ZipFile("packed.zip") as packed:
        packed.extract("meta.yaml")


def nue_asr(folder: Path) -> None:
    """For the package in tests/support/standins that stands for nue_asr."""
    torch = importlib.import_module("torch")
    model = importlib.import_module("nue_asr").NueASRModel(len(TONES))
    _passing(torch, model)
    with torch.no_grad():
        model.audio_encoder.weight.copy_(_filters(torch, 400).unsqueeze(1))
        model.bridge_proj.weight.copy_(_sums(torch, len(TONES)))
    importlib.import_module("safetensors.torch").save_file(model.state_dict(), str(folder / "model.safetensors"))
    (folder / "tokens.json").write_text(json.dumps(["<s>", "</s>", "[SEP]", *KANA], ensure_ascii=False), encoding="utf-8")


KINDS = {"mms": mms, "xls-r": xls_r, "espnet": espnet, "nue-asr": nue_asr}


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    KINDS[kind](folder)


if __name__ == "__main__":
    main()
