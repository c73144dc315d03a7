"""A small graph of the operators that a speech model's encoder has, in float32 and as onnxruntime's dynamic quantization makes it int8.

Their weights are random. What they compute means nothing; which operators they have, and how shapes flow through them, is as in a
zipformer that was exported with a dynamic length (k2-fsa/icefall: egs/librispeech/ASR/zipformer/export-onnx.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser

CHANNELS, HEADS = 16, 4
#: A batch's lengths are told apart by the mask; every second frame is kept, and one is repeated where that leaves an odd number.
_ENCODER = """
<ir_version: 8, opset_import: ["" : 13]>
encoder (float[N, T, 16] x, int64[N] x_lens) => (float[N, U, 16] encoder_out, int64[N] encoder_out_lens) {
    channels_first = Transpose <perm = [0, 2, 1]> (x)
    conv = Conv <kernel_shape = [3], strides = [2], pads = [1, 1]> (channels_first, conv_weight, conv_bias)
    gate = Sigmoid (conv)
    swish = Mul (conv, gate)
    frames = Transpose <perm = [0, 2, 1]> (swish)

    square = Pow (frames, two)
    mean = ReduceMean <axes = [-1], keepdims = 1> (square)
    above = Add (mean, epsilon)
    root = Sqrt (above)
    flat = Div (frames, root)
    scale = Exp (log_scale)
    normal = Mul (flat, scale)

    shape = Shape (normal)
    batch = Gather <axis = 0> (shape, zeroth)
    length = Gather <axis = 0> (shape, first)
    batch_1 = Unsqueeze (batch, only)
    length_1 = Unsqueeze (length, only)
    in_heads = Concat <axis = 0> (batch_1, length_1, heads_1, rest_1)
    in_one = Concat <axis = 0> (batch_1, length_1, channels_1)

    query = MatMul (normal, query_weight)
    key = MatMul (normal, key_weight)
    value = MatMul (normal, value_weight)
    query_heads = Reshape (query, in_heads)
    key_heads = Reshape (key, in_heads)
    value_heads = Reshape (value, in_heads)
    query_first = Transpose <perm = [0, 2, 1, 3]> (query_heads)
    key_first = Transpose <perm = [0, 2, 3, 1]> (key_heads)
    value_first = Transpose <perm = [0, 2, 1, 3]> (value_heads)
    scores = MatMul (query_first, key_first)
    lens_more = Add (x_lens, one)
    encoder_out_lens = Div (lens_more, two_frames)
    times = Range (zeroth, length, one)
    lens_2 = Unsqueeze (encoder_out_lens, last)
    outside = GreaterOrEqual (times, lens_2)
    outside_4 = Unsqueeze (outside, middle)
    masked = Where (outside_4, low, scores)
    weights = Softmax <axis = -1> (masked)
    seen = MatMul (weights, value_first)
    seen_last = Transpose <perm = [0, 2, 1, 3]> (seen)
    joined = Reshape (seen_last, in_one)
    attended = MatMul (joined, out_weight)
    residual = Add (frames, attended)

    wide = MatMul (residual, wide_weight)
    left = Slice (wide, zero_1, channels_1, last)
    right = Slice (wide, channels_1, twice_1, last)
    bent = Tanh (left)
    gated = Mul (bent, right)
    narrow = MatMul (gated, narrow_weight)
    sum = Add (residual, narrow)
    IF
}
"""
_IF = """
    sum_shape = Shape (sum)
    sum_length = Gather <axis = 0> (sum_shape, first)
    odd = Mod (sum_length, two_frames)
    is_odd = Greater (odd, zeroth)
    encoder_out = If (is_odd) <
        then_branch = repeat () => (float[N, V, 16] even) {
            at_0 = Constant <value = int64[1] {0}> ()
            at_1 = Constant <value = int64[1] {1}> ()
            minus = Constant <value = int64[1] {-1}> ()
            far = Constant <value = int64[1] {2147483647}> ()
            deep = Constant <value = int64[1] {16}> ()
            odd_1 = Unsqueeze (odd, at_0)
            lacking = Concat <axis = 0> (batch_1, odd_1, deep)
            end = Slice (sum, minus, far, at_1)
            repeated = Expand (end, lacking)
            even = Concat <axis = 1> (sum, repeated)
        },
        else_branch = keep () => (float[N, W, 16] same) { same = Identity (sum) }
    >
