"""The engine: causes first, gaps skip, crashes are results, unknown is never ok."""

from __future__ import annotations

import pytest

from rocmkit.doctor.check import Check, check
from rocmkit.doctor.examine import examine, exit_code, in_order, verdict
from rocmkit.doctor.result import Finding, Found, Outcome, Passed, Result, Seen, judge, say, skip
from rocmkit.errors import Exit
from rocmkit.facts import Access, Gap, Gpu, gap
from tests.support.facts import GPU, machine


def fault(confidence: str = "sure") -> Found:
    found = Finding(subject="x", message=say("broken"), confidence=confidence, seen=(Seen("/x", "y"),))  # type: ignore[arg-type]
    return Found((found,))


@check("RK901", "cause", title="t", severity="error")
def cause(gpus: tuple[Gpu, ...]) -> Outcome:
    """One."""
    return fault()


@check("RK900", "effect", title="t", severity="error", after=("cause",))
def effect(gpus: tuple[Gpu, ...]) -> Outcome:
    """One."""
    return fault()


@check("RK902", "raises", title="t", severity="error")
def raises(gpus: tuple[Gpu, ...]) -> Outcome:
    """One."""
    raise KeyError("no such thing")


@check("RK903", "needs-access", title="t", severity="warning")
def needs_access(access: Access) -> Outcome:
    """One."""
    return Passed((Seen("access", str(access.uid)),))


@check("RK904", "tolerates-gap", title="t", severity="warning")
def tolerates_gap(access: Access | Gap) -> Outcome:
    """One."""
    return skip("it is a gap") if isinstance(access, Gap) else judge([], Seen("a", "b"))


@check("RK905", "likely", title="t", severity="error")
def likely(gpus: tuple[Gpu, ...]) -> Outcome:
    """One."""
    return fault("likely")


@check("RK906", "warns", title="t", severity="warning", gpu=False)
def warns(gpus: tuple[Gpu, ...] | Gap) -> Outcome:
    """One."""
    return fault()


def one(chosen: Check, **sections: object) -> Result:
    return examine(machine(**sections), [chosen])[0]


def test_an_effect_of_a_known_cause_is_skipped_and_says_so() -> None:
    by_id = {r.id: r for r in examine(machine(), [effect, cause])}
    assert by_id["cause"].outcome == "found"
    assert by_id["effect"].outcome == "skipped"
    assert str(by_id["effect"].because) == "explained by RK901 (cause)"


def test_an_effect_stands_when_its_cause_is_not_found() -> None:
    assert one(effect).outcome == "found"


def test_results_come_in_the_order_of_the_codes() -> None:
    assert [r.code for r in examine(machine(), [cause, effect, likely])] == ["RK900", "RK901", "RK905"]


def test_a_check_that_raises_is_a_result() -> None:
    result = one(raises)
    assert (result.outcome, str(result.because)) == ("crashed", "KeyError: 'no such thing'")


def test_a_gap_skips_the_check_with_its_reason() -> None:
    result = one(needs_access, access=gap("denied", "/dev/kfd: Permission denied"))
    assert (result.outcome, result.gap) == ("skipped", "denied")
    assert "/dev/kfd: Permission denied" in str(result.because)


def test_a_check_that_admits_a_gap_gets_it() -> None:
    assert str(one(tolerates_gap, access=gap("denied", "x")).because) == "it is a gap"
    assert one(tolerates_gap).outcome == "ok"


def test_rules_about_gpus_do_not_fire_without_one() -> None:
    assert one(cause, gpus=()).outcome == "skipped"
    assert one(warns, gpus=()).outcome == "found"


def test_rules_about_gpus_are_skipped_where_gpus_are_not_known() -> None:
    assert one(needs_access, gpus=gap("timeout", "sysfs hung")).gap == "timeout"


def test_nothing_is_ok_without_evidence() -> None:
    assert judge([]) == skip("nothing was seen that this check could judge")


def test_checks_that_wait_for_one_another_are_refused() -> None:
    @check("RK907", "a", title="t", severity="note", after=("b",))
    def a() -> Outcome:
        """One."""
        return skip("")

    @check("RK908", "b", title="t", severity="note", after=("a",))
    def b() -> Outcome:
        """One."""
        return skip("")

    with pytest.raises(ValueError, match="a -> b -> a"):
        in_order([a, b])


@pytest.mark.parametrize(
    ("checks", "sections", "strict", "word", "code"),
    [
        ([cause], {}, False, "blocked", Exit.BLOCKED),
        ([likely], {}, False, "degraded", Exit.OK),
        ([likely], {}, True, "degraded", Exit.BLOCKED),
        ([warns], {}, False, "degraded", Exit.OK),
        ([warns], {}, True, "degraded", Exit.BLOCKED),
        ([needs_access], {}, False, "unknown", Exit.INCONCLUSIVE),
        ([raises], {}, False, "unknown", Exit.INCONCLUSIVE),
        ([cause, raises], {}, False, "blocked", Exit.BLOCKED),
        ([], {"gpus": ()}, False, "not-applicable", Exit.NOT_APPLICABLE),
        ([], {"gpus": gap("denied", "x")}, False, "unknown", Exit.INCONCLUSIVE),
        ([], {"runtime": gap("timeout", "rocminfo")}, False, "unknown", Exit.INCONCLUSIVE),
        ([], {"gpus": gap("absent", "no /sys")}, False, "unknown", Exit.INCONCLUSIVE),
        ([], {"access": gap("not-executed", "x"), "env": gap("not-executed", "x")}, False, "unknown", Exit.OK),
        ([], {"gpus": gap("absent", "no /sys"), "env": gap("not-executed", "x")}, False, "unknown", Exit.INCONCLUSIVE),
        ([likely], {"runtime": gap("absent", "no rocminfo")}, False, "degraded", Exit.OK),
        ([likely], {"kernel_log": gap("denied", "x")}, False, "degraded", Exit.OK),
    ],
)
def test_verdict_and_exit_code(checks: list[Check], sections: dict[str, object], strict: bool, word: str, code: Exit) -> None:
    facts = machine(**sections)
    results = examine(facts, checks)
    assert verdict(facts, results) == word
    assert exit_code(facts, results, strict=strict) is code


def test_ready_needs_its_checks_to_have_passed() -> None:
    from rocmkit.doctor.examine import READY

    results = tuple(Result(code="RK1", id=name, title="", severity="error", outcome="ok") for name in READY)
    assert verdict(machine(gpus=(GPU,)), results) == "ready"
    assert verdict(machine(gpus=(GPU,)), results[1:]) == "unknown"
    assert verdict(machine(gpus=(GPU,)), results, chosen=True) == "unknown"
    assert exit_code(machine(gpus=(GPU,)), results, chosen=True) is Exit.OK


def test_a_message_fills_in_names_only() -> None:
    assert str(say("{a} and {b.__class__} {missing}", a=1, b="x")) == "1 and {b.__class__} {missing}"
