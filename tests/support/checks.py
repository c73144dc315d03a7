"""Run one check (and what it comes after) over facts, and look at what it found."""

from __future__ import annotations

from typing import Any

from rocmkit.doctor.check import Check, all_checks
from rocmkit.doctor.examine import examine
from rocmkit.doctor.result import Finding, Fix, Result
from rocmkit.facts import Facts, KernelLog, LogLine, Os, System
from tests.support.facts import SYSTEM, changed


def run(code: str, facts: Facts) -> Result:
    """The result of one check, run together with the checks that it comes after."""
    by_id = {check.id: check for check in all_checks()}
    wanted: dict[str, Check] = {}
    waiting = [check.id for check in by_id.values() if check.code == code]
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in wanted:
            wanted[name] = by_id[name]
            waiting += by_id[name].after
    return next(result for result in examine(facts, wanted.values()) if result.code == code)


def found(code: str, facts: Facts) -> Finding:
    """The one finding of a check."""
    result = run(code, facts)
    assert result.outcome == "found", (result.outcome, str(result.because), result.seen)
    assert len(result.findings) == 1, [str(one.message) for one in result.findings]
    assert result.findings[0].seen
    return result.findings[0]


def fix(finding: Finding) -> Fix:
    """The finding's fix."""
    assert finding.fix is not None
    return finding.fix


def ok(code: str, facts: Facts) -> Result:
    """The result of a check that passed on evidence."""
    result = run(code, facts)
    assert result.outcome == "ok", (result.outcome, str(result.because), [str(one.message) for one in result.findings])
    assert result.seen
    return result


def skipped(code: str, facts: Facts) -> str:
    """Why a check skipped."""
    result = run(code, facts)
    assert result.outcome == "skipped", (result.outcome, [str(one.message) for one in result.findings])
    return str(result.because)


def system(id: str = "ubuntu", like: tuple[str, ...] = (), **changes: Any) -> System:
    """The healthy machine's system under another distribution."""
    version = {"ubuntu": "22.04", "debian": "12", "fedora": "42", "rhel": "9.4"}.get(id, "1")
    values = {"os": Os(id=id, version=version, name=id, like=like), **changes}
    return changed(SYSTEM, **values)  # type: ignore[no-any-return]


#: One of each family of distributions.
DISTRIBUTIONS = {
    "ubuntu": system("ubuntu", ("debian",)),
    "debian": system("debian"),
    "fedora": system("fedora"),
    "rocky": system("rocky", ("rhel", "centos", "fedora")),
    "opensuse": system("opensuse-tumbleweed", ("opensuse", "suse")),
    "arch": system("arch"),
    "other": system("nixos"),
}


def log(*lines: str) -> KernelLog:
    """A kernel log of these lines."""
    return KernelLog(source="dmesg", lines=tuple(LogLine(kind="test", text=line) for line in lines))
