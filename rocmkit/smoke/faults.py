"""What speaks against a case, the gravest first, with the page on it and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from rocmkit.errors import Exit
from rocmkit.kb.backends import Backend
from rocmkit.kb.providers import NAMES
from rocmkit.smoke import advice
from rocmkit.smoke.control import Held
from rocmkit.smoke.observed import Observed, Placed, Ran
from rocmkit.smoke.proof import LEVELS, Proved
from rocmkit.smoke.result import Comparison, Repeat
from rocmkit.smoke.scores import Text
from rocmkit.smoke.sights import mib
from rocmkit.trial.words import ELSEWHERE, ending

_CPU = NAMES["cpu"]
#: So many operators are named.
_NAMED = 5


class Judged(NamedTuple):
    """What was found out of each side of a case."""

    seen: Observed
    backend: Backend
    main: Ran
    proved: Proved
    held: Held
    text: Text
    comparison: Comparison
    repeat: Repeat
    vram: int | None


class Fault(NamedTuple):
    """One thing that speaks against it."""

    code: str
    because: str
    exit: Exit
    outcome: Literal["fail", "inconclusive"] = "fail"
    commands: tuple[str, ...] = ()


def doing(seen: Observed, main: Ran) -> str:
    """What a process was about when it ended."""
    if main.loaded is None:
        return "loading the model"
    for told in (main.heard, main.again):
        names = {heard.clip for heard in told}
        left = next((clip.name for clip in seen.clips if clip.name not in names), None)
        if left is not None:
            return f"transcribing {left}{'' if told is main.heard else ' a second time'}"
    if main.trial.step is None:
        return "coming to its end, after all was done"
    return "looking at the encoder and at where the operators ran"


def faults(judged: Judged) -> tuple[Fault, ...]:
    """All of them. Of a process that ended badly, what it left undone is none of its own."""
    ended = _ended(judged)
    if ended:
        return (ended, *_cpu(judged), *_vram(judged))
    on_cpu = tuple(_cpu(judged))
    no_gpu = on_cpu or judged.seen.device == "cpu"
    return (
        *on_cpu,
        *(() if no_gpu else _operators(judged)),
        *_text(judged),
        *_differs(judged),
        *_unsteady(judged),
        *(() if no_gpu else _unproved(judged)),
        *_vram(judged),
    )


def _ended(judged: Judged) -> Fault | None:
    """How the process ended, where that was not well."""
    seen, main, trial = judged.seen, judged.main, judged.main.trial
    if trial.outcome == "pass":
        if main.loaded is not None:
            return None
        return Fault("RK712", "the process ended well, and told nothing of the model", Exit.BLOCKED, commands=(advice.page("RK712"),))
    because = f"{doing(seen, main)}: {ending(trial)}"
    bisected = advice.bisected(seen, judged.backend)
    if trial.outcome == "skipped":
        return Fault("RK703", because, Exit.INCONCLUSIVE, "inconclusive", (advice.page("RK703"), advice.looked(seen)))
    if trial.outcome == "hang" or trial.limit:
        return Fault("RK704", because, Exit.BLOCKED, commands=(*advice.known(seen), advice.page("RK704"), bisected))
    if trial.outcome == "crash":
        return Fault("RK703", because, Exit.BLOCKED, commands=(*advice.known(seen), bisected, advice.tried(seen), advice.page("RK703")))
    kind = (trial.because or "").partition(":")[0]
    if kind == ELSEWHERE[0]:
        return Fault("RK701", because, Exit.RAN_ON_CPU, commands=(advice.looked(seen), advice.tried(seen), advice.page("RK701")))
    lacks = advice.installed(seen, judged.backend) if kind in ("ModuleNotFoundError", "ImportError") else ()
    return Fault("RK712", because, Exit.BLOCKED, commands=(*advice.known(seen), *lacks, advice.looked(seen), advice.page("RK712")))


def _cpu(judged: Judged) -> Iterator[Fault]:
    seen, main = judged.seen, judged.main
    transcribed = any(heard.error is None for heard in main.heard)
    # What did not come so far ran nowhere: its own fault says more than that the processor was meant.
    if seen.device == "cpu" and (transcribed or (main.trial.outcome == "pass" and not judged.text.missing)):
        why = seen.device_why or "that was asked for"
        commands = (*((advice.looked(seen),) if seen.device_why else ()), advice.page("RK701"))
        yield Fault("RK701", f"it ran on the processor: {why}", Exit.RAN_ON_CPU, "inconclusive", commands)
    elif seen.device == "gpu" and (main.device == "cpu" or (main.loaded and main.loaded.device == "cpu")):
        claims = main.loaded.claims if main.loaded else ()
        said = f" ({claims[0].where}: {claims[0].value})" if claims else ""
        proof = judged.proved.proof
        though = f", though {proof.because}" if LEVELS.index(proof.level) >= LEVELS.index("resident") else ""
        commands = (advice.looked(seen), advice.tried(seen), advice.page("RK701"))
        yield Fault("RK701", f"the GPU was asked for, and the model is on the processor{said}{though}", Exit.RAN_ON_CPU, commands=commands)


def _operators(judged: Judged) -> Iterator[Fault]:
    """Where ONNX Runtime put what takes time. What it does not tell is not taken for good."""
    placed = judged.main.placed
    away = [one for one in placed if one.compute_on_cpu or (one.shares and all(share.provider == _CPU for share in one.shares))]
    if away:
        most = any(_on_cpu(one) > 0.5 for one in away)
        commands = tuple(command for one in away for command in advice.inspected(judged.seen, one))
        because = "; ".join(map(_named, away))
        yield Fault("RK714", because, Exit.RAN_ON_CPU if most else Exit.BLOCKED, commands=(*commands, advice.page("RK714")))
    elif judged.seen.engine == "onnxruntime" and not (placed and all(one.shares for one in placed)):
        because = "where ONNX Runtime ran the operators is not known: there is no profile of the run"
        yield Fault("RK714", because, Exit.INCONCLUSIVE, "inconclusive", (advice.page("RK714"),))


def _on_cpu(placed: Placed) -> float:
    return sum(share.of_time for share in placed.shares if share.provider == _CPU)


def _named(placed: Placed) -> str:
    names = ", ".join(placed.compute_on_cpu[:_NAMED]) or "all operators"
    more = len(placed.compute_on_cpu) - _NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"{placed.model}: {names}{rest} ran on the processor, {_on_cpu(placed):.0%} of the time"


def _text(judged: Judged) -> Iterator[Fault]:
    seen, text = judged.seen, judged.text
    if text.missing:
        yield Fault("RK712", text.missing, Exit.BLOCKED, commands=(*advice.known(seen), advice.tried(seen), advice.page("RK712")))
    if text.wrong:
        reader = (advice.reader(seen),) if text.cer_by == "lower" else ()
        yield Fault("RK702", text.wrong, Exit.WRONG_TEXT, commands=(*reader, advice.tried(seen), advice.page("RK702")))
    elif text.held == "told" and not text.missing and judged.comparison.agrees is None and seen.device == "gpu":
        because = f"whether the text is right is not known: it is held to no rate, and was not compared ({judged.comparison.because})"
        yield Fault("RK708", because, Exit.INCONCLUSIVE, "inconclusive", (advice.page("RK708"),))


def _differs(judged: Judged) -> Iterator[Fault]:
    if judged.comparison.agrees is False:
        commands = (advice.tried(judged.seen), advice.page("RK708"))
        yield Fault(
            "RK708", f"the GPU computes other numbers than the processor: {judged.comparison.because}", Exit.WRONG_TEXT, commands=commands
        )


def _unsteady(judged: Judged) -> Iterator[Fault]:
    commands = (advice.tried(judged.seen), advice.page("RK707"))
    if judged.repeat.agrees is False:
        yield Fault("RK707", judged.repeat.because, Exit.BLOCKED, commands=commands)
    elif judged.repeat.agrees is None and not judged.text.missing:
        yield Fault("RK707", judged.repeat.because, Exit.INCONCLUSIVE, "inconclusive", commands[1:])


def _unproved(judged: Judged) -> Iterator[Fault]:
    proved, held = judged.proved, judged.held
    if code := proved.code:
        commands = ((advice.unemulated(judged.seen),) if code == "RK713" else (advice.looked(judged.seen),)) + (advice.page(code),)
        yield Fault(code, f"it is not proved that the GPU computed: {proved.proof.because}", Exit.INCONCLUSIVE, "inconclusive", commands)
    if not held.stands:
        yield Fault("RK706", held.control.because, Exit.INCONCLUSIVE, "inconclusive", (advice.page("RK706"),))


def _vram(judged: Judged) -> Iterator[Fault]:
    at_most, vram = judged.seen.wanted.max_vram_bytes, judged.vram
    if at_most is None or judged.seen.device == "cpu":
        return
    if vram is None and judged.main.trial.outcome == "pass":
        because = f"how much of the GPU's memory it took could not be seen; it may take {mib(at_most)}"
        yield Fault("RK711", because, Exit.INCONCLUSIVE, "inconclusive", (advice.page("RK711"),))
    elif vram is not None and vram > at_most:
        commands = (*advice.smaller(judged.seen, judged.backend, at_most), advice.page("RK711"))
        yield Fault("RK711", f"it took {mib(vram)} of the GPU's memory, and may take {mib(at_most)}", Exit.BLOCKED, commands=commands)
