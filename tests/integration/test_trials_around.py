"""What a program finds around itself in an experiment, and what it does to that: streams, folders, variables, limits."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rocmkit.host.names import Names
from rocmkit.model import to_json
from rocmkit.trial.steps import import_step
from tests.support.crashes import Zoo
from tests.support.room import DRIVER, MIB, Room, driven, lies_in

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
        "sys.stdout.flush()\n"
        "import doomed\n"
    )
    env = {"PYTHONPATH": str(home / "site"), "QZ": "{fresh}"}
    trial = room(sys.executable, str(program), env=env, cwd=str(home))
    assert (trial.outcome, trial.signal, trial.library) == ("crash", "SIGSEGV", "~/site/doomed/_native.so")
    assert "~/models of $USER at $HOSTNAME" in trial.log
    failed = room.python(f"raise ValueError('{home}/a by qzperson on qzbox')", cwd=str(home))
    assert failed.because == "ValueError: ~/a by $USER on $HOSTNAME"
    for text in (to_json(trial), to_json(failed)):
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