"""
_NO_IF = "encoder_out = Identity (sum)"


def _constants() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    random = np.random.default_rng(7)

    def weight(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        return (random.standard_normal(shape) / 4).astype(np.float32)

    numbers = {"zeroth": 0, "first": 1, "one": 1, "two_frames": 2}
    rows = {"only": 0, "last": -1, "zero_1": 0, "heads_1": HEADS, "rest_1": CHANNELS // HEADS}
    rows |= {"channels_1": CHANNELS, "twice_1": 2 * CHANNELS}
    return {
        **{name: np.array(number, np.int64) for name, number in numbers.items()},
        **{name: np.array([number], np.int64) for name, number in rows.items()},
        "middle": np.array([1, 2], np.int64),
        **{name: np.array(number, np.float32) for name, number in {"two": 2.0, "epsilon": 1e-5, "low": -1000.0}.items()},
        "conv_weight": weight(CHANNELS, CHANNELS, 3),
        "conv_bias": weight(CHANNELS),
        "log_scale": weight(CHANNELS),
        **{f"{name}_weight": weight(CHANNELS, CHANNELS) for name in ("query", "key", "value", "out", "narrow")},
        "wide_weight": weight(CHANNELS, 2 * CHANNELS),
    }


def encoder(*, conditional: bool = True, int8: bool = False) -> onnx.ModelProto:
    """An encoder of one layer. `conditional`: it ends with an `If`, as those do that downsample any length."""
    model = parser.parse_model(_ENCODER.replace("IF", _IF if conditional else _NO_IF))
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in _constants().items() if name in used)
    for node in model.graph.node:
        node.name = f"/{node.output[0]}/{node.op_type}"
    helper.set_model_props(model, {"model_type": "zipformer2", "version": "1"})
    if int8:
        _quantize(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def _quantize(model: onnx.ModelProto) -> None:
    """Every MatMul with a weight, as `quantize_dynamic` rewrites it: the weight is int8, the other factor uint8, measured in each run."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            nodes.append(node)
            continue
        (x, weight), (y,) = node.input, node.output
        plain = numpy_helper.to_array(weights[weight])
        scale = np.abs(plain).max() / 127
        made = {f"{weight}_scale": scale.astype(np.float32), f"{weight}_zero": np.array(0, np.int8)}
        made[f"{weight}_int8"] = np.round(plain / scale).astype(np.int8)
        model.graph.initializer.remove(weights[weight])
        model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in made.items())
        steps: tuple[tuple[str, tuple[str, ...], tuple[str, ...], dict[str, Any]], ...] = (
            ("DynamicQuantizeLinear", (x,), (f"{y}_uint8", f"{y}_scale", f"{y}_zero"), {}),
            ("MatMulInteger", (f"{y}_uint8", f"{weight}_int8", f"{y}_zero", f"{weight}_zero"), (f"{y}_int32",), {}),
            ("Cast", (f"{y}_int32",), (f"{y}_float",), {"to": onnx.TensorProto.FLOAT}),
            ("Mul", (f"{y}_scale", f"{weight}_scale"), (f"{y}_scales",), {}),
            ("Mul", (f"{y}_float", f"{y}_scales"), (y,), {}),
        )
        nodes += [
            helper.make_node(operator, takes, gives, name=f"/{gives[0]}/{operator}", **attributes)
            for operator, takes, gives, attributes in steps
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
