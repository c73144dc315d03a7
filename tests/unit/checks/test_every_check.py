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
from rocmkit.doctor.check import Check, all_checks
from rocmkit.doctor.examine import examine, in_order
from rocmkit.doctor.result import Result
from rocmkit.facts import Blacklist, Facts, Gap, KernelPackage, Library, gap
from rocmkit.report.explain import page
from tests.support.checks import log, system
from tests.support.facts import ACCESS, DRIVER, GPU, HEALTHY, PYTHON, ROCM, SITE, SYSTEM, changed, library, machine, node
from tests.unit.checks.odd_machines import ALLOCATOR, OWN_CT2, card, with_gpus
from tests.unit.checks.rk4_support import (
    CT2_CUDA,
    CT2_HIP,
    LLVMLITE,
    NEW_ARCHS,
    ORT_CPU,
    SHERPA,
    USER,
    with_packages,
    with_torch,
    without_torch,
)

DOWN = changed(GPU, pci_driver=None, kfd_node=None, kfd_gpu_id=None, render_node=None)
REFUSED = changed(ACCESS, groups=(1000,), promised=(), nodes=(node("/dev/kfd", open="EACCES"), node("/dev/dri/renderD128", open="EACCES")))
DOCKER = changed(SYSTEM, container="docker")
OLD_ROCM = changed(ROCM, path="/opt/rocm-5.7.1", version="5.7.1", default=False)
OLD_HSA = Library(name="libhsa-runtime64", soname="libhsa-runtime64.so.1", file="/opt/rocm-5.7.1/lib/libhsa-runtime64.so.1")
OLD_HIP = Library(name="libamdhip64", soname="libamdhip64.so.5", file="/opt/rocm-5.7.1/lib/libamdhip64.so.5")
WITH_HSA = changed(OLD_ROCM, libraries=(OLD_HSA, OLD_HIP))
RUNPATH = changed(PYTHON, libraries=(library("torch", f"{SITE}/torch/lib/libtorch_hip.so", rpath_kind="runpath"),))
ORT_ROCM = library("onnxruntime-rocm", f"{SITE}/onnxruntime/capi/libonnxruntime_providers_rocm.so", gfx=("gfx1100",), needs=())
SHARED_LLVM = library("llvmlite", LLVMLITE.file, gpu_api="none", gfx=(), needs=("libLLVM.so.20",))
DIED = "python3[4711]: segfault at 34 ip 00007f sp 00007f error 4 in {}[45970,7f3d+117000]"
WHISPER = with_packages({"openai-whisper": "20250625"})
SHERPA_HIP = library("sherpa-onnx", f"{SITE}/sherpa_onnx/lib/libonnxruntime_providers_rocm.so", gfx=("gfx906",))
MIXED = with_gpus(card("gfx906", 1), card("gfx1036", 2, integrated=True))

