"""`rocmkit rewrite` with the real onnx and onnxruntime: what it writes computes the same, and what would not is not written.

Marked `network`: pip brings the packages.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

from tests.support import zipformer
from tests.support.command import Ran, rocmkit
from tests.support.downsampling import CHANNELS, encoder, ifs
from tests.support.registry import Environment
from tests.support.standin import StandIn
from tools.gen import SCHEMAS
from tools.schema import schema

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 14), reason="the packages have no wheels for this Python"),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    env = Environment(tmp_path_factory.mktemp("onnx") / "env")
    env.install_all("onnx", "onnxruntime", "numpy")
    return env.python


@pytest.fixture
def rewrite(python: Path, tmp_path: Path) -> Callable[..., Any]:
    """What is told of a model, and that a file is there exactly where that says so."""

    def run(model: onnx.ModelProto, *options: str, name: str = "model.onnx") -> Any:
        onnx.save(model, tmp_path / name)
        before = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        ran = rocmkit(
            "rewrite", str(tmp_path / name), "-o", str(tmp_path / "out.onnx"), "--python", str(python), "--json", *options, timeout_s=200
        )
        assert ran.err == ""
        told = ran.json
        kind, title = SCHEMAS["rewrite-1"]
        jsonschema.validate(told, schema(kind, title=title))
        assert told["exit"] == ran.code
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == before
        written = told["outcome"] == "written"
        assert {one.name for one in tmp_path.iterdir()} == {name} | ({"out.onnx"} if written else set())
        assert (ran.code == 0) == written
        if written:
            assert told["sha256"] == before
            assert told["out_sha256"] == hashlib.sha256((tmp_path / "out.onnx").read_bytes()).hexdigest()
        return told

    return run


def computes_the_same(model: onnx.ModelProto, path: Path, lengths: range, sizes: int = CHANNELS) -> None:
    """By the onnx package's own evaluator, of which the rewriting knew nothing."""
    other = onnx.load(path)
    onnx.checker.check_model(other, full_check=True)
    one, two = ReferenceEvaluator(model), ReferenceEvaluator(other)
    for length in lengths:
        x = np.random.default_rng(length).standard_normal((1, length, sizes)).astype(np.float32)
        for left, right in zip(*(each.run(None, {"x": x, "x_lens": np.array([length])}) for each in (one, two)), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)


def test_ifs_go_and_all_else_stays(rewrite: Callable[..., Any], tmp_path: Path) -> None:
    model = encoder((2, 4, 8))
    told = rewrite(model)
    assert [(one["branch"], one["why"]) for one in told["folded"]] == [("then", "serves-both")] * 3
    assert told["left"] == []
    proof = told["proof"]
    assert proof["difference"] == 0.0
    assert len({length % 64 for length in proof["lengths"]}) == 64  # every remainder that three halvings and more can leave
    assert proof["runs"] > len(proof["lengths"])  # batches and short sounds too
    got = onnx.load(tmp_path / "out.onnx")
    assert ifs(got) == 0
    for name in ("metadata_props", "opset_import", "ir_version", "producer_name"):
        assert getattr(got, name) == getattr(model, name)
    assert (got.graph.input, got.graph.output, got.graph.initializer) == (model.graph.input, model.graph.output, model.graph.initializer)
    computes_the_same(model, tmp_path / "out.onnx", range(1, 20))


@pytest.mark.parametrize(("length", "branches"), [(64, ["else", "else"]), (63, ["then", "else"]), (59, ["then", "then"])])
def test_fixed_shapes_make_conditions_constant(length: int, branches: list[str], rewrite: Callable[..., Any], tmp_path: Path) -> None:
    model = encoder((2, 4))
    told = rewrite(model, "--fold-ifs", "--fix", f"x=1,{length},{CHANNELS}")
    assert [(one["branch"], one["why"]) for one in told["folded"]] == [(branch, "always") for branch in branches]
    assert told["fixed"] == {"x": [1, length, CHANNELS]}
    got = onnx.load(tmp_path / "out.onnx")
    assert [[dim.dim_value for dim in one.type.tensor_type.shape.dim] for one in got.graph.input] == [[1, length, CHANNELS], [1]]
    assert ifs(got) == 0
    computes_the_same(model, tmp_path / "out.onnx", range(length, length + 1))


