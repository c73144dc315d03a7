from __future__ import annotations

import pytest

from rocmkit.doctor.check import HEADINGS
from rocmkit.facts import gap
from tests.support.facts import HEALTHY, changed
from tests.unit.checks.rk4_support import CHECKS, USER, found, run


def test_the_healthy_machine_has_no_finding() -> None:
    assert found(HEALTHY) == set()


def test_the_users_machine() -> None:
    assert found(USER) == {"RK305", "RK310", "RK403", "RK419", "RK413", "RK418"}


@pytest.mark.parametrize("code", sorted(CHECKS))
def test_page(code: str) -> None:
    page = CHECKS[code].page
    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == list(HEADINGS)
    assert page.splitlines()[0].endswith(".")
    sources = page.partition("## Sources")[2]
    assert sources.count("\n- ") >= 1


@pytest.mark.parametrize("code", sorted(CHECKS))
def test_without_a_gpu_nothing_alarms(code: str) -> None:
    assert run(code, changed(USER, gpus=())).outcome == "skipped"


@pytest.mark.parametrize("code", sorted(CHECKS))
def test_gaps_are_skipped(code: str) -> None:
    nothing = {name: gap("timeout", "no answer") for name in ("system", "driver", "rocm", "python", "env", "env_files", "kernel_log")}
    assert run(code, changed(USER, **nothing)).outcome == "skipped"
    assert run(code, changed(USER, gpus=gap("denied", "sysfs"))).outcome == "skipped"
