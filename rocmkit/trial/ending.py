"""What became of an experiment, from what its supervisor told and what the program said. Pure."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from rocmkit.trial import crash
from rocmkit.trial.heard import Answers
from rocmkit.trial.maps import kind_of, libraries, parse
from rocmkit.trial.values import Experiment, Limit, Outcome, Trial

#: Exit codes of 128 and a signal, as shells give them, count as that signal; others are the program's own.
_FATAL = ("SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGSEGV", "SIGSYS")
_CODES = {128 + signal.Signals[name]: name for name in _FATAL}
#: So much of what a program printed is in its trial.
LOG_CHARACTERS = 8_000
_LIMITS: dict[str, Limit] = {"time": "time", "memory": "memory", "processes": "processes"}


class Report:
    """What the supervisor told."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.untraced = ""  # why nobody is told where it dies; empty: somebody is
        self.stops: list[dict[str, Any]] = []
        self.died: dict[int, int] = {}  # descendants by signals
        self.maps: list[str] = []
        self.limit: str | None = None  # for which it was ended: a Limit, or "gpu"
        self.busy: float | None = None
        self.cannot: tuple[int, str] | None = None  # it could not be started
        self.ended = False
        self.status: int | None = None
        self.seconds = 0.0
        self.peak = 0

    def add(self, event: dict[str, Any]) -> None:
        """The next line."""
        match event:
            case {"pid": pid, "untraced": why}:
                self.pid, self.untraced = pid, why
            case {"stop": stop}:
                self.stops.append(stop)
            case {"died": pid, "signal": number}:
                self.died[pid] = number
            case {"maps": text}:
                self.maps.append(text)
            case {"limit": limit, **rest}:
                self.limit, self.busy = limit, rest.get("busy")
            case {"cannot": [number, text]}:
                self.cannot = (number, text)
            case {"end": status, "seconds": seconds, "peak": peak}:
                self.ended, self.status, self.seconds, self.peak = True, status, seconds, peak


class Said(NamedTuple):
    """What the program said."""

    output: str
    errors: str  # its standard error alone
    fault: str | None
    answers: Answers


def ended(experiment: Experiment, report: Report, said: Said, names: crash.Names) -> Trial:
    """The trial, with nothing hidden yet and without known issues."""
    answers = said.answers
    outcome, by_signal, because = _outcome(experiment, report, said)
    status = report.status if report.limit is None else None
    code = os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None
    stop_told = None if outcome == "pass" else _stop(report, outcome, by_signal)
    stop = _read(stop_told) if stop_told else None
    found = crash.places(stop) if stop else ()
    native = crash.describe(found, names)
    if stop and outcome == "crash" and because is None and crash.ran_over(stop):
        because = "its stack ran over"
    elif outcome == "crash" and because is None and report.untraced:
        because = f"where it died is not known, since it could not be traced: {report.untraced}"
    texts = [stop_told["maps"]] if stop_told else report.maps
    mapped = answers.mapped or dict.fromkeys(path for text in texts for path in libraries(parse(text)))
    failed = answers.failed if outcome == "fail" else None
    measured = tuple(answers.done[number] for number in sorted(answers.done))
    return Trial(
        name=experiment.name,
        outcome=outcome,
        device=experiment.device,
        signal=by_signal,
        exit=code,
        seconds=round(report.seconds, 3),
        because=because,
        limit=_LIMITS.get(report.limit or ""),
        last_import=answers.last_import,
        last_library=answers.last_library,
        frame=_bare(native[0]) if native else None,
        library=crash.culprit(found),
        native=native,
        python=crash.python_frames(said.errors) if outcome in ("crash", "hang") else (),
        gpu_fault=said.fault,
        mapped=tuple(path for path in mapped if kind_of(path)),
        step=None if outcome == "pass" else failed[0] if failed else answers.step,
        measured=(*measured, answers.failed_measured) if failed and answers.failed_measured else measured,
        peak_bytes=report.peak or None,
        log=said.output,
    )


def _bare(frame: str) -> str:
    """A frame without its function."""
    return frame.partition(" ")[0]


