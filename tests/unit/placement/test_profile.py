"""Profiles as ONNX Runtime writes them, summed up line by line; and made-up inputs' sizes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.trial.inside.placement_inputs import DEFAULT, inputs_for, told
from rocmkit.trial.inside.placement_steps import compared, mean, sums

CPU, ROCM = "CPUExecutionProvider", "ROCMExecutionProvider"


def node(op: str, provider: str = ROCM, dur: int = 10, **args: Any) -> str:
    """A node's event, as onnxruntime 1.32 writes it."""
    shape = {"input_type_shape": [{"float": [1, 4, 9]}], "output_type_shape": [{"float": [1, 4, 9]}]}
    more = {"op_name": op, "provider": provider, "node_index": "0", "thread_scheduling_stats": {"main_thread": {"core": -1}}}
    return json.dumps({"cat": "Node", "dur": dur, "ph": "X", "name": f"{op}_kernel_time", "args": {**shape, **more, **args}}) + ",\n"


RUN = '{"cat" : "Session","dur" :33,"ts" :3871,"ph" : "X","name" :"SequentialExecutor::Execute","args" : {}},\n' + (
    '{"cat" : "Session","dur" :41,"ts" :3865,"ph" : "X","name" :"model_run","args" : {}},\n'
)
BEGIN = '[\n{"cat" : "Session","dur" :2771,"ts" :369,"ph" : "X","name" :"session_initialization","args" : {}},\n'


def read(*texts: str) -> tuple[list[dict[tuple[str, str, str], list[int]]], int]:
    return sums("".join(texts).splitlines(keepends=True))


def test_runs_are_told_apart() -> None:
    first = node("Conv", dur=900) + node("Gather", CPU, output_type_shape=[{"int64": [3]}])
    runs, unread = read(BEGIN, first, RUN, node("Conv", dur=20), node("Conv", dur=30), RUN, "]\n")
    assert unread == 0
    assert runs == [
        {(ROCM, "Conv", "float"): [1, 900, 36], (CPU, "Gather", "int64"): [1, 10, 3]},
        {(ROCM, "Conv", "float"): [2, 50, 36]},
    ]


def test_fences_and_other_events_do_not_count() -> None:
    fence = node("Conv").replace("_kernel_time", "_fence_before")
    runs, unread = read(BEGIN, fence, '{"cat": "Kernel", "name": "gemm_kernel_time", "dur": 4, "args": {"provider": "x"}},\n', RUN)
    assert (runs, unread) == ([{}], 0)


def test_subgraphs_of_migraphx_are_one_kind() -> None:
    runs, _ = read(node("MGXKernel_graph_0"), node("MGXKernel_graph_1"), RUN)
    assert runs == [{(ROCM, "MGXKernel", "float"): [2, 20, 36]}]


def test_a_node_without_results_is_known_by_what_it_takes() -> None:
    runs, _ = read(node("Print", output_type_shape=[]), node("Constant", output_type_shape=[], input_type_shape=[]), RUN)
    assert runs == [{(ROCM, "Print", "float"): [1, 10, 36], (ROCM, "Constant", ""): [1, 10, 0]}]


def test_a_profile_that_breaks_off_has_a_run_less() -> None:
    text = node("Conv") + RUN + node("Conv")
    runs, unread = read(text[:-40])
    assert (len(runs), unread) == (1, 1)


def test_the_mean_of_runs_has_the_longest_time_first() -> None:
    runs, _ = read(node("Conv", dur=10), node("Add", dur=1), RUN, node("Conv", dur=30), node("Add", dur=100), RUN)
    assert [(row["op"], row["nodes"], row["microseconds"]) for row in mean(runs)] == [("Add", 1, 50), ("Conv", 1, 20)]
    assert mean([]) == []


_LINES = st.sampled_from(["[]", "7", '"x"', "{}", '{"name": 5}', '{"cat": "Node", "name": "x_kernel_time"}', "{", "]", "nul"]) | st.text(
    max_size=20
)


@given(st.lists(_LINES, max_size=6))
def test_lines_that_are_no_events_are_counted(lines: list[str]) -> None:
    runs, unread = sums([*lines, node("Conv"), RUN.splitlines()[1]])
    assert runs[-1] == {(ROCM, "Conv", "float"): [1, 10, 36]}
    assert 0 <= unread <= len(lines)


@given(
    st.dictionaries(
        st.sampled_from(["output_type_shape", "input_type_shape", "op_name", "provider"]), st.none() | st.integers() | st.text()
    )
)
def test_odd_arguments_raise_nothing(args: dict[str, Any]) -> None:
    runs, unread = read(node("Conv", **args), RUN)
    assert len(runs) == 1
    assert unread + sum(row[0] for row in runs[0].values()) in {0, 1}


def wanted(**inputs: tuple[str, list[Any]]) -> list[Any]:
    return [SimpleNamespace(name=name, type=f"tensor({dtype})", shape=shape) for name, (dtype, shape) in inputs.items()]


