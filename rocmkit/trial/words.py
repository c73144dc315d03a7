"""How a trial ended, in words: shared by findings and reports."""

from __future__ import annotations

from rocmkit.trial.values import Trial

#: How a worker's error begins where numbers differ from those that are right.
WRONG = "WrongNumbers"
#: And where what was asked for the GPU computed on the processor, or had nothing to compute with on the GPU.
ELSEWHERE = ("RanElsewhere", "NoProvider")
#: Why experiments are not made after a fault of the GPU. The name of the experiment that it happened in follows.
GONE = "the GPU stopped answering after"
#: Why they are not made where the user broke off.
BROKEN_OFF = "it was broken off"
WHERE = {"gpu": "on the GPU", "cpu": "on the processor"}
_LIMITS = {"memory": "took more memory than it may", "processes": "started more processes than it may"}


def place(trial: Trial) -> str:
    """Where it computed, in words; empty where it computed nothing, or that is not known."""
    return WHERE[trial.device] if trial.device else ""


def ending(trial: Trial) -> str:
    """What came of it, in one line: SIGSEGV in libMIOpen.so.1+0x123, at torch/nn/modules/conv.py:306 in _conv_forward."""
    if lacks := unsupported(trial):
        return f"not in this build: {lacks}"
    if trial.outcome in {"pass", "skipped"}:
        return trial.because or ("passed" if trial.outcome == "pass" else "not made")
    if trial.gpu_fault:
        return trial.gpu_fault + _at(trial)
    if trial.limit in _LIMITS:
        return _LIMITS[trial.limit] + _at(trial)
    if trial.outcome == "hang":
        return f"no end within {trial.seconds:.0f} s" + _inside(trial) + _at(trial)
    if trial.outcome == "crash":
        return (trial.signal or (f"exit {trial.exit}" if trial.exit is not None else "it died")) + _inside(trial) + _at(trial)
    return trial.because or (f"exit {trial.exit}" if trial.exit is not None else "it failed")


def unsupported(trial: Trial) -> str | None:
    """What the library says that it does not have here, where that is all that a trial which passed came to: nothing was computed."""
    said = [measured.get("unsupported") for measured in trial.measured]
    return str(said[0]) if trial.outcome == "pass" and said and all(said) else None


def _inside(trial: Trial) -> str:
    where = trial.frame or (trial.library or "").rpartition("/")[2]
    return f" in {where}" if where else ""


def _at(trial: Trial) -> str:
    if trial.python:
        return f", at {trial.python[0]}"
    return f", {trial.last_import} was imported last" if trial.last_import and trial.step in (None, 0) else ""
