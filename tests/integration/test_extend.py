"""The pages that say how to add something are true: followed to the letter, in a copy of this folder, everything that they name passes.

Those that take a minute are marked `slow`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rocmkit.smoke.run import INSIDE
from rocmkit.trial.run import runner
from rocmkit.trial.values import Limits
from rocmkit.trial.work import worker
from tests.conftest import ROOT
from tests.support.following import EXTEND, Block, Reader, blocks, clone
from tests.support.recipes import guide
from tests.support.registry import run
from tests.support.tinyspeech import wav

PAGES = sorted(path.stem for path in EXTEND.glob("*.md") if path.stem != "README")
#: What each page adds, and what its commands have to have printed.
ADDED = {
    "arch": ("rocmkit/kb/arch/gfx701.yaml", "holds no kernels for gfx701"),
    "check": ("docs/checks/RK399.md", "ROCm is not published for this processor"),
    "issue": ("docs/checks/RK999.md", "The tape is torn at 12.5 s"),
    "recipe": ("tests/plans/whisper-cpp.txt", "whisper.cpp for AMD GPUs"),
    "system": ("rocmkit/smoke/inside/backends/moonshine.py", " passed"),
}

#: A Moonshine of a few thousand weights that never ends, as its real classes write one. Run in a Python that has them.
_MOONSHINE = """
import sys
import torch
from tokenizers import Tokenizer, decoders, models
from transformers import MoonshineConfig, MoonshineForConditionalGeneration, PreTrainedTokenizerFast, Wav2Vec2FeatureExtractor
torch.manual_seed(1)
size = {"hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 2048}
many = ("num_hidden_layers", "num_attention_heads", "num_key_value_heads")
layers = {f"{part}_{what}": 2 for part in ("encoder", "decoder") for what in many}
ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "decoder_start_token_id": 1}
model = MoonshineForConditionalGeneration(MoonshineConfig(vocab_size=11, **size, **layers, **ids))
model.generation_config.suppress_tokens = [0, 1, 2]
model.save_pretrained(sys.argv[1])
words = {word: at for at, word in enumerate(["<unk>", "<s>", "</s>", *"abcdefgh"])}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
tokenizer.decoder = decoders.Fuse()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>").save_pretrained(sys.argv[1])
Wav2Vec2FeatureExtractor(feature_size=1, sampling_rate=16000, do_normalize=False, return_attention_mask=True).save_pretrained(sys.argv[1])
"""


def test_every_page_is_followed() -> None:
    assert set(PAGES) == set(ADDED)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_true(name: str, tmp_path: Path) -> None:
    reader = clone(tmp_path)
    page = (EXTEND / f"{name}.md").read_text(encoding="utf-8")
    path, words = ADDED[name]
    assert not (reader.folder / path).exists()
    if name == "recipe":  # the page sends its reader to the guide for the file
        reader.put(Block("yaml", guide(), "Put it into `recipes/whisper-cpp/recipe.yaml`:"))
    printed = reader.follow(page)
    assert (reader.folder / path).exists()
    assert words in " ".join(printed.split())
    assert "no tests ran" not in printed


@pytest.mark.parametrize("name", PAGES)
def test_tests_that_a_page_names_are_there(name: str) -> None:
    page = (EXTEND / f"{name}.md").read_text(encoding="utf-8")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))
    named = set(re.findall(r"`(test_\w+?)(?:\[\w+\])?`", page))
    assert named and [one for one in sorted(named) if f"def {one}(" not in text] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_file_of_a_page_has_its_place(name: str) -> None:
    page = (EXTEND / f"{name}.md").read_text(encoding="utf-8")
    assert {one.kind for one in blocks(page)} <= {"python", "sh", "text", "yaml"}
    assert page.rstrip().endswith("[Send it](README.md#send-it).")


def test_what_a_page_says_is_done_and_nothing_else(tmp_path: Path) -> None:
    """A command that fails ends it; a block without a place, and a new file that is there, are faults."""
    reader = Reader(tmp_path)
    reader.follow("Put this into `new/a.txt`:\n\n```yaml\none\n```\n\nThis at the end of `new/a.txt`:\n\n```yaml\ntwo\n\n# end\n```\n")
    reader.follow("And this in\n`new/a.txt`, before the line `# end`, so:\n\n```yaml\nmiddle\n```\n\n```text\nexit 1\n```\n")
    assert (tmp_path / "new/a.txt").read_text() == "one\ntwo\nmiddle\n\n# end\n"
    assert reader.follow("Say:\n\n```sh\necho 1\ncat new/a.txt | head -n 1\n```\n") == "1\none\n"
    for bad in (
        "Nowhere:\n\n```yaml\none\n```\n",
        "Put this into `new/a.txt`:\n\n```yaml\none\n```\n",
        "At the end of `b.txt`:\n\n```yaml\n1\n```\n",
        "Fail:\n\n```sh\nfalse\ntrue\n```\n",
    ):
        with pytest.raises(AssertionError):
            reader.follow(bad)


@pytest.mark.network
def test_the_system_of_the_page_loads_and_writes(with_torch: Path, tmp_path: Path) -> None:
    """Its file drives the real classes, with a small model of theirs whose weights are chance: it writes for ever, and is cut off."""
    inside = shutil.copytree(INSIDE, tmp_path / "smoke/inside")
    (file,) = [one for one in blocks((EXTEND / "system.md").read_text(encoding="utf-8")) if one.kind == "python"]
    (inside / "backends/moonshine.py").write_text(file.text, encoding="utf-8")
    made = run(with_torch, "-c", _MOONSHINE, tmp_path / "model")
    assert made.returncode == 0, made.stderr[-3000:]
    clips = [
        wav(tmp_path / "short.wav", [0, 1, 2]),
        wav(tmp_path / "long.wav", [at % 6 for at in range(90)]),
        wav(tmp_path / "none.wav", []),
    ]
    steps: list[dict[str, Any]] = [{"do": "smoke_load", "module": "moonshine", "model": str(tmp_path / "model"), "device": "cpu"}]
    steps += [{"do": "smoke_transcribe", "clip": clip.name, "file": str(clip)} for clip in clips]
    steps.append({"do": "smoke_encode", "file": str(clips[0])})
    trial = runner()(worker(str(with_torch), "smoke", steps, limits=Limits(time_s=300), folders=(inside,)))
    assert trial.outcome == "pass", (trial.because, trial.log[-2000:])
    loaded, *heard, encoded = trial.measured
    assert (loaded["device"], loaded["dtype"]) == ("cpu", "float32")
    assert [one.get("error") for one in heard] == [None] * 3
    for one in heard:
        text = "".join(one["text"])
        assert set(text) <= set("abcdefgh")
        assert 0 < len(text) <= 13 * one["audio_s"]
        assert one["finite"] and one["spent"]
    assert encoded["finite"] and encoded["norm"] > 0
