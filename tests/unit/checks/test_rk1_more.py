"""RK107-RK116."""

from __future__ import annotations

from typing import Any

import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.checks import _log
from rocmkit.doctor.examine import examine, verdict
from rocmkit.facts import Facts, KernelLog, KernelPackage, Runtime, gap
from rocmkit.probe.kernel_log import keep, parse
from tests.conftest import SHARED_MACHINES
from tests.support.checks import DISTRIBUTIONS, fix, found, log, ok, run, skipped, system
from tests.support.facts import ACCESS, DRIVER, GPU, HEALTHY, KFD, changed, machine, node
from tests.unit.checks.cases.kernel import ABSENT, BROKEN, BUILT, DOWN, FAILS, HUNG, REJECTED, TWO, WAITS, WSL
from tests.unit.checks.odd_machines import card, with_gpus

NO_LOG = gap("denied", "dmesg: Operation not permitted")
ENV_OVERRIDE = {"HSA_OVERRIDE_GFX_VERSION": "9.0.8"}
CODES = [f"RK{number}" for number in range(107, 117)]


def word(facts: Facts) -> str:
    return verdict(facts, examine(facts, all_checks()))


def test_a_healthy_machine_passes_or_has_nothing_to_judge() -> None:
    outcomes = {code: run(code, HEALTHY).outcome for code in CODES}
    assert [code for code, outcome in outcomes.items() if outcome == "skipped"] == ["RK110", "RK115"]
    assert "found" not in outcomes.values()


@pytest.mark.skipif(not SHARED_MACHINES.is_dir(), reason="the real logs are not beside this checkout")
@pytest.mark.parametrize(
    "name", ["dmesg-gfx906-mi50-16gb", "dmesg-gfx906-mi50-32gb", "dmesg-kfd-unsupported", "dmesg-gfx906-init-fail-enomem"]
)
def test_real_logs_have_none_of_these_faults(name: str) -> None:
    lines = parse(keep((SHARED_MACHINES / "text" / f"{name}.txt").read_bytes()))
    assert lines
    facts = machine(kernel_log=KernelLog(source="dmesg", lines=lines), gpus=(DOWN,) if "fail" in name else (GPU,))
    assert [code for code in CODES if run(code, facts).outcome == "found"] == []


# RK107 secure-boot-blocks-dkms


def locked(**changes: object) -> Facts:
    return machine(**{"driver": ABSENT, "gpus": (DOWN,), "system": system(secure_boot=True), "kernel_log": log(REJECTED), **changes})


@pytest.mark.parametrize(
    "line", [REJECTED, "Loading of unsigned module is rejected", "Lockdown: modprobe: unsigned module loading is restricted; see man"]
)
def test_a_rejected_driver(line: str) -> None:
    one = found("RK107", locked(kernel_log=log(line)))
    assert (one.subject, one.confidence) == ("amdgpu", "sure")
    assert [seen.what for seen in one.seen if seen.where == "dmesg"] == [line]
    assert fix(one).commands == ("sudo mokutil --import /var/lib/shim-signed/mok/MOK.der",)
    assert fix(one).root and fix(one).reboot and fix(one).caution
    assert "RK107" in skipped("RK101", locked())
    assert word(locked()) == "blocked"


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("debian", ("sudo mokutil --import /var/lib/dkms/mok.pub",)),
        ("fedora", ("sudo mokutil --import /var/lib/dkms/mok.pub",)),
        ("opensuse", ("sudo mokutil --import /var/lib/dkms/mok.pub",)),
    ],
)
def test_where_the_key_lies(name: str, commands: tuple[str, ...]) -> None:
    one = found("RK107", locked(system=changed(DISTRIBUTIONS[name], secure_boot=True)))
    assert fix(one).commands == commands


def test_secure_boot_without_the_log_and_a_log_without_secure_boot() -> None:
    assert "most likely" in str(found("RK107", locked(kernel_log=NO_LOG)).cause)
    for off in (False, None):  # a key that the firmware holds would not count
        one = found("RK107", locked(system=system(secure_boot=off)))
        assert "told to ask" in str(one.cause)
        assert fix(one).commands == ("sudo apt-get purge -y amdgpu-dkms", "sudo update-initramfs -u")
    assert "most likely" in str(found("RK107", locked(system=system(secure_boot=gap("absent", "x")))).cause)