def _outcome(experiment: Experiment, report: Report, said: Said) -> tuple[Outcome, str | None, str | None]:
    """How it ended, by which signal, and why."""
    status, answers = report.status, said.answers
    if report.limit == "time":
        return "hang", None, f"it had not ended after {experiment.limits.time_s:g} s; {_busyness(report.busy)}"
    if report.limit == "memory":
        return "crash", None, f"it took more memory than it may: {report.peak >> 20} MiB"
    if report.limit == "processes":
        return "crash", None, f"it had more than {experiment.limits.processes} processes at a time"
    if said.fault:
        return "crash", _signal_of(status), "the GPU faulted"
    if not report.ended or status is None:
        return "crash", None, "the process that watched it was ended before it"
    by_signal = _signal_of(status)
    if by_signal:
        return "crash", by_signal, "something killed it, as the kernel does when memory runs out" if by_signal == "SIGKILL" else None
    if answers.failed:
        return "fail", None, answers.failed[1]
    if status:
        why = crash.last_exception(said.errors) or f"it ended with exit code {os.WEXITSTATUS(status)}"
        return "fail", None, why + _children(report)
    if experiment.request is not None:
        steps = experiment.request.get("steps", ())
        if not answers.ended or any(number not in answers.done for number in range(len(steps))):
            return "fail", None, "it ended without an answer"
    # It is the program's word that all is well; of what died below it that is told.
    return "pass", None, f"it ended with exit code 0{_children(report)}" if report.died else None


def _children(report: Report) -> str:
    """That processes which it had started died, where any did: a program that starts others tells no more of that than an exit code."""
    found = sorted({_CODES.get(128 + number, f"signal {number}") for number in report.died.values()})
    return f"; a process that it had started died of {' and '.join(found)}" if found else ""


def _busyness(busy: float | None) -> str:
    if busy is None:
        return "what it did is not known"
    if busy < 0.1:
        return "in the end it waited, with no processor at work for it"
    return f"in the end it was computing, with {busy:.1f} processors at work for it"


def _signal_of(status: int | None) -> str | None:
    if status is None:
        return None
    if os.WIFSIGNALED(status):
        try:
            return signal.Signals(os.WTERMSIG(status)).name
        except ValueError:
            return f"signal {os.WTERMSIG(status)}"
    return _CODES.get(os.WEXITSTATUS(status))


def _stop(report: Report, outcome: Outcome, by_signal: str | None) -> dict[str, Any] | None:
    """The stop that tells where it died: of the process that did, where the processor raised the signal rather than a program sent it."""
    if outcome == "hang" or report.limit is not None:
        # A shell that waits for the program, and helpers that wait for work, have less mapped than what hangs.
        of_process = report.stops
        return max(of_process, key=lambda stop: (len(_runtimes(stop)), stop["pid"] == report.pid), default=None)
    status = report.status
    died = {report.pid} if status is not None and os.WIFSIGNALED(status) else set(report.died)
    if by_signal and report.pid not in died:
        died = {pid for pid, number in report.died.items() if 128 + number in _CODES and _CODES[128 + number] == by_signal} or died
    of_process = [stop for stop in report.stops if stop["pid"] in died]
    raised = [stop for stop in of_process if stop["code"] > 0]
    return raised[-1] if raised else of_process[0] if of_process else None


def _runtimes(stop: dict[str, Any]) -> set[str | None]:
    return {kind_of(path) for path in libraries(parse(stop["maps"]))}


def _read(stop: dict[str, Any]) -> crash.Stop:
    return crash.Stop(
        ip=stop.get("ip"),
        sp=stop.get("sp"),
        address=stop.get("address"),
        calls=tuple((word, bytes.fromhex(before), called) for word, before, called in stop.get("calls", ())),
        mappings=parse(stop["maps"]),
    )


def hidden(trial: Trial, path: Callable[[str], str], text: Callable[[str], str]) -> dict[str, Any]:
    """The fields of a trial that hold text, with what is private hidden in them."""

    def inside(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, list):
            return [inside(item) for item in value]
        return {text(key): inside(item) for key, item in value.items()} if isinstance(value, dict) else value

    def maybe(value: str | None, hide: Callable[[str], str] = text) -> str | None:
        return None if value is None else hide(value)

    return {
        "because": maybe(trial.because),
        "last_import": maybe(trial.last_import),
        "last_library": maybe(trial.last_library, path),
        "frame": maybe(trial.frame, path),
        "library": maybe(trial.library, path),
        "native": tuple(map(path, trial.native)),
        "python": tuple(map(path, trial.python)),
        "gpu_fault": maybe(trial.gpu_fault),
        "mapped": tuple(map(path, trial.mapped)),
        "measured": tuple(inside(measured) for measured in trial.measured),
        "log": _last_lines(text(trial.log)),
    }


def _last_lines(log: str) -> str:
    """The last of a log; it is cut after what is private was hidden, since a half of that would not be known for what it is."""
    return log if len(log) <= LOG_CHARACTERS else log[-LOG_CHARACTERS:].partition("\n")[2] or log[-LOG_CHARACTERS:]
