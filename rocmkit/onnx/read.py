"""An ONNX file without its weights: what the graph is made of, within bounds whatever the file holds.

Messages and the numbers of their fields: onnx/onnx:onnx/onnx.proto. What a field means that is not read here does not matter to the answer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sized
from pathlib import Path

from rocmkit.errors import UsageError
from rocmkit.gpucode.source import PLACEHOLDER, File
from rocmkit.model import DataError
from rocmkit.onnx.external import External
from rocmkit.onnx.values import Graph, If, Tensor
from rocmkit.onnx.wire import BYTES, VARINT, Wire, signed

# Far above real models; reached only by damaged or hostile files.
MAX_DEPTH = 30  # of graphs inside graphs: protobuf itself follows messages to a depth of 100, three for each
MAX_ITEMS = 20_000  # inputs, outputs, metadata, kinds of operators, branches, functions
MAX_BYTES = 1 << 50  # that one tensor claims to take
_NAME, _METADATA, _LOCATION = 1000, 4000, 4000

#: TensorProto.DataType: its name, and the bits of one number.
_TYPES = {
    1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16), 6: ("int32", 32), 7: ("int64", 64),
    8: ("string", 0), 9: ("bool", 8), 10: ("float16", 16), 11: ("float64", 64), 12: ("uint32", 32), 13: ("uint64", 64),
    14: ("complex64", 64), 15: ("complex128", 128), 16: ("bfloat16", 16), 17: ("float8e4m3fn", 8), 18: ("float8e4m3fnuz", 8),
    19: ("float8e5m2", 8), 20: ("float8e5m2fnuz", 8), 21: ("uint4", 4), 22: ("int4", 4), 23: ("float4e2m1", 4), 24: ("float8e8m0", 8),
    25: ("uint2", 2), 26: ("int2", 2), 27: ("float6e2m3", 6), 28: ("float6e3m2", 6),
}  # fmt: skip
#: TypeProto: what is no plain tensor.
_KINDS = {4: "sequence", 5: "map", 7: "opaque", 8: "sparse", 9: "optional"}
_STANDARD = "ai.onnx"


def read(path: Path) -> Graph:
    """Read the file. Raises DataError where it is no ONNX model or one that does not hold together, and OSError as the system does."""
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    try:
        with File(path) as source:
            if source.read(0, len(PLACEHOLDER)) == PLACEHOLDER:
                raise DataError("it is a placeholder of Git LFS, and the model has still to be downloaded")
            return _Reader(Wire(source), path).model(shown, source.size)
    except DataError as error:
        raise DataError(f"{shown}: no ONNX model: {error}") from None
    except (ValueError, RecursionError) as error:  # no regular file, a zero byte in its name
        raise DataError(f"{shown}: {error}") from None


def opened(path: Path) -> Graph:
    """The same for a file that a user named. Raises UsageError."""
    try:
        return read(path)
    except DataError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


class _Reader:
    def __init__(self, wire: Wire, path: Path) -> None:
        self.wire = wire
        self.external = External(path.parent)
        self.opset: dict[str, int] = {}
        self.metadata: dict[str, str] = {}
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.own: set[str] = set()  # names of weights, which old files also list as inputs
        self.operators: Counter[str] = Counter()
        self.ifs: list[If] = []
        self.functions: list[str] = []
        self.weights: Counter[str] = Counter()

    def name(self, start: int, end: int) -> str:
        return self.wire.text(start, end, _NAME)

    def model(self, shown: str, size: int) -> Graph:
        if not size:
            raise DataError("it is empty")
        ir_version, graphs, nodes, producer = None, 0, 0, ["", ""]
        for number, kind, first, last in self.wire.fields(0, size):
            if (number, kind) == (1, VARINT):
                ir_version = signed(first)
            elif kind != BYTES:
                continue
            elif number in (2, 3):
                producer[number - 2] = self.name(first, last)
            elif number == 7:
                graphs += 1
                nodes += self.graph(first, last, 0)
            elif number == 8:
                self.operator_set(first, last)
            elif number == 14:
                key, value = self.entry(first, last, _METADATA)
                self.metadata[key] = value
                self.few(self.metadata)
            elif number == 25:
                nodes += self.function(first, last)
        if not graphs or (ir_version is None and not self.opset):
            raise DataError("it has no graph, or says no version of the format")
        return Graph(
            file=shown,
            bytes=size,
            ir_version=ir_version,
            opset=self.opset,
            producer=" ".join(filter(None, producer)),
            metadata=self.metadata,
            inputs=tuple(one for one in self.inputs if one.name not in self.own),
            outputs=tuple(self.outputs),
            nodes=nodes,
            operators=dict(sorted(self.operators.items(), key=lambda one: (-one[1], one[0]))),
            ifs=tuple(self.ifs),
            loops=self.operators["Loop"] + self.operators["Scan"],
            functions=tuple(self.functions),
            weights=dict(sorted(self.weights.items(), key=lambda one: (-one[1], one[0]))),
            external=self.external.files(),
            missing=self.external.missing(),
        )

    def few(self, items: Sized) -> None:
        if len(items) > MAX_ITEMS:
            raise DataError("it has more parts than any model")

    def graph(self, start: int, end: int, depth: int) -> int:
        """Take a graph in. The number of its nodes, with those of graphs inside it."""
        if depth > MAX_DEPTH:
            raise DataError(f"graphs lie more than {MAX_DEPTH} deep in each other")
        nodes = 0
        for number, kind, first, last in self.wire.fields(start, end):
            if kind != BYTES:
                continue
            if number == 1:
                nodes += 1 + self.node(first, last, depth)
            elif number == 5:
                name = self.tensor(first, last)
                if not depth:
                    self.own.add(name)
            elif number == 15:
                self.sparse(first, last)
            elif number in (11, 12) and not depth:
                values = self.inputs if number == 11 else self.outputs
                values.append(self.value(first, last))
                self.few(values)
        return nodes

    def node(self, start: int, end: int, depth: int) -> int:
        """Take a node in. The number of nodes in its branches."""
        operator = domain = name = gives = ""
        branches: Counter[str] = Counter()
        for number, kind, first, last in self.wire.fields(start, end):
            if kind != BYTES:
                continue
            if number == 2:
                gives = gives or self.name(first, last)
            elif number == 3:
                name = self.name(first, last)
            elif number == 4:
                operator = self.name(first, last)
            elif number == 5:
                branch, nodes = self.attribute(first, last, depth)
                branches[branch] += nodes
            elif number == 7:
                domain = self.name(first, last)
        standard = domain in ("", _STANDARD)
        self.operators[operator if standard else f"{domain}:{operator}"] += 1
        self.few(self.operators)
        if standard and operator == "If":
            self.ifs.append(If(name=name or gives, then_nodes=branches["then_branch"], else_nodes=branches["else_branch"]))
            self.few(self.ifs)
        return branches.total()

    def attribute(self, start: int, end: int, depth: int) -> tuple[str, int]:
        """Take an attribute of a node in. Its name, and the number of nodes in it."""
        name, nodes = "", 0
        for number, kind, first, last in self.wire.fields(start, end):
            if kind != BYTES:
                continue
            if number == 1:
                name = self.name(first, last)
            elif number in (5, 10):
                self.tensor(first, last)
            elif number in (6, 11):
                nodes += self.graph(first, last, depth + 1)
            elif number in (22, 23):
                self.sparse(first, last)
        return name, nodes

    def function(self, start: int, end: int) -> int:
        """Take a local function in. The number of its nodes."""
        name = domain = ""
        nodes = 0
        for number, kind, first, last in self.wire.fields(start, end):
            if kind != BYTES:
                continue
            if number == 1:
                name = self.name(first, last)
            elif number == 7:
                nodes += 1 + self.node(first, last, 0)
            elif number == 10:
                domain = self.name(first, last)
        self.functions.append(f"{domain}:{name}" if domain else name)
        self.few(self.functions)
        return nodes

    def tensor(self, start: int, end: int) -> str:
        """Take a tensor in, but not its numbers. Its name."""
        name, kind_of_number, count, stored = "", 0, 1, 0
        beside: dict[str, str] = {}
        outside = False
        for number, kind, first, last in self.wire.fields(start, end):
            if number == 1:  # one by one, or packed
                for size in (first,) if kind == VARINT else self.wire.varints(first, last):
                    count *= max(signed(size), 0)
                    if count > MAX_BYTES:
                        raise DataError("a tensor claims to be larger than any")
            elif number == 2 and kind == VARINT:
                kind_of_number = first
            elif number == 14 and kind == VARINT:
                outside = first == 1
            elif kind != BYTES:
                continue
            elif number == 8:
                name = self.name(first, last)
            elif number in (6, 9):
                stored += last - first
            elif number == 13:
                key, value = self.entry(first, last, _LOCATION)
                beside[key[:20]] = value
        dtype, bits = _TYPES.get(kind_of_number, (f"type {kind_of_number}" if kind_of_number < 1000 else "unknown", 0))
        size = (count * bits + 7) // 8 if bits else stored
        self.weights[dtype] += size
        if outside:
            self.external.add(beside, size)
        return name

    def sparse(self, start: int, end: int) -> None:
        for number, kind, first, last in self.wire.fields(start, end):
            if number in (1, 2) and kind == BYTES:  # its values, and where they stand
                self.tensor(first, last)

    def operator_set(self, start: int, end: int) -> None:
        domain, version = "", 0
        for number, kind, first, last in self.wire.fields(start, end):
            if (number, kind) == (1, BYTES):
                domain = self.name(first, last)
            elif (number, kind) == (2, VARINT):
                version = signed(first)
        self.opset[domain or _STANDARD] = version
        self.few(self.opset)

    def entry(self, start: int, end: int, most: int) -> tuple[str, str]:
        """A StringStringEntryProto."""
        key = value = ""
        for number, kind, first, last in self.wire.fields(start, end):
            if (number, kind) == (1, BYTES):
                key = self.name(first, last)
            elif (number, kind) == (2, BYTES):
                value = self.wire.text(first, last, most)
        return key, value

    def value(self, start: int, end: int) -> Tensor:
        """An input or output."""
        name, dtype = "", "unknown"
        shape: tuple[int | str | None, ...] | None = None
        for number, kind, first, last in self.wire.fields(start, end):
            if (number, kind) == (1, BYTES):
                name = self.name(first, last)
            elif (number, kind) == (2, BYTES):
                for which, how, begin, stop in self.wire.fields(first, last):
                    if (which, how) == (1, BYTES):
                        dtype, shape = self.plain(begin, stop)
                    elif how == BYTES and which in _KINDS:
                        dtype, shape = _KINDS[which], None
        return Tensor(name=name, dtype=dtype, shape=shape)

    def plain(self, start: int, end: int) -> tuple[str, tuple[int | str | None, ...] | None]:
        """The type of a tensor: what its numbers are, and its shape."""
        dtype, shape = "unknown", None
        for number, kind, first, last in self.wire.fields(start, end):
            if (number, kind) == (1, VARINT):
                dtype = _TYPES.get(first, ("unknown", 0))[0]
            elif (number, kind) == (2, BYTES):
                shape = tuple(self.length(at, to) for which, how, at, to in self.wire.fields(first, last) if (which, how) == (1, BYTES))
                self.few(shape)
        return dtype, shape

    def length(self, start: int, end: int) -> int | str | None:
        """One dimension."""
        length: int | str | None = None
        for number, kind, first, last in self.wire.fields(start, end):
            if (number, kind) == (1, VARINT):
                length = signed(first)
            elif (number, kind) == (2, BYTES):
                length = self.name(first, last) or None
        return length
