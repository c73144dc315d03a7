"""The trial room survives every death that we could think of, names it, and leaves nothing behind."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from rocmkit.trial.run import runner
from rocmkit.trial.steps import import_step
from rocmkit.trial.work import worker
from tests.support.crashes import MARK, Zoo, environment, function
from tests.support.room import LONG, SHORT, Room, lies_in


def test_a_program_that_ends_well(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.die("nothing_wrong"))
    assert (trial.outcome, trial.exit, trial.signal, trial.because, trial.limit) == ("pass", 0, None, None, None)
    assert (trial.frame, trial.library, trial.gpu_fault, trial.log) == (None, None, None, "")


@pytest.mark.parametrize(
    ("way", "name"),
    [
        ("segv", "SIGSEGV"),
        ("aborts", "SIGABRT"),
        ("asserts", "SIGABRT"),
        ("ill", "SIGILL"),
        ("bus", "SIGBUS"),
        ("fpe", "SIGFPE"),
        ("overflow", "SIGSEGV"),
        ("overflow_in_thread", "SIGSEGV"),
        ("threads", "SIGSEGV"),
        ("daemons_segv", "SIGSEGV"),
    ],
)
def test_fatal_signals_of_a_program(room: Room, zoo: Zoo, way: str, name: str) -> None:
    trial = room(*zoo.die(way))
    assert (trial.outcome, trial.signal, trial.exit, trial.limit) == ("crash", name, None, None)
    assert room.seconds < 10


def test_an_exception_of_cpp_that_nobody_catches(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.terminate)
    assert (trial.outcome, trial.signal) == ("crash", "SIGABRT")
    assert "nobody catches this" in trial.log


def test_what_the_program_said_last_is_in_the_log(room: Room, zoo: Zoo) -> None:
    assert "nothing == 906" in room(*zoo.die("asserts")).log


@pytest.mark.parametrize(
    ("way", "name", "where"),
    [
        ("segv", "SIGSEGV", "segv"),
        ("outer_segv", "SIGSEGV", "segv"),
        ("ill", "SIGILL", "ill"),
        ("bus", "SIGBUS", "bus"),
        ("fpe", "SIGFPE", "fpe"),
        ("overflow", "SIGSEGV", "recurse"),
        ("overflow_in_thread", "SIGSEGV", "recurse"),
        ("threads", "SIGSEGV", "segv"),
    ],
)
def test_a_crash_inside_a_library_names_library_and_function(room: Room, zoo: Zoo, way: str, name: str, where: str) -> None:
    trial = room.python(zoo.call(way))
    assert (trial.outcome, trial.signal, trial.library) == ("crash", name, str(zoo.library))
    assert lies_in(trial, zoo.library, where), trial.frame
    assert trial.last_library == str(zoo.library)


@pytest.mark.parametrize(("way", "name"), [("segv", "SIGSEGV"), ("aborts", "SIGABRT"), ("overflow_in_thread", "SIGSEGV")])
def test_where_nothing_can_be_traced_the_rest_is_told(room: Room, zoo: Zoo, way: str, name: str) -> None:
    run = runner(trace=False)
    trial = run(room.experiment(sys.executable, "-c", zoo.call(way)))
    room.look_around()
    assert (trial.outcome, trial.signal, trial.last_library) == ("crash", name, str(zoo.library))
    assert (trial.frame, trial.because) == (None, "where it died is not known, since it could not be traced: switched off")
    hang = run(room.experiment(*zoo.die("daemons_hang"), limits=SHORT))
    room.look_around()
    assert (hang.outcome, hang.limit) == ("hang", "time")


def test_an_abort_lies_in_the_library_that_called_abort(room: Room, zoo: Zoo) -> None:
    trial = room.python(zoo.call("aborts"))
    assert (trial.outcome, trial.signal) == ("crash", "SIGABRT")
    assert any(frame.startswith("libways.so+") for frame in trial.native)


def test_the_caller_and_the_python_stack_are_told(room: Room, zoo: Zoo, tmp_path: Path) -> None:
    program = tmp_path / "transcribe.py"
    program.write_text(f"def infer():\n    {zoo.call('outer_segv')}\n\ndef main():\n    infer()\n\nmain()\n")
    trial = room(sys.executable, str(program))
    inner, outer = function(zoo.library, "segv"), function(zoo.library, "outer_segv")
    offsets = [int(frame.split()[0].partition("+0x")[2], 16) for frame in trial.native if frame.startswith("libways.so+")]
    assert offsets[0] in inner
    assert any(offset in outer for offset in offsets[1:])
    names = [frame.rpartition(" in ")[2] for frame in trial.python]
    assert [name for name in names if name in {"infer", "main"}] == ["infer", "main"]
    assert any(frame.endswith("transcribe.py:5 in main") for frame in trial.python)


def test_a_c_extension_that_dies_while_it_is_imported(room: Room, zoo: Zoo, tmp_path: Path) -> None:
    zoo.extension(tmp_path)
    trial = room.python("import doomed", env={"PYTHONPATH": str(tmp_path)})
    library = tmp_path / "doomed/_native.so"
    assert (trial.outcome, trial.signal, trial.last_import) == ("crash", "SIGSEGV", "doomed._native")
    assert (trial.library, trial.last_library) == (str(library), str(library))
    assert lies_in(trial, library, "crash_of_the_extension"), trial.frame


def test_a_worker_that_dies_in_its_second_import(room: Room, zoo: Zoo, tmp_path: Path) -> None:
    python, site = environment(tmp_path / "env", {})
    zoo.clashing(site, "alpha", "beta")
    env: dict[str, str | None] = {MARK: room.mark}
    both = [import_step("alpha"), import_step("beta")]
    trial = room.run(worker(str(python), "both", both, env=env, limits=LONG))
    assert (trial.outcome, trial.signal, trial.step, trial.last_import) == ("crash", "SIGSEGV", 1, "beta")
    assert trial.library == str(site / "beta/libbeta.so")
    assert lies_in(trial, site / "beta/libbeta.so", "read_title"), trial.frame
    other = room.run(worker(str(python), "turned", both[::-1], env=env, limits=LONG))
    assert (other.outcome, other.step, len(other.measured)) == ("pass", None, 2)
    for step in both:
        assert room.run(worker(str(python), "alone", [step], env=env, limits=LONG)).outcome == "pass"


def test_a_worker_whose_module_is_not_there_fails_and_says_why(room: Room) -> None:
    steps = [import_step("json"), import_step("no_such_module")]
    trial = room.run(worker(sys.executable, "absent", steps, env={MARK: room.mark}, limits=LONG))
    assert (trial.outcome, trial.step, trial.signal) == ("fail", 1, None)
    assert "no_such_module" in (trial.because or "")


def test_a_request_without_an_answer_is_no_pass(room: Room) -> None:
    trial = room.python("import sys; sys.stdin.read()", request={"steps": [import_step("json")]})
    assert (trial.outcome, trial.exit) == ("fail", 0)
    assert trial.because


def test_an_exit_code_and_that_of_a_shell_around_a_crash(room: Room, zoo: Zoo) -> None:
    failed = room("/bin/sh", "-c", "exit 3")
    assert (failed.outcome, failed.exit, failed.signal) == ("fail", 3, None)
    assert failed.because
    wrapped = room("/bin/sh", "-c", '"$@"; exit $?', "sh", *zoo.die("segv"))
    assert (wrapped.outcome, wrapped.exit, wrapped.signal) == ("crash", 139, "SIGSEGV")
    assert room("/bin/sh", "-c", "exit 130").outcome == "fail"  # of SIGINT: nobody's crash


def test_an_exception_of_the_rocm_runtime_is_known(room: Room) -> None:
    program = "def infer():\n    raise RuntimeError('HIP error: invalid device function')\ninfer()"
    trial = room.python(program)
    assert (trial.outcome, trial.exit, trial.signal) == ("fail", 1, None)
    assert trial.because == "RuntimeError: HIP error: invalid device function"
    assert trial.known
    assert all(re.fullmatch(r"RK\d{3}", code) for code in trial.known)
    assert room.python("raise RuntimeError('the cat is on the keyboard')").known == ()