def test_shapes_alone(rewrite: Callable[..., Any], tmp_path: Path) -> None:
    told = rewrite(encoder((2,)), "--fix", f"x=1,9,{CHANNELS}")
    assert (told["outcome"], told["folded"]) == ("written", [])
    assert ifs(onnx.load(tmp_path / "out.onnx")) == 1


def test_the_small_zipformer(rewrite: Callable[..., Any], tmp_path: Path) -> None:
    model = zipformer.encoder()
    told = rewrite(model)
    assert told["outcome"] == "written"
    assert len(told["folded"]) == ifs(model) > 3
    assert told["proof"]["left_out"] > 0  # too short for its convolutions
    assert ifs(onnx.load(tmp_path / "out.onnx")) == 0


def test_a_guess_that_is_wrong_writes_nothing(rewrite: Callable[..., Any]) -> None:
    """It pads from two missing frames on: with one missing, the branch that pads does something else."""
    model = encoder((4,))
    for node in model.graph.node:
        if node.op_type == "Greater":
            node.input[1] = "one"
        if node.op_type == "Reshape":  # a length that is not whole would not go through it
            node.input[1] = "flat"
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1, 1, CHANNELS]), "flat"))
    told = rewrite(model)
    assert (told["outcome"], told["exit"]) == ("differs", 1)
    assert "length" in told["because"]


def test_a_condition_that_was_only_seen_one_way_stays(rewrite: Callable[..., Any]) -> None:
    model = encoder((4,))
    for node in model.graph.node:
        if node.op_type == "Greater":
            node.input[1] = "never"
        if node.op_type == "Reshape":
            node.input[1] = "flat"
    model.graph.initializer.append(numpy_helper.from_array(np.array(1000), "never"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1, 1, CHANNELS]), "flat"))
    told = rewrite(model)
    assert (told["outcome"], told["folded"]) == ("nothing", [])
    assert told["left"][0]["why"] == "in all runs it went one way, and need not always"


ON_DATA = """
    <ir_version: 8, opset_import: ["" : 13]>
    g (float[N, 3] x) => (float[N, 3] z) {
        s = ReduceSum <keepdims = 0> (x)
        zero = Constant <value_float = 0.0> ()
        c = Greater (s, zero)
        z = If <then_branch = t () => (float[N, 3] y) { y = Neg (x) }, else_branch = e () => (float[N, 3] y) { y = Abs (x) }> (c)
    }
"""


@pytest.mark.parametrize("options", [(), ("--fold-ifs", "--fix", "x=2,3")])
def test_an_if_on_data_stays(options: tuple[str, ...], rewrite: Callable[..., Any]) -> None:
    told = rewrite(parser.parse_model(ON_DATA), *options)
    assert told["folded"] == []
    assert [one["why"] for one in told["left"]] == ["neither branch does for both"]
    assert told["outcome"] == ("written" if options else "nothing")  # with fixed shapes, those were what was asked for


def test_a_model_that_cannot_be_tried(rewrite: Callable[..., Any]) -> None:
    model = encoder((2,))
    model.graph.input.append(helper.make_tensor_sequence_value_info("many", onnx.TensorProto.FLOAT, None))
    told = rewrite(model)
    assert (told["outcome"], told["exit"]) == ("unproved", 1)
    assert "no input of the type seq(tensor(float)) can be made" in told["because"]


def test_weights_in_other_files_stay_there(python: Path, tmp_path: Path) -> None:
    model = encoder((2, 4))
    # Not those for lengths and axes: ONNX Runtime takes them from inside alone. The threshold counts Python's own 33 bytes.
    onnx.save(encoder((2, 4)), tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=80)
    weights = (tmp_path / "m.data").read_bytes()
    ran = rocmkit("rewrite", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "out.onnx"), "--python", str(python), timeout_s=200)
    assert ran.code == 0, ran.err
    assert {one.name for one in tmp_path.iterdir()} == {"m.onnx", "m.data", "out.onnx"}
    assert (tmp_path / "m.data").read_bytes() == weights
    got = onnx.load(tmp_path / "out.onnx", load_external_data=False)
    assert {entry.value for one in got.graph.initializer for entry in one.external_data if entry.key == "location"} == {"m.data"}
    computes_the_same(model, tmp_path / "out.onnx", range(3, 12))


