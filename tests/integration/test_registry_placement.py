"""Where a model runs, by the profile of the real ONNX Runtime on the processor."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import onnx
import pytest

from tests.support.onnxgraphs import CHANNELS, encoder
from tests.support.placement import placed, report
from tests.support.registry import Environment

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 14), reason="the package has no wheel for this Python"),
]

CPU = "CPUExecutionProvider"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(encoder(), tmp_path / "encoder.onnx")
    return tmp_path / "encoder.onnx"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    env = Environment(tmp_path_factory.mktemp("real") / "env")
    env.install_all("onnxruntime")
    return env.python


def test_an_encoder_on_the_processor(python: Path, model: Path) -> None:
    found = report(placed(model, "--provider", "cpu", "--python", str(python), "--json", "--shape", f"x=2,101,{CHANNELS}", "--runs", "3"))
    assert (found["verdict"], found["exit"], found["providers_taken"]) == ("wholly", 0, [CPU])
    assert {one["name"]: one["shape"] for one in found["inputs"]} == {"x": [2, 101, CHANNELS], "x_lens": [2]}
    assert "101 throughout" in found["inputs"][1]["values"]
    ops = {row["op"]: row["nodes"] for row in found["rows"] if row["kind"] == "compute"}
    assert ops.items() >= {"MatMul": 8, "Conv": 1, "Softmax": 1}.items()
    assert found["shares"][0]["of_nodes"] == found["shares"][0]["of_time"] == 1.0
    assert (found["runs_counted"], found["unread"], found["agreement"], found["forbids_cpu"]) == (2, 0, None, None)
    assert found["run_s"] > 0


def test_one_run_is_counted_alone(python: Path, model: Path) -> None:
    found = report(placed(model, "--provider", "cpu", "--python", str(python), "--json", "--runs", "1"))
    assert (found["verdict"], found["runs_counted"], found["run_s"]) == ("wholly", 1, None)
    assert found["inputs"][0]["shape"] == [1, 512, CHANNELS]


def test_the_text(python: Path, model: Path) -> None:
    ran = placed(model, "--provider", "cpu", "--python", str(python))
    assert ran.code == 0
    assert re.search(rf"^. WHOLLY THERE: all \d+ compute operators run on {CPU}$", ran.out, re.MULTILINE)
    assert re.search(r"^  MatMul float +8 +[0-9.]+ % +[0-9.]+ (µs|ms) +[0-9.]+ %$", ran.out, re.MULTILINE)


def test_a_provider_that_was_not_built_in(python: Path, model: Path) -> None:
    found = report(placed(model, "--provider", "rocm", "--python", str(python), "--json"))
    assert (found["verdict"], found["exit"]) == ("vanished", 1)
    assert "was built without it" in found["because"]
    assert found["commands"][0].startswith("rocmkit build onnxruntime --arch")


def test_a_shape_that_does_not_fit(python: Path, model: Path) -> None:
    ran = placed(model, "--provider", "cpu", "--python", str(python), "--shape", "y=1")
    assert ran.code == 2
    assert "no input is called 'y'; there are x, x_lens" in ran.err


def test_what_is_no_model(python: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.onnx").write_text("no model")
    found = report(placed(tmp_path / "odd.onnx", "--provider", "cpu", "--python", str(python), "--json"))
    assert (found["verdict"], found["exit"]) == ("unknown", 3)
