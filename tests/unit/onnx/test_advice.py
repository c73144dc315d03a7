"""What is said of a file for each provider, and where it comes from."""

from __future__ import annotations

from typing import Any

import onnx
import pytest

from rocmkit.kb.issues import issues
from rocmkit.kb.providers import NAMES, Provider
from rocmkit.onnx.advice import KNOWN_IR, KNOWN_OPSET, ROCM_IR, ROCM_OPSET, advise, fixes
from rocmkit.onnx.values import Graph, If, Tensor

FIXED = Tensor(name="x", dtype="float32", shape=(1, 1000, 80))
OPEN = Tensor(name="x", dtype="float32", shape=("N", "T", 80))


def graph(**options: Any) -> Graph:
    """A model that nothing is known against."""
    return Graph(
        **{
            "file": "m.onnx",
            "bytes": 1000,
            "ir_version": 8,
            "opset": {"ai.onnx": 13},
            "producer": "",
            "metadata": {},
            "inputs": (FIXED,),
            "outputs": (),
            "nodes": 2,
            "operators": {"MatMul": 1, "Conv": 1},
            "ifs": (),
            "loops": 0,
            "functions": (),
            "weights": {"float32": 400},
            "external": (),
            "missing": {},
            **options,
        }
    )


def said(provider: Provider, **options: Any) -> dict[str, str]:
    """Advice by its name, and how bad it is."""
    return {one.id: one.severity for one in advise(graph(**options), provider)}


@pytest.mark.parametrize("provider", NAMES)
def test_nothing_is_said_of_a_plain_model(provider: Provider) -> None:
    assert said(provider) == {}


IFS = {"operators": {"If": 6, "MatMul": 1}, "ifs": (If(name="/encoder/1/If", then_nodes=30, else_nodes=1),)}


def test_ifs_block_migraphx_and_nothing_else() -> None:
    assert said("migraphx", **IFS) == {"branches": "blocks"}
    assert said("rocm", **IFS) == said("cpu", **IFS) == {}
    (one,) = advise(graph(**IFS), "migraphx")
    assert one.text.startswith("6 If: ")
    assert one.fix is not None
    assert "`rocmkit rewrite MODEL.onnx -o OUT.onnx --fold-ifs`" in one.fix
    assert "microsoft/onnxruntime#31607" in one.sources


def test_a_loop_is_not_promised_to_go() -> None:
    (one,) = advise(graph(operators={"If": 1, "Loop": 1}, ifs=IFS["ifs"], loops=1), "migraphx")
    assert one.severity == "blocks"
    assert one.fix == "Take another provider: a loop cannot be taken out."
    assert said("rocm", operators={"Loop": 2}) == {"loops": "note"}
    assert said("migraphx", operators={"Scan": 2}) == {"scans": "note"}


@pytest.mark.parametrize("shape", [("N", "T", 80), (1, None, 80), (1, -1, 80), None])
def test_open_shapes(shape: Any) -> None:
    inputs = (Tensor(name="x", dtype="float32", shape=shape),)
    assert said("migraphx", inputs=inputs) == {"compiles-again": "slow"}
    assert said("rocm", inputs=inputs) == {"new-shapes": "note"}
    assert said("rocm", inputs=inputs, operators={"MatMul": 3}) == {}


@pytest.mark.parametrize(
    "name", ["MatMulInteger", "DynamicQuantizeLinear", "ConvInteger", "QLinearConv", "QLinearMatMul", "com.microsoft:DynamicQuantizeMatMul"]
)
def test_eight_bits_stay_on_the_processor(name: str) -> None:
    assert said("rocm", operators={name: 344}) == {"int8": "slow"}
    assert said("cpu", operators={name: 344}) == said("migraphx", operators={name: 344}) == {}


def test_what_only_looks_like_eight_bits() -> None:
    assert (
        said("rocm", operators={"DequantizeLinear": 3, "QuantizeLinear": 3, "my.own:MatMulInteger": 1, "com.microsoft:MatMulNBits": 1})
        == {}
    )


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_recurrent_nodes_stay_on_the_processor(name: str) -> None:
    assert said("rocm", operators={name: 2}) == {"recurrent": "slow"}


def test_fused_attention() -> None:
    assert said("rocm", operators={"com.microsoft:MultiHeadAttention": 12}) == {"fused-attention": "blocks"}
    assert said("migraphx", operators={"com.microsoft:MultiHeadAttention": 12}) == {}


