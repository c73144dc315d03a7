"""Commands that hang, crash, flood and leave children behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from rocmkit.host.base import LIMIT_BYTES, Run
from rocmkit.host.process import run_process


def python(code: str, timeout_s: float = 5, stdin: bytes = b"") -> Run:
    return run_process((sys.executable, "-I", "-c", code), timeout_s=timeout_s, stdin=stdin)


def test_output_exit_code_and_errors_are_told() -> None:
    run = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    assert (run.outcome, run.exit, run.stdout, run.stderr) == ("exited", 7, b"out\n", b"err\n")


def test_input_larger_than_a_pipe_arrives() -> None:
    data = b"x" * 300_000
    assert python("import sys; print(len(sys.stdin.read()))", stdin=data).stdout == b"300000\n"


def test_a_program_that_does_not_read_its_input_is_not_waited_for() -> None:
    assert python("print('done')", stdin=b"x" * 300_000).stdout == b"done\n"


@pytest.mark.parametrize(("code", "name"), [("os.abort()", "SIGABRT"), ("os.kill(os.getpid(), 11)", "SIGSEGV")])
def test_a_crash_is_told_by_its_signal(code: str, name: str) -> None:
    run = python(f"import os; print('before', flush=True); {code}")
    assert (run.outcome, run.signal, run.exit, run.stdout) == ("signal", name, None, b"before\n")


def test_a_hang_ends_at_the_limit_with_all_of_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, subprocess, sys, time, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
open({str(pids)!r}, "w").write(f"{{child.pid}} {{stray.pid}}")
print("started", flush=True)
time.sleep(60)
"""
    start = time.monotonic()
    run = python(code, timeout_s=1.5)
    assert run.outcome == "timeout"
    assert run.stdout == b"started\n"
    assert time.monotonic() - start < 4
    for pid in map(int, pids.read_text().split()):
        assert wait_gone(pid), f"{pid} still runs"


def test_a_child_that_keeps_the_pipes_open_is_not_waited_for() -> None:
    start = time.monotonic()
    run = python("import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)']); print('parent')")
    assert (run.outcome, run.exit, run.stdout) == ("exited", 0, b"parent\n")
    assert time.monotonic() - start < 4


def test_closing_the_pipes_and_running_on_is_a_hang() -> None:
    start = time.monotonic()
    run = python("import os, time; os.close(1); os.close(2); time.sleep(30)", timeout_s=1)
    assert run.outcome == "timeout"
    assert time.monotonic() - start < 4


def test_a_flood_is_cut() -> None:
    run = python("import sys\nwhile True: sys.stdout.buffer.write(b'y' * 65536)", timeout_s=20)
    assert run.truncated
    assert len(run.stdout) == LIMIT_BYTES


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        run_process(("/nowhere/rocminfo",), timeout_s=1)


def wait_gone(pid: int) -> bool:
    """Whether the process ends within a moment; one that is dead and not yet reaped counts as gone."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except (ProcessLookupError, psutil.NoSuchProcess):
            return True
        time.sleep(0.05)
    return False