def test_a_driver_that_nobody_rejected() -> None:
    ok("RK107", machine(system=system(secure_boot=True), kernel_log=log("amdgpu: module verification failed: signature missing")))
    assert "no module that was rejected" in skipped("RK107", locked(kernel_log=log()))
    assert "nothing says" in skipped("RK107", locked(kernel_log=log(), system=system(secure_boot=None)))
    assert "nothing says" in skipped("RK107", locked(kernel_log=NO_LOG, system=system(secure_boot=gap("absent", "x"))))
    assert "built none" in skipped("RK107", locked(driver=changed(ABSENT, dkms=(BROKEN,))))
    assert "no GPU waits" in skipped("RK107", locked(gpus=(changed(DOWN, pci_driver="vfio-pci"),)))
    assert "container" in skipped("RK107", locked(system=system(secure_boot=True, container="docker")))
    assert found("RK101", locked(kernel_log=log())).confidence == "sure"


# RK108 dkms-build-failed


def test_a_build_that_failed() -> None:
    broken = changed(DRIVER, dkms=(BROKEN,), dkms_state="half-configured")
    one = found("RK108", machine(driver=broken))
    assert (one.subject, one.confidence) == ("amdgpu-dkms", "likely"), "the kernel's own driver runs"
    assert "6.8.5-2009582.22.04 could not be built for kernel 6.8.0-87-generic" in str(one.message)
    assert BROKEN.errors[0] in [seen.what for seen in one.seen]
    assert fix(one).commands == ("sudo apt-get purge -y amdgpu-dkms", "sudo update-initramfs -u")
    assert "RK108" in skipped("RK103", machine(driver=broken))
    down = machine(driver=changed(broken, loaded=False, kind=None), gpus=(DOWN,))
    assert found("RK108", down).confidence == "sure"
    assert "RK108" in skipped("RK101", down)
    assert word(down) == "blocked"
    assert word(machine(driver=broken)) == "degraded"


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("fedora", ("sudo dnf remove -y amdgpu-dkms", "sudo dracut -f")),
        ("opensuse", ("sudo zypper remove -y amdgpu-dkms", "sudo dracut -f")),
        ("arch", ()),
        ("other", ()),
    ],
)
def test_the_way_out_of_a_build(name: str, commands: tuple[str, ...]) -> None:
    assert fix(found("RK108", machine(driver=changed(DRIVER, dkms=(BROKEN,)), system=DISTRIBUTIONS[name]))).commands == commands


def test_a_package_that_is_stuck() -> None:
    one = found("RK108", machine(driver=changed(DRIVER, dkms=(BUILT,), dkms_state="half-configured")))
    assert "half-configured" in str(one.message)


def test_a_build_for_another_kernel_is_only_mentioned() -> None:
    other = changed(BUILT, failed="6.14.0-1-generic", errors=("x.c: error: y",))
    seen = ok("RK108", machine(driver=changed(DRIVER, dkms=(other,), dkms_state="installed"))).seen
    assert any("6.14.0-1-generic" in one.what for one in seen)
    ok("RK108", machine(driver=changed(DRIVER, dkms=(changed(BUILT, failed="6.8.0-87-generic"),))))
    assert ok("RK108", HEALTHY).seen[0].what == "amdgpu-dkms is not installed"
    hidden = KernelPackage(version="6.8.5", kernels=(), failed=gap("denied", "make.log: no"))
    assert "make.log: no" in skipped("RK108", machine(driver=changed(DRIVER, dkms=(hidden,))))
    assert "container" in skipped("RK108", machine(driver=changed(DRIVER, dkms=(BROKEN,)), system=system(container="docker")))


# RK109 mi50-mailbox-vf

WAITING = changed(GPU, kfd_node=None, bar0_bytes=2 << 20)


def test_a_card_that_is_taken_for_a_part() -> None:
    facts = machine(gpus=(WAITING,), kernel_log=log(WAITS, WAITS, "xgpu_ai_mailbox_trans_msg: 1654 callbacks suppressed"))
    one = found("RK109", facts)
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert "2 MiB" in one.seen[-1].what
    assert "mains" in str(fix(one).text)
    virtual = found("RK109", changed(facts, system=system(vm="kvm")))
    assert "virtual machine" in str(virtual.cause)
    assert "host" in str(fix(virtual).text)


