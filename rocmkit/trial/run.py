"""Run one experiment so that nothing of it is left: no process, no file, and no way for it to hold rocmkit up."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from msgspec.structs import replace

from rocmkit.errors import UsageError
from rocmkit.gpucode.source import File
from rocmkit.host.names import Names
from rocmkit.trial import scratch as scratches
from rocmkit.trial.ending import Report, Said, ended, hidden
from rocmkit.trial.heard import Answers, Faults, Kept, readable
from rocmkit.trial.inside.sweep import sweep
from rocmkit.trial.symbols import name_functions
from rocmkit.trial.values import Experiment, Run, Trial

_ROOT = str(Path(__file__).parents[2])
_SUPERVISE = "import sys; sys.path.append(sys.argv[1]); from rocmkit.trial.inside.supervise import main; main()"
#: The share of the free memory that an experiment may take.
_MEMORY = 0.8
#: The answers' pipe has a number above those that programs pick for themselves.
_ANSWERS = 100
#: The supervisor keeps the time; where it does not, it is ended so much later.
_LATE_S = 20.0
_END_S = 15.0
_PIECE = 1 << 20
_DUMP = "Fatal Python error: Aborted"
_F_SETPIPE_SZ = 1031  # linux/fcntl.h


def runner(names: Names | None = None, *, trace: bool = True, started: Callable[[int], None] | None = None) -> Run:
    """What runs experiments. In its trials what is private is hidden with `names`.

    With `trace` it is told by ptrace(2) where a program dies. `started` hears the number of each program's process as soon as it has one,
    and must not take long. The run raises OSError where a program cannot be started.
    """
    known_names = names or Names()

    def run(experiment: Experiment) -> Trial:
        scratch = scratches.make()
        try:
            report, said = _Running(experiment, scratch, trace, started).watch()
        finally:
            sweep(scratch)  # the supervisor has done it, if it lived so long
        if report.cannot:
            raise OSError(*report.cannot, experiment.argv[0])
        trial = ended(experiment, report, said, _functions)
        # What ended a hang is our SIGABRT: the dump that faulthandler makes of it is no sign of anything.
        printed = said.output.partition(_DUMP)[0] if trial.outcome == "hang" else said.output
        known = () if trial.outcome == "pass" else _known(printed, known_names)
        return replace(trial, known=known, **hidden(trial, known_names.hide, known_names.hide_text))

    return run


class _Running:
    """An experiment while it runs."""

    def __init__(self, experiment: Experiment, scratch: str, trace: bool, started: Callable[[int], None] | None) -> None:
        self.started = started
        self.kept, self.errors, self.faults = Kept(), Kept(), {"stdout": Faults(), "stderr": Faults()}
        self.answers, self.report = Answers(), Report()
        self.rest = b""
        self.asked_to_end = False
        self.input = b"" if experiment.request is None else json.dumps(experiment.request).encode()
        self.deadline = time.monotonic() + experiment.limits.time_s + _LATE_S
        self.ours: dict[str, int] = {}
        theirs: list[int] = []
        try:
            for name in ("stdout", "stderr", "answer", "report", "spec", "stdin"):
                self._pipe(name, theirs, given=name == "stdin" and not self.input)
            out, err, answer, report, spec, given = theirs
            self.spec = json.dumps(
                {
                    "argv": experiment.argv,
                    "env": scratches.environment(scratch, experiment, answer),
                    "cwd": scratches.folder(scratch, experiment),
                    "stack": experiment.stack_bytes,
                    "streams": [given, out, err],
                    "answer": answer,
                    "report": report,
                    "parent": os.getpid(),
                    "time_s": experiment.limits.time_s,
                    "memory_bytes": experiment.limits.memory_bytes or int(psutil.virtual_memory().available * _MEMORY),
                    "processes": experiment.limits.processes,
                    "trace": trace,
                }
            ).encode()
            self.supervisor = subprocess.Popen(
                (sys.executable, "-I", "-S", "-c", _SUPERVISE, _ROOT, scratch),
                stdin=spec,
                stdout=subprocess.DEVNULL,
                stderr=err,  # of a mistake of ours
                start_new_session=True,
                pass_fds=(given, out, err, answer, report),
                cwd="/",
            )
        except BaseException:
            self._close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def _pipe(self, name: str, theirs: list[int], *, given: bool) -> None:
        if given:
            theirs.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
            return
        reading, writing = os.pipe()
        ours, other = (writing, reading) if name in ("spec", "stdin") else (reading, writing)
        self.ours[name] = ours
        os.set_blocking(ours, False)
        if name in ("stdout", "stderr"):
            with contextlib.suppress(OSError):  # the user has many pipes
                fcntl.fcntl(ours, _F_SETPIPE_SZ, _PIECE)
        if name == "answer":
            theirs.append(fcntl.fcntl(other, fcntl.F_DUPFD_CLOEXEC, _ANSWERS))
            os.close(other)
        else:
            theirs.append(other)

    def _close(self, *names: str) -> None:
        for name in names or tuple(self.ours):
            with contextlib.suppress(OSError):
                os.close(self.ours.pop(name))

    def watch(self) -> tuple[Report, Said]:
        """Until all of it has ended."""
        try:
            self._exchange()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(_END_S)
        finally:
            self._end()
        # Each stream has its own faults: what one prints must not tear the other's line.
        fault = next((line for faults in self.faults.values() if (line := faults.line())), None)
        output, errors = (readable(kept.data()) for kept in (self.kept, self.errors))
        return self.report, Said(output, errors, fault, self.answers)

    def _exchange(self) -> None:
        to_write = {"spec": memoryview(self.spec), "stdin": memoryview(self.input)}
        with selectors.DefaultSelector() as selector:
            for name, descriptor in self.ours.items():
                selector.register(descriptor, selectors.EVENT_WRITE if name in to_write else selectors.EVENT_READ, name)
            while "report" in self.ours and time.monotonic() < self.deadline:
                begin = time.monotonic()
                ready = selector.select(0.5)
                self.deadline += max(0.0, time.monotonic() - begin - 1)  # we were stopped
                for key, _ in ready:
                    name = key.data
                    if not (self._write(name, to_write) if name in to_write else self._read(name)):
                        selector.unregister(key.fd)
                        self._close(name)
                if self.supervisor.poll() is not None and not self.report.ended:
                    break  # it was killed; a process that holds its pipe is not waited for
        for name in ("stdout", "stderr", "answer", "report"):  # what is in the pipes still
            while name in self.ours and self._read(name, last=True):
                pass

    def _write(self, name: str, to_write: dict[str, memoryview]) -> bool:
        """Write what can be written. Whether there is more."""
        try:
            to_write[name] = to_write[name][os.write(self.ours[name], to_write[name][:65536]) :]
        except BlockingIOError:
            return True
        except OSError:  # it closed its input
            return False
        return len(to_write[name]) > 0

    def _read(self, name: str, *, last: bool = False) -> bool:
        """Take a piece. Whether there may be more; at the `last`, whether there is."""
        try:
            data = os.read(self.ours[name], _PIECE)
        except BlockingIOError:
            return not last
        if name == "report":
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                event = json.loads(line)
                self.report.add(event)
                if self.started and "untraced" in event:
                    self.started(event["pid"])
        elif name == "answer":
            self.answers.add(data)
        else:
            self.kept.add(data)
            if name == "stderr":
                self.errors.add(data)
            if self.faults[name].add(data) and not self.asked_to_end:
                self.asked_to_end = True
                self.supervisor.send_signal(signal.SIGUSR1)
        return bool(data)

    def _end(self) -> None:
        """End what still runs: on Ctrl-C, or where the supervisor was killed or does not come to its end."""
        self._close()
        if self.supervisor.poll() is None:
            self.supervisor.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(_END_S)
        if self.supervisor.poll() is None:
            self.supervisor.kill()  # the kernel ends what it traces
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(1)
        if not self.report.ended and self.report.pid is not None and self.supervisor.poll() is not None:
            with contextlib.suppress(OSError):  # its session; the number is not another's so soon
                os.killpg(self.report.pid, signal.SIGKILL)


def _functions(path: str, addresses: Sequence[int]) -> dict[int, tuple[str, int]]:
    try:
        with File(path) as file:
            return name_functions(file, addresses)
    except (OSError, ValueError):
        return {}


def _known(output: str, names: Names) -> tuple[str, ...]:
    """Codes of the known issues that an output shows, sure ones first."""
    from rocmkit.logs.match import match

    try:
        log = match([output.encode()], hide=names.hide_text)
    except UsageError:  # RE2 is not installed
        return ()
    found = sorted((*log.hits, *log.held), key=lambda hit: (hit.signature.confidence != "sure", hit.line))
    return tuple(dict.fromkeys(hit.issue.code for hit in found))
