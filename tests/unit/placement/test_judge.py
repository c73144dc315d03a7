"""What sums of a profile say: kinds of operators, verdicts, shares, and whether numbers agree."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.model import DataError, convert, to_builtins
from rocmkit.placement import judge
from rocmkit.placement.values import CPU, Ran, Row, Summed
from rocmkit.trial.inside.operators import kind_of

ROCM, MIGRAPHX = "ROCMExecutionProvider", "MIGraphXExecutionProvider"


def told(op: str, provider: str = ROCM, nodes: int = 1, time: int = 10, dtype: str = "float", elements: int = 100_000) -> Summed:
    return Summed(provider=provider, op=op, dtype=dtype, nodes=nodes, microseconds=time, elements=elements)


def verdict(*rows: Summed, provider: str = ROCM) -> tuple[str, str]:
    return judge.verdict(judge.rows_of(rows), provider)


#: The encoder of ReazonSpeech k2 on the ROCm provider, fp32 and int8, as a profile counted them.
FP32 = (told("MatMul", nodes=439), told("Conv", nodes=44), told("Softmax", nodes=19), told("Add", nodes=900))
SIZES = tuple(
    told(op, CPU, nodes, dtype="int64", elements=3)
    for op, nodes in (("Gather", 491), ("Unsqueeze", 449), ("Concat", 268), ("Mul", 164), ("Add", 69), ("Div", 63), ("Sub", 59))
)
INT8 = (told("MatMulInteger", CPU, 344, 12_340, "int32"), told("DynamicQuantizeLinear", CPU, 312, 410, "uint8"))


@pytest.mark.parametrize(
    ("op", "dtype", "elements", "kind"),
    [
        ("MatMul", "float", 1, "compute"),
        ("MatMulInteger", "int32", 1, "compute"),
        ("QLinearConv", "uint8", 9, "compute"),
        ("LSTM", "float", 9, "compute"),
        ("MemcpyToHost", "int64", 1, "copy"),
        ("MemcpyFromHost", "float", 1 << 20, "copy"),
        ("If", "float", 1, "control"),
        ("MGXKernel", "float", 1, "fused"),
        ("Gather", "int64", 3, "shape"),
        ("Where", "bool", 512, "shape"),
        ("Floor", "float", 1, "shape"),
        ("Add", "float", 4096, "other"),
        ("Gather", "int64", 1 << 20, "other"),
    ],
)
def test_kinds(op: str, dtype: str, elements: int, kind: str) -> None:
    assert kind_of(op, dtype, elements) == kind


def test_shape_arithmetic_on_the_processor_is_no_loss() -> None:
    assert verdict(*FP32, *SIZES) == ("wholly", f"all 502 compute operators run on {ROCM}")


def test_compute_on_the_processor_is_named_with_counts_and_times() -> None:
    found, because = verdict(*FP32, *SIZES, *INT8)
    assert found == "partly"
    assert because == f"656 of 1158 compute operators run on {CPU}: MatMulInteger 344 (12.3 ms), DynamicQuantizeLinear 312 (410 µs)"


def test_more_kinds_than_a_sentence_holds() -> None:
    ops = ("MatMul", "Conv", "Softmax", "LSTM", "GRU", "Gemm", "Einsum")
    found, because = verdict(*(told(op, CPU, time=100 - at) for at, op in enumerate(ops)))
    assert found == "elsewhere"
    assert because.startswith("7 of 7 compute operators run on")
    assert because.endswith("GRU 1 (96 µs) and 2 more kinds")


def test_a_model_without_compute_operators_is_judged_by_the_others() -> None:
    assert verdict(told("Add"), told("Gather", CPU, dtype="int64", elements=1)) == ("wholly", f"its one operator runs on {ROCM}")
    assert verdict(told("Add", CPU), told("Mul"))[0] == "partly"
    assert verdict(told("Shape", CPU, dtype="int64", elements=2))[0] == "elsewhere"


def test_a_fused_node_computes() -> None:
    assert verdict(told("MGXKernel", MIGRAPHX), provider=MIGRAPHX) == ("wholly", f"all that it computes runs on {MIGRAPHX}, in 1 node")
    assert verdict(told("MGXKernel", MIGRAPHX), told("LSTM", CPU), provider=MIGRAPHX)[0] == "partly"


def test_a_profile_without_nodes_says_nothing() -> None:
    assert verdict()[0] == verdict(told("MatMul", nodes=0))[0] == "unknown"


def test_shares_leave_out_what_is_counted_inside() -> None:
    found = judge.shares(judge.rows_of((told("MatMul", time=60, nodes=3), told("Gather", CPU, time=20), told("If", time=500))))
    assert [(one.provider, one.nodes, one.of_nodes, one.of_time) for one in found] == [(ROCM, 3, 0.75, 0.75), (CPU, 1, 0.25, 0.25)]


@pytest.mark.parametrize(("microseconds", "words"), [(0, "0 µs"), (870, "870 µs"), (12_340, "12.3 ms"), (4_560_000, "4.56 s")])
def test_durations(microseconds: int, words: str) -> None:
    assert judge.duration(microseconds) == words


def output(**told: Any) -> dict[str, Any]:
    return {"name": "y", "dtype": "float32", "elements": 9, **told}


def test_numbers_agree_but_for_rounding() -> None:
    rows = judge.rows_of(FP32)
    found = judge.agreement([output(error=4e-4), output(name="lens", dtype="int64", error=0.0)], rows)
    assert (found.agrees, found.error, found.at_most, found.because) == (True, 4e-4, 1e-3, None)
    assert judge.agreement([output(error=4e-3)], rows).agrees is False
    assert judge.agreement([output(error=4e-3)], judge.rows_of(INT8)).agrees is True  # eight bits are rounded further
    assert judge.agreement([output(error=4e-3)], judge.rows_of([told("MatMul", dtype="float16")])).agrees is True


def test_numbers_that_cannot_agree() -> None:
    apart = judge.agreement([output(error=0.0), output(name="z", apart="its shape is [1], on the processor [2]")], ())
    assert (apart.agrees, apart.because) == (False, "z: its shape is [1], on the processor [2]")
    assert judge.agreement([output(error=float("inf"))], ()).agrees is False
    assert judge.agreement([output(error=float("nan"))], ()).agrees is False
    assert judge.agreement([output(error=float("nan"))], ()).error is None


def test_what_is_not_compared_neither_agrees_nor_differs() -> None:
    skipped = judge.agreement([output(skipped="it is too large")], ())
    assert (skipped.agrees, skipped.because) == (None, "it is too large")
    assert judge.agreement([output(dtype="int64", error=0.5)], ()).because == "no output holds floats"
    assert judge.agreement([], ()).agrees is None


def _maps(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = ("provider", "op", "dtype", "nodes", "microseconds", "elements", "name", "error", "skipped")
    return st.dictionaries(st.sampled_from(fields) | st.text(max_size=3), inner, max_size=9)


_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_JSON = _LEAF | st.lists(_LEAF, max_size=2) | _maps(_LEAF)


@given(_JSON | st.lists(_maps(_JSON), max_size=5))
def test_what_a_worker_tells_is_rows_or_no_data(told: Any) -> None:
    with contextlib.suppress(DataError):
        judge.rows_of(convert(told, tuple[Summed, ...], source="rows"))
    with contextlib.suppress(DataError):
        judge.agreement(told, ())


@pytest.mark.parametrize(
    "wrong",
    [
        *({"rows": 5}, {"rows": [5]}, {"rows": [{"op": "MatMul"}]}, {"inputs": 5}, {"counted": 0}, {"counted": -3}, {"unread": -1}),
        *({"rows": [{**to_builtins(told("MatMul")), field: number}]} for field in ("nodes", "microseconds") for number in (-1, 1 << 62)),
    ],
)
def test_numbers_that_no_run_has(wrong: dict[str, Any]) -> None:
    ran = {"inputs": [], "first_s": 1.0, "seconds": None, "counted": 1, "unread": 0, "more": 0, "rows": [to_builtins(told("MatMul"))]}
    assert convert(ran, Ran, source="runs").rows == (told("MatMul"),)
    with pytest.raises(DataError):
        convert({**ran, **wrong}, Ran, source="runs")


_ROWS = st.builds(
    told,
    st.sampled_from(["MatMul", "Add", "If", "MemcpyToHost", "MGXKernel", "Conv"]),
    st.sampled_from([CPU, ROCM]),
    st.integers(0, 10**6),
    st.integers(0, 10**9),
    st.sampled_from(["float", "int64", ""]),
    st.integers(0, 10**6),
)


@given(st.lists(_ROWS, max_size=12))
def test_every_profile_has_one_verdict_that_its_rows_bear_out(told: list[Summed]) -> None:
    rows = judge.rows_of(told)
    found, because = judge.verdict(rows, ROCM)
    assert because
    away = judge.elsewhere(rows, ROCM, "compute")
    if found == "wholly":
        assert away == () and any(row.nodes for row in rows)
    if any(row.nodes for row in away):
        assert found in {"partly", "elsewhere"}
    shares = judge.shares(rows)
    assert sum(share.nodes for share in shares) == sum(row.nodes for row in rows if row.kind != "control")
    if any(share.microseconds for share in shares):
        assert sum(share.of_time for share in shares) == pytest.approx(1, abs=1e-3)
    assert [Row(**to_builtins(row)) for row in rows] == list(rows)
