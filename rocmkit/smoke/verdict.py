"""What all cases together say. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rocmkit import __version__
from rocmkit.errors import PRECEDENCE, Exit, worst
from rocmkit.smoke.observed import Card
from rocmkit.smoke.result import Case, Smoke, Verdict

_NONE_PASSED: dict[Exit, Verdict] = {Exit.RAN_ON_CPU: "cpu", Exit.WRONG_TEXT: "wrong-text", Exit.BLOCKED: "failed"}
_WORDS: dict[Verdict, str] = {
    "cpu": "nothing ran on the GPU",
    "wrong-text": "no text is right",
    "failed": "none of them worked",
    "inconclusive": "nothing is proved",
}
#: So many systems are named in a sentence.
_NAMED = 9


def verdict(cases: Sequence[Case], cards: Sequence[Card], *, interrupted: bool = False) -> Smoke:
    """The whole. What was skipped counts neither way; where all was, nothing is known."""
    judged = [case for case in cases if case.outcome != "skipped"]
    passed = [case for case in judged if case.outcome == "pass"]
    others = [case for case in judged if case.outcome != "pass"]
    # A case that did not pass is never counted as well, whatever it says of its exit code.
    codes = [Exit(case.exit) if case.exit else Exit.INCONCLUSIVE for case in others]
    found = _verdict(passed, codes, interrupted)
    exit_code = worst([*codes, *([] if passed or others else [Exit.INCONCLUSIVE]), *([Exit.INTERRUPTED] if interrupted else [])])
    return Smoke(
        rocmkit=__version__,
        verdict=found,
        because=_because(found, cases, passed, others, interrupted),
        exit=int(exit_code),
        cards=tuple(cards),
        cases=tuple(cases),
        interrupted=interrupted,
    )


def _verdict(passed: Sequence[Case], codes: Sequence[Exit], interrupted: bool) -> Verdict:
    if passed:
        return "partly" if codes or interrupted else "proved"
    return _NONE_PASSED.get(worst(codes), "inconclusive")


def _because(found: Verdict, cases: Sequence[Case], passed: Sequence[Case], others: Sequence[Case], interrupted: bool) -> str:
    skipped = len(cases) - len(passed) - len(others)
    end = "; it was broken off before all had run" if interrupted else ""
    if not passed and not others:
        return f"nothing ran: {_systems(skipped)} skipped{end}" if skipped else f"nothing ran{end}"
    left = f"; {skipped} skipped" if skipped else ""
    if not passed:
        first = min(others, key=lambda case: PRECEDENCE.index(Exit(case.exit)))
        return f"{_WORDS[found]} ({_systems(len(others))}); {first.system}: {first.because}{left}{end}"
    names = ", ".join(case.system for case in passed[:_NAMED]) + (" and more" if len(passed) > _NAMED else "")
    failed = "" if not others else f"; not so {', '.join(case.system for case in others[:_NAMED])}"
    return f"{len(passed)} of {_systems(len(passed) + len(others))} transcribed Japanese on the GPU: {names}{failed}{left}{end}"


def _systems(count: int) -> str:
    return f"{count} system{'s' * (count != 1)}"
