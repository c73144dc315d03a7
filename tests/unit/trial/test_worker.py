"""The worker, asked for modules of the standard library and for some that misbehave: its answer obeys the protocol whatever they do."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rocmkit.trial.steps import OPERATIONS, import_step
from rocmkit.trial.work import INSIDE
from tests.support.worker import Answered, ask


def imported(tmp_path: Path, text: str) -> Answered:
    """A worker that was asked to import `text`, and json after that."""
    (tmp_path / "odd.py").write_text(text)
    return ask((import_step("odd"), import_step("json")), env={"PYTHONPATH": str(tmp_path)})


def loaded(name: str) -> ModuleType:
    """A file of the worker's, which imports nothing beside it."""
    spec = importlib.util.spec_from_file_location(f"tested_{name}", INSIDE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_step_is_told_as_it_begins_and_ends() -> None:
    got = ask((import_step("json"), import_step("email.message")))
    assert got.code == 0
    first, second, third, fourth, *mapped, end = got.events
    assert (first, third) == ({"step": 0}, {"step": 1})
    assert second["done"] == 0
    assert second["measured"]["version"] == json.__version__  # type: ignore[attr-defined]
    assert fourth["done"] == 1
    assert set(fourth["measured"]) == {"seconds"}  # it has no version
    assert end == {"end": True}
    assert mapped
    assert all(set(event) == {"mapped"} for event in mapped)
    paths = [path for event in mapped for path in event["mapped"]]
    assert any("libc.so" in path or "libc-" in path for path in paths)
    assert len(set(paths)) == len(paths)
    assert (got.out, got.err) == ("", "")


def test_nothing_is_asked() -> None:
    got = ask(())
    assert (got.code, got.events[-1]) == (0, {"end": True})
    assert not [event for event in got.events if "step" in event]


def test_a_failed_step_is_the_last() -> None:
    got = ask((import_step("json"), import_step("no_such_module"), import_step("ast")))
    assert got.code == 1
    assert got.last == {"failed": 1, "error": "ModuleNotFoundError: No module named 'no_such_module'", "measured": {}}
    assert {"step": 2} not in got.events
    assert got.events[-1] == {"end": True}
    assert "Traceback (most recent call last)" in got.err


def test_a_step_that_nobody_knows() -> None:
    assert ask(({"do": "fly", "device": "cpu"},)).last["error"] == "ValueError: there is no step 'fly'"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("raise RuntimeError('HIP error: invalid device function\\nHIP kernel errors might be ...')", "HIP error: invalid device function"),
        ("raise RuntimeError('\\n\\n  Failed because of:\\n  the\\tcause\\nadvice')", "Failed because of: the cause"),
        ("raise RuntimeError", ""),
    ],
)
def test_what_happened_is_on_the_first_line(tmp_path: Path, text: str, error: str) -> None:
    assert imported(tmp_path, text).last["error"] == (f"RuntimeError: {error}" if error else "RuntimeError")


def test_what_an_error_came_of(tmp_path: Path) -> None:
    got = imported(tmp_path, "try:\n    import gone_away\nexcept ImportError as e:\n    raise RuntimeError('no') from e")
    assert got.last["error"] == "RuntimeError: no; because of ModuleNotFoundError: No module named 'gone_away'"


def test_a_long_error_is_cut(tmp_path: Path) -> None:
    got = imported(tmp_path, "raise ValueError('x' * 100_000)")
    assert len(got.last["error"]) == 500
    assert len(got.err) < 30_000


def test_no_half_of_a_password_is_in_an_error(tmp_path: Path) -> None:
    token = "hf_" + "aB3" * 9
    for words in (220, 231, 235, 243):
        error = imported(tmp_path, f"raise ValueError('y ' * {words} + '{token} is no token')").last["error"]
        assert error.startswith("ValueError: y y")
        assert "hf_" not in error.replace(token, "")


def test_an_error_that_cannot_be_printed(tmp_path: Path) -> None:
    got = imported(tmp_path, "class Odd(Exception):\n    def __str__(self):\n        raise KeyError(1)\nraise Odd")
    assert got.last["error"] == "Odd"


def test_surrogates_in_an_error(tmp_path: Path) -> None:
    got = imported(tmp_path, "raise ValueError('a\\udc80b')")
    assert got.last["error"] == "ValueError: a\udc80b"
    assert got.events[-1] == {"end": True}


def test_what_a_module_prints_is_not_the_answer(tmp_path: Path) -> None:
    got = imported(tmp_path, "import os, sys\nprint('{\"failed\": 0}')\nos.write(1, b'native\\n')\nprint('hm', file=sys.stderr)")
    assert got.code == 0
    assert sorted(got.out.split("\n")) == ["", "native", '{"failed": 0}']
    assert got.err == "hm\n"


def test_a_module_that_exits(tmp_path: Path) -> None:
    got = imported(tmp_path, "import sys\nsys.exit(0)")
    assert (got.code, got.last) == (1, {"failed": 0, "error": "SystemExit: 0", "measured": {}})
    assert got.events[-1] == {"end": True}


