"""`rocmkit transcribe` with the published onnxruntime-rocm: without its libraries, and over a stand-in for them that computes nothing.

What this proves: the provider is asked for, missed and told as it should be, with ONNX Runtime's own code. It does not prove that a GPU
transcribes: nothing is computed here, and what comes out over the stand-in is no transcript.

Marked `network`: pip brings about 120 MB.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.standin import StandIn
from tests.support.transcribing import ROCM_WHEELS, SPEECH, Place

pytestmark = ROCM_WHEELS

ROCM, CPU = "ROCMExecutionProvider", "CPUExecutionProvider"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("rocm"), "onnxruntime-rocm==1.22.2.post3")


@pytest.fixture(scope="module")
def standin(place: Place, tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    provider = place.environment.site / "onnxruntime/capi/libonnxruntime_providers_rocm.so"
    return StandIn(tmp_path_factory.mktemp("standin") / "libraries", provider)


def test_a_provider_that_vanishes_ends_it(place: Place) -> None:
    """ONNX Runtime lists it among the available ones, logs that it could not be loaded, and would go on with the processor."""
    ran = place.command(SPEECH[0], "--provider", "rocm", env={"LD_LIBRARY_PATH": None})
    assert (ran.code, ran.out) == (1, "")
    assert f"{ROCM} is in this onnxruntime, and was left out of the session" in ran.err
    assert "the loader did not find lib" in ran.err


def test_auto_goes_on_and_tells(place: Place) -> None:
    wanted = place.command(SPEECH[0], "--provider", "cpu", env={"LD_LIBRARY_PATH": None})
    ran = place.command(SPEECH[0], env={"LD_LIBRARY_PATH": None})
    assert wanted.code == 0 and len(wanted.out) > 20
    assert (ran.code, ran.out) == (8, wanted.out)
    assert "this ran on the processor, not on the GPU" in ran.err and "the loader did not find lib" in ran.err


def test_the_encoder_goes_to_the_provider(place: Place, standin: StandIn, tmp_path: Path) -> None:
    for more, search in (((), CPU), (("--search-on-provider",), ROCM)):
        counts = tmp_path / search
        ran = place.command(SPEECH[0], SPEECH[1], "--provider", "rocm", "--json", *more, env=standin.environment(counts))
        assert ran.json["parts"] == {"encoder": ROCM, "decoder": search, "joiner": search}, ran.json["because"]
        assert ran.json["provider"] == ROCM
        calls = standin.calls(counts)
        assert calls["hipLaunchKernel"] > 100 and calls["miopenConvolutionForward"] > 10
        # Both clips are padded to one length: the way to compute a convolution is looked for once, and serves both.
        assert calls["miopenConvolutionForward"] >= 2 * calls["miopenFindConvolutionForwardAlgorithm"] > 0


def test_a_quantized_encoder_is_refused_for_the_gpu(place: Place, standin: StandIn, tmp_path: Path) -> None:
    """By its name alone: that the provider leaves such operators to the processor is tried in test_real_provider.py."""
    folder = tmp_path / "model"
    folder.mkdir()
    for file in place.model.iterdir():
        shutil.copy(file, folder / file.name.replace(".onnx", ".int8.onnx"))
    for provider in ("rocm", "auto"):
        env = standin.environment(tmp_path / provider)
        ran = place.command(SPEECH[0], "--provider", provider, model=folder, env=env)
        assert (ran.code, ran.out) == (1, "")
        assert "is quantized" in ran.err and "Take the fp32 file for the GPU" in ran.err
    ran = place.command(
        SPEECH[0], "--provider", "rocm", "--precision", "int8", "--json", model=folder, env=standin.environment(tmp_path / "forced")
    )
    assert ran.json["provider"] == ROCM
    ran = place.command(SPEECH[0], "--provider", "cpu", model=folder, env=standin.environment(tmp_path / "cpu"))
    assert ran.code == 0
