"""Models with If nodes, as torch's TorchScript exporter writes them for the zipformer of k2.

A scripted `if pad > 0:` becomes an If: its branch for true repeats the last frame `pad` times behind the others, that for false hands
the frames through (k2-fsa/icefall: egs/librispeech/ASR/zipformer/zipformer.py, SimpleDownsample). Names in two branches are the same here,
which ONNX allows, and which is what goes wrong when they come into one graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser

CHANNELS = 4

_PADDED = """
    {n}_shape = Shape ({source})
    {n}_length = Gather <axis = 0> ({n}_shape, zero)
    {n}_less = Sub (factor_{factor}, one)
    {n}_more = Add ({n}_length, {n}_less)
    {n}_groups = Div ({n}_more, factor_{factor})
    {n}_whole = Mul ({n}_groups, factor_{factor})
    {n}_pad = Sub ({n}_whole, {n}_length)
    {n}_any = Greater ({n}_pad, zero)
    {n}_padded = If <
        then_branch = add_frames () => (float[F, N, C] longer) {{
            last = Slice ({source}, minus_one, huge, first_axis)
            pad = Unsqueeze ({n}_pad, first_axis)
            others = Slice ({n}_shape, first_one, huge)
            wanted = Concat <axis = 0> (pad, others)
            repeated = Expand (last, wanted)
            longer = Concat <axis = 0> ({source}, repeated)
        }},
        else_branch = leave_frames () => (float[F, N, C] same) {{
            same = Identity ({source})
        }}
    > ({n}_any)
    {n}_groups_1 = Unsqueeze ({n}_groups, first_axis)
    {n}_factor_1 = Unsqueeze (factor_{factor}, first_axis)
    {n}_others = Slice ({n}_shape, first_one, huge)
    {n}_grouped = Concat <axis = 0> ({n}_groups_1, {n}_factor_1, {n}_others)
    {n}_in_groups = Reshape ({n}_padded, {n}_grouped)
    {n}_out = ReduceMean <axes = [1], keepdims = 0> ({n}_in_groups)
"""


def encoder(factors: Sequence[int] = (2, 4), *, ir_version: int = 8) -> onnx.ModelProto:
    """A model that takes sounds of any length, and shortens them by each of the factors, one after the other."""
    steps, source = "", "frames"
    for number, factor in enumerate(factors):
        steps += _PADDED.format(n=f"down_{number}", source=source, factor=factor)
        source = f"down_{number}_out"
    text = f"""
<ir_version: {ir_version}, opset_import: ["" : 13]>
encoder (float[N, T, {CHANNELS}] x, int64[N] x_lens) => (float[N, U, {CHANNELS}] encoder_out, int64[N] encoder_out_lens) {{
    raised = MatMul (x, weight)
    frames = Transpose <perm = [1, 0, 2]> (raised)
    {steps}
    encoder_out = Transpose <perm = [1, 0, 2]> ({source})
    encoder_out_lens = Div (x_lens, factor_all)
}}
"""
    model = parser.parse_model(text)
    numbers: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {
        "weight": np.random.default_rng(1).standard_normal((CHANNELS, CHANNELS)).astype(np.float32),
        "zero": np.array(0),
        "one": np.array(1),
        "first_axis": np.array([0]),
        "first_one": np.array([1]),
        "minus_one": np.array([-1]),
        "huge": np.array([np.iinfo(np.int64).max]),
        "factor_all": np.array(int(np.prod(factors))),
        **{f"factor_{factor}": np.array(factor) for factor in factors},
    }
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in numbers.items())
    helper.set_model_props(model, {"model_type": "zipformer2", "comment": "made by a test"})
    onnx.checker.check_model(model, full_check=True)
    return model


def ifs(model: onnx.ModelProto) -> int:
    """If nodes at the top."""
    return sum(node.op_type == "If" for node in model.graph.node)
