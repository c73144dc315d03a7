"""The negative control: with the GPU hidden, the same case must fail, or say that it ran on the processor. Pure.

What still looks like a GPU then was never the GPU that was hidden, or does not show one at all: the proof is void.
"""

from __future__ import annotations

from typing import NamedTuple

from rocmkit.smoke.observed import Observed, Ran
from rocmkit.smoke.proof import LEVELS, prove
from rocmkit.smoke.result import Control, Hidden
from rocmkit.smoke.sights import sights, transcribed
from rocmkit.trial.words import ending

#: By these somebody or the kernel ended it: whether it would have failed by itself is not known.
_FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")


class Held(NamedTuple):
    """A control, and whether the proof stands after it."""

    control: Control
    stands: bool


def hold(seen: Observed) -> Held:
    """What came of the control."""
    if seen.device == "cpu":
        return _held("not-made", "the case itself ran on the processor", True)
    if not seen.wanted.control:
        return _held("not-made", "it was left out, as asked for", True)
    if seen.control is None:
        return _held("not-made", "it was not run", False)
    return _judged(seen, seen.control)


def shows_gpu(seen: Observed, ran: Ran) -> str | None:
    """What shows that this process used a GPU, however little; None: nothing."""
    level = prove(seen, ran).proof.level
    trace = next((sight for sight in sights(ran, seen.cards) if sight.packets or sight.busy or sight.queues), None)
    if trace:
        return f"{trace.packets} packets and {trace.queues} compute queues of it on {trace.name}"
    return "memory of the model's size on a GPU" if LEVELS.index(level) >= LEVELS.index("resident") else None


def _judged(seen: Observed, ran: Ran) -> Held:
    used = shows_gpu(seen, ran)
    if used:
        return _held("void", f"with the GPU hidden it used one all the same: {used}", False)
    if ran.loaded and ran.loaded.device == "gpu" and transcribed(ran):  # however it ended then
        return _held("void", "with the GPU hidden it transcribed all the same, and the library said that it was on the GPU", False)
    trial = ran.trial
    if trial.outcome in ("hang", "skipped") or trial.limit or trial.signal in _FROM_OUTSIDE:
        return _held("not-made", f"with the GPU hidden it came to no end of its own: {ending(trial)}", False)
    if trial.outcome != "pass":
        return _held("failed", f"with the GPU hidden it failed: {ending(trial)}", True)
    if ran.loaded is None:
        return _held("not-made", "with the GPU hidden it told nothing of itself", False)
    if not transcribed(ran):
        error = next((heard.error for heard in ran.heard if heard.error), None)
        if error is None:
            return _held("not-made", "with the GPU hidden it told nothing of any clip", False)
        return _held("failed", f"with the GPU hidden it transcribed nothing: {error}", True)
    return _held("cpu", "with the GPU hidden the library said that it ran on the processor", True)


def _held(outcome: Hidden, because: str, stands: bool) -> Held:
    return Held(Control(outcome=outcome, because=because), stands)
