"""Run one command of a plan to its end, with all that it prints in a file."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rocmkit.host.process import adopt_orphans
from rocmkit.model import Model
from rocmkit.trial.inside.processes import TICK, descendants

_ROOT = str(Path(__file__).parents[2])
_SUPERVISE = "import sys; sys.path.append(sys.argv[1]); from rocmkit.build.supervise import main; main()"
#: So often is looked at what was printed.
TICK_S = 0.4
#: What is asked to end has ended by then, or it sleeps in the kernel.
_END_S = 20.0


class Ended(Model, kw_only=True):
    """How a command ended."""

    exit: int | None  # None: a signal ended it, or it could not be started
    signal: str | None  # SIGKILL
    cannot: str | None  # why it could not be started


def run(
    argv: tuple[str, ...], *, cwd: str, env: Mapping[str, str], log: int, held: int, tick: Callable[[], None], tick_s: float = TICK_S
) -> Ended:
    """Run a command with its output in the file `log`; `tick` is called some times a second meanwhile.

    `held` is the lock's descriptor, which is kept open until all processes of the command have ended. Whatever is raised meanwhile,
    KeyboardInterrupt above all, ends them first.
    """
    adopt_orphans()  # of the process between, if that is killed
    started = time.clock_gettime(time.CLOCK_BOOTTIME) - 2 * TICK
    reading, writing = os.pipe()
    with open(reading, "rb", closefd=True) as report:  # noqa: PTH123 - a descriptor
        try:
            supervisor = subprocess.Popen(
                (sys.executable, "-I", "-S", "-c", _SUPERVISE, _ROOT),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,  # of a mistake of ours
                start_new_session=True,
                pass_fds=(writing, held),
                cwd="/",
            )
        except OSError as error:
            return Ended(exit=None, signal=None, cannot=error.strerror or str(error))
        finally:
            os.close(writing)
        try:
            asked = {"argv": argv, "cwd": cwd, "env": dict(env), "report": writing, "parent": os.getpid()}
            assert supervisor.stdin  # noqa: S101 - for the type checker
            with contextlib.suppress(BrokenPipeError), supervisor.stdin as spec:
                spec.write(json.dumps(asked).encode())
            while not select.select([report], [], [], tick_s)[0]:
                tick()
            said = report.read(65536)
            supervisor.wait(_END_S)
        except subprocess.TimeoutExpired:
            said = b""
        finally:
            _end(supervisor, started)
    return _ended(json.loads(said) if said else {}, supervisor.returncode)


def _ended(said: dict[str, object], supervisors: int | None) -> Ended:
    match said:
        case {"cannot": [_, str(why)]}:
            return Ended(exit=None, signal=None, cannot=why)
        case {"status": int(status)}:
            code = os.waitstatus_to_exitcode(status)
            return Ended(exit=code, signal=None, cannot=None) if code >= 0 else Ended(exit=None, signal=name(-code), cannot=None)
    return Ended(exit=None, signal=name(-(supervisors or -signal.SIGKILL)), cannot=None)  # what runs it was ended by somebody


def name(number: int) -> str:
    """The name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(supervisor: subprocess.Popen[bytes], started: float) -> None:
    """End all of it. A second Ctrl-C leaves the programs no time."""
    end = time.monotonic() + _END_S
    if supervisor.poll() is None:
        supervisor.terminate()
    while supervisor.poll() is None and time.monotonic() < end:
        try:
            supervisor.wait(end - time.monotonic())
        except KeyboardInterrupt:
            supervisor.terminate()
        except subprocess.TimeoutExpired:
            break
    if supervisor.poll() is None:  # what it waits for sleeps in the kernel
        supervisor.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(1)
    if supervisor.returncode != 0:  # it was killed: its children are ours now
        while (left := _younger(started)) and time.monotonic() < end:
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(OSError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.005)


def _younger(started: float) -> list[int]:
    """Processes below this one that were started since."""
    found = []
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # proc_pid_stat(5): the time it started at is the twentieth field behind its name.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[19]) * TICK >= started:
                found.append(pid)
    return found