def made(inputs: list[Any], **shapes: list[int]) -> dict[str, tuple[list[int], str]]:
    """Shape and values of each input; each is made twice, and the same both times."""
    first, second = (inputs_for(numpy, inputs, shapes) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert numpy.array_equal(one.value, other.value)
    return {one.name: (list(one.value.shape), one.values.partition(",")[0].partition(" ")[0]) for one in first}


ZIPFORMER = wanted(x=("float", ["N", "T", 80]), x_lens=("int64", ["N"]))


def test_the_encoder_of_a_zipformer() -> None:
    assert made(ZIPFORMER) == {"x": ([1, DEFAULT, 80], "normally"), "x_lens": ([1], "512")}
    # What is said of one input holds for the other.
    assert made(ZIPFORMER, x=[2, 1000, 80]) == {"x": ([2, 1000, 80], "normally"), "x_lens": ([2], "1000")}
    x, lens = inputs_for(numpy, ZIPFORMER, {})
    assert (x.value.dtype, lens.value.dtype, lens.value.tolist()) == ("float32", "int64", [DEFAULT])
    assert float(abs(x.value).max()) > 1
    assert told(x)["shape"] == [1, DEFAULT, 80]


def test_other_speech_models() -> None:
    nemo = wanted(audio_signal=("float16", ["audio_signal_dynamic_axes_1", 80, "time"]), length=("int64", ["batch"]))
    assert made(nemo) == {"audio_signal": ([1, 80, DEFAULT], "normally"), "length": ([1], "512")}
    silero = wanted(input=("float", [None, None]), state=("float", [2, None, 128]), sr=("int64", []))
    assert made(silero) == {"input": ([1, DEFAULT], "normally"), "state": ([2, 1, 128], "normally"), "sr": ([], "16000")}
    whisper = wanted(mel=("float", [1, 80, 3000]), tokens=("int64", ["n", 4]), attention_mask=("int64", ["n", 4]), first=("bool", [1]))
    assert made(whisper) == {
        "mel": ([1, 80, 3000], "normally"),
        "tokens": ([1, 4], "zeros"),
        "attention_mask": ([1, 4], "ones"),
        "first": ([1], "ones"),
    }
    assert made(wanted(audio=("float", ["samples"]))) == {"audio": ([DEFAULT], "normally")}


@pytest.mark.parametrize(
    ("want", "got", "found"),
    [
        ([1.0, -2.0], [1.0, -2.0], {"error": 0.0}),
        ([1.0, -2.0], [1.0, -1.0], {"error": 0.5}),
        ([1.0, -2.0], [1.0], {"apart": "its shape is [1], on the processor [2]"}),
        ([1.0, 2.0], [1.0, float("nan")], {"apart": "it holds what is no finite number"}),
        ([1.0, float("inf")], [1.0, 2.0], {"skipped": "on the processor too it holds what is no finite number"}),
        ([0.0, 0.0], [0.0, 1.0], {"skipped": "on the processor it is zero throughout"}),
        ([], [], {"skipped": "it is empty"}),
    ],
)
def test_results_are_compared_with_those_of_the_processor(want: list[float], got: list[float], found: dict[str, Any]) -> None:
    one = compared(numpy, "y", numpy.array(want, numpy.float32), numpy.array(got, numpy.float32))
    assert one == {"name": "y", "dtype": "float32", "elements": len(want), **found}


def test_whole_numbers_and_what_is_no_number_are_compared_too() -> None:
    most = numpy.array([2**64 - 1], numpy.uint64)
    assert compared(numpy, "y", most, most - 1)["error"] == pytest.approx(2**-64)
    assert compared(numpy, "y", numpy.array([True, False]), numpy.array([True, True]))["error"] == 1.0
    assert compared(numpy, "y", numpy.array(["a"]), numpy.array(["a"])) == {"name": "y", "skipped": "it is no tensor of numbers"}
    assert compared(numpy, "y", [1.0], [1.0]) == {"name": "y", "skipped": "it is no tensor of numbers"}


@pytest.mark.parametrize(
    ("inputs", "shapes", "error"),
    [
        (ZIPFORMER, {"y": [1]}, "BadShape: no input is called 'y'; there are x, x_lens"),
        (ZIPFORMER, {"x": [1, 1000]}, "BadShape: x is"),
        (ZIPFORMER, {"x": [1, 1000, 40]}, "BadShape: x is"),
        (ZIPFORMER, {"x": [9000, 1000, 80]}, "BadShape: the inputs would have 720009000 elements"),
        (wanted(text=("string", ["N"])), {}, r"NoInput: text is of the type tensor\(string\)"),
    ],
)
def test_inputs_that_cannot_be_made(inputs: list[Any], shapes: dict[str, list[int]], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        made(inputs, **shapes)
