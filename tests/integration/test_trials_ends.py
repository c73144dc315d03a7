"""Experiments that have no end of their own, and our own end in the middle of one: nothing is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from rocmkit.trial.run import runner
from rocmkit.trial.values import Limits
from tests.support.crashes import Zoo, marked, wait_until
from tests.support.room import DRIVER, MIB, SHORT, Room, driven


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


def test_that_a_hang_was_told_to_abort_is_no_known_issue(room: Room, tmp_path: Path) -> None:
    """What faulthandler prints then looks like a crash of a speech program."""
    program = tmp_path / "faster_whisper" / "transcribe.py"
    program.parent.mkdir()
    program.write_text("print('/opt/rocm/lib/libamdhip64.so.6', flush=True)\nwhile True: pass\n")
    trial = room(sys.executable, str(program), limits=SHORT)
    assert trial.outcome == "hang"
    assert "Fatal Python error: Aborted" in trial.log and "faster_whisper/transcribe.py" in trial.log
    assert trial.known == ()


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


# Our own end


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
