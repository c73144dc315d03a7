"""Running an experiment: what it is given, what is kept of what it says, and when it ends."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.host.names import Names
from rocmkit.model import to_json
from rocmkit.trial.heard import FIRST, LAST, Answers, Faults, Kept, readable
from rocmkit.trial.run import runner
from rocmkit.trial.steps import import_step
from rocmkit.trial.values import Experiment, Limits, Trial
from rocmkit.trial.work import worker

FAULT = "Memory access fault by GPU node-1 (Agent handle: 0x55ac14d27600) on address 0x7f9587e00000. Reason: Page not present."


def python(code: str, names: Names | None = None, **more: Any) -> Trial:
    return runner(names)(Experiment(**{"name": "it", "argv": (sys.executable, "-c", code), "limits": Limits(time_s=20), **more}))


def said(text: str) -> str:
    """Python code that writes events on the answer pipe."""
    pipe = "import os, json\nfd = json.loads(os.environ['ROCMKIT_TRIAL'])['fd']\n"
    return f"{pipe}for line in {text}: os.write(fd, json.dumps(line).encode() + b'\\n')\n"


def said_raw(line: str) -> str:
    return f"import json, os\nos.write(json.loads(os.environ['ROCMKIT_TRIAL'])['fd'], {line.encode()!r} + b'\\n')\n"


def test_a_worker_is_asked_on_its_input_and_answers_on_its_pipe() -> None:
    code = said("[{'step': 0}, {'done': 0, 'measured': {'n': 3}}, {'mapped': ['/x/libamdhip64.so.6', '/x/libm.so.6']}, {'end': True}]")
    trial = python(f"import sys\nprint(sys.stdin.read())\n{code}", request={"steps": [{"do": "x"}]})
    assert (trial.outcome, trial.measured, trial.mapped) == ("pass", ({"n": 3},), ("/x/libamdhip64.so.6",))
    assert json.loads(trial.log) == {"steps": [{"do": "x"}]}


@pytest.mark.parametrize(
    ("events", "code", "because"),
    [
        (
            "[{'step': 0}, {'done': 0}, {'step': 1}, {'failed': 1, 'error': 'RuntimeError: HIP error: x'}, {'end': True}]",
            1,
            "RuntimeError: HIP error: x",
        ),
        ("[{'step': 0}, {'done': 0}, {'step': 1}]", 0, "it ended without an answer"),
        ("[{'step': 0}, {'done': 0}, {'step': 1}, {'end': True}]", 0, "it ended without an answer"),
        ("[{'step': 0}, {'done': 0}, {'step': 1}]", 3, "it ended with exit code 3"),
    ],
)
def test_a_worker_that_did_not_do_all_failed(events: str, code: int, because: str) -> None:
    trial = python(f"{said(events)}import sys; sys.exit({code})", request={"steps": [{}, {}]})
    assert (trial.outcome, trial.exit, trial.because, trial.step) == ("fail", code, because, 1)


def test_a_process_that_it_started_and_that_died_is_told() -> None:
    trial = python("import os, sys\nif not os.fork(): os.kill(os.getpid(), 11)\nos.wait()\nsys.exit(1)")
    assert (trial.outcome, trial.exit) == ("fail", 1)
    assert trial.because == "it ended with exit code 1; a process that it had started died of SIGSEGV"
    trial = python("import os\nif not os.fork(): os.kill(os.getpid(), 11)\nos.wait()")
    assert (trial.outcome, trial.because) == ("pass", "it ended with exit code 0; a process that it had started died of SIGSEGV")


def test_a_worker_is_understood_whatever_the_user_has_set_for_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-16")
    trial = runner()(worker(sys.executable, "it", [import_step("json")]))
    assert trial.outcome == "pass", trial


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "ORT_DISABLE_TELEMETRY"])
@pytest.mark.parametrize(("request_", "offline"), [({"steps": []}, "1"), (None, "None")])
def test_only_experiments_of_ours_are_kept_from_the_network(
    request_: dict[str, Any] | None, offline: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name, raising=False)
    trial = python(f"import os; print(os.environ.get({name!r}))", request=request_)
    assert trial.log.strip() == offline


def test_an_exception_is_why_it_failed() -> None:
    trial = python("int('x')")
    assert (trial.outcome, trial.exit) == ("fail", 1)
    assert trial.because == "ValueError: invalid literal for int() with base 10: 'x'"


def test_what_cannot_be_started_raises_and_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for program, cwd in (("/no/such/program", None), ("/bin/true", "/no/such/folder"), (str(tmp_path), None)):
        with pytest.raises(OSError, match=program):
            runner()(Experiment(name="it", argv=(program,), cwd=cwd))
    assert list(tmp_path.iterdir()) == []


def test_surroundings_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", "/of/the/caller")
    monkeypatch.setenv("TO_GO", "x")
    asked = "os.getcwd(), os.listdir('.'), dict(os.environ), resource.getrlimit(resource.RLIMIT_STACK)[0]"
    code = f"import os, json, resource; print(json.dumps([{asked}]))"
    trial = python(code, env={"TO_GO": None, "NEW": "a{fresh}b"}, stack_bytes=2 << 20)
    cwd, files, env, stack = json.loads(trial.log)
    assert Path(cwd).is_relative_to(tmp_path)
    assert files == []
    assert stack == 2 << 20
    assert "TO_GO" not in env
    assert env["NEW"].startswith(f"a{tmp_path}/")
    assert env["PYTHONPATH"].endswith("hooks:/of/the/caller")
    assert env["MIOPEN_USER_DB_PATH"].startswith(str(tmp_path))
    kept = json.loads(python(code, fresh_caches=False, cwd=str(tmp_path)).log)
    assert kept[0] == str(tmp_path)
    assert "NUMBA_CACHE_DIR" not in kept[2]
    assert list(tmp_path.iterdir()) == []


def test_no_file_of_ours_but_the_answer_pipe_is_open_in_it() -> None:
    trial = python("import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')))")
    descriptors = json.loads(trial.log)
    assert descriptors[:3] == [0, 1, 2]
    assert len(descriptors) == 4
    assert descriptors[3] >= 100


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_fault_of_the_gpu_ends_it_at_once(stream: str) -> None:
    half = len(FAULT) // 2
    code = f"""