def test_a_card_that_came_up_is_not_taken_for_a_part() -> None:
    ok("RK109", machine(kernel_log=log(WAITS)))
    ok("RK109", machine(kernel_log=log("amdgpu: trn=2 ACK should not assert! wait again !")))
    assert "no GPU came up" in skipped("RK109", machine(gpus=(WAITING,), kernel_log=log(WAITS, "kfd kfd: amdgpu: added device 1002:66a1")))
    assert "denied" in str(run("RK109", machine(gpus=(WAITING,), kernel_log=NO_LOG)).gap)
    beside = with_gpus(card("gfx906", 1), changed(WAITING, pci="0000:03:00.0"), kernel_log=log(WAITS))
    assert found("RK109", beside).subject == "0000:03:00.0"


# RK110 iommu-hang


def two(*words: str, **changes: Any) -> Facts:
    return changed(TWO, system=system(iommu=True, kernel_parameters=words, **changes))  # type: ignore[no-any-return]


def test_several_cards_behind_an_iommu() -> None:
    one = found("RK110", two("amd_iommu=on"))
    assert one.confidence == "likely"
    assert fix(one).commands == ("sudo sed -i.bak 's/^GRUB_CMDLINE_LINUX=\"/&iommu=pt /' /etc/default/grub", "sudo update-grub")
    assert fix(one).reboot and fix(one).caution
    told = found("RK110", changed(two(), kernel_log=log("[ 0.4] iommu: Default domain type: Translated")))
    assert any("Translated" in seen.what for seen in told.seen)
    fedora = changed(TWO, system=changed(DISTRIBUTIONS["fedora"], iommu=True))
    assert fix(found("RK110", fedora)).commands == ("sudo grubby --update-kernel=ALL --args=iommu=pt",)
    inside = fix(found("RK110", two(container="docker")))
    assert (inside.commands, "on the host" in str(inside.text)) == ((), True)


@pytest.mark.parametrize("word", ["iommu=pt", "iommu.passthrough=1", "iommu=off", "amd_iommu=off", "intel_iommu=off"])
def test_cards_that_are_left_untranslated(word: str) -> None:
    assert ok("RK110", two("quiet", word)).seen[0].what == word


def test_nothing_between_cards() -> None:
    ok("RK110", changed(two(), kernel_log=log("[ 0.4] iommu: Default domain type: Passthrough")))
    ok("RK110", changed(TWO, system=system(iommu=False)))
    small = with_gpus(card("gfx906", 1), card("gfx1036", 2, integrated=True), system=system(iommu=True))
    halves = with_gpus(card("gfx942", 1), card("gfx942", 2, pci="0000:01:00.0"), system=system(iommu=True))
    idle = with_gpus(card("gfx906", 1), card("gfx906", 2, kfd_node=None), system=system(iommu=True))
    for facts in (small, halves, idle, machine(system=system(iommu=True))):
        assert "fewer than two" in skipped("RK110", facts)
    for name in ("iommu", "kernel_parameters"):
        assert "why" in skipped("RK110", changed(TWO, system=changed(system(iommu=True), **{name: gap("denied", "why")})))


# RK114 vfio-bound

TAKEN = changed(DOWN, pci_driver="vfio-pci")


def test_reserved_for_a_virtual_machine() -> None:
    one = found("RK114", machine(driver=ABSENT, gpus=(TAKEN,)))
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert "vfio-pci" in str(one.message)
    assert fix(one).caution is not None
    assert fix(one).commands == ("grep -rns vfio /etc/modprobe.d /etc/driverctl.d /proc/cmdline",)
    assert "boot image" in str(fix(one).text)
    assert word(machine(driver=ABSENT, gpus=(TAKEN,))) == "blocked"


def test_reserved_by_a_kernel_parameter() -> None:
    own = machine(gpus=(TAKEN,), system=system(kernel_parameters=("vfio-pci.ids=1002:66a1,10de:2204",)))
    first = fix(found("RK114", own)).commands[0]
    assert first == "sudo sed -i.bak 's/vfio-pci\\.ids=1002:66a1,10de:2204/vfio-pci.ids=10de:2204/g' /etc/default/grub"
    only = machine(gpus=(TAKEN,), system=changed(DISTRIBUTIONS["fedora"], kernel_parameters=("vfio-pci.ids=1002:66a1",)))
    assert fix(found("RK114", only)).commands == ("sudo grubby --update-kernel=ALL --remove-args=vfio-pci.ids=1002:66a1",)
    another = machine(gpus=(TAKEN,), system=system(kernel_parameters=("vfio-pci.ids=10de:2204",)))
    assert "grep" in fix(found("RK114", another)).commands[0]