def test_a_module_that_ends_the_process(tmp_path: Path) -> None:
    got = imported(tmp_path, "import os\nos._exit(0)")
    assert (got.code, got.events) == (0, ({"step": 0},))  # no end: the runner does not take it for a pass


def test_a_module_that_closes_everything(tmp_path: Path) -> None:
    got = imported(tmp_path, "import os\nos.closerange(3, 4096)")
    assert (got.code, got.events) == (1, ({"step": 0},))
    assert "Bad file descriptor" in got.err


def test_a_pipe_whose_number_is_given_away_is_left_alone(tmp_path: Path) -> None:
    """A file of the user's may get the number of the pipe."""
    file = tmp_path / "users"
    text = f"import json, os\nfd = json.loads(os.environ['ROCMKIT_TRIAL'])['fd']\nf = open({str(file)!r}, 'w')\nos.dup2(f.fileno(), fd)"
    got = imported(tmp_path, text)
    assert (got.code, got.events) == (1, ({"step": 0},))
    assert file.read_text() == ""


def test_a_module_that_takes_the_streams_away(tmp_path: Path) -> None:
    got = imported(tmp_path, "import os, sys\nsys.stdout = sys.stderr = None\nos.close(1)\nos.close(2)\nraise ValueError('dark')")
    assert (got.code, got.last["error"]) == (1, "ValueError: dark")


@pytest.mark.parametrize("name", ["torch_steps", "worker", "onnx_model"])
@pytest.mark.parametrize("where", ["path", "none"])
def test_no_file_of_ours_is_a_module_of_the_users(tmp_path: Path, name: str, where: str) -> None:
    """Of the names that lie beside the worker, `import` finds the user's, or none."""
    (tmp_path / f"{name}.py").write_text("__version__ = 'the user has it'")
    got = ask((import_step(name),), env={"PYTHONPATH": str(tmp_path)} if where == "path" else {}, cwd=tmp_path)
    if where == "path":
        assert got.last["measured"]["version"] == "the user has it"
    else:
        assert got.last["error"] == f"ModuleNotFoundError: No module named '{name}'"


def test_the_path_is_that_of_the_interpreter(tmp_path: Path) -> None:
    got = imported(tmp_path, "import sys\nprint(sys.path)")
    path = ast.literal_eval(got.out)
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "VIRTUAL_ENV"}}
    plain = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.path[1:])"],
        env={**clean, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert path == ast.literal_eval(plain.stdout)


def test_by_hand_the_answer_is_on_standard_output() -> None:
    request = json.dumps({"steps": [import_step("json")]})
    env = {name: value for name, value in os.environ.items() if name != "ROCMKIT_TRIAL"}
    done = subprocess.run([sys.executable, INSIDE / "worker.py"], input=request, env=env, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0] == {"step": 0}
    assert events[-1] == {"end": True}


def test_an_event_is_one_short_line(tmp_path: Path) -> None:
    """Libraries with long paths, so that they do not go into one event; and a version that is too long."""
    folder = tmp_path / ("x" * 200) / ("y" * 200)
    folder.mkdir(parents=True)
    for number in range(30):
        (folder / f"{number}.so.{number}").write_bytes(b"\0" * 4096)
    text = f"""
import glob, mmap, os
__version__ = "\\0" * 100_000
kept = [mmap.mmap(os.open(path, os.O_RDONLY), 4096, prot=mmap.PROT_READ) for path in glob.glob({str(folder)!r} + "/*")]
"""
    got = imported(tmp_path, text)
    assert got.code == 0
    assert all(len(line) < 4096 for line in got.lines)
    mapped = [path for event in got.events for path in event.get("mapped", ())]
    assert {path for path in mapped if path.startswith(str(folder))} == {f"{folder}/{number}.so.{number}" for number in range(30)}


def test_what_was_measured_is_cut_to_one_write() -> None:
    reading, writing = os.pipe()
    try:
        answer = loaded("worker").Answer(json.dumps({"fd": writing, "inode": os.fstat(writing).st_ino}))
        answer.tell(done=1, measured={"seconds": 1.0, "much": ["x" * 100] * 100})
        assert json.loads(os.read(reading, 10_000)) == {"done": 1, "measured": {"seconds": 1.0}}
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(
    ("measured", "fault"),
    [
        ({"error": 0.1, "at_most": 0.1}, None),
        ({"error": 0.31, "at_most": 1e-4}, "WrongNumbers: largest error 0.31 of the largest value, at most 0.0001 is rounding"),
        ({"error": float("nan"), "at_most": 1e-4}, "WrongNumbers: largest error nan of the largest value, at most 0.0001 is rounding"),
        ({"error": 9.0, "at_most": 0.0, "fault": "RanElsewhere: there"}, "RanElsewhere: there"),
        ({"unsupported": "no"}, None),
    ],
)
def test_what_was_measured_is_judged(measured: dict[str, Any], fault: str | None) -> None:
    assert loaded("worker").fault_of(measured) == fault
    assert not {"fault", "at_most"} & set(measured)


def test_every_operation_has_its_step() -> None:
    """A library that is missing is an answer of the step itself; a step that is missing would be a mistake of ours."""
    for do in sorted({one.do for one in OPERATIONS}):
        (step,) = [one.step("cpu") for one in OPERATIONS if one.do == do][:1]
        assert "there is no step" not in ask((step,)).last.get("error", ""), do


def _top(tree: ast.Module) -> set[str]:
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}


