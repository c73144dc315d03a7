"""The same systems with the published onnxruntime-rocm, over a stand-in for ROCm that computes nothing.

What this proves: with ONNX Runtime's own code, the provider is taken, its profile is read while it transcribes, and what is computed on the
processor is told. It does not prove that a GPU transcribes: nothing is computed here, and the numbers are none of speech.

Marked `network`: pip brings about 120 MB.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from rocmkit.smoke.observed import Placed
from rocmkit.smoke.transcribe import INSIDE
from tests.integration.test_smoke_onnx import measured, placed, steps
from tests.support import tinywhisper
from tests.support.registry import run
from tests.support.standin import StandIn
from tests.support.transcribing import ROCM_WHEELS, SPEECH, Place
from tests.support.worker import Answered, ask

pytestmark = ROCM_WHEELS

ROCM, CPU = "ROCMExecutionProvider", "CPUExecutionProvider"
ENCODER, DECODER, JOINER = (f"{part}-epoch-99-avg-1.onnx" for part in ("encoder", "decoder", "joiner"))
#: `quantize_dynamic`, as k2's own int8 files are made.
_QUANTIZE = """
import sys
from onnxruntime.quantization import QuantType, quantize_dynamic
quantize_dynamic(sys.argv[1], sys.argv[2], op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("rocm"), "onnxruntime-rocm==1.22.2.post3")
    made.environment.install_all("tokenizers", "sympy")  # which onnxruntime.quantization imports
    return made


@pytest.fixture(scope="module")
def standin(place: Place, tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    provider = place.environment.site / "onnxruntime/capi/libonnxruntime_providers_rocm.so"
    return StandIn(tmp_path_factory.mktemp("standin") / "libraries", provider)


def asked(place: Place, env: dict[str, str], cwd: Path, *given: Any, **more: Any) -> Answered:
    return ask(steps(*given, device="gpu", **more), python=place.python, env=env, cwd=cwd, folders=(INSIDE,))


def shares(one: Placed) -> dict[str, float]:
    return {share.provider: share.of_nodes for share in one.shares}


def test_k2_is_on_the_provider(place: Place, standin: StandIn, tmp_path: Path) -> None:
    """The search never begins: the stand-in's encoder gives nothing that could be searched, and that is told too."""
    env = standin.environment(tmp_path / "counts")
    got = asked(place, env, tmp_path, "k2", place.model, *SPEECH[:2])
    (loaded, heard, *_), found = measured(got), placed(got)
    assert (loaded["device"], loaded["notes"]) == ("gpu", [])
    assert [claim["value"] for claim in loaded["claims"]] == [f"{ROCM}, {CPU}"] * 3
    assert {Path(path).name for path in loaded["runtimes"]} == {"libamdhip64.so.7"}
    assert (heard["text"], heard["finite"]) == ([], False)
    assert found.keys() == {ENCODER, DECODER, JOINER}
    assert all(one.compute_on_cpu == () and one.cpu_forbidden == "opened" for one in found.values())
    assert shares(found[ENCODER])[ROCM] > 0.5 and shares(found[ENCODER])[CPU] > 0.1  # sizes, which it puts there on purpose
    assert standin.calls(tmp_path / "counts")["hipLaunchKernel"] > 100


def test_what_stays_on_the_processor_is_told(place: Place, standin: StandIn, tmp_path: Path) -> None:
    """The session's first provider is the GPU's all the same, and that is all that the session says."""
    folder = tmp_path / "model"
    shutil.copytree(place.model, folder)
    made = run(place.python, "-I", "-c", _QUANTIZE, place.model / ENCODER, folder / ENCODER)
    assert made.returncode == 0, made.stderr
    got = asked(place, standin.environment(tmp_path / "counts"), tmp_path, "k2", folder, SPEECH[0], options={"search": "cpu"})
    assert measured(got)[0]["device"] == "gpu"
    assert placed(got)[ENCODER].compute_on_cpu == ("DynamicQuantizeLinear", "MatMulInteger")
    assert [claim["value"] for claim in measured(got)[0]["claims"]] == [f"{ROCM}, {CPU}", CPU, CPU]


def test_a_quantized_encoder_is_refused(place: Place, standin: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(place.model, folder)
    shutil.move(folder / ENCODER, folder / ENCODER.replace(".onnx", ".int8.onnx"))
    got = asked(place, standin.environment(tmp_path / "counts"), tmp_path, "k2", folder, SPEECH[0])
    assert got.last["error"].startswith("Int8OnGpu: ")


def test_whisper_is_on_the_provider(place: Place, standin: StandIn, tmp_path: Path) -> None:
    model = tinywhisper.write(tmp_path / "model")
    got = asked(place, standin.environment(tmp_path / "counts"), tmp_path, "whisper_onnx", model, SPEECH[0])
    loaded, heard, _ = measured(got)
    assert (loaded["device"], loaded["dtype"]) == ("gpu", "float32")
    found = placed(got)
    assert found["encoder_model.onnx"].compute_on_cpu == found["decoder_model.onnx"].compute_on_cpu == ()
    assert shares(found["encoder_model.onnx"]) == {ROCM: 1.0}
    assert shares(found["decoder_model.onnx"])[ROCM] > 0.5
    assert "".join(heard["text"]) != tinywhisper.TEXT  # nothing was computed


@pytest.mark.parametrize("module", ["k2", "whisper_onnx"])
def test_a_provider_that_vanishes_ends_it(place: Place, tmp_path: Path, module: str) -> None:
    """It is offered, its libraries are missing, and ONNX Runtime would go on with the processor."""
    model = place.model if module == "k2" else tinywhisper.write(tmp_path / "model")
    got = asked(place, {"LD_LIBRARY_PATH": ""}, tmp_path, module, model, SPEECH[0])
    assert got.last["error"].startswith("NoProvider: ")
    assert f"{ROCM} is in this onnxruntime, and was left out of the session" in got.last["error"]