def test_another_card_reserved_is_no_fault_but_is_named() -> None:
    other = changed(TAKEN, pci="0000:0a:00.0")
    assert any(seen.what == "vfio-pci" for seen in ok("RK114", machine(gpus=(GPU, other))).seen)
    small = changed(GPU, integrated=True, gfx="gfx1036", pci="0000:10:00.0")
    one = found("RK114", machine(gpus=(small, other)))
    assert (one.subject, one.confidence) == ("0000:0a:00.0", "likely")  # perhaps the processor's own is the one in use
    assert "why" in skipped("RK114", machine(gpus=(changed(DOWN, pci_driver=gap("denied", "why")),)))
    assert skipped("RK114", machine(gpus=(DOWN,)))


# RK115 wsl


def test_windows_drives_the_gpu() -> None:
    for runtime in (Runtime(agents=(), error="ROCk module is NOT loaded"), gap("absent", "no rocminfo")):
        for gpus in ((), (DOWN,)):
            one = found("RK115", machine(system=WSL, runtime=runtime, gpus=gpus, driver=ABSENT))
            assert one.confidence == "likely"
            assert "microsoft" in one.seen[0].what
    assert "WSL" in skipped("RK101", machine(system=WSL, driver=ABSENT, gpus=(DOWN,)))


def test_rocm_for_wsl_works_and_linux_is_no_wsl() -> None:
    assert "gfx906" in ok("RK115", machine(system=WSL)).seen[0].what
    assert "not WSL" in skipped("RK115", HEALTHY)
    assert "why" in skipped("RK115", machine(system=system(wsl=gap("denied", "why"))))
    assert "why" in skipped("RK115", machine(system=WSL, runtime=gap("timeout", "why")))


# RK116 driver-regression


def test_rocm_does_not_start_with_everything_in_place() -> None:
    one = found("RK116", machine(runtime=FAILS))
    assert (one.subject, one.confidence) == ("rocminfo", "likely")
    assert "HSA_STATUS_ERROR_OUT_OF_RESOURCES" in str(one.message)
    assert fix(one).commands == ("HSAKMT_DEBUG_LEVEL=7 rocminfo", _log.SHOW)
    dkms = changed(DRIVER, kind="dkms", version="6.10.5")
    own = found("RK116", machine(runtime=FAILS, driver=dkms))
    assert "apt-cache madison amdgpu-dkms" in fix(own).commands
    assert any(seen.what == "6.10.5" for seen in own.seen)
    inside = fix(found("RK116", machine(runtime=FAILS, system=system(container="docker"))))
    assert (inside.commands, inside.root) == (("HSAKMT_DEBUG_LEVEL=7 rocminfo",), False)


def test_rocm_that_fails_for_a_plainer_cause() -> None:
    refused = changed(ACCESS, groups=(1000,), promised=(), nodes=(node("/dev/kfd", open="EACCES"), node("/dev/dri/renderD128")))
    assert skipped("RK116", machine(runtime=FAILS, access=refused))
    assert "RK501" in skipped("RK116", machine(runtime=FAILS, env=ENV_OVERRIDE))
    assert "gpu-hang-reset" in skipped("RK116", machine(runtime=FAILS, kernel_log=log(*HUNG)))
    assert found("RK116", machine(runtime=FAILS, kernel_log=log(HUNG[1], "amdgpu 0000:03:00.0: amdgpu: GPU reset(4) succeeded!")))
    assert "KFD does not show" in skipped("RK116", machine(runtime=FAILS, kfd=changed(KFD, masked_nodes=(2,))))
    grumble = Runtime(agents=(), error="Failed to get user name to check for video group membership")
    assert "not in ROCm itself" in skipped("RK116", machine(runtime=grumble))
    assert run("RK116", machine(runtime=gap("absent", "no rocminfo"))).outcome == "skipped"
    lacking = changed(ACCESS, nodes=(node("/dev/kfd"),))
    assert "renderD128" in skipped("RK116", machine(runtime=FAILS, access=lacking))
