"""The trial room survives every death that we could think of, names it, and leaves nothing behind."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rocmkit.host.names import Names
from rocmkit.model import to_json
from rocmkit.trial.run import runner
from rocmkit.trial.steps import import_step
from rocmkit.trial.values import Experiment, Limits, Trial
from rocmkit.trial.work import worker
from tests.support.command import ROOT
from tests.support.crashes import MARK, Zoo, environment, function, has_cpp, marked, wait_until

MIB = 1 << 20
SHORT = Limits(time_s=1.0)
#: Nothing here runs for longer, unless the runner fails.
LONG = Limits(time_s=15.0)


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


class Room:
    """A runner, and a look around after each of its trials."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.mark = uuid.uuid4().hex
        self.seconds = 0.0
        self.told: list[str] = []
        self.names = Names()

    def experiment(self, *argv: str, **using: Any) -> Experiment:
        using = {"name": "planted", "limits": LONG, **using}
        return Experiment(argv=argv, **{**using, "env": {MARK: self.mark, **using.get("env", {})}})

    def __call__(self, *argv: str, **using: Any) -> Trial:
        return self.run(self.experiment(*argv, **using))

    def python(self, program: str, **using: Any) -> Trial:
        return self(sys.executable, "-c", program, **using)

    def run(self, experiment: Experiment) -> Trial:
        start = time.monotonic()
        trial = runner(self.names, tell=self.told.append)(experiment)
        self.seconds = time.monotonic() - start
        self.look_around()
        assert trial.name == experiment.name
        assert trial.seconds <= self.seconds
        assert len(trial.log) < 1 << 18
        return trial

    def look_around(self) -> None:
        assert marked(self.mark) == []
        assert psutil.Process().children(recursive=True) == []  # zombies too
        assert list(self.scratch.iterdir()) == []


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    room = Room(scratch)
    yield room
    for line in marked(room.mark):  # a test that failed leaves nothing behind either
        os.kill(int(line.split()[0]), signal.SIGKILL)


def lies_in(trial: Trial, library: Path, name: str) -> bool:
    """Whether the innermost native frame is that function of that library."""
    found = re.fullmatch(rf"{re.escape(library.name)}\+0x([0-9a-f]+)", trial.frame or "")
    return found is not None and int(found[1], 16) in function(library, name)


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


@pytest.mark.skipif(not has_cpp(), reason="no C++ compiler")
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


# What has no end of its own


def test_a_busy_loop_and_a_deadlock_are_told_apart(room: Room, zoo: Zoo) -> None:
    busy, stuck = (room(*zoo.die(way), limits=SHORT) for way in ("busy", "deadlock"))
    for trial in (busy, stuck):
        assert (trial.outcome, trial.exit, trial.limit) == ("hang", None, "time")
        assert 1 <= trial.seconds < 6
    assert "computing" in (busy.because or "")
    assert "waited" in (stuck.because or "")
    assert any(frame.startswith("die+") and " busy" in frame for frame in busy.native)
    assert any(frame.startswith("die+") and " deadlock" in frame for frame in stuck.native)


def test_the_python_stack_says_where_it_hangs(room: Room) -> None:
    busy = "def infer_for_ever():\n    while True: pass\ninfer_for_ever()"
    stuck = "import threading\ndef wait_for_ever():\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()\nwait_for_ever()"
    found = [room.python(program, limits=SHORT) for program in (busy, stuck)]
    assert [trial.outcome for trial in found] == ["hang", "hang"]
    assert [trial.python[0].rpartition(" in ")[2] for trial in found] == ["infer_for_ever", "wait_for_ever"]
    assert found[0].because != found[1].because


@pytest.mark.parametrize("way", ["ignores", "daemons_hang"])
def test_what_ignores_every_signal_or_left_its_session_is_ended(room: Room, zoo: Zoo, way: str) -> None:
    trial = room(*zoo.die(way), limits=SHORT)
    assert (trial.outcome, trial.limit) == ("hang", "time")
    assert trial.seconds < 6


def test_daemons_of_a_program_that_ended_well_are_ended_at_once(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.die("daemons"))
    assert (trial.outcome, trial.exit) == ("pass", 0)
    assert room.seconds < 5


def test_a_daemon_that_is_never_the_same_process_is_ended(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.die("hops"))
    assert (trial.outcome, trial.exit) == ("pass", 0)
    assert room.seconds < 5