def test_the_migraphx_provider_takes_what_it_died_of(python: Path, tmp_path: Path) -> None:
    """The published provider over a stand-in for MIGraphX: it is real how it cuts the graph into parts, and nothing is computed."""
    environment = Environment(tmp_path / "env")
    environment.install("onnxruntime-migraphx==1.24.2", "numpy")
    libraries = StandIn(tmp_path / "standin", environment.site / "onnxruntime/capi/libonnxruntime_providers_migraphx.so")
    model, general, alone = (tmp_path / f"{name}.onnx" for name in ("model", "general", "alone"))
    onnx.save(zipformer.encoder(), model)
    for out, options in ((general, ()), (alone, ("--fold-ifs", "--fix", "x=1,1001,80"))):
        ran = rocmkit("rewrite", str(model), "-o", str(out), "--python", str(python), *options, timeout_s=200)
        assert ran.code == 0, ran.out

    def placed(path: Path) -> Any:
        env: dict[str, str | None] = {**libraries.environment(tmp_path / path.stem)}
        shapes = ("--shape", "x=1,1001,80", "--shape", "x_lens=1")
        told = ("--provider", "migraphx", "--python", str(environment.python), *shapes, "--json")
        return rocmkit("inspect", str(path), *told, env=env, timeout_s=200).json

    died = placed(model)
    assert (died["verdict"], died["trial"]["signal"]) == ("died", "SIGSEGV")
    assert [one["id"] for one in died["advice"] if one["severity"] == "blocks"] == ["branches"]
    for path in (general, alone):
        told = placed(path)
        assert (told["verdict"], told["fused"], told["compute_elsewhere"]) == ("wholly", 1, [])
        assert not [one for one in told["advice"] if one["severity"] == "blocks"]


def plainly(model: Path, *options: str | Path) -> Ran:
    return rocmkit("rewrite", str(model), "-o", str(model.with_name("out.onnx")), *map(str, options), timeout_s=60)


def test_what_is_missing_is_said_with_the_command(tmp_path: Path) -> None:
    """rocmkit's own Python has onnx, for the tests, and no onnxruntime."""
    onnx.save(encoder((2,)), tmp_path / "m.onnx")
    ran = plainly(tmp_path / "m.onnx", "--python", sys.executable)
    assert ran.code == 3
    assert "No module named 'onnxruntime'" in ran.out
    assert re.search(r"^ +~/rewriting/bin/pip install onnx onnxruntime$", ran.out, re.MULTILINE)
    assert {one.name for one in tmp_path.iterdir()} == {"m.onnx"}


def test_time_that_is_up_leaves_nothing(python: Path, tmp_path: Path) -> None:
    """The first run alone takes longer than that: a loop of many rounds in front."""
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 13]>
        g (float[N, 3] x) => (float[N, 3] z) {
            rounds = Constant <value_int = 1000000000> ()  yes = Constant <value_int = 1> ()  go = Cast <to = 9> (yes)
            l = Loop <
                body = b (int64 i, bool c, float[N, 3] v) => (bool d, float[N, 3] w) { d = Identity (c)  w = Sin (v) }
            > (rounds, go, x)
            s = ReduceSum <keepdims = 0> (l)  zero = Constant <value_float = 0.0> ()  c = Greater (s, zero)
            z = If <then_branch = t () => (float[N, 3] y) { y = Neg (x) }, else_branch = e () => (float[N, 3] y) { y = Abs (x) }> (c)
        }
    """)
    onnx.save(model, tmp_path / "m.onnx")
    ran = plainly(tmp_path / "m.onnx", "--python", python, "--timeout", "4")
    assert ran.code == 3, ran.out
    assert "no end within" in ran.out
    assert {one.name for one in tmp_path.iterdir()} == {"m.onnx"}