def test_float64() -> None:
    assert said("rocm", weights={"float64": 8}) == {"float64": "slow"}
    assert said("rocm", outputs=(Tensor(name="y", dtype="float64", shape=(1,)),)) == {"float64": "slow"}
    assert said("rocm", weights={"float64": 8}, operators={"MatMul": 1}) == {}


@pytest.mark.parametrize("provider", NAMES)
def test_weights_that_are_not_there_block_everything(provider: Provider) -> None:
    missing = {"w.data": "it is not there", "v.data": "it is no file"}
    (one,) = advise(graph(external=tuple(missing), missing=missing), provider)
    assert (one.id, one.severity) == ("weights-missing", "blocks")
    assert "w.data cannot be used: it is not there, and 1 more" in one.text


def test_versions_that_the_rocm_provider_refuses() -> None:
    assert said("rocm", opset={"ai.onnx": ROCM_OPSET - 1}, ir_version=ROCM_IR) == {}
    assert said("rocm", opset={"ai.onnx": ROCM_OPSET}) == {"too-new-for-1.19": "note"}
    assert said("rocm", opset={"ai.onnx": ROCM_OPSET + 1}) == {"too-new": "blocks"}
    assert said("rocm", ir_version=ROCM_IR + 1) == {"too-new": "blocks"}
    assert said("migraphx", opset={"ai.onnx": ROCM_OPSET + 1}, ir_version=ROCM_IR + 1) == {}


@pytest.mark.parametrize("provider", ["migraphx", "cpu"])
def test_versions_that_nothing_is_known_of_are_not_passed_over(provider: Provider) -> None:
    assert said(provider, opset={"ai.onnx": 99}) == said(provider, ir_version=99) == {"newer-than-known": "note"}
    assert said(provider, opset={}) == {"opset-unknown": "note"}
    assert said(provider, opset={"my.own": 1}, operators={"my.own:Op": 1}) == {}


def test_the_newest_known_versions_are_those_of_the_onnx_package_or_older() -> None:
    known, here = (KNOWN_IR, KNOWN_OPSET), (int(onnx.IR_VERSION), onnx.defs.onnx_opset_version())
    assert known > here or known in [row[1:3] for row in onnx.helper.VERSION_TABLE]


def parts(*names: str) -> tuple[Tensor, ...]:
    return tuple(Tensor(name=name, dtype="float32", shape=(1, 2)) for name in names)


@pytest.mark.parametrize("provider", NAMES)
def test_parts_of_a_transducer_without_metadata(provider: Provider) -> None:
    assert said(provider, inputs=parts("x", "x_lens")) == said(provider, inputs=parts("y")) == {"sherpa-metadata": "note"}
    assert said(provider, inputs=parts("x", "x_lens"), metadata={"model_type": "zipformer2"}) == {}
    assert said(provider, inputs=parts("y"), metadata={"vocab_size": "5224"}) == {"sherpa-metadata": "note"}
    assert said(provider, inputs=parts("y"), metadata={"vocab_size": "5224", "context_size": "2"}) == {}
    assert said(provider, inputs=parts("input_ids")) == {}


def test_what_blocks_comes_first_and_all_of_it_has_a_page_and_a_source() -> None:
    every = {
        "operators": {"If": 1, "Loop": 1, "Scan": 1, "Conv": 1, "LSTM": 1, "MatMulInteger": 1, "com.microsoft:Attention": 1},
        "inputs": (OPEN, Tensor(name="x_lens", dtype="int64", shape=("N",))),
        "weights": {"float64": 8},
        "missing": {"w": "it is not there"},
        "opset": {"ai.onnx": 40},
    }
    pages = {one.code for one in issues()}
    for provider in NAMES:
        advice = advise(graph(**every), provider)
        assert [one.severity for one in advice] == sorted((one.severity for one in advice), key=["blocks", "slow", "note"].index)
        assert len({one.id for one in advice}) == len(advice)
        assert {one.page for one in advice if one.page} <= pages
        assert all(one.sources or one.id == "newer-than-known" for one in advice)


def test_shapes_to_fix_are_examples_that_a_shell_takes() -> None:
    lens = Tensor(name="x_lens", dtype="int64", shape=("N",))
    assert fixes(graph(inputs=(OPEN, lens))) == " --fix x=1,1000,80 --fix x_lens=1"
    assert fixes(graph()) == ""
    for hostile in ("$(reboot)", "x;y", "a b", "`", "x\n", "é"):
        assert fixes(graph(inputs=(OPEN, Tensor(name=hostile, dtype="int64", shape=("N",))))) == ""
    assert fixes(graph(inputs=(Tensor(name="x", dtype="float32", shape=None),))) == ""