def test_a_child_of_a_shell_that_outlives_it(room: Room) -> None:
    trial = room("/bin/sh", "-c", "(trap '' TERM INT HUP; setsid sleep 50) & sleep 50 & echo gone")
    assert (trial.outcome, trial.log.strip()) == ("pass", "gone")
    assert room.seconds < 5


@pytest.mark.parametrize("way", ["grow", "grow_mapped", "grow_in_child"])
def test_growth_is_ended_at_the_limit(room: Room, zoo: Zoo, way: str) -> None:
    trial = room(*zoo.die(way), limits=Limits(time_s=15, memory_bytes=256 * MIB))
    assert (trial.outcome, trial.limit) == ("crash", "memory")
    assert trial.peak_bytes
    assert 200 * MIB < trial.peak_bytes < 1024 * MIB
    assert trial.because


def test_growth_of_several_processes_counts_together(room: Room, zoo: Zoo) -> None:
    program, way = zoo.die("grow")
    trial = room("/bin/sh", "-c", f"'{program}' {way} & '{program}' {way} & wait", limits=Limits(time_s=15, memory_bytes=256 * MIB))
    assert (trial.outcome, trial.limit) == ("crash", "memory")
    assert trial.peak_bytes
    assert trial.peak_bytes < 1200 * MIB


def test_address_space_is_no_memory(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.die("reserve"), limits=Limits(time_s=15, memory_bytes=256 * MIB))
    assert (trial.outcome, trial.exit) == ("pass", 0)
    assert trial.peak_bytes is not None
    assert trial.peak_bytes < 64 * MIB


def test_a_fork_bomb_stays_inside_its_limit(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.die("forks"), limits=Limits(time_s=15, processes=50))
    assert (trial.outcome, trial.limit) == ("crash", "processes")
    assert trial.seconds < 5
    assert trial.because


def test_a_gpu_fault_ends_the_trial_at_once(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.die("gpu_fault"))
    assert trial.outcome == "crash"
    assert trial.gpu_fault
    assert trial.gpu_fault.startswith("Memory access fault by GPU node-1")
    assert "Page not present" in trial.gpu_fault
    assert room.seconds < 5


def test_words_about_a_gpu_fault_that_stand_elsewhere_end_nothing(room: Room) -> None:
    trial = room.python("print('see the page about Memory access faults of GPUs')")
    assert (trial.outcome, trial.gpu_fault) == ("pass", None)


# Streams


