"""Which values of a graph are the same in every run, where the inputs have fixed shapes: conditions on a length are, those on data are not.

Each value is judged by itself and by its shape. What is not known to keep to its inputs' shapes counts as not fixed.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple

from .folding import ELSE, THEN
from .names import Graph, Node, branch, graphs_in


class Fixed(NamedTuple):
    """What is the same in every run."""

    value: bool
    shape: bool


YES, NO, ONLY_SHAPE = Fixed(True, True), Fixed(False, False), Fixed(False, True)
Known = Dict[str, Fixed]

#: Their outputs' shapes follow from their inputs' shapes alone.
_SHAPED_BY_SHAPES = frozenset(  # as text: a list of 120 strings would be as many lines
    """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift BitwiseAnd BitwiseNot BitwiseOr
    BitwiseXor Cast CastLike Ceil Celu Clip Concat Conv ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Det Div
    DynamicQuantizeLinear Einsum Elu Equal Erf Exp EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool
    GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization
    IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max
    MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not Or PRelu Pow QLinearConv QLinearMatMul QuantizeLinear RNN Reciprocal
    Relu ReverseSequence RMSNormalization Round ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Softmax Softplus
    Softsign SpaceToDepth Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Transpose Trilu Where Xor
    """.split()  # noqa: SIM905
)
#: And here from the values of the inputs from this one on too. In older opsets such values are attributes, and nothing is missed.
_SHAPED_BY_VALUES = {
    "Reshape": 1, "Expand": 1, "Tile": 1, "ConstantOfShape": 0, "Range": 0, "Slice": 1, "Pad": 1, "Resize": 1, "Upsample": 1, "TopK": 1,
    "OneHot": 1, "Unsqueeze": 1, "Squeeze": 1, "Split": 1, "ReduceL1": 1, "ReduceL2": 1, "ReduceLogSum": 1, "ReduceLogSumExp": 1,
    "ReduceMax": 1, "ReduceMean": 1, "ReduceMin": 1, "ReduceProd": 1, "ReduceSum": 1, "ReduceSumSquare": 1,
}  # fmt: skip
_BY_CHANCE = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout")


def fixed(graph: Graph, around: Known | None = None) -> Known:
    """What is fixed of every value in the graph, given what is of those around it."""
    known: Known = dict(around or {})
    for one in graph.input:
        known[one.name] = ONLY_SHAPE if _has_shape(one) else NO
    for one in graph.initializer:
        known[one.name] = YES
    for one in graph.sparse_initializer:
        known[one.values.name] = YES
    for node in graph.node:
        known.update(zip(node.output, _outputs(node, known)))
    return known


def _has_shape(value: Any) -> bool:
    tensor = value.type.tensor_type
    return tensor.HasField("shape") and all(one.HasField("dim_value") for one in tensor.shape.dim)


def _outputs(node: Node, known: Known) -> list[Fixed]:
    many = len(node.output)
    if node.domain not in ("", "ai.onnx") or node.op_type in _BY_CHANCE:
        return [NO] * many
    if node.op_type == "If":
        return _of_if(node, known)
    if any(True for _ in graphs_in(node)):  # Loop, Scan: how often they go round is not followed
        return [NO] * many
    takes = [known.get(name, NO) for name in node.input if name]
    if node.op_type in ("Shape", "Size"):
        return [Fixed(takes[0].shape, takes[0].shape)] * many
    value = all(one.value for one in takes)
    if value:  # the same values in, the same out
        return [YES] * many
    shape = all(one.shape for one in takes)
    if node.op_type in _SHAPED_BY_VALUES:
        first = _SHAPED_BY_VALUES[node.op_type]
        shape = shape and all(known.get(name, NO).value for name in node.input[first:] if name)
    elif node.op_type not in _SHAPED_BY_SHAPES:
        shape = False
    return [Fixed(False, shape)] * many


def _of_if(node: Node, known: Known) -> list[Fixed]:
    """Fixed is what is so in both branches, and only where the same one is always taken."""
    if not known.get(node.input[0], NO).value:
        return [NO] * len(node.output)
    both = [(fixed(inner, known), inner.output) for inner in (branch(node, THEN), branch(node, ELSE))]
    return [
        Fixed(*(all(seen.get(outputs[at].name, NO)[which] for seen, outputs in both) for which in (0, 1))) for at in range(len(node.output))
    ]
