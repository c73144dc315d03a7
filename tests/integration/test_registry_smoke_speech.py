"""MMS, XLS-R, Nue-ASR and ESPnet in a worker of `rocmkit smoke`, on the processor: the real libraries with small models whose answer is
known, loaded by the real classes from real folders. Nue-ASR's own package is in no package index; one with its interface stands for it.

What only the real weights show is not tried here, nor anything on a GPU.

Marked `network`: pip brings what the libraries depend on.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rocmkit.smoke.run import INSIDE
from rocmkit.trial.run import runner
from rocmkit.trial.values import Limits, Trial
from rocmkit.trial.work import worker
from tests.conftest import ROOT
from tests.support.registry import place_with, run
from tests.support.tinyspeech import LETTERS, melody, said, wav

pytestmark = pytest.mark.network

SUPPORT = ROOT / "tests/support"
STANDINS = str(SUPPORT / "standins")
JPN = {"target_lang": "jpn"}
#: The search without the decoder's part is fast, and follows two at once.
FAST = {"ctc_weight": 1.0, "beam_size": 2}
NOTES = [0, 1, 2, 2, 3, 4, 5, 0, 3]
#: Longer than any of these hears at once.
LONG = [at % 6 for at in range(90)]
#: ESPnet 202511 wants a setuptools that torch 2.13 does not, so it comes without what it requires. That is named here, as far as it is
#: imported; some of it has no wheels. It imports torchaudio without requiring it: of that the library for CUDA is taken away.
BELOW_ESPNET = (
    *("typeguard", "configargparse", "humanfriendly", "scipy", "PyYAML", "soundfile", "librosa", "jamo", "kaldiio", "h5py", "einops"),
    *("torch_complex", "nltk", "hydra-core==1.3.*", "opt-einsum", "sentencepiece", "editdistance", "importlib-metadata<5", "pandas"),
    *("pypinyin==0.44.0", "espnet_tts_frontend==0.0.4", "ci_sdr==0.0.2", "fast-bss-eval==0.1.3", "asteroid_filterbanks==0.4.0"),
)
ESPNET = ("espnet==202511", "espnet_g2p_en==2.1.0.post1", "torchaudio==2.11.0", "setuptools==73.0.1")


class Speech:
    """Pythons, their small models, and clips."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips = {"short": wav(folder / "short.wav", NOTES), "long": wav(folder / "long.wav", LONG)}
        self.clips["silence"] = wav(folder / "silence.wav", [], quiet_s=2.0)
        self.clips["fast"] = wav(folder / "fast.wav", [at % 6 for at in range(120)], quiet_s=0.02, tone_s=0.1)

    def model(self, kind: str, python: Path) -> Path:
        place = self.folder / kind
        if not place.exists():
            code = (
                f"import sys; sys.path.insert(0, {STANDINS!r}); sys.path.insert(0, {str(SUPPORT)!r}); import tinyspeech; tinyspeech.main()"
            )
            made = run(python, "-c", code, kind, place)
            assert made.returncode == 0, made.stderr[-3000:]
        return place


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return Speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture(scope="module")
def with_espnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with ESPnet."""
    python = place_with("torch==2.13.0", tmp_path_factory.mktemp("espnet") / "env")
    if not python:
        pytest.skip("pip would download torch, a CUDA build of gigabytes")
    for what in (("setuptools==73.0.1", "wheel"), ("--no-build-isolation", "torch==2.13.0", *BELOW_ESPNET), ("--no-deps", *ESPNET)):
        made = run(python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q", *what, timeout_s=1200)
        assert made.returncode == 0, made.stderr[-3000:]
    (library,) = python.parent.parent.glob("lib/python3*/site-packages/torchaudio/lib")
    shutil.rmtree(library)
    return python


def worked(python: Path, module: str, model: Path, *clips: Path, encode: bool = False, **load: Any) -> Trial:
    """Load it, transcribe the clips, and encode the first one."""
    steps: list[dict[str, Any]] = [{"do": "smoke_load", "module": module, "model": str(model), "device": "cpu", "options": {}, **load}]
    steps += [{"do": "smoke_transcribe", "clip": clip.name, "file": str(clip)} for clip in clips]
    steps += [{"do": "smoke_encode", "file": str(clips[0])}] if encode else []
    env: dict[str, str | None] = {"PYTHONPATH": STANDINS} if module == "nue_asr" else {}
    return runner()(worker(str(python), "smoke", steps, limits=Limits(time_s=300), env=env, folders=(INSIDE,)))


def texts(trial: Trial) -> list[str]:
    assert trial.outcome == "pass", (trial.because, trial.log[-2000:])
    heard = [one for one in trial.measured if "clip" in one]
    assert [one.get("error") for one in heard] == [None] * len(heard)
    return ["".join(one["text"]) for one in heard]


def shown(trial: Trial, timestamps: str) -> None:
    """What a whole run of a model on the processor has to tell."""
    assert texts(trial) == [said(NOTES), said(LONG), ""]
    loaded, short, long, silence, encoded = trial.measured
    assert (loaded["device"], loaded["dtype"]) == ("cpu", "float32")
    claims: Mapping[str, str] = {one["where"]: one["value"] for one in loaded["claims"]}
    assert claims["torch.version.hip"] == "None"
    assert claims["parameters().device"] == f"cpu: {loaded['weights_bytes']} bytes"
    assert 10_000 < loaded["weights_bytes"] < 100_000
    assert loaded["seconds"] > 0
    assert loaded["versions"]["torch"]
    assert (short["timestamps"], long["timestamps"]) == (timestamps, timestamps)
    assert short["audio_s"] == pytest.approx(len(melody(NOTES)) / 16000, abs=1e-3)
    assert long["audio_s"] > 30
    assert 0 < short["seconds"] < trial.seconds and 0 < long["seconds"] < trial.seconds
    assert [one["finite"] for one in (short, long, silence)] == [True] * 3
    assert encoded["finite"] and encoded["norm"] > 0 and len(encoded["sample"]) > 100


@pytest.mark.parametrize(("kind", "options"), [("mms", JPN), ("xls-r", {})])
def test_ctc(with_torch: Path, speech: Speech, kind: str, options: dict[str, str]) -> None:
    clips = (speech.clips["short"], speech.clips["long"], speech.clips["silence"])
    trial = worked(with_torch, "ctc", speech.model(kind, with_torch), *clips, encode=True, options=options)
    shown(trial, "word")


def test_the_adapter_decides(with_torch: Path, speech: Speech, tmp_path: Path) -> None:
    """That of another language writes its letters; without that of Japanese the model is not loaded, rather than with another one."""
    model = speech.model("mms", with_torch)
    trial = worked(with_torch, "ctc", model, speech.clips["short"], options={"target_lang": "eng"})
    assert texts(trial) == [said(NOTES, LETTERS)]
    lacking = Path(shutil.copytree(model, tmp_path / "lacking"))
    (lacking / "adapter.jpn.safetensors").unlink()
    trial = worked(with_torch, "ctc", lacking, options=JPN)
    assert trial.outcome == "fail"
    assert "adapter.jpn" in (trial.because or "")


def test_a_language_model_beside_it_is_told(with_torch: Path, speech: Speech, tmp_path: Path) -> None:
    beside = Path(shutil.copytree(speech.model("xls-r", with_torch), tmp_path / "beside"))
    (beside / "language_model").mkdir()
    trial = worked(with_torch, "ctc", beside, speech.clips["short"])
    assert texts(trial) == [said(NOTES)]
    assert any("language model" in note for note in trial.measured[0]["notes"])


def test_numbers_that_are_none_are_told(with_torch: Path, speech: Speech, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(speech.model("xls-r", with_torch), tmp_path / "broken"))
    code = (
        "import sys; from safetensors.torch import load_file, save_file; w = load_file(sys.argv[1]); "
        "w['lm_head.bias'][3] = float('nan'); save_file(w, sys.argv[1], {'format': 'pt'})"
    )
    made = run(with_torch, "-c", code, broken / "model.safetensors")
    assert made.returncode == 0, made.stderr
    trial = worked(with_torch, "ctc", broken, speech.clips["short"])
    assert trial.measured[1]["finite"] is False


def test_nue_asr(with_torch: Path, speech: Speech) -> None:
    clips = (speech.clips["short"], speech.clips["long"], speech.clips["silence"])
    trial = worked(with_torch, "nue_asr", speech.model("nue-asr", with_torch), *clips, encode=True)
    shown(trial, "none")
    assert [one["spent"] for one in trial.measured[1:4]] == [False] * 3


def test_nue_asr_that_writes_to_its_limit_is_told(with_torch: Path, speech: Speech) -> None:
    trial = worked(with_torch, "nue_asr", speech.model("nue-asr", with_torch), speech.clips["fast"])
    assert trial.measured[1]["spent"] is True
    assert len("".join(trial.measured[1]["text"])) == int(4 * trial.measured[1]["audio_s"] + 20.5)


@pytest.mark.parametrize("asked", ["float16", "int8"])
def test_nue_asr_refuses_what_it_would_change(with_torch: Path, speech: Speech, asked: str) -> None:
    trial = worked(with_torch, "nue_asr", speech.model("nue-asr", with_torch), compute_type=asked)
    assert trial.outcome == "fail"
    assert asked in (trial.because or "")


@pytest.mark.parametrize(("module", "kind", "options"), [("ctc", "mms", JPN), ("ctc", "xls-r", {}), ("nue_asr", "nue-asr", {})])
def test_without_a_gpu_it_fails(with_torch: Path, speech: Speech, module: str, kind: str, options: dict[str, str]) -> None:
    """Asked for the GPU, none of them goes to the processor."""
    trial = worked(with_torch, module, speech.model(kind, with_torch), speech.clips["short"], device="gpu", options=options)
    assert trial.outcome == "fail"
    assert re.search("CUDA|HIP|NVIDIA", trial.because or "")
    assert not trial.measured


def test_espnet(with_espnet: Path, speech: Speech) -> None:
    """From a folder, whose files stay as they are."""
    model = speech.model("espnet", with_espnet)
    before = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in model.rglob("*") if file.is_file()}
    clips = (speech.clips["short"], speech.clips["long"], speech.clips["silence"])
    trial = worked(with_espnet, "espnet", model, *clips, encode=True, options=FAST)
    shown(trial, "none")
    assert {"kind": "library", "where": "Speech2Text.device", "value": "cpu"} in trial.measured[0]["claims"]
    assert before == {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in model.rglob("*") if file.is_file()}


def test_espnet_from_an_archive_and_as_it_searches_by_itself(with_espnet: Path, speech: Speech) -> None:
    model = speech.model("espnet", with_espnet)
    trial = worked(with_espnet, "espnet", model / "packed.zip", speech.clips["short"])
    assert texts(trial) == [said(NOTES)]


def test_espnet_without_a_gpu_fails(with_espnet: Path, speech: Speech) -> None:
    """Its own default is the processor."""
    trial = worked(with_espnet, "espnet", speech.model("espnet", with_espnet), speech.clips["short"], device="gpu", options=FAST)
    assert trial.outcome == "fail"
    assert re.search("CUDA|HIP|NVIDIA", trial.because or "")
    trial = worked(with_espnet, "espnet", speech.folder, speech.clips["short"])
    assert "meta.yaml" in (trial.because or "")
