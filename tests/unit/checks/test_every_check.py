"""What holds for every check: a machine that triggers it and one that passes it, a page, causes that exist, no crash on any gap."""

from __future__ import annotations

import importlib
import pkgutil
import re
import typing
from collections import Counter

import msgspec
import pytest

from rocmkit.doctor import checks
from rocmkit.doctor.check import TRIALS, Check, all_checks
from rocmkit.doctor.examine import examine, in_order
from rocmkit.doctor.result import Result
from rocmkit.facts import NOT_ASKED, Facts, Gap, gap
from rocmkit.report.explain import page
from rocmkit.trial.values import Trial
from tests.support.facts import changed
from tests.unit.checks.cases import CASES, TRIED, pairs

#: The failure modes of the knowledge, each by the name that its check or its issue keeps.
FAILURE_MODES = re.findall(
    r"\S+",
    """
kfd-permission kfd-missing kfd-open-other-errno amdgpu-not-loaded amdgpu-blacklisted secure-boot-blocks-dkms dkms-build-failed
dkms-vs-inkernel driver-regression fw-missing probe-fail-bar mi50-mailbox-vf pcie-atomics iommu-hang gpu-hang-reset ras-ecc
mem-access-fault override-set visible-devices-hides igpu-dgpu-mix multiple-rocm ld-library-path-mix undef-hsa-enable-logging
amdsmi-odr expandable-segments torch-not-rocm no-matching-wheel arch-not-compiled rocblas-no-tensile segv-hsa-first-op
segv-wheel-math whisper-segv wrong-results hipblaslt-unsupported sdpa-no-flash rocm-wheel-vs-driver miopen-kdb miopen-cache-perm
miopen-db-corrupt ct2-cuda-only ct2-rocm-wrong-arch ct2-execstack ct2-470 ort-wrong-package torchaudio-mismatch torchcodec
weights-only hf-gated ffmpeg-missing numba-numpy numba-llvmlite llvm-clash glibcxx docker-no-devices container-gid docker-desktop
selinux seccomp-ptrace container-newer-than-host shm-small memlock vram-low wsl xnack-mismatch vfio-bound rocm-not-on-path
""",
)

CHECKS = {check.code: check for check in all_checks()}
each_check = pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)


def alone(check: Check, facts: Facts, trials: tuple[Trial, ...] | Gap = NOT_ASKED) -> Result:
    (result,) = examine(facts, [check], trials)
    assert result.outcome != "crashed", f"{check.code}: {result.because}"
    if result.outcome == "ok":
        assert result.seen, f"{check.code} passes on no evidence"
    return result


def test_every_check_has_its_cases() -> None:
    assert set(CASES) == set(CHECKS)
    assert set(TRIED) == {check.code for check in all_checks() if check.tries}


@each_check
def test_a_machine_triggers_it_and_another_passes(check: Check) -> None:
    broken, sound = pairs(check.code)
    result = alone(check, *broken)
    assert result.outcome == "found", (result.outcome, str(result.because))
    for finding in result.findings:
        assert finding.seen and finding.subject
        texts = [finding.message, finding.cause, *([finding.fix.text, finding.fix.caution] if finding.fix else [])]
        assert not [str(text) for text in texts if text and re.search(r"\{\w*\}", str(text))]
    assert alone(check, *sound).outcome == "ok"


def test_codes_and_ids_are_unique() -> None:
    found = {
        id(value): value
        for module in pkgutil.iter_modules(checks.__path__)
        for value in vars(importlib.import_module(f"{checks.__name__}.{module.name}")).values()
        if isinstance(value, Check)
    }
    for name in ("code", "id", "title"):
        counted = Counter(getattr(check, name) for check in found.values())
        assert [key for key, count in counted.items() if count > 1] == [], name
    assert all(re.fullmatch(r"RK[1-9][0-9]{2}", check.code) for check in found.values())
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", check.id) for check in found.values())
    assert len(found) == len(all_checks())


def test_every_failure_mode_has_its_check() -> None:
    assert len(FAILURE_MODES) == len(set(FAILURE_MODES)) == 66
    assert set(FAILURE_MODES) <= {check.id for check in all_checks()}


def test_causes_exist_and_run_in_no_circle() -> None:
    ids = {check.id for check in all_checks()}
    assert {(check.id, cause) for check in all_checks() for cause in check.after if cause not in ids} == set()
    assert len(in_order(all_checks())) == len(all_checks())


@each_check
def test_page(check: Check) -> None:
    read = page(check)
    assert read.summary.endswith(".") and not read.title.endswith(".")
    sources = [line.removeprefix("- ") for line in read.sections["Sources"].splitlines()]
    assert sources and all(re.match(r"https://|[\w.-]+/[\w.-]+([#@ ]|$)", source) for source in sources), sources
    assert not re.search(r"/work|this session|public source text|TODO|FIXME", check.page)


@each_check
def test_no_section_may_be_missed_silently(check: Check) -> None:
    for facts, trials in pairs(check.code):
        for name in check.needs:
            for reason in ("denied", "timeout", "not-executed", "absent", "unparsable", "crashed"):
                why = gap(reason, f"{name}: why")
                result = alone(check, facts, why) if name == TRIALS else alone(check, changed(facts, **{name: why}), trials)
                if name not in check.tolerates:
                    assert (result.outcome, result.gap) == ("skipped", reason), (name, result.outcome)


@each_check
def test_no_field_may_be_missed_with_a_crash(check: Check) -> None:
    for facts, trials in pairs(check.code):
        for name in check.needs:
            section = getattr(facts, name, None)
            for field, kind in typing.get_type_hints(type(section)).items() if isinstance(section, msgspec.Struct) else ():
                if Gap in typing.get_args(kind):
                    alone(check, changed(facts, **{name: changed(section, **{field: gap("denied", f"{field}: why")})}), trials)


@each_check
def test_without_a_gpu_nothing_is_said(check: Check) -> None:
    if not check.gpu:  # it speaks of a machine that shows no AMD GPU
        return
    for facts, trials in pairs(check.code):
        assert alone(check, changed(facts, gpus=()), trials).outcome == "skipped"
        assert alone(check, changed(facts, gpus=gap("denied", "sysfs")), trials).outcome in {"skipped"}


@each_check
def test_a_pass_is_never_made_of_gaps(check: Check) -> None:
    """With all that it tolerates unknown, a check that still passes shows what it passed on."""
    _, (sound, trials) = pairs(check.code)
    blind = changed(sound, **{name: gap("denied", "why") for name in check.tolerates - {TRIALS}})
    result = alone(check, blind, gap("denied", "why") if TRIALS in check.tolerates else trials)
    assert result.outcome in {"ok", "skipped"}
    assert not any("why" in one.what for one in result.seen)


def test_checks_name_sections_that_there_are() -> None:
    sections = {*typing.get_type_hints(Facts), TRIALS}
    assert {name for check in all_checks() for name in check.needs} <= sections


@each_check
def test_what_is_not_known_is_told_from_what_is_not_there(check: Check) -> None:
    """A check that could judge, and cannot once one field is a gap, says that something is not known."""
    for facts, trials in pairs(check.code):
        for name in check.needs:
            section = getattr(facts, name, None)
            for field, kind in typing.get_type_hints(type(section)).items() if isinstance(section, msgspec.Struct) else ():
                if Gap in typing.get_args(kind):
                    result = alone(check, changed(facts, **{name: changed(section, **{field: gap("denied", "why")})}), trials)
                    assert result.outcome != "skipped" or result.unknown, (name, field, str(result.because))
