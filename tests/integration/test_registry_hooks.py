"""The real torch and Transformers, on the processor, with what the hooks change in them.

Marked `network`: pip brings what they depend on. torch itself is only taken where pip has a build for the processor on a disk: from the
index it is a CUDA build of gigabytes. tests/unit/trial/test_hooks_actions.py does the same with a package that stands for it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.hooks import run

pytestmark = pytest.mark.network

#: What each of these says of a torch is printed as JSON.
HEAD = "import json, sys, torch\nfrom torch import nn\ndef say(*values): print(json.dumps([str(value) for value in values]))\n"
FLAGS = (
    "b = torch.backends\nsay(b.cudnn.enabled, b.cuda.flash_sdp_enabled(), b.cuda.mem_efficient_sdp_enabled(), b.cuda.math_sdp_enabled())\n"
)
#: Each way that programs ask for half precision.
HALVES = """
say(next(nn.Linear(2, 2).half().parameters()).dtype)
say(next(nn.Linear(2, 2).bfloat16().parameters()).dtype)
say(next(nn.Linear(2, 2).to(torch.float16).parameters()).dtype)
say(next(nn.Linear(2, 2).to("cpu", dtype=getattr(torch, "bfloat16")).parameters()).dtype)
say(nn.Linear(2, 2, dtype=torch.half).weight.dtype)
say(torch.zeros(2).half().dtype)
say(torch.zeros(2).to(torch.bfloat16).dtype)
say(torch.zeros(2).type("torch.HalfTensor").dtype)
with torch.autocast("cpu", dtype=torch.bfloat16):
    say((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
torch.set_default_dtype(getattr(torch, "float16"))
say(torch.zeros(2).dtype)
"""
#: The path of openai-whisper: layers that cast their weights to what they are given, and a look at the dtype at the end.
WHISPER = """
class Conv1d(nn.Conv1d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))
torch.save({"weight": torch.ones(4, 8, 3).to(getattr(torch, "float16"))}, sys.argv[1] + "/half.pt")
stored = torch.load(sys.argv[1] + "/half.pt")["weight"]
model = Conv1d(8, 4, 3, bias=False).half()
model.load_state_dict({"weight": stored})
wanted = torch.float16 if True else torch.float32
features = model(torch.ones(1, 8, 10).to(wanted))
say(features.dtype, features.dtype == wanted, features.sum().item())
"""
TRANSFORMERS = """
from transformers import WhisperConfig, WhisperForConditionalGeneration
small = {"vocab_size": 64, "num_mel_bins": 8, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "max_source_positions": 20}
heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3, "suppress_tokens": None}
if sys.argv[2] == "save":
    torch.manual_seed(1)
    config = WhisperConfig(**small, **heads, **tokens, begin_suppress_tokens=None, max_target_positions=20)
    WhisperForConditionalGeneration(config).half().save_pretrained(sys.argv[1])
for asked in (torch.float16, "float16", "auto"):
    model = WhisperForConditionalGeneration.from_pretrained(sys.argv[1], dtype=asked)
    seen = set()
    note = lambda module, given, made: seen.add(str(made.dtype)) if isinstance(made, torch.Tensor) else None
    for module in model.modules():
        module.register_forward_hook(note)
    mel = torch.linspace(-1, 1, 320).reshape(1, 8, 40).to(model.dtype)
    text = model.generate(mel, max_new_tokens=5).tolist()
    say(model.dtype, *sorted(seen), text, round(float(sum(p.double().abs().sum() for p in model.parameters())), 1))
"""


def says(python: Path, code: str, *arguments: str, actions: tuple[str, ...] = ()) -> list[Any]:
    ran = run("-W", "ignore", "-c", HEAD + code, *arguments, python=python, actions=actions)
    assert ran.code == 0, ran.err[-2000:]
    assert "torch" in ran.told("import")
    assert any("libtorch" in name or "/_C." in name for name in ran.told("library"))
    return [json.loads(line) for line in ran.out.splitlines() if line.startswith("[")]


def test_miopen_and_fused_attention_are_off(with_torch: Path) -> None:
    assert says(with_torch, FLAGS) == [["True"] * 4]
    assert says(with_torch, FLAGS, actions=("miopen-off",)) == [["False", "True", "True", "True"]]
    assert says(with_torch, FLAGS, actions=("miopen-off", "sdpa-math")) == [["False", "False", "False", "True"]]


def test_half_precision_becomes_single(with_torch: Path) -> None:
    plain = says(with_torch, HALVES)
    assert {value for (value,) in plain} == {"torch.float16", "torch.bfloat16"}
    assert says(with_torch, HALVES, actions=("float32",)) == [["torch.float32"]] * len(plain)


def test_the_path_of_whisper(with_torch: Path, tmp_path: Path) -> None:
    assert says(with_torch, WHISPER, str(tmp_path)) == [["torch.float16", "True", "768.0"]]
    assert says(with_torch, WHISPER, str(tmp_path), actions=("float32",)) == [["torch.float32", "True", "768.0"]]


def test_the_path_of_transformers(with_torch: Path, tmp_path: Path) -> None:
    """A model that is stored in half precision computes in single, with the same weights and the same text."""
    plain = says(with_torch, TRANSFORMERS, str(tmp_path), "save")
    single = says(with_torch, TRANSFORMERS, str(tmp_path), "load", actions=("float32", "hide:triton"))
    assert [row[:2] for row in plain] == [["torch.float16", "torch.float16"]] * 3
    assert [row[:2] for row in single] == [["torch.float32", "torch.float32"]] * 3
    assert [row[2:] for row in single] == [row[2:] for row in plain]


def test_it_is_imported_first_and_a_program_still_starts(with_torch: Path) -> None:
    ran = run("-c", "import sys; print('torch' in sys.modules)", python=with_torch, actions=("first:torch", "miopen-off"))
    assert (ran.code, ran.out) == (0, "True\n")


def test_an_error_of_torch_is_the_same_as_without(with_torch: Path) -> None:
    code = "import torch\nprint(hasattr(torch, 'not_there'))\ntry: torch.nothing\nexcept AttributeError as error: print(error)"
    plain = subprocess.run([with_torch, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert run("-c", code, python=with_torch, actions=("float32",)).out == plain.stdout
