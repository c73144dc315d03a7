"""What became of a case: everything that was seen, and what it means. Pure.

It passes only where nothing speaks against it, so that what could not be seen never makes it pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from rocmkit.errors import Exit, worst
from rocmkit.kb.backends import Backend
from rocmkit.smoke.compare import again, against_cpu
from rocmkit.smoke.control import Held, hold
from rocmkit.smoke.faults import Fault, Judged, doing, faults
from rocmkit.smoke.observed import Heard, Observed, Ran
from rocmkit.smoke.proof import LEVELS, prove, unrun
from rocmkit.smoke.result import Case, Control, Crash, Features, Outcome, Proof, Repeat
from rocmkit.smoke.scores import text_of
from rocmkit.smoke.vram import peak
from rocmkit.trial.values import Device
from rocmkit.trial.words import BROKEN_OFF, GONE

#: Above twice what is expected, and this, a rate is told of though it passes.
_UNEXPECTED = 0.05
_TIMESTAMPS = ("none", "segment", "word")


def judge(seen: Observed, backend: Backend) -> Case:
    """The case."""
    if seen.main is None or seen.skip:
        because = seen.skip.because if seen.skip else "it was not run"
        return _skipped(seen, backend, because)
    if seen.main.trial.outcome == "skipped" and not (seen.main.trial.because or "").startswith(GONE):
        return _skipped(seen, backend, seen.main.trial.because or BROKEN_OFF)
    return _judged(seen, backend, seen.main)


def _skipped(seen: Observed, backend: Backend, because: str) -> Case:
    return Case(
        system=seen.backend,
        title=backend.title,
        model=seen.model.id,
        device=None,
        outcome="skipped",
        code=seen.skip.code or None if seen.skip else None,
        because=because,
        commands=seen.skip.commands if seen.skip else (),
        bytes=seen.skip.bytes if seen.skip else None,
        proof=unrun(because),
        negative_control=Control(outcome="not-made", because=because),
        against_cpu=against_cpu(seen),
        repeat=Repeat(agrees=None, because=because),
        features=_features(backend, ()),
        compute_type=seen.compute_type,
        licence=seen.model.licence,
        exit=int(Exit.INCONCLUSIVE),
    )


def _judged(seen: Observed, backend: Backend, main: Ran) -> Case:
    proved, held, text = prove(seen, main), hold(seen), text_of(seen, main)
    comparison, repeat, vram = against_cpu(seen), again(main), peak(main, seen.cards)
    judged = Judged(seen, backend, main, proved, held, text, comparison, repeat, vram)
    found = faults(judged)
    first = next((fault for fault in found if fault.outcome == "fail"), found[0] if found else None)
    outcome: Outcome = first.outcome if first else "pass"
    heard = tuple(one for one in main.heard if one.error is None)
    once, twice = _sum(one.seconds for one in heard), _sum(one.seconds for one in main.again if one.error is None)
    took = twice if len(heard) == sum(one.error is None for one in main.again) else once
    audio_s = _sum(one.audio_s for one in heard)
    weaker = _after(proved.proof, held)
    return Case(
        system=seen.backend,
        title=backend.title,
        model=seen.model.id,
        device=_device(main, proved.proof),
        outcome=outcome,
        code=first.code if first else None,
        because=first.because if first else f"{weaker.because}; {comparison.because}",
        commands=tuple(dict.fromkeys(command for fault in found for command in fault.commands)),
        text="\n".join(one.text for one in heard) if heard else None,
        reference="\n".join(clip.text or "" for clip in seen.clips) if any(clip.text for clip in seen.clips) else None,
        cer=text.cer,
        cer_by=text.cer_by,
        plain_cer=text.plain_cer,
        audio_s=audio_s,
        load_s=_sum([main.loaded.seconds]) if main.loaded else None,
        transcribe_s=took,
        first_s=once,
        rtf=_ratio(took, audio_s),
        peak_vram_bytes=vram,
        peak_rss_bytes=main.trial.peak_bytes,
        proof=weaker,
        negative_control=held.control,
        against_cpu=comparison,
        repeat=repeat,
        placement=main.placed,
        crash=_crash(seen, main),
        features=_features(backend, heard),
        clips=text.scores,
        compute_type=seen.compute_type or (main.loaded.dtype if main.loaded else None),
        licence=seen.model.licence,
        warnings=tuple(dict.fromkeys(_warnings(judged, [fault for fault in found if fault is not first]))),
        exit=int(worst(fault.exit for fault in found)),
    )


def _after(proof: Proof, held: Held) -> Proof:
    """The proof, after the control."""
    if held.stands or not proof.enough:
        return proof
    return replace(proof, because=f"{proof.because}; but {held.control.because}", enough=False)


def _device(main: Ran, proof: Proof) -> Device | None:
    """Where it computed. That the library alone says so is not known to be true."""
    if main.loaded is None:
        return None
    if main.loaded.device == "cpu":
        return "cpu"
    return "gpu" if LEVELS.index(proof.level) >= LEVELS.index("resident") else None


def _sum(numbers: Iterable[float]) -> float | None:
    found = tuple(numbers)
    total = sum(found)
    return round(total, 4) if found and math.isfinite(total) and total >= 0 else None


def _ratio(one: float | None, other: float | None) -> float | None:
    return round(one / other, 4) if one is not None and other and math.isfinite(one / other) else None


def _features(backend: Backend, heard: Iterable[Heard]) -> Features:
    given = (backend.timestamps, *(one.timestamps for one in heard))
    return Features(
        timestamps=max(given, key=_TIMESTAMPS.index),
        punctuation=backend.punctuation,
        language_detection=backend.language_detection,
        diarization=backend.diarization,
    )


def _crash(seen: Observed, main: Ran) -> Crash | None:
    trial = main.trial
    if trial.outcome == "pass":
        return None
    return Crash(
        signal=trial.signal,
        last_import=trial.last_import,
        frame=trial.frame,
        log=trial.log,
        library=trial.library,
        python=trial.python[0] if trial.python else None,
        known=trial.known,
        while_doing=doing(seen, main),
    )


def _warnings(judged: Judged, other: list[Fault]) -> Iterator[str]:
    seen, main, text, comparison = judged.seen, judged.main, judged.text, judged.comparison
    yield from (f"{fault.code}: {fault.because}" for fault in other)
    yield from main.loaded.notes if main.loaded else ()
    if main.trial.outcome != "pass":
        yield from judged.backend.notes
    if seen.device == "gpu" and not seen.wanted.control:
        yield "the negative control was left out: nothing shows that it fails with the GPU hidden"
    if seen.device == "gpu" and main.trial.outcome == "pass" and comparison.agrees is None:
        yield f"not compared with the processor: {comparison.because}"
    for placed in main.placed:
        if placed.cpu_forbidden in ("refused", "died"):
            yield f"{placed.model}: a small model that may put nothing on the processor was not taken ({placed.cpu_forbidden})"
    expected = next((model.cer_expected for model in judged.backend.models if model.id == seen.model.id), None)
    if seen.wanted.enforce_cer and expected is not None and text.cer is not None and text.cer > 2 * expected + _UNEXPECTED:
        yield f"an error rate of {text.cer:.2f} is more than is usual with this model: {expected:.2f} is expected"
