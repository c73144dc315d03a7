"""A small model in ONNX's format: Conv, MatMul and Softmax in a row.

The fields and their numbers are those of onnx/onnx:onnx/onnx.proto3; the encoding is that of protobuf.
"""

from __future__ import annotations

import struct
from typing import Mapping, Sequence, Tuple

_FLOAT, _INTS, _INT = 1, 7, 2  # TensorProto.FLOAT, AttributeProto.INTS and INT
_IR, _OPSET = 7, 13  # onnxruntime 1.14 reads these, and so does every later one

Shape = Tuple[int, ...]
#: A node: its operator, what it reads, its attributes. It is named as its operator and gives what is named like itself.
Node = Tuple[str, Sequence[str], Mapping[str, "int | Sequence[int]"]]


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _field(1, name) + _field(3, value) + _field(20, _INT)
    return _field(1, name) + b"".join(_field(8, one) for one in value) + _field(20, _INTS)


def _node(node: Node) -> bytes:
    operator, inputs, attributes = node
    told = b"".join(_field(1, name) for name in inputs) + _field(2, operator) + _field(3, operator) + _field(4, operator)
    return told + b"".join(_field(5, _attribute(name, value)) for name, value in attributes.items())


def _weights(name: str, shape: Shape, values: Sequence[float]) -> bytes:
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(_field(1, one) for one in shape) + _field(2, _FLOAT) + _field(8, name) + _field(9, raw)


def _value(name: str, shape: Shape) -> bytes:
    dimensions = b"".join(_field(1, _field(1, one)) for one in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, dimensions)))


def model(
    nodes: Sequence[Node], weights: Mapping[str, tuple[Shape, Sequence[float]]], takes: tuple[str, Shape], gives: tuple[str, Shape]
) -> bytes:
    """A model of float32 with one input and one output."""
    graph = b"".join(_field(1, _node(node)) for node in nodes) + _field(2, "small")
    graph += b"".join(_field(5, _weights(name, shape, values)) for name, (shape, values) in weights.items())
    graph += _field(11, _value(*takes)) + _field(12, _value(*gives))
    return _field(1, _IR) + _field(7, graph) + _field(8, _field(2, _OPSET))