def test_a_gigabyte_of_output_passes_quickly_and_is_not_kept(room: Room, zoo: Zoo) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trial = room(*zoo.die("gigabyte"))
    assert (trial.outcome, trial.exit) == ("pass", 0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # in KiB
    assert room.seconds < 12


def test_a_program_that_closes_its_streams_and_goes_on(room: Room, zoo: Zoo) -> None:
    trial = room(*zoo.die("closes"))
    assert (trial.outcome, trial.exit) == ("pass", 0)
    assert 0.5 < trial.seconds < 5
    crashed = room("/bin/sh", "-c", "exec >&- 2>&- <&-; sleep 0.3; kill -SEGV $$")
    assert (crashed.outcome, crashed.signal) == ("crash", "SIGSEGV")


def test_standard_input_is_empty(room: Room) -> None:
    trial = room.python("import sys; print(len(sys.stdin.read()), 'read')")
    assert (trial.outcome, trial.log.strip()) == ("pass", "0 read")
    assert room.seconds < 5


def test_binary_rubbish(room: Room) -> None:
    trial = room.python("import os; os.write(1, bytes(range(256)) * 9 + b'\\xff\\xfe\\x00 last words\\x1b[31m'); os.abort()")
    assert (trial.outcome, trial.signal) == ("crash", "SIGABRT")
    assert "last words" in trial.log
    assert "\x00" not in trial.log
    assert "\x1b" not in trial.log
    assert to_json(trial).isprintable() or "\n" in to_json(trial)


def test_one_line_without_an_end(room: Room) -> None:
    trial = room.python("import sys\nfor turn in range(64): sys.stdout.write('y' * (1 << 20))\nsys.stdout.write('the end')")
    assert trial.outcome == "pass"
    assert trial.log.endswith("the end")


def test_rubbish_on_the_answer_pipe_is_no_answer(room: Room) -> None:
    program = (
        "import json, os, sys\n"
        "fd = json.loads(os.environ['ROCMKIT_TRIAL'])['fd']\n"
        "odd = [b'\\xff\\x00', b'[1]', b'{\"step\": \"x\"}', b'{\"done\": 99, \"measured\": 7}', b'{' * 3000, b'{\"mapped\": {}}']\n"
        "for line in odd:\n"
        "    os.write(fd, (line + b'\\n') * 50)\n"
    )
    trial = room.python(program, request={"steps": [import_step("json")]})
    assert (trial.outcome, trial.exit) == ("fail", 0)
    assert trial.measured == ()


def test_nothing_private_is_in_a_trial(room: Room, zoo: Zoo, tmp_path: Path) -> None:
    home = tmp_path / "qzhome"
    room.names = Names(str(home), user=["qzperson"], machine=["qzbox"], others=True)
    zoo.extension(home / "site", "doomed")
    program = home / "qzperson.py"
    program.write_text(
        "import os, sys\n"
        f"print('{home}/models of qzperson at qzbox', '/home/qzother/x', 'hf_' + 'A1' * 17)\n"
        "print('qzperson@qzbox:~$', file=sys.stderr)\n"
        "import doomed\n"
    )
    env = {"PYTHONPATH": str(home / "site"), "QZ": "{fresh}"}
    trial = room(sys.executable, str(program), env=env, cwd=str(home))
    assert (trial.outcome, trial.signal, trial.library) == ("crash", "SIGSEGV", "~/site/doomed/_native.so")
    assert "~/models of $USER at $HOSTNAME" in trial.log
    failed = room.python(f"raise ValueError('{home}/a by qzperson on qzbox')", cwd=str(home))
    assert failed.because == "ValueError: ~/a by $USER on $HOSTNAME"
    for text in (to_json(trial), to_json(failed), *room.told):
        for word in ("qzhome", "qzperson", "qzbox", "qzother", "A1A1A1"):
            assert word not in text


# Folders


def test_an_empty_folder_of_its_own_and_fresh_ones(room: Room) -> None:
    program = "import os; all = ['.', os.environ['A'], os.environ['B']]; print(*map(os.listdir, all), len(set(map(os.path.realpath, all))))"
    trial = room.python(program, env={"A": "{fresh}", "B": "{fresh}"})
    assert trial.log.strip() == "[] [] [] 3"
    (room.scratch.parent / "own").mkdir()
    trial = room.python("open('left.txt', 'w').write('by the user')", cwd=str(room.scratch.parent / "own"))
    assert trial.outcome == "pass"
    assert (room.scratch.parent / "own/left.txt").exists()  # the folder that the caller named stays


def test_variables_are_set_taken_away_and_inherited(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_KEPT", "kept")
    monkeypatch.setenv("ZOO_GONE", "gone")
    trial = room.python(
        "import os; print(*[os.environ.get('ZOO_' + name) for name in ('KEPT', 'GONE', 'NEW')])", env={"ZOO_GONE": None, "ZOO_NEW": "new"}
    )
    assert trial.log.strip() == "kept None new"


@pytest.mark.parametrize(
    "program",
    [
        "import os, shutil; here = os.getcwd(); os.chdir('/'); shutil.rmtree(here)",
        "import os, shutil, pathlib; shutil.rmtree(pathlib.Path(os.environ['A']).parent, ignore_errors=True); os.abort()",
        "import os; os.makedirs('a/b'); open('a/b/c', 'w').close(); os.chmod('a/b/c', 0); os.chmod('a/b', 0o500); os.chmod('a', 0)",
        "import os; os.symlink('/', 'root'); os.mkfifo('pipe'); os.makedirs('/'.join('d' * 200)); open('x' * 255, 'w')",
    ],
    ids=["deletes", "deletes-all", "read-only", "odd"],
)
def test_what_a_program_does_to_its_folders(room: Room, program: str) -> None:
    trial = room.python(program, env={"A": "{fresh}"})
    assert trial.outcome == ("crash" if "abort" in program else "pass"), trial.log
    assert Path("/proc").exists()


def test_folders_that_their_owner_closed(room: Room) -> None:
    """Root may enter every folder; here it may not, as nobody else."""
    program = "import os; os.makedirs('a/b'); open('a/b/c', 'w').close(); os.chmod('a/b', 0); os.chmod('a', 0o500); os.chmod('.', 0)"
    driver = [sys.executable, "-c", DRIVER, program]
    done = subprocess.run(driver, env=driven(room), capture_output=True, text=True, timeout=30, preexec_fn=without_privileges, check=False)
    assert done.stdout.split() == ["started", "pass"], done.stderr
    room.look_around()


def without_privileges() -> None:
    """Give up what lets root pass by the permissions of files: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER."""
    if os.getuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2, 3):
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


# Limits of the stack, luck, and starting


def test_the_stack_is_as_large_as_asked(room: Room, zoo: Zoo) -> None:
    small = room.python(zoo.call("recurse_6"), stack_bytes=2 * MIB)
    assert (small.outcome, small.signal) == ("crash", "SIGSEGV")
    assert lies_in(small, zoo.library, "recurse"), small.frame
    assert room.python(zoo.call("recurse_6"), stack_bytes=32 * MIB).outcome == "pass"


def test_one_crash_in_five(room: Room, zoo: Zoo, tmp_path: Path) -> None:
    count = tmp_path / "count"
    program = f"n=$(($(cat '{count}' 2>/dev/null || echo 0) + 1)); echo $n > '{count}'; [ $((n % 5)) = 2 ] && kill -SEGV $$; exit 0"
    found = [room("/bin/sh", "-c", program).outcome for _ in range(7)]
    assert found == ["pass", "crash", "pass", "pass", "pass", "pass", "crash"]


def test_what_cannot_be_started_is_an_oserror_and_leaves_nothing(room: Room, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for argv, kind in ((str(tmp_path / "absent"), FileNotFoundError), (str(tmp_path / "text"), OSError), ("/", OSError)):
        with pytest.raises(kind):
            room(argv)
        room.look_around()
    with pytest.raises(OSError):
        room.python("pass", cwd=str(tmp_path / "absent"))
    room.look_around()


def test_files_of_this_process_stay_in_this_process(room: Room, tmp_path: Path) -> None:
    with (tmp_path / "held").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        trial = room("/bin/sh", "-c", "ls -l /proc/$$/fd")
    assert "held" not in trial.log
    before = len(os.listdir("/proc/self/fd"))
    room.python("pass")
    assert len(os.listdir("/proc/self/fd")) == before


def test_signals_that_this_process_ignores_reach_the_program(room: Room) -> None:
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        trial = room("/bin/sh", "-c", "kill -PIPE $$; echo alive")
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert (trial.signal, trial.log) == ("SIGPIPE", "")


# Our own end

#: A process of ours in the middle of a trial of the program in its first argument.
DRIVER = """
import os, sys
sys.path.insert(0, os.environ["ZOO_ROOT"])
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment
print("started", flush=True)
env = {"ROCMKIT_ZOO": os.environ["ZOO_MARK"]}
print(runner()(Experiment(name="x", argv=(sys.executable, "-c", sys.argv[1]), env=env)).outcome, flush=True)
"""


def driven(room: Room) -> dict[str, str]:
    return {**os.environ, "ZOO_ROOT": str(ROOT), "ZOO_MARK": room.mark}


def test_when_what_watches_is_killed_the_trial_ends_and_nothing_is_left(room: Room, zoo: Zoo) -> None:
    """As the kernel does that runs out of memory. The program's daemons write without end, which must not hold the runner up."""
    flood = 'setsid yes & setsid yes >&2 & exec "$@"'

    def kill() -> None:
        assert wait_until(lambda: len(marked(room.mark)) > 5)
        for child in psutil.Process().children():
            child.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    trial = room("/bin/sh", "-c", flood, "sh", *zoo.die("daemons_hang"))
    killer.join()
    assert trial.outcome == "crash"
    assert trial.because
    assert room.seconds < 10


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("way", ["daemons_hang", "ignores"])
def test_when_we_are_killed_in_the_middle_nothing_is_left(room: Room, zoo: Zoo, number: signal.Signals, way: str) -> None:
    program, name = zoo.die(way)
    inside = f"import os, subprocess; open('left', 'w'); os.chmod('left', 0); subprocess.run([{program!r}, {name!r}])"
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, inside], env=driven(room), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: any(name in line for line in marked(room.mark) if program in line.split("\0")[0]), 20)
        time.sleep(0.3)  # until it ignores signals and has its daemons
        assert list(room.scratch.iterdir())
        driver.send_signal(number)
        assert driver.wait(10) != 0
    finally:
        driver.kill()
        driver.communicate()
    assert wait_until(lambda: not marked(room.mark), 8), marked(room.mark)
    assert wait_until(lambda: not list(room.scratch.iterdir()), 8), list(room.scratch.iterdir())


def test_an_interrupt_ends_the_trial_and_the_runner_works_again(room: Room, zoo: Zoo) -> None:
    run = runner()
    signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    with pytest.raises(KeyboardInterrupt):
        run(room.experiment(*zoo.die("daemons_hang")))
    assert wait_until(lambda: not marked(room.mark), 5)
    room.look_around()
    assert run(room.experiment(*zoo.die("nothing_wrong"))).outcome == "pass"


def interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
