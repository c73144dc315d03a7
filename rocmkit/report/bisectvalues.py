"""The published shape of a bisection: scripts rely on these names."""

from __future__ import annotations

from typing import Literal

from rocmkit.model import Model
from rocmkit.report.fix import WayOut
from rocmkit.report.log import Where
from rocmkit.trial.values import Trial

Outcome = Literal["found", "flaky", "not-reproduced", "not-found"]


class Cure(Model, kw_only=True):
    """Changes with which it lives; nothing can be left out of them."""

    toggles: tuple[str, ...]  # miopen-off; empty: the order of two steps
    does: str  # the changes in words: MIOpen off
    runs: int  # how often it was run with them
    passes: int  # how often it lived
    confirmed: bool  # so often that the chance of luck in any of all changes is below 5 %; else there was no time to see that
    means: str  # what that says of the crash
    fix: WayOut  # how to make it last
    code: tuple[str, ...]  # the same as lines at the beginning of a Python program
    env: dict[str, str | None]  # the same as variables; null takes one away, {fresh} is an empty folder
    pages: tuple[str, ...]  # codes of `rocmkit explain` that it points to


class Changed(Model, kw_only=True):
    """A change that does not make it live, or one that only shows where the crash lies."""

    toggle: str  # gpu-hidden
    does: str  # in words
    runs: int  # how often it was run with it
    passes: int  # how often it lived
    otherwise: bool  # it dies with it in another way than without
    ended: str | None  # how it died then
    means: str  # what it says of the crash if it lives


class NotTried(Model, kw_only=True):
    """A change that was not tried."""

    toggle: str  # numba-off
    does: str  # in words
    because: str  # why not


class Known(Model, kw_only=True):
    """A known failure that the output shows."""

    code: str  # RK409; `rocmkit explain RK409` has its fix
    title: str  # the fault, by name


class Smallest(Model, kw_only=True):
    """The fewest steps, in a process of their own, that die."""

    steps: tuple[str, ...]  # import-scipy.signal, import-torch; it dies in the last
    what: str  # the same in words
    runs: int  # how often they were run
    deaths: int  # how often they died
    shrunk: bool  # nothing can be left out; else there was no time to see that
    death: Trial  # the first time
    by_order: bool  # the other way round they live
    also: tuple[str, ...]  # steps that die in the same way
    known: tuple[Known, ...]  # failures that its output shows
    cures: tuple[Cure, ...]  # what makes them live
    code: str  # the same as a Python program that needs nothing of rocmkit


class Part(Model, kw_only=True):
    """A line on the machine."""

    label: str  # GPU
    text: str  # gfx906, …


class Bisect(Model, kw_only=True):
    """`rocmkit bisect --json`."""

    schema: Literal["rocmkit.bisect/1"] = "rocmkit.bisect/1"  # the name of this shape
    rocmkit: str  # version
    outcome: Outcome  # found: it dies each time, and why is known; flaky: it dies now and then
    verdict: str  # the outcome in a sentence
    exit: int  # the exit code
    command: tuple[str, ...] | None  # the user's program; null: programs out of the libraries that are there
    runs: int  # how often it was run as it is
    deaths: int  # how often it died then
    baseline: Trial | None  # the first time that it died as it is, else the first time that it ran; null: it never came to its end
    cures: tuple[Cure, ...]  # the likeliest first
    smallest: Smallest | None  # the fewest steps that die; null for a command
    others: tuple[Smallest, ...]  # further steps that die, each independent of the others
    helpless: tuple[Changed, ...]  # changes that do not make it live
    controls: tuple[Changed, ...]  # changes that only show where the crash lies
    not_tried: tuple[NotTried, ...]  # changes that were left out
    known: tuple[Known, ...]  # failures that its output shows
    ended: Literal["interrupted", "budget", "gpu-gone"] | None  # why it was broken off
    seconds: float  # how long all runs took
    machine: tuple[Part, ...]  # what it ran on
    packages: dict[str, str]  # the libraries that matter, and their versions
    report_to: tuple[Where, ...]  # projects that the crash points to
    trials: tuple[Trial, ...]  # every run, in order
    script: str  # a program that shows it, to attach to a report; empty: it did not die