import sys, time
time.sleep(0.1)
sys.{stream}.write("loading: 50%\\n" + {FAULT[:half]!r}); sys.{stream}.flush()
time.sleep(0.1)
sys.{stream}.write({FAULT[half:]!r} + "\\n"); sys.{stream}.flush()
time.sleep(60)
"""
    begin = time.monotonic()
    trial = python(code)
    assert time.monotonic() - begin < 1.5
    assert (trial.outcome, trial.gpu_fault, trial.limit) == ("crash", FAULT, None)
    assert trial.known
    assert trial.python == ("<string>:7 in <module>",)


def test_what_is_private_is_hidden_in_every_text() -> None:
    names = Names("/home/somebody", user=["somebody"], machine=["secretbox"])
    code = said(
        "[{'import': 'somebody.x'}, {'library': '/home/somebody/_C.so'}, {'mapped': ['/home/somebody/libamdhip64.so']},"
        "{'done': 0, 'measured': {'gpu': 'of secretbox'}}, {'failed': 1, 'error': 'OSError: /home/somebody/x'}]"
    )
    trial = python(f"{code}print('secretbox')\nraise SystemExit(1)", names, request={"steps": [{}, {}]})
    assert trial.mapped == ("~/libamdhip64.so",)
    assert trial.because == "OSError: ~/x"
    assert "somebody" not in repr(trial)
    assert "secretbox" not in repr(trial)


def test_the_beginning_and_the_end_of_a_flood_are_kept() -> None:
    kept = Kept()
    kept.add(b"begin\n")
    for _ in range(50):
        kept.add(b"x" * 65536)
    kept.add(b"\nend")
    data = kept.data()
    assert data.startswith(b"begin\n")
    assert data.endswith(b"\nend")
    assert len(data) < FIRST + LAST + 100
    assert b"%d bytes are left out" % (6 + 50 * 65536 + 4 - FIRST - LAST) in data


@given(st.lists(st.binary(max_size=40_000), max_size=12))
def test_a_short_output_is_kept_whole_and_a_long_one_in_bounds(pieces: list[bytes]) -> None:
    kept, whole = Kept(), b"".join(pieces)
    for piece in pieces:
        kept.add(piece)
    data = kept.data()
    if len(whole) <= FIRST + LAST:
        assert data == whole
    else:
        first, number, last = re.split(rb"\n\.\.\. ([0-9]+) bytes are left out \.\.\.\n", data, maxsplit=1)
        assert whole.startswith(first) and whole.endswith(last) and len(first) + int(number) + len(last) == len(whole)


@pytest.mark.parametrize("end", ["\n", "\r", " "])
def test_no_half_of_a_password_is_kept(end: str) -> None:
    token = "hf_" + "aB3" * 9
    for around in range(0, 40, 3):
        kept = Kept()
        begin = f"x{end}" * (FIRST // 2 - 10)
        kept.add((begin + "y" * (FIRST - len(begin) - around) + end + token + end).encode())
        kept.add(f"line{end}".encode() * 40_000)
        last = token + end + f"z{end}" * 20
        kept.add((last + "z" * (LAST - len(last) + around)).encode())
        text = readable(kept.data()).replace(token, "")
        assert "hf_" not in text and "aB3" not in text


@pytest.mark.parametrize(
    "line",
    [
        r'{"import": "\ud800"}',
        r'{"library": "/x\udcff.so"}',
        '{"step": 99999999999999999999999}',
        '{"done": 0, "measured": {"a": 99999999999999999999999, "\\ud800": ["\\ud800"]}}',
        '{"done": 0, "measured": {"a": ' + "[" * 900 + "]" * 900 + "}}",
        '{"failed": 0, "error": "\\udfff", "measured": {"a": 1e999}}',
    ],
)
def test_whatever_is_answered_can_be_published(line: str) -> None:
    trial = python(f"{said_raw(line)}raise SystemExit(1)", request={"steps": [{}]})
    assert to_json(trial)


LINES = (
    FAULT,
    "HW Exception by GPU node-1 (Agent handle: 0x1b0fc990) reason :GPU Hang",
    ":0:rocdevice.cpp :2984: 93862815501 us: [pid:318562 tid:0x7f122e5ff640] Callback: Queue 0x7f0ed8000000 aborting with error : "
    "HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware exception. code: 0x1016",
    ":0:rocdevice.cpp :3582: Callback: Queue 0x7f Aborting with error : HSA_STATUS_ERROR_OUT_OF_RESOURCES: x",
    ":0:rocdevice.cpp :2672: Device::callbackQueue aborting with error : HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: x",
)


@pytest.mark.parametrize("line", LINES)
def test_faults_are_found_in_pieces_of_any_size(line: str) -> None:
    data = f"before\n{line}\nafter".encode()
    for size in (1, 7, 64, 10_000):
        faults = Faults()
        for begin in range(0, len(data), size):
            faults.add(data[begin : begin + size])
        assert faults.line() == line[max(0, len(line) - 1000) :] or (faults.line() or "").endswith(line[-40:])


def test_what_is_said_right_behind_a_fault_is_not_of_it() -> None:
    faults = Faults()
    faults.add(FAULT.encode() + b"Fatal Python error: Aborted\n")
    assert faults.line() == FAULT


def test_the_reason_on_the_next_line_belongs_to_the_fault() -> None:
    faults = Faults()
    assert faults.add(
        b"Queue at 0x7f4e03654000 inactivated due to async error:\n\tHSA_STATUS_ERROR_MEMORY_FAULT: Agent attempted\nAborted\n"
    )
    assert (faults.line() or "").endswith("async error: HSA_STATUS_ERROR_MEMORY_FAULT: Agent attempted")


@pytest.mark.parametrize(
    "line", ['print("Memory access fault by GPU node-1")', "a memory access fault by GPU node-1", "error: HSA_STATUS_ERROR_EXCEPTION", ""]
)
def test_what_only_talks_of_faults_is_none(line: str) -> None:
    faults = Faults()
    assert not faults.add(line.encode())
    assert faults.line() is None


@given(st.lists(st.binary() | st.from_regex(rb'\{"(step|done|failed|mapped|import)": [0-9a-z"\[\]{}]*\}\n')))
def test_any_answer_is_taken(pieces: list[bytes]) -> None:
    answers = Answers()
    for piece in pieces:
        answers.add(piece)
    assert all(isinstance(measured, dict) for measured in answers.done.values())
    assert all(isinstance(path, str) for path in answers.mapped)


def test_what_python_looks_for_at_its_start_is_not_what_a_program_imported_last(tmp_path: Path) -> None:
    program = tmp_path / "program.py"  # for what follows -c, Python 3.13 imports linecache
    program.write_text("import os\nos.kill(os.getpid(), 9)")
    trial = python("", argv=(sys.executable, str(program)))
    assert (trial.signal, trial.last_import) == ("SIGKILL", None)
    assert trial.because == "something killed it, as the kernel does when memory runs out"


def test_an_answer_without_an_end_is_not_kept() -> None:
    answers = Answers()
    for _ in range(100):
        answers.add(b"x" * 65536)
    answers.add(b'"}\n{"import": "torch"}\n')
    assert answers.last_import == "torch"


@given(st.binary())
def test_any_output_is_readable(data: bytes) -> None:
    assert all(character in "\n\t" or ord(character) >= 32 for character in readable(data))


def test_one_runs_after_another() -> None:
    run = runner()
    before = os.listdir("/proc/self/fd")
    for name in ("one", "two"):
        assert run(Experiment(name=name, argv=("/bin/true",))).outcome == "pass"
    assert os.listdir("/proc/self/fd") == before