@pytest.mark.parametrize("name", [*loaded("worker")._FILES, "worker", "torch_compare", "onnx_model", "hooks/sitecustomize"])
def test_python_3_8_reads_it(name: str) -> None:
    """Its grammar, and the standard library alone."""
    tree = ast.parse((INSIDE / f"{name}.py").read_text(), feature_version=(3, 8))
    assert {module.split(".")[0] for module in _top(tree)} <= sys.stdlib_module_names


# The model for ONNX Runtime


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """A message of protobuf by its encoding, which protobuf.dev describes."""
    found: list[tuple[int, int | bytes]] = []
    place = 0

    def varint() -> int:
        nonlocal place
        number = shift = 0
        while True:
            byte = data[place]
            place += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while place < len(data):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
            continue
        assert key & 7 == 2
        length = varint()
        assert place + length <= len(data)
        found.append((key >> 3, data[place : place + length]))
        place += length
    return found


def bytes_of(message: bytes, number: int) -> list[bytes]:
    return [value for field, value in fields(message) if field == number and isinstance(value, bytes)]


def test_a_model_says_what_it_was_made_of() -> None:
    made: bytes = loaded("onnx_model").model(
        (("Conv", ("x", "w"), {"pads": (1, 300)}), ("Softmax", ("Conv",), {"axis": -1})),
        {"w": ((1, 2), (0.5, -2.0))},
        takes=("x", (1, 130)),
        gives=("Softmax", (1, 130)),
    )
    (graph,) = bytes_of(made, 7)
    conv, softmax = bytes_of(graph, 1)
    assert (bytes_of(conv, 1), bytes_of(conv, 2), bytes_of(conv, 4)) == ([b"x", b"w"], [b"Conv"], [b"Conv"])
    assert [value for field, value in fields(bytes_of(conv, 5)[0]) if field == 8] == [1, 300]
    assert (3, (1 << 64) - 1) in fields(bytes_of(softmax, 5)[0])  # -1
    (weights,) = bytes_of(graph, 5)
    assert fields(weights) == [(1, 1), (1, 2), (2, 1), (8, b"w"), (9, b"\x00\x00\x00\x3f\x00\x00\x00\xc0")]
    assert len(bytes_of(graph, 11)) == len(bytes_of(graph, 12)) == 1


# Where ONNX Runtime ran what


def ran(*nodes: tuple[str, str]) -> list[dict[str, Any]]:
    """A profile, with what else stands in one."""
    told: list[dict[str, Any]] = [
        {"cat": "Session", "name": "model_run"},
        {"cat": "Node", "name": "a_fence_before", "args": {"op_name": "Conv"}},
    ]
    return told + [{"cat": "Node", "name": "a_kernel_time", "args": {"op_name": op, "provider": where}} for op, where in nodes]


GPU, CPU = "ROCMExecutionProvider", "CPUExecutionProvider"


@pytest.mark.parametrize(
    ("nodes", "fault"),
    [
        ((("Conv", GPU), ("MatMul", GPU), ("Softmax", GPU)), None),
        ((("Conv", GPU), ("MatMul", GPU), ("Softmax", CPU)), f"RanElsewhere: Softmax did not run on {GPU}"),
        ((("Conv", CPU), ("MatMul", CPU), ("Softmax", CPU)), f"RanElsewhere: Conv, MatMul, Softmax did not run on {GPU}"),
        ((("MGXKernel_graph_small_0", GPU),), None),
        ((), f"RanElsewhere: everything did not run on {GPU}"),
        ((("MemcpyFromHost", GPU), ("Reshape", CPU)), f"RanElsewhere: everything did not run on {GPU}"),
    ],
)
def test_where_a_model_ran(nodes: tuple[tuple[str, str], ...], fault: str | None) -> None:
    got = placement(ran(*nodes), GPU)
    assert got.get("fault") == fault
    assert got["placed"] == {op: where for op, where in nodes if not op.startswith("Memcpy")}
    assert got["copies"] == sum(op.startswith("Memcpy") for op, _ in nodes)


def placement(profile: list[dict[str, Any]], provider: str) -> dict[str, Any]:
    module = importlib.import_module("rocmkit.trial.inside.onnx_steps")
    told: dict[str, Any] = module.placement(profile, provider)
    return told
