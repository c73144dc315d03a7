"""Two looks compared: findings by code, facts by the names of things, and nothing that differs on every look."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.doctor.check import all_checks
from rocmkit.errors import UsageError
from rocmkit.facts import Facts, KernelLog, LogLine, gap
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.model import to_builtins
from rocmkit.probe import collect
from rocmkit.report import difftext
from rocmkit.report.compare import Fault, Outcome, compare
from rocmkit.report.diff import Diff, Look, diff, facts, look
from rocmkit.report.flat import flat, row_of
from rocmkit.report.published import publish
from tests.support.facts import ACCESS, GPU, HEALTHY, PYTHON, ROCM, changed, library, machine
from tools.schema import schema

NESTED: dict[str, Any] = {}
for _ in range(100):
    NESTED = {"a": NESTED}

MACHINES = Path(__file__).resolve().parent.parent / "machines"


@functools.cache
def looked(name: str) -> Look:
    found = collect(ReplayHost(load_file(MACHINES / f"{name}.yaml")))
    return look(to_builtins(publish(found, all_checks(), source=f"recording {name}.yaml")), source=name)


def of(one: Facts) -> Look:
    return look(to_builtins(publish(one, all_checks(), source="test")), source="test")


def differing(old: Facts, new: Facts) -> dict[str, tuple[Any, Any]]:
    return {fact.where: (fact.old, fact.new) for fact in facts(to_builtins(old), to_builtins(new))}


def found(code: str, message: str = "it is so", **more: Any) -> Outcome:
    return Outcome(code=code, outcome="found", severity="error", findings=(Fault(subject="s", message=message, confidence="sure"),), **more)


def test_results_are_compared_by_code() -> None:
    old = (found("RK101"), found("RK102"), found("RK103"), found("RK104", "before"), found("RK105"), found("RK106"), Outcome(code="RK107"))
    new = (
        Outcome(code="RK101", outcome="ok"),
        Outcome(code="RK102", outcome="skipped", unknown=True),
        Outcome(code="RK103", outcome="skipped", cause="other"),
        found("RK104", "after"),
        found("RK105"),
        found("RK107"),
    )
    change = compare(old, new)
    assert [one.code for one in change.came] == ["RK107"]
    assert [one.code for one in change.went] == ["RK101"]
    assert [one.code for one in change.unclear] == ["RK102", "RK103", "RK106"]
    assert [now.findings[0].message for _, now in change.other] == ["after"]
    assert change.stayed == ("RK104", "RK105")


def test_what_has_nothing_to_judge_is_gone() -> None:
    assert [one.code for one in compare([found("RK403")], [Outcome(code="RK403", outcome="skipped")]).went] == ["RK403"]


def test_a_machine_minutes_later_is_the_same() -> None:
    later = machine(
        gpus=(changed(GPU, vram_used_bytes=900 << 20, link=changed(GPU.link, speed_gts=2.5)),),
        memory=changed(HEALTHY.memory, available_bytes=3 << 30),
        kernel_log=KernelLog(source="journalctl", lines=(LogLine(kind="kfd-added", text="[    9.1] kfd kfd: amdgpu: added device"),)),
    )
    earlier = machine(
        kernel_log=KernelLog(source="dmesg", lines=(LogLine(kind="kfd-added", text="[    8.7] kfd kfd: amdgpu: added device"),))
    )
    assert differing(earlier, later) == {}


@pytest.mark.parametrize("name", sorted(path.stem for path in MACHINES.glob("*.yaml")))
def test_every_machine_is_as_itself(name: str) -> None:
    one = diff(looked(name), looked(name))
    assert (one.came, one.went, one.unclear, one.changed, one.facts, one.verdict, one.exit) == ((), (), (), (), (), (), 0)
    assert difftext.text(one, color=False, unicode=True).endswith(" as before: nothing differs\n")


def test_things_are_compared_by_their_names() -> None:
    other = changed(GPU, pci="0000:04:00.0", vram_bytes=32 << 30)
    assert differing(machine(gpus=(GPU, other)), machine(gpus=(other, GPU))) == {}
    assert differing(machine(gpus=(GPU,)), machine(gpus=(GPU, other))) == {"gpus.0000:04:00.0": (None, "gfx906")}
    assert differing(machine(rocm=(ROCM,)), machine(rocm=(changed(ROCM, path="/opt/rocm-7.2.0", version="7.2.0"),))) == {
        "rocm./opt/rocm-6.3.4": ("6.3.4", None),
        "rocm./opt/rocm-7.2.0": (None, "7.2.0"),
    }
    packages = {**PYTHON.packages, "numpy": "2.4.0", "scipy": "1.16"}
    assert differing(HEALTHY, machine(python=changed(PYTHON, packages=packages))) == {
        "python.packages.numpy": ("2.2.6", "2.4.0"),
        "python.packages.scipy": (None, "1.16"),
    }
    moved = (library("torch", PYTHON.libraries[0].file, gfx=("gfx1030",)),)
    where = f"python.libraries.{PYTHON.libraries[0].file}.gfx"
    assert differing(HEALTHY, machine(python=changed(PYTHON, libraries=moved))) == {
        where: (["gfx900", "gfx906", "gfx908", "gfx90a", "gfx942"], ["gfx1030"])
    }
    assert differing(HEALTHY, machine(env={"HSA_XNACK": "1"})) == {"env.HSA_XNACK": (None, "1")}


def test_two_of_one_name_are_two() -> None:
    nameless = changed(GPU, pci=None)
    assert differing(machine(gpus=(nameless,)), machine(gpus=(nameless, nameless))) == {"gpus.None #2": (None, "gfx906")}


def test_kernel_messages_are_a_set() -> None:
    lines = (LogLine(kind="ras", text="[ 100.1] amdgpu: one"), LogLine(kind="ras", text="[ 200.1] amdgpu: one"))
    more = (*lines, LogLine(kind="ras", text="Nov 21 10:00:00 kernel: amdgpu: two"))
    old, new = (machine(kernel_log=KernelLog(source="dmesg", lines=part)) for part in (lines[:1], more))
    assert differing(old, new) == {"kernel_log.lines.kernel: amdgpu: two": (None, True)}


def test_a_section_that_could_not_be_read_is_one_fact() -> None:
    denied = gap("denied", "dmesg: not permitted")
    both = differing(HEALTHY, machine(access=denied))
    assert both == {"access": ("known", to_builtins(denied))}
    assert list(differing(HEALTHY, machine(access=changed(ACCESS, uid=1001)))) == ["access.uid"]


def test_the_exit_code_tells_of_new_sure_errors() -> None:
    assert diff(looked("mi50-16gb-healthy"), looked("mi50-torch-rocm72")).exit == 1
    assert diff(looked("mi50-torch-rocm72"), looked("mi50-16gb-healthy")).exit == 0
    likely = Outcome(code="RK413", outcome="found", severity="error", findings=(Fault(confidence="likely"),))
    base = looked("mi50-16gb-healthy")
    assert diff(base, changed(base, results=(*base.results, likely))).exit == 0
    second = changed(found("RK307"), findings=(Fault(subject="one", confidence="sure"), Fault(subject="two", confidence="sure")))
    first = changed(second, findings=second.findings[:1])
    assert diff(changed(base, results=(first,)), changed(base, results=(second,))).exit == 1


def test_the_text_tells_findings_then_facts_then_the_verdict() -> None:
    one = diff(looked("the-user"), looked("rx7900xtx"))
    printed = difftext.text(one, color=False, unicode=True)
    assert printed.index("RK403") < printed.index("GPUs\n") < printed.index("BLOCKED → READY")
    assert "  0000:03:00.0 gfx: gfx906 → gfx1100\n" in printed
    assert "  0000:03:00.0 vram: 16.0 GiB → 24.0 GiB\n" in printed
    assert "  torch: 2.6.0+rocm6.1 → 2.9.1+rocm6.4\n" in printed
    assert "(gone)" in printed
    assert printed.splitlines()[-1].startswith("BLOCKED → READY: 5 findings gone")
    ascii_ = difftext.text(one, color=False, unicode=False)
    assert ascii_.isascii()
    assert "gfx906 -> gfx1100" in ascii_
    assert "### Python" in difftext.markdown(one)
    new = difftext.text(diff(looked("mi50-16gb-healthy"), looked("mi50-torch-rocm72")), color=False, unicode=True)
    assert "✗ RK307 rocBLAS has no kernels for this GPU (new)" in new
    assert "rocblas kernels of torch targets: without gfx900, gfx906; with gfx1150, gfx1151, gfx950" in new


def test_the_json_is_as_published() -> None:
    jsonschema.validate(to_builtins_json(diff(looked("the-user"), looked("rx7900xtx"))), schema(Diff, title="rocmkit diff --json"))


def to_builtins_json(value: Any) -> Any:
    import json

    from rocmkit.model import to_json

    return json.loads(to_json(value))


def test_reports_of_other_versions_are_read_as_far_as_they_are_known() -> None:
    old = {
        "schema": "rocmkit.doctor/7",
        "source": "this machine",
        "rocmkit": "9.9",
        "verdict": "splendid",
        "surprise": [1, 2],
        "results": [{"code": "RK999", "outcome": "found", "severity": "dire", "findings": [{"message": "m", "new": 1}], "new": {}}],
        "facts": {"python": {"packages": {"torch": "1.0"}}, "strange": [1]},
    }
    one = diff(look(old, source="old.json"), looked("the-user"))
    assert [(told.code, told.messages) for told in one.unclear] == [("RK999", ("m",))]
    assert ("python.packages.torch", "1.0", "2.6.0+rocm6.1") in [(fact.where, fact.old, fact.new) for fact in one.facts]
    assert "SPLENDID → BLOCKED" in difftext.text(one, color=False, unicode=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "neither a recording nor a report"),
        ([], "neither a recording nor a report"),
        ({"schema": "rocmkit.inspect/1"}, "neither a recording nor a report"),
        ({"schema": "rocmkit.doctors/1", "reports": []}, "several reports"),
        ({"schema": "rocmkit.doctor/1"}, "not a report"),
        ({"schema": "rocmkit.doctor/1", "results": {}, "facts": {}}, "not a report"),
        ({"schema": "rocmkit.doctor/1", "results": [{"code": 7}], "facts": {}}, "not a report"),
        ({"schema": "rocmkit.doctor/1", "results": [], "facts": []}, "not a report"),
        ({"schema": "rocmkit.doctor/1", "results": [], "facts": NESTED}, "nested deeper"),
        ({"schema": "rocmkit.doctor/1", "results": [], "facts": {"a": [0] * 300_000}}, "with more in it"),
    ],
)
def test_what_is_no_report_is_refused(data: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        look(data, source="x.json")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["gpus", "path", "gap", "name", "file", "x.y", ""]), inner, max_size=4)
    ),
    max_leaves=20,
)
SECTION = st.sampled_from(("gpus", "python", "rocm", "tools", "kernel_log", "memory", "env", "caches", "kfd", "runtime", "what"))


@settings(deadline=None)
@given(old=st.dictionaries(SECTION, PLAIN, max_size=4), new=st.dictionaries(SECTION, PLAIN, max_size=4))
def test_any_plain_data_is_compared_and_printed(old: dict[str, Any], new: dict[str, Any]) -> None:
    sides = [
        Look(schema="rocmkit.doctor/1", source="\x1b[2Jx", verdict="ready", results=(found("RK1\n"),), facts=part) for part in (old, new)
    ]
    one = diff(*sides)
    for printed in (difftext.text(one, color=False, unicode=True), difftext.markdown(one)):
        assert "\x1b" not in printed
    assert facts(old, old) == ()
    assert {fact.where for fact in facts(old, new)} == {fact.where for fact in facts(new, old)}


@given(data=PLAIN)
def test_any_plain_data_is_flat(data: Any) -> None:
    for place in flat({"gpus": data}):
        row = row_of(place)
        assert row is None or place[: len(row)] == row


def test_of_a_code_that_stands_twice_the_worse_counts() -> None:
    fault = {"code": "RK101", "outcome": "found", "severity": "error", "findings": [{"message": "a", "confidence": "sure"}]}
    sides = [
        look({"schema": "rocmkit.doctor/1", "results": rows, "facts": {}}, source="test")
        for rows in ([], [fault, {"code": "RK101", "outcome": "ok"}], [{"code": "RK101", "outcome": "ok"}, fault])
    ]
    for new in sides[1:]:
        one = diff(sides[0], new)
        assert ([told.code for told in one.came], one.exit) == (["RK101"], 1)