#: Code: a machine that triggers the check by itself, and one that passes it.
CASES: dict[str, tuple[Facts, Facts]] = {
    "RK101": (machine(driver=changed(DRIVER, loaded=False, kind=None), gpus=(DOWN,)), HEALTHY),
    "RK102": (
        machine(driver=changed(DRIVER, loaded=False, blacklists=(Blacklist("/etc/modprobe.d/x.conf", "blacklist amdgpu"),))),
        HEALTHY,
    ),
    "RK103": (machine(driver=changed(DRIVER, dkms=(KernelPackage(version="6.8.5-2009582", kernels=()),))), HEALTHY),
    "RK104": (
        machine(gpus=(DOWN,), kernel_log=log("amdgpu 0000:03:00.0: Direct firmware load for amdgpu/vega20_mec.bin failed with error -2")),
        HEALTHY,
    ),
    "RK105": (machine(gpus=(DOWN,), kernel_log=log("amdgpu 0000:03:00.0: probe with driver amdgpu failed with error -12")), HEALTHY),
    "RK106": (
        with_gpus(
            card("gfx1030", kfd_node=None, device_id="73bf"),
            kernel_log=log("kfd kfd: amdgpu: skipped device 1002:73bf, PCI rejects atomics 87<92"),
        ),
        HEALTHY,
    ),
    "RK201": (machine(access=REFUSED), HEALTHY),
    "RK202": (machine(access=changed(ACCESS, nodes=(node("/dev/kfd", kind="missing", open="ENOENT"),))), HEALTHY),
    "RK203": (machine(access=changed(ACCESS, nodes=(node("/dev/kfd", open="EPERM"), node("/dev/dri/renderD128")))), HEALTHY),
    "RK204": (machine(system=DOCKER, access=changed(ACCESS, nodes=())), machine(system=DOCKER)),
    "RK205": (machine(system=DOCKER, access=REFUSED), machine(system=DOCKER)),
    "RK301": (machine(rocm=(ROCM, OLD_ROCM)), HEALTHY),
    "RK302": (machine(python=RUNPATH, rocm=(OLD_ROCM,), env={"LD_LIBRARY_PATH": "/opt/rocm-5.7.1/lib"}), HEALTHY),
    "RK303": (machine(python=RUNPATH, rocm=(WITH_HSA,), env={"LD_LIBRARY_PATH": "/opt/rocm-5.7.1/lib"}), HEALTHY),
    "RK304": (
        machine(driver=changed(DRIVER, kind="dkms", version="6.3.6")),
        machine(driver=changed(DRIVER, kind="dkms", version="6.10.5")),
    ),
    "RK305": (machine(system=system("arch")), HEALTHY),
    "RK306": (with_gpus(card("gfx1201")), HEALTHY),
    "RK307": (machine(python=with_torch("2.11.0+rocm7.2", "7.2.1", archs=NEW_ARCHS, rocblas={"gfx90a": 9})), HEALTHY),
    "RK401": (machine(python=with_torch("2.9.1+cpu", None)), HEALTHY),
    "RK402": (machine(python=without_torch({}, version="3.15.0")), machine(python=without_torch({}))),
    "RK403": (
        machine(python=with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA)),
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2)),
    ),
    "RK404": (
        machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP)),
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2)),
    ),
    "RK405": (
        machine(
            python=with_packages({"ctranslate2": "4.5.0"}, changed(CT2_CUDA, code=changed(CT2_CUDA.code, executable_stack=True))),
            system=changed(SYSTEM, glibc="2.41"),
        ),
        machine(python=with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA)),
    ),
    "RK406": (
        machine(python=with_packages({"onnxruntime-rocm": "1.22.2.post3"}, ORT_ROCM)),
        machine(python=with_packages({"onnxruntime": "1.23.2", "faster-whisper": "1.2.1"}, ORT_CPU)),
    ),
    "RK407": (machine(python=with_packages({"torchaudio": "2.8.0+rocm6.3"})), HEALTHY),
    "RK408": (machine(python=with_packages({}, library("x", f"{SITE}/x.so", glibc="2.99"))), HEALTHY),
    "RK409": (machine(python=with_packages({"numpy": "2.4.0"})), HEALTHY),
    "RK410": (machine(python=with_packages({"llvmlite": "0.44.0"})), HEALTHY),
    "RK411": (machine(python=with_packages({}, SHARED_LLVM)), machine(python=with_packages({}, LLVMLITE))),
    "RK412": (machine(kernel_log=log(DIED.format("libhsa-runtime64.so.1"))), HEALTHY),
    "RK413": (USER, HEALTHY),
    "RK414": (machine(python=WHISPER, kernel_log=log(DIED.format("libctranslate2.so.4"))), machine(python=WHISPER)),
    "RK415": (
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2)),
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2), env=ALLOCATOR),
    ),
    "RK416": (machine(python=without_torch({})), HEALTHY),
    "RK417": (
        machine(python=with_packages({"triton": "3.5.0", "pytorch-triton-rocm": "3.5.1"})),
        machine(python=with_packages({"pytorch-triton-rocm": "3.5.1"})),
    ),
    "RK418": (
        machine(python=with_packages({"sherpa-onnx": "1.12.40"}, SHERPA)),
        machine(python=with_packages({"sherpa-onnx": "1.12.40"}, SHERPA_HIP)),
    ),
    "RK419": (
        machine(python=with_packages({"onnxruntime": "1.23.2", "faster-whisper": "1.2.1"}, ORT_CPU)),
        machine(python=with_packages({"onnxruntime": "1.22.2"}, changed(ORT_ROCM, package="onnxruntime"))),
    ),
    "RK501": (machine(env={"HSA_OVERRIDE_GFX_VERSION": "9.0.8"}), HEALTHY),
    "RK502": (machine(env={"HIP_VISIBLE_DEVICES": "-1"}), HEALTHY),
    "RK503": (MIXED, HEALTHY),
}

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
#: Checks of things that are no failure mode of the knowledge.
OF_OUR_OWN = {"kernel-rocm-support", "no-gpu-framework", "sherpa-cpu-only", "triton-overwritten", "ort-cpu-only"}
#: Failure modes that no check looks for yet, or that another check tells as its cause.
NOT_CHECKED = re.findall(
    r"\S+",
    """
secure-boot-blocks-dkms dkms-build-failed driver-regression mi50-mailbox-vf iommu-hang gpu-hang-reset ras-ecc mem-access-fault
amdsmi-odr expandable-segments hipblaslt-unsupported sdpa-no-flash miopen-kdb miopen-cache-perm miopen-db-corrupt ct2-470
torchcodec weights-only hf-gated ffmpeg-missing docker-desktop selinux seccomp-ptrace container-newer-than-host shm-small memlock
vram-low wsl xnack-mismatch vfio-bound rocm-not-on-path
""",
)

