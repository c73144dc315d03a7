"""What a proof bundle shows: its results, judged once more from what was seen. Pure, but for the clips that rocmkit brings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from rocmkit import __version__
from rocmkit.errors import Exit
from rocmkit.kb.backends import backend
from rocmkit.model import Model, to_builtins
from rocmkit.smoke.cer import normal
from rocmkit.smoke.clips import manifest
from rocmkit.smoke.judge import judge
from rocmkit.smoke.observed import Observed, Wanted
from rocmkit.smoke.result import Case, Level, Outcome, Smoke, Verdict
from rocmkit.smoke.verdict import verdict

_NO_SIGNATURE = (
    "a bundle is checked against itself: whoever can write one can write one that agrees with itself. It is no signature, "
    "and does not say who made it, or on which machine"
)
_READINGS = "the readings are those in the bundle: they were not read from the texts again"
_ABSENT = "the sounds, the models and the packages are not in the bundle: their digests say which they were, for whoever has the same ones"


class Checked(Model, kw_only=True):
    """A case, judged again."""

    system: str
    title: str
    model: str | None
    outcome: Outcome
    level: Level
    because: str
    cer: float | None
    agrees: bool  # with what the bundle says of it


class Verified(Model, kw_only=True):
    """`rocmkit smoke --verify --json`."""

    schema: Literal["rocmkit.smoke.verified/1"] = "rocmkit.smoke.verified/1"
    rocmkit: str  # version that checks
    written_by: str  # version that wrote it
    intact: bool  # nothing in it speaks against anything else in it
    problems: tuple[str, ...] = ()
    verdict: Verdict | None = None  # judged again; None: it could not be
    because: str = ""
    cases: tuple[Checked, ...] = ()
    proved: tuple[str, ...] = ()  # in sentences
    not_proved: tuple[str, ...] = ()
    exit: int  # the exit code: 6 where it is not intact, else that of the verdict; 3 where the run was broken off


class Contents(NamedTuple):
    """What is in a bundle."""

    smoke: Smoke
    observed: tuple[Observed, ...]
    facts: dict[str, object]


def check(contents: Contents | None, written_by: str, problems: Sequence[str]) -> Verified:
    """What it shows; `problems` are those of its files. None: they could not be read."""
    found = list(problems)
    again: Smoke | None = None
    cases: tuple[Checked, ...] = ()
    beside: tuple[str, ...] = ()
    if contents:
        known, judged, unknown = _judged(contents.observed)
        again = verdict(judged, contents.smoke.cards, interrupted=contents.smoke.interrupted)
        cases = tuple(_checked(case, contents.smoke.cases) for case in judged)
        beside = tuple(f"{case.title}: {text}" for seen, case in zip(known, judged, strict=True) for text in _beside(seen, case))
        found += [*unknown, *_differences(contents.smoke, again, written_by), *_clips(contents.observed), *_machine(contents)]
    found = list(dict.fromkeys(found))
    passed = tuple(case for case in cases if case.outcome == "pass" and case.agrees)
    return Verified(
        rocmkit=__version__,
        written_by=written_by,
        intact=not found,
        problems=tuple(found),
        verdict=again.verdict if again else None,
        because=again.because if again else "",
        cases=cases,
        proved=() if found else tuple(map(_sentence, passed)),
        not_proved=(
            *(f"{case.title}: {case.because}" for case in cases if case.outcome != "pass"),
            *beside,
            *(_NO_SIGNATURE, _READINGS, _ABSENT),
        ),
        exit=int(Exit.INTEGRITY if found or again is None else Exit.INCONCLUSIVE if again.exit == Exit.INTERRUPTED else again.exit),
    )


def _judged(observed: Sequence[Observed]) -> tuple[list[Observed], list[Case], list[str]]:
    known, judged, unknown = [], [], []
    for seen in observed:
        try:
            row = backend(seen.backend)
        except KeyError:
            unknown.append(f"this rocmkit does not know the system {seen.backend!r}: it was not judged again")
            continue
        known.append(seen)
        judged.append(judge(seen, row))
    return known, judged, unknown


def _beside(seen: Observed, case: Case) -> Iterator[str]:
    """What a pass leaves open: what was odd, and what it was not held to."""
    if case.outcome != "pass":
        return
    yield from (*case.proof.warnings, *case.warnings)
    usual = next((model.cer_pass for model in backend(seen.backend).models if model.id == seen.model.id), Wanted().cer_pass)
    if not seen.wanted.enforce_cer:
        yield "its text was held to no error rate, but to what the processor wrote"
    elif seen.wanted.cer_pass > usual:
        yield f"its text was held to an error rate of {seen.wanted.cer_pass:.2f}, where {usual:.2f} is usual"


def _checked(case: Case, told: Sequence[Case]) -> Checked:
    return Checked(
        system=case.system,
        title=case.title,
        model=case.model,
        outcome=case.outcome,
        level=case.proof.level,
        because=case.because,
        cer=case.cer,
        agrees=case in told,
    )


def _differences(told: Smoke, again: Smoke, written_by: str) -> Iterator[str]:
    """Between what the bundle says and what comes of what was seen. Another version may say it in other words."""
    of_another = "" if written_by == __version__ else f"; rocmkit {written_by} judged it, and this is {__version__}: check it with that one"
    if len(told.cases) != len(again.cases):
        yield f"results.json has {len(told.cases)} cases, observed.json {len(again.cases)}"
    for case, case_again in zip(told.cases, again.cases, strict=False):
        fields = _unlike(to_builtins(case), to_builtins(case_again))
        if fields:
            yield f"results.json says of {case.system} what does not come of what was seen: {', '.join(fields)}{of_another}"
    whole, whole_again = to_builtins(told), to_builtins(again)
    fields = [name for name in _unlike(whole, whole_again) if name not in ("cases", "rocmkit")]
    if fields:
        yield f"results.json says of the whole what does not come of its cases: {', '.join(fields)}{of_another}"
    if told.rocmkit != written_by:
        yield f"results.json is of rocmkit {told.rocmkit}, manifest.json of {written_by}"


def _unlike(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _clips(observed: Sequence[Observed]) -> Iterator[str]:
    """A clip that rocmkit brings has the text and the reading that it was made of."""
    known = {row.sha256: row for row in manifest().clips}
    for seen in observed:
        for clip in seen.clips:
            row = known.get(clip.sha256)
            if row and (normal(clip.text or row.text) != normal(row.text) or clip.kana not in (None, row.kana)):
                yield f"{row.file} is a clip that rocmkit brings, and other words are said to be spoken in it"
            elif row is None and any(clip.name == one.file for one in known.values()):
                yield f"{clip.name} has the name of a clip that rocmkit brings, and is another sound"


def _machine(contents: Contents) -> Iterator[str]:
    """The GPUs of the results are those of the machine's facts, and of every case."""
    gpus = contents.facts.get("gpus")
    there = {gpu.get("pci") for gpu in gpus if isinstance(gpu, dict)} if isinstance(gpus, list) else set()
    for card in contents.smoke.cards:
        if card.pci not in there:
            yield f"results.json has a GPU at {card.pci} that facts.json does not have"
    for seen in contents.observed:
        if seen.cards != contents.smoke.cards:
            yield f"{seen.backend} was run on a machine with other GPUs than results.json has"


def _sentence(case: Checked) -> str:
    rate = "" if case.cer is None else f", with an error rate of {case.cer:.3f}"
    return f"{case.title}, {case.model}: the text is right{rate}, and the GPU computed it ({case.level}): {case.because}"
