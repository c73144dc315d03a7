"""What an operator of an ONNX graph is to a model: what its time goes into, or arithmetic on sizes. Pure."""

from __future__ import annotations

from typing import Literal

#: Compute: what a model's time goes into. Fused: a node that a provider made of many. Control: If and Loop, whose time is that of the nodes
#: inside. Shape: arithmetic on sizes, which ONNX Runtime puts on the processor on purpose. Copy: between processor and GPU.
Kind = Literal["compute", "fused", "control", "shape", "copy", "other"]

# Operators of ai.onnx and com.microsoft that a speech model's time goes into: products, convolutions, recurrent nets, attention, norms,
# softmax, and all that turns to integers and back. onnx/onnx:docs/Operators.md, microsoft/onnxruntime:docs/ContribOperators.md
# fmt: off
_COMPUTE = frozenset((
    "MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum", "Softmax", "LogSoftmax", "LSTM", "GRU", "RNN", "Attention", "DFT",
    "STFT", "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
    "MatMulInteger", "ConvInteger", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "NhwcConv", "NhwcFusedConv",
    "FusedConv", "FusedMatMul", "FusedGemm", "TransposeMatMul", "GemmFastGelu", "GemmFloat8", "MultiHeadAttention",
    "PackedAttention", "PackedMultiHeadAttention", "GroupQueryAttention", "DecoderAttention", "DecoderMaskedSelfAttention",
    "DecoderMaskedMultiHeadAttention", "LongformerAttention", "QAttention", "RelativePositionBias", "SkipLayerNormalization",
    "SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization", "EmbedLayerNormalization", "GroupNorm", "SkipGroupNorm",
    "QGemm", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits", "MatMulBnb4",
    "MatMulInteger16",
))
# fmt: on
_COPIES = frozenset(("MemcpyFromHost", "MemcpyToHost"))
_CONTROL = frozenset(("If", "Loop", "Scan"))
_FUSED = "MGXKernel"
_WHOLE = frozenset(("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))))
#: Sizes, positions and masks of one sound are no longer than this; and what is shorter than `_FEW` is nobody's sound or text.
_SHORT, _FEW = 4096, 16


def kind_of(op: str, dtype: str, elements: int) -> Kind:
    """What a node is to a model. `elements`: of the largest result."""
    if op in _COPIES:
        return "copy"
    if op in _CONTROL:
        return "control"
    if op == _FUSED:
        return "fused"
    if op in _COMPUTE or op.startswith("QLinear"):
        return "compute"
    return "shape" if elements <= (_SHORT if dtype in _WHOLE else _FEW) else "other"
