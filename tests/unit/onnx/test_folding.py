"""Branches come into the graph in the place of If nodes, and the graph computes what it did: told by the `onnx` package's own evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

from rocmkit.onnx.inside.constant import fixed
from rocmkit.onnx.inside.folding import ELSE, THEN, drop_unused, fold, is_if, serves_both
from rocmkit.onnx.inside.rewrite_steps import fix_shapes
from tests.support.downsampling import CHANNELS, encoder, ifs

Array = Any


def run(model: onnx.ModelProto, **inputs: Array) -> list[Array]:
    return list(ReferenceEvaluator(model).run(None, inputs))


def same(left: list[Array], right: list[Array]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def top_ifs(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if is_if(node)]


def folded(model: onnx.ModelProto, choices: dict[str, str]) -> onnx.ModelProto:
    """A copy, folded and valid."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    fold(onnx, copy.graph, choices)
    drop_unused(copy.graph)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def sound(length: int, batch: int = 1) -> dict[str, Array]:
    x = np.random.default_rng(length).standard_normal((batch, length, CHANNELS)).astype(np.float32)
    return {"x": x, "x_lens": np.full(batch, length)}


def test_the_branch_that_pads_serves_both_ways() -> None:
    model = encoder((2, 4, 8))
    choices = {node.output[0]: serves_both(node) for node in top_ifs(model)}
    assert choices == dict.fromkeys(choices, THEN)
    got = folded(model, dict.fromkeys(choices, THEN))
    assert (ifs(model), ifs(got)) == (3, 0)
    for length in range(1, 66):
        same(run(model, **sound(length)), run(got, **sound(length)))
    assert {node.op_type for node in got.graph.node}.isdisjoint({"Greater"})  # nobody asks for the condition any more
    assert got.metadata_props == model.metadata_props
    assert got.opset_import == model.opset_import
    assert got.graph.input == model.graph.input
    assert got.graph.output == model.graph.output
    assert [one.name for one in got.graph.initializer] == [one.name for one in model.graph.initializer]


def test_branches_the_other_way_round() -> None:
    model = encoder((2,))
    for node in model.graph.node:
        if is_if(node):
            for attribute in node.attribute:
                attribute.name = ELSE if attribute.name == THEN else THEN
            model.graph.node.remove(node)
            break
    at = next(at for at, other in enumerate(model.graph.node) if "down_0_any" in other.output)
    nodes = [*model.graph.node[: at + 1], helper.make_node("Not", ["down_0_any"], ["even"]), node, *model.graph.node[at + 1 :]]
    node.input[0] = "even"
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    (turned,) = top_ifs(model)
    assert serves_both(turned) == ELSE
    got = folded(model, {turned.output[0]: ELSE})
    for length in range(1, 6):
        same(run(model, **sound(length)), run(got, **sound(length)))


@pytest.mark.parametrize(
    ("then", "other"),
    [
        ("y = Mul (x, x)", "y = Identity (x)"),
        ("y = Concat <axis = 0> (w, w)", "y = Identity (x)"),
        ("y = Concat <axis = 0> (x, w)", "y = Neg (x)"),
        ("t = Neg (x)  y = Concat <axis = 0> (t, w)", "y = Identity (x)"),
    ],
)
def test_a_branch_that_does_something_else_serves_no_other(then: str, other: str) -> None:
    model = parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 13]>
        g (bool c, float[N, 2] x, float[1, 2] w) => (float[M, 2] z)
        {{ z = If <then_branch = t () => (float[M, 2] y) {{ {then} }}, else_branch = e () => (float[M, 2] y) {{ {other} }}> (c) }}
    """)
    (node,) = top_ifs(model)
    assert serves_both(node) is None


#: Names that clash, outputs that are no node's own, a branch in a branch, weights of branches; both ways of both conditions.
TANGLED = """
    <ir_version: 8, opset_import: ["" : 13]>
    g (bool c, bool d, float[3] x, float[3] w) => (float[3] a, float[3] b, float[3] e, float[3] f) {
        t = Neg (x)
        a, b = If <
            then_branch = one () => (float[3] u, float[3] u) {
                u0 = Add (x, k)
                u = If <
                    then_branch = deep () => (float[3] v) { v = Mul (u0, k) },
                    else_branch = deeper () => (float[3] v) { v = Sub (u0, t) }
                > (d)
            },
            else_branch = two () => (float[3] t2, float[3] k) { u = Abs (x)  t2 = Add (u, k) }
        > (c)
        e, f = If <
            then_branch = three () => (float[3] k, float[3] a2) { u = Sqrt (w)  a2 = Add (u, a) },
            else_branch = four () => (float[3] f, float[3] e) { e = Exp (x)  f = Log (w) }
        > (d)
    }
