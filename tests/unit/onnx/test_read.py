"""Our reader beside the `onnx` package on models of every kind, and alone with files that want to hurt it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto, helper, numpy_helper, parser

from rocmkit.model import DataError, to_json
from rocmkit.onnx import wire
from rocmkit.onnx.read import MAX_DEPTH, read
from rocmkit.onnx.values import Graph, If
from tests.support.downsampling import encoder

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def value(name: str, dtype: int = FLOAT, shape: Any = ("N", 3)) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def model_of(nodes: list[onnx.NodeProto], weights: Any = (), inputs: Any = None, **options: Any) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", inputs or [value("x")], [value("y")], list(weights))
    return helper.make_model(graph, **options)


def loops() -> onnx.ModelProto:
    """An If in a Loop in an If, and a Scan."""
    inner = helper.make_node(
        "If",
        ["c"],
        ["z"],
        then_branch=helper.make_graph([helper.make_node("Identity", ["s"], ["a"])], "t", [], [value("a")]),
        else_branch=helper.make_graph([helper.make_node("Neg", ["s"], ["a"])], "e", [], [value("a")]),
    )
    body = helper.make_graph(
        [inner, helper.make_node("Identity", ["c"], ["c2"])],
        "body",
        [value("i", INT64, []), value("c", TensorProto.BOOL, []), value("s")],
        [value("c2", TensorProto.BOOL, []), value("z")],
        [numpy_helper.from_array(np.ones(5, np.float16), "inside")],
    )
    around = helper.make_node(
        "If",
        ["always"],
        ["w"],
        name="around",
        then_branch=helper.make_graph([helper.make_node("Loop", ["", "always", "x"], ["v"], body=body)], "t", [], [value("v")]),
        else_branch=helper.make_graph([], "e", [], [value("x")]),
    )
    step = helper.make_graph([helper.make_node("Relu", ["b"], ["d"])], "scan", [value("b")], [value("d")])
    scan = helper.make_node("Scan", ["w"], ["y"], body=step, num_scan_inputs=1)
    return model_of([helper.make_node("Constant", [], ["always"], value=numpy_helper.from_array(np.array(True))), around, scan])


def functions() -> onnx.ModelProto:
    return parser.parse_model("""
        <ir_version: 9, opset_import: ["" : 18, "local" : 3, "com.microsoft" : 1]>
        g (float[N] x) => (float[N] y) { t = local.twice (x)  u = com.microsoft.Gelu (t)  y = ai.onnx.ml.Binarizer (u) }
        <domain: "local", opset_import: ["" : 18]>
        twice (a) => (b) { c = Add (a, a)  b = Identity (c) }
    """)


def sparse() -> onnx.ModelProto:
    model = model_of([helper.make_node("MatMul", ["x", "s"], ["y"])])
    values = numpy_helper.from_array(np.array([1.0, 2.0], np.float32), "s")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([0, 4])), [3, 3]))
    return model


def kinds() -> onnx.ModelProto:
    """Inputs of every kind, weights of every type, and a packed list of sizes."""
    weights = [
        helper.make_tensor(f"w{number}", number, [3, 5], bytes(_bytes(number, 15)), raw=True)
        for number in sorted(set(TensorProto.DataType.values()) - {TensorProto.UNDEFINED, TensorProto.STRING})
    ]
    weights += [
        helper.make_tensor("floats", FLOAT, [4], [1.0, 2.0, 3.0, 4.0]),
        numpy_helper.from_array(np.array([b"ab", b"cdef"], object), "texts"),
    ]
    inputs = [
        value("x", shape=["N", 3, None]),
        helper.make_tensor_value_info("no shape", FLOAT, None),
        value("scalar", TensorProto.DOUBLE, []),
        helper.make_tensor_sequence_value_info("many", FLOAT, None),
        helper.make_value_info("maybe", helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, [2]))),
        helper.make_value_info("map", helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, [2]))),
        helper.make_value_info("few", helper.make_sparse_tensor_type_proto(FLOAT, [2])),
    ]
    return model_of([helper.make_node("Identity", ["x"], ["y"])], weights, inputs)


def _bytes(number: int, count: int) -> int:
    bits = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
    name = TensorProto.DataType.Name(number)
    size = bits.get(name) or 8 * np.dtype(helper.tensor_dtype_to_np_dtype(number)).itemsize
    return math.ceil(count * size / 8)


def old() -> onnx.ModelProto:
    """Format 3, whose weights are inputs too."""
    weight = numpy_helper.from_array(np.ones(3, np.float32), "w")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return model_of([node], [weight], [value("x"), value("w", shape=[3])], ir_version=3, opset_imports=[helper.make_opsetid("ai.onnx", 7)])


MODELS = {"encoder": encoder, "loops": loops, "functions": functions, "sparse": sparse, "kinds": kinds, "old": old}


def _graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for one in node.attribute:
        if one.type == AttributeProto.GRAPH:
            yield one.g


def _every_node(nodes: Any) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from _every_node(graph.node)


def _shape(type_: onnx.TypeProto) -> Any:
    if not type_.tensor_type.HasField("shape"):
        return None
    dims = type_.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in dims)


def _type(type_: onnx.TypeProto) -> str:
    kind = str(type_.WhichOneof("value"))
    if kind != "tensor_type":
        return {"sequence_type": "sequence", "optional_type": "optional", "map_type": "map", "sparse_tensor_type": "sparse"}[kind]
    return _dtype(type_.tensor_type.elem_type)


def _dtype(number: int) -> str:
    name = str(TensorProto.DataType.Name(number)).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


@pytest.mark.parametrize("kind", MODELS)
def test_it_reads_what_the_onnx_package_reads(kind: str, tmp_path: Path) -> None:
    onnx.save(MODELS[kind](), tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    got = read(tmp_path / "m.onnx")
    nodes = [*_every_node(model.graph.node), *(one for function in model.functions for one in _every_node(function.node))]
    operators = Counter(node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}:{node.op_type}" for node in nodes)
    assert (got.nodes, got.operators) == (len(nodes), dict(operators))
    assert list(got.operators.values()) == sorted(got.operators.values(), reverse=True)
    assert got.loops == operators["Loop"] + operators["Scan"]
    assert len(got.ifs) == operators["If"]
    assert got.opset == {one.domain or "ai.onnx": one.version for one in model.opset_import}
    assert got.ir_version == model.ir_version
    assert got.metadata == {one.key: one.value for one in model.metadata_props}
    own = {one.name for one in model.graph.initializer}
    for told, wanted in ((got.inputs, model.graph.input), (got.outputs, model.graph.output)):
        assert [(one.name, one.dtype, one.shape) for one in told] == [
            (one.name, _type(one.type), _shape(one.type)) for one in wanted if one.name not in own
        ]
    assert (got.external, got.missing) == ((), {})
    assert got.bytes == (tmp_path / "m.onnx").stat().st_size


def test_branches_inside_branches_are_counted(tmp_path: Path) -> None:
    onnx.save(loops(), tmp_path / "m.onnx")
    # The Loop, and in it an If of two branches of a node each, and an Identity.
    assert read(tmp_path / "m.onnx").ifs == (If(name="z", then_nodes=1, else_nodes=1), If(name="around", then_nodes=5, else_nodes=0))


def test_weights_are_counted_by_their_type_wherever_they_lie(tmp_path: Path) -> None:
    model = kinds()
    onnx.save(model, tmp_path / "m.onnx")
    got = read(tmp_path / "m.onnx").weights
    for tensor in model.graph.initializer[:-2]:
        name = _dtype(tensor.data_type)
        assert got[name] == len(tensor.raw_data) + (16 if name == "float32" else 0), name
    assert got["string"] == 6
    onnx.save(loops(), tmp_path / "m.onnx")
    assert read(tmp_path / "m.onnx").weights == {"float16": 10, "bool": 1}
    onnx.save(sparse(), tmp_path / "m.onnx")
    assert read(tmp_path / "m.onnx").weights == {"int64": 16, "float32": 8}


def test_functions_are_named(tmp_path: Path) -> None:
    onnx.save(functions(), tmp_path / "m.onnx")
    assert read(tmp_path / "m.onnx").functions == ("local:twice",)


def outside(folder: Path, **entries: str) -> Path:
    """A model with one weight, of 400 bytes, that lies elsewhere."""
    tensor = numpy_helper.from_array(np.ones(100, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in entries.items():
        tensor.external_data.add(key=key, value=text)
    onnx.save(model_of([helper.make_node("Add", ["x", "w"], ["y"])], [tensor]), folder / "m.onnx")
    return folder / "m.onnx"


def test_weights_in_other_files_are_looked_for(tmp_path: Path) -> None:
    model = encoder()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    whole, inside = read(tmp_path / "m.onnx"), tmp_path / "inside.onnx"
    onnx.save(encoder(), inside)
    assert (whole.external, whole.missing) == (("m.data",), {})
    assert whole.weights == read(inside).weights
    data = tmp_path / "m.data"
    data.write_bytes(data.read_bytes()[:-1])
    assert read(tmp_path / "m.onnx").missing["m.data"].startswith("it is cut short: ")
    data.unlink()
    assert read(tmp_path / "m.onnx").missing == {"m.data": "it is not there"}
    data.mkdir()
    assert read(tmp_path / "m.onnx").missing == {"m.data": "it is no file"}


@pytest.mark.parametrize("place", ["../secret", "/etc/hostname", "a/../../secret", ".."])
def test_a_place_outside_of_the_folder_is_not_looked_for(place: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(400))
    (tmp_path / "inside").mkdir()
    got = read(outside(tmp_path / "inside", location=place))
    assert got.missing == {place: "its place is outside of the model's folder"}


@pytest.mark.parametrize("entries", [{"location": "w.bin", "offset": "400"}, {"location": "w.bin", "length": "401"}])
def test_an_offset_and_a_length_are_held_against_the_file(entries: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(400))
    assert read(outside(tmp_path, location="w.bin")).missing == {}
    assert "w.bin" in read(outside(tmp_path, **entries)).missing


@pytest.mark.parametrize("entries", [{"location": "w\0.bin"}, {"location": "x" * 5000}, {}, {"location": "w", "offset": "9" * 30}])
def test_places_that_are_none(entries: dict[str, str], tmp_path: Path) -> None:
    assert len(read(outside(tmp_path, **entries)).missing) == 1


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_two_gigabytes_of_weights_are_not_read(tmp_path: Path) -> None:
    """The file is one hole: reading it would take seconds, and as much memory."""
    size = 2 << 30
    tensor = varint(2 << 3) + varint(1) + b"\x08" + varint(size // 4) + varint(9 << 3 | 2) + varint(size)
    graph = varint(5 << 3 | 2) + varint(len(tensor) + size) + tensor
    head = b"\x08\x08" + varint(7 << 3 | 2) + varint(len(graph) + size) + graph
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    begin = time.perf_counter()
    assert read(path).weights == {"float32": size}
    assert time.perf_counter() - begin < 0.5


def refused(data: bytes, folder: Path) -> str:
    path = folder / "hostile.onnx"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"no ONNX model: ") as caught:
        read(path)
    return str(caught.value)


MINIMAL = b"\x08\x08" + field(7, b"")


def deep(levels: int) -> bytes:
    """Graphs in attributes of nodes in graphs."""
    graph = b""
    for _ in range(levels):
        graph = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, graph)))
    return b"\x08\x08" + field(7, graph)


def test_graphs_inside_graphs_have_an_end(tmp_path: Path) -> None:
    assert "deep in each other" in refused(deep(MAX_DEPTH + 1), tmp_path)
    assert "deep in each other" in refused(deep(3000), tmp_path)
    (tmp_path / "m.onnx").write_bytes(deep(MAX_DEPTH))
    assert read(tmp_path / "m.onnx").nodes == MAX_DEPTH


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x7fELF" + bytes(100), id="elf"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 592\n", id="git-lfs"),
        pytest.param(b"PK\x03\x04" + bytes(100), id="zip"),
        pytest.param(b"\x08\x08", id="no graph"),
        pytest.param(field(7, b""), id="no version"),
        pytest.param(MINIMAL + b"\xff" * 11, id="a number without an end"),
        pytest.param(MINIMAL + b"\x80" * 3, id="a number cut off"),
        pytest.param(MINIMAL + varint(8 << 3 | 2) + varint(1 << 62), id="longer than the file"),
        pytest.param(MINIMAL + b"\x0b", id="a group"),
        pytest.param(MINIMAL + b"\x00\x01", id="field 0"),
        pytest.param(MINIMAL + b"\x0d\x00", id="four bytes cut off"),
        pytest.param(b"\x08\x08" + field(7, field(5, b"\x08" + varint((1 << 63) - 1) + b"\x10\x01")), id="a tensor of exabytes"),
        pytest.param(b"\x08\x08" + field(7, field(5, field(1, varint(1 << 40) * 5) + b"\x10\x01")), id="packed sizes"),
        pytest.param(b"\x08\x08" + field(7, b"".join(field(1, field(4, b"Op%d" % n)) for n in range(20_001))), id="20 001 operators"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    refused(data, tmp_path)


def test_a_shape_has_few_sizes(tmp_path: Path) -> None:
    size = field(1, varint(1 << 3) + varint(5))
    tensor = field(1, b"x") + field(2, field(1, varint(1 << 3) + varint(1) + field(2, size * 20_001)))
    model = varint(1 << 3) + varint(8) + field(7, field(1, field(4, b"Relu")) + field(11, tensor))
    assert "more parts than any model" in refused(model, tmp_path)


def test_more_fields_than_any_model_has_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_FIELDS", 1000)
    assert "more parts" in refused(MINIMAL + b"\x28\x01" * 1001, tmp_path)
    assert "more parts" in refused(b"\x08\x08" + field(7, field(5, field(1, b"\x01" * 1001))), tmp_path)


def test_names_are_cut_and_mended(tmp_path: Path) -> None:
    entry = field(14, field(1, b"k\xff") + field(2, b"v" * 100_000))
    (tmp_path / "m.onnx").write_bytes(MINIMAL + entry + field(2, b"p" * 5000))
    got = read(tmp_path / "m.onnx")
    assert got.metadata == {"k\N{REPLACEMENT CHARACTER}": "v" * 4000 + "…"}
    assert got.producer == "p" * 1000 + "…"


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.onnx")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    with pytest.raises(DataError, match="not a regular file"):
        read(Path("/dev/null"))


WHOLE = [make().SerializeToString() for make in MODELS.values()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "m.onnx"


def survives(data: bytes, place: Path) -> Graph | None:
    """What is read is published without a hitch; anything but DataError fails the test."""
    place.write_bytes(data)
    try:
        found = read(place)
    except DataError:
        return None
    to_json(found)
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes(data: bytes, place: Path) -> None:
    survives(data, place)
    survives(b"\x08\x08" + field(7, data), place)
    survives(MINIMAL + data, place)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(whole=st.sampled_from(WHOLE), share=st.floats(0, 1, exclude_max=True))
def test_any_model_cut_off(whole: bytes, share: float, place: Path) -> None:
    cut = whole[: int(len(whole) * share)]
    found = survives(cut, place)
    assert found is None or found.bytes == len(cut)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(whole=st.sampled_from(WHOLE), changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8))
def test_any_model_with_other_bytes(whole: bytes, changes: list[tuple[float, int]], place: Path) -> None:
    data = bytearray(whole)
    for share, byte in changes:
        data[int(len(data) * share)] = byte
    survives(bytes(data), place)