CHECKS = {check.code: check for check in all_checks()}
each_check = pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)


def alone(check: Check, facts: Facts) -> Result:
    (result,) = examine(facts, [check])
    assert result.outcome != "crashed", f"{check.code}: {result.because}"
    if result.outcome == "ok":
        assert result.seen, f"{check.code} passes on no evidence"
    return result


def test_every_check_has_its_cases() -> None:
    assert set(CASES) == set(CHECKS)


@each_check
def test_a_machine_triggers_it_and_another_passes(check: Check) -> None:
    broken, sound = CASES[check.code]
    result = alone(check, broken)
    assert result.outcome == "found", (result.outcome, str(result.because))
    for finding in result.findings:
        assert finding.seen and finding.subject
        texts = [finding.message, finding.cause, *([finding.fix.text, finding.fix.caution] if finding.fix else [])]
        assert not [str(text) for text in texts if text and re.search(r"\{\w*\}", str(text))]
    assert alone(check, sound).outcome == "ok"


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


def test_ids_are_those_of_the_failure_modes() -> None:
    assert len(FAILURE_MODES) == len(set(FAILURE_MODES)) == 66
    ids = {check.id for check in all_checks()}
    assert ids - set(FAILURE_MODES) == OF_OUR_OWN
    assert set(FAILURE_MODES) - ids == set(NOT_CHECKED)


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
    for facts in CASES[check.code]:
        for name in check.needs:
            for reason in ("denied", "timeout", "not-executed", "absent", "unparsable", "crashed"):
                result = alone(check, changed(facts, **{name: gap(reason, f"{name}: why")}))
                if name not in check.tolerates:
                    assert (result.outcome, result.gap) == ("skipped", reason), (name, result.outcome)


@each_check
def test_no_field_may_be_missed_with_a_crash(check: Check) -> None:
    for facts in CASES[check.code]:
        for name in check.needs:
            section = getattr(facts, name)
            for field, kind in typing.get_type_hints(type(section)).items() if isinstance(section, msgspec.Struct) else ():
                if Gap in typing.get_args(kind):
                    alone(check, changed(facts, **{name: changed(section, **{field: gap("denied", f"{field}: why")})}))


@each_check
def test_without_a_gpu_nothing_is_said(check: Check) -> None:
    for facts in CASES[check.code]:
        assert alone(check, changed(facts, gpus=())).outcome == "skipped"
        assert alone(check, changed(facts, gpus=gap("denied", "sysfs"))).outcome in {"skipped"}


@each_check
def test_a_pass_is_never_made_of_gaps(check: Check) -> None:
    """With all that it tolerates unknown, a check that still passes shows what it passed on."""
    _, sound = CASES[check.code]
    blind = changed(sound, **{name: gap("denied", "why") for name in check.tolerates})
    result = alone(check, blind)
    assert result.outcome in {"ok", "skipped"}
    assert not any("why" in one.what for one in result.seen)


def test_checks_name_sections_that_there_are() -> None:
    sections = set(typing.get_type_hints(Facts))
    assert {name for check in all_checks() for name in check.needs} <= sections