"""


def tangled() -> onnx.ModelProto:
    """Each branch that speaks of `k` has one of its own."""
    model = parser.parse_model(TANGLED)
    first, second = (node for node in model.graph.node if is_if(node))
    for number, (node, name) in enumerate([(first, THEN), (first, ELSE), (second, THEN)]):
        inner = next(one.g for one in node.attribute if one.name == name)
        inner.initializer.append(numpy_helper.from_array(np.full(3, number + 2, np.float32), "k"))
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize("c", [True, False])
@pytest.mark.parametrize("d", [True, False])
def test_names_stay_apart(c: bool, d: bool) -> None:
    model = tangled()
    inputs = {"c": np.array(c), "d": np.array(d), "x": np.array([1, -2, 3], np.float32), "w": np.array([4, 5, 6], np.float32)}
    want = run(model, **inputs)
    choices = {"a": THEN if c else ELSE, "e": THEN if d else ELSE}
    one_by_one = folded(folded(model, {"e": choices["e"]}), {"a": choices["a"]})
    both = folded(model, choices)
    same(want, run(one_by_one, **inputs))
    same(want, run(both, **inputs))
    assert ifs(both) == (1 if c else 0)  # the one that was inside is at the top now
    for node in top_ifs(both):
        last = folded(both, {node.output[0]: THEN if d else ELSE})
        same(want, run(last, **inputs))
        assert ifs(last) == 0


def test_an_output_that_nobody_takes() -> None:
    model = tangled()
    first = top_ifs(model)[0]
    first.output[1] = ""
    del model.graph.output[1]
    got = folded(model, {"a": ELSE})
    inputs = {"c": np.array(False), "d": np.array(True), "x": np.array([1, -2, 3], np.float32), "w": np.array([4, 5, 6], np.float32)}
    same(run(model, **inputs), run(got, **inputs))


def with_shape(model: onnx.ModelProto, **shapes: tuple[int, ...]) -> onnx.ModelProto:
    fix_shapes(model.graph, shapes)
    return model


def test_conditions_on_a_length_are_fixed_with_the_shapes() -> None:
    model = encoder((2, 4))
    assert not any(fixed(model.graph)[node.input[0]].value for node in top_ifs(model))
    with_shape(model, x=(1, 7, CHANNELS))
    known = fixed(model.graph)
    assert all(known[node.input[0]].value for node in top_ifs(model))
    assert all(known[one.name].shape and not known[one.name].value for one in model.graph.output)


def shown(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """The model with every value as an output."""
    names = [name for node in model.graph.node for name in node.output]
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return copy, names


def runs(model: onnx.ModelProto) -> Iterator[list[Array]]:
    for seed in range(4):
        random = np.random.default_rng(seed)
        yield run(model, x=random.standard_normal((2, 9, CHANNELS)).astype(np.float32), x_lens=random.integers(1, 9, 2))


def test_what_is_called_fixed_is_the_same_in_every_run() -> None:
    model = with_shape(encoder((2, 4)), x=(2, 9, CHANNELS))
    known = fixed(model.graph)
    every, names = shown(model)
    first, *others = runs(every)
    assert sum(known[name].value for name in names) > 20
    for other in others:
        for name, one, two in zip(names, first, other, strict=True):
            if known[name].value:
                np.testing.assert_array_equal(one, two, err_msg=name)
            if known[name].shape:
                assert one.shape == two.shape, name


@pytest.mark.parametrize(
    "condition",
    [
        "s = ReduceSum <keepdims = 0> (x)  c = Greater (s, zero)",  # data
        "p = Greater (x, zero)  n = NonZero (p)  h = Shape (n)  l = Gather (h, one)  c = Greater (l, three)",  # how many data
        "r = RandomUniform <shape = [1]> ()  q = Squeeze (r)  c = Greater (q, zero)",  # chance
        "m = my.own.Length (x)  c = Greater (m, zero)",  # an operator that nobody knows
        "k = Cast <to = 7> (n0)  r = Range (zero_i, k, one)  h = Shape (r)  l = Gather (h, zero_i)  c = Greater (l, three)",  # a number
    ],
)
def test_conditions_on_data_are_not(condition: str) -> None:
    model = parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 13, "my.own" : 1]>
        g (float[2, 3] x, float n0) => (float[2, 3] z) {{
            zero = Constant <value_float = 0.0> ()
            zero_i = Constant <value_int = 0> ()
            one = Constant <value_int = 1> ()
            three = Constant <value_int = 3> ()
            {condition}
            z = If <then_branch = t () => (float[2, 3] y) {{ y = Neg (x) }}, else_branch = e () => (float[2, 3] y) {{ y = Abs (x) }}> (c)
        }}
    """)
    assert fixed(model.graph)["c"].value is False
    assert fixed(model.graph)["z"].value is False


def test_an_if_is_as_fixed_as_both_its_branches() -> None:
    text = """
        <ir_version: 8, opset_import: ["" : 13]>
        g (float[2, 3] x) => (float[M, 3] z) {
            s = Shape (x)  one = Constant <value_int = 1> ()  l = Gather (s, one)  two = Constant <value_int = 2> ()  c = Greater (l, two)
            z = If <then_branch = t () => (float[M, 3] y) { y = Neg (x) }, else_branch = e () => (float[M, 3] y) { OTHER }> (c)
            q = Shape (z)
        }
    """
    same_shape = parser.parse_model(text.replace("OTHER", "y = Abs (x)"))
    open_shape = parser.parse_model(text.replace("OTHER", "p = Cast <to = 9> (x)  n = NonZero (p)  y = Cast <to = 1> (n)"))
    assert fixed(same_shape.graph)["q"].value is True
    assert fixed(open_shape.graph)["q"].value is False


def test_a_size_with_a_name_is_fixed_in_every_input() -> None:
    model = with_shape(encoder(), x=(3, 5, CHANNELS))
    assert [[dim.dim_value for dim in one.type.tensor_type.shape.dim] for one in model.graph.input] == [[3, 5, CHANNELS], [3]]
