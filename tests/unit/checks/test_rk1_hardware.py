"""RK104-RK106."""

from __future__ import annotations

import pytest

from rocmkit.facts import Gpu, gap
from tests.support.checks import DISTRIBUTIONS, fix, found, log, ok, run, skipped, system
from tests.support.facts import DRIVER, GPU, KFD, changed, machine

DOWN = changed(GPU, pci_driver=None, kfd_node=None, kfd_gpu_id=None, render_node=None)
SOS = "[    5.1] amdgpu 0000:03:00.0: Direct firmware load for amdgpu/vega20_sos.bin failed with error -2"
TA = "[    5.1] amdgpu 0000:03:00.0: Direct firmware load for amdgpu/vega20_ta.bin failed with error -2"
NO_LOG = gap("denied", "dmesg: Operation not permitted")


def test_firmware_missing() -> None:
    one = found("RK104", machine(gpus=(DOWN,), kernel_log=log(SOS, SOS.replace("sos", "smc"), TA)))
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert "vega20_smc.bin, vega20_sos.bin" in str(one.message)
    assert "_ta.bin" not in str(one.message)
    assert {seen.where for seen in one.seen} == {"dmesg"}
    assert fix(one).root and fix(one).reboot


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("ubuntu", ("sudo apt-get install -y --reinstall linux-firmware", "sudo update-initramfs -u")),
        ("debian", ("sudo apt-get install -y --reinstall firmware-amd-graphics", "sudo update-initramfs -u")),
        ("fedora", ("sudo dnf install -y amd-gpu-firmware", "sudo dracut -f")),
        ("rocky", ("sudo dnf install -y linux-firmware", "sudo dracut -f")),
        ("opensuse", ("sudo zypper install -y kernel-firmware-amdgpu", "sudo dracut -f")),
        ("arch", ("sudo pacman -S --needed linux-firmware", "sudo mkinitcpio -P")),
        ("other", ()),
    ],
)
def test_firmware_packages(name: str, commands: tuple[str, ...]) -> None:
    one = found("RK104", machine(gpus=(DOWN,), kernel_log=log(SOS), system=DISTRIBUTIONS[name]))
    assert fix(one).commands == commands


def test_firmware_of_dkms_has_a_package_of_its_own() -> None:
    driver = changed(DRIVER, kind="dkms", version="6.8.5")
    one = found("RK104", machine(gpus=(DOWN,), kernel_log=log(SOS), driver=driver))
    assert fix(one).commands[0] == "sudo apt-get install -y --reinstall amdgpu-dkms-firmware"


def test_firmware_in_a_container_is_the_host_s() -> None:
    one = found("RK104", machine(gpus=(DOWN,), kernel_log=log(SOS), system=system(container="docker")))
    assert (fix(one).commands, "on the host" in str(fix(one).text)) == ((), True)


def test_only_trusted_applications_missing_is_no_fault() -> None:
    seen = ok("RK104", machine(kernel_log=log(TA))).seen
    assert seen[0].what == "no firmware file is reported missing"
    assert "no missing firmware" in skipped("RK104", machine(gpus=(DOWN,), kernel_log=log(TA)))


def test_a_gpu_that_came_up_later_is_no_fault() -> None:
    assert ok("RK104", machine(kernel_log=log(SOS))).seen[0].what == "missing files, but the GPU came up"
    other = changed(DOWN, pci="0000:0a:00.0")
    one = found("RK104", machine(gpus=(GPU, other), kernel_log=log(SOS, SOS.replace("03:", "0a:"))))
    assert one.subject == "0000:0a:00.0"


def test_no_firmware_file_at_all() -> None:
    driver = changed(DRIVER, firmware=())
    one = found("RK104", machine(gpus=(DOWN,), driver=driver, kernel_log=NO_LOG))
    assert (one.confidence, one.seen[0].where) == ("likely", "/lib/firmware/amdgpu")
    assert "log is not known" in skipped("RK104", machine(gpus=(DOWN,), driver=driver, kernel_log=NO_LOG, system=system(container="lxc")))
    unknown = changed(DRIVER, firmware=gap("absent", "names unknown"))
    assert "Operation not permitted" in skipped("RK104", machine(gpus=(DOWN,), driver=unknown, kernel_log=NO_LOG))


def test_kfd_s_word_is_enough_without_a_log() -> None:
    assert ok("RK104", machine(kernel_log=NO_LOG)).seen[0].where == "/sys/class/kfd/kfd/topology/nodes/1"
    assert "not permitted" in skipped("RK104", machine(kernel_log=NO_LOG, gpus=(DOWN,)))
    assert "no AMD GPU" in skipped("RK104", machine(gpus=()))


PROBE = "[    5.4] amdgpu 0000:03:00.0: probe with driver amdgpu failed with error -12"
OLD_PROBE = "[    5.4] amdgpu: probe of 0000:03:00.0 failed with error -12"
BAR = "[    0.5] pci 0000:03:00.0: BAR 0: no space for [mem size 0x400000000 64bit pref]"


@pytest.mark.parametrize("line", [PROBE, OLD_PROBE, PROBE.replace("-12", "-22")])
def test_no_room_for_the_bar(line: str) -> None:
    one = found("RK105", machine(gpus=(DOWN,), kernel_log=log(BAR, line)))
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert [seen.what for seen in one.seen] == [BAR, line]
    assert "Above 4G Decoding" in str(fix(one).text)
    assert fix(one).verify == ("sudo lspci -vv -s 0000:03:00.0 | grep -i region",)
    assert fix(one).reboot and fix(one).caution is not None


def test_the_probe_s_error_alone_is_likely() -> None:
    assert found("RK105", machine(gpus=(DOWN,), kernel_log=log(PROBE))).confidence == "likely"


def test_an_empty_window_is_enough() -> None:
    one = found("RK105", machine(gpus=(changed(DOWN, bar0_bytes=0),), kernel_log=NO_LOG))
    assert (one.confidence, one.seen[0].where) == ("sure", "/sys/bus/pci/devices/0000:03:00.0/resource")
    assert "RK105" in skipped("RK101", machine(gpus=(changed(DOWN, bar0_bytes=0),), kernel_log=NO_LOG))


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("ubuntu", ("sudo sed -i.bak 's/^GRUB_CMDLINE_LINUX=\"/&pci=realloc /' /etc/default/grub", "sudo update-grub")),
        ("fedora", ("sudo grubby --update-kernel=ALL --args=pci=realloc",)),
        ("other", ()),
    ],
)
def test_bar_commands(name: str, commands: tuple[str, ...]) -> None:
    one = found("RK105", machine(gpus=(DOWN,), kernel_log=log(BAR, PROBE), system=DISTRIBUTIONS[name]))
    assert fix(one).commands == commands


def test_in_a_virtual_machine_the_window_is_its_own() -> None:
    assert "vmware" in str(found("RK105", machine(gpus=(DOWN,), kernel_log=log(PROBE), system=system(vm="vmware"))).cause)


def test_near_misses_of_the_bar() -> None:
    ok("RK105", machine())
    ok("RK105", machine(kernel_log=log(BAR)))  # the kernel found room later
    ok("RK105", machine(kernel_log=log(BAR, PROBE)))  # and the driver was loaded again
    assert "says nothing of address space" in skipped("RK105", machine(gpus=(DOWN,), kernel_log=log(PROBE.replace("-12", "-110"))))
    assert "says nothing" in skipped("RK105", machine(gpus=(DOWN,), kernel_log=log(BAR.replace("0000:03", "0000:99"))))
    foreign = "[    1.0] nvme 0000:04:00.0: probe with driver nvme failed with error -12"
    ok("RK105", machine(kernel_log=log(foreign)))
    assert "not permitted" in skipped("RK105", machine(gpus=(DOWN,), kernel_log=NO_LOG))
    ok("RK105", machine(kernel_log=NO_LOG))
    assert "no AMD GPU" in skipped("RK105", machine(gpus=()))


NAVI = changed(
    GPU, gfx="gfx1030", target_id="gfx1030", device_id="73bf", name="RX 6800", kfd_node=None, kfd_gpu_id=None, gfx_source="pci-table"
)
LEFT_OUT = "[    7.0] kfd kfd: amdgpu: skipped device 1002:73bf, PCI rejects atomics 87<92"
EMPTY = changed(KFD, gpu_nodes=())


def test_atomics_rejected() -> None:
    one = found("RK106", machine(gpus=(NAVI,), kfd=EMPTY, kernel_log=log(LEFT_OUT)))
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert one.seen[0].what == LEFT_OUT
    assert "update the GPU's firmware" in str(fix(one).text)
    assert fix(one).commands == ("sudo apt-get install -y --reinstall linux-firmware", "sudo update-initramfs -u")
    assert "sudo lspci -vvv -s 0000:03:00.0 | grep -i atomic" in fix(one).verify


@pytest.mark.parametrize("line", [LEFT_OUT.replace(" 87<92", " 0<0"), LEFT_OUT.replace(" 87<92", "")])
def test_firmware_does_not_help_every_gpu(line: str) -> None:
    one = found("RK106", machine(gpus=(NAVI,), kfd=EMPTY, kernel_log=log(line)))
    assert (one.confidence, fix(one).commands) == ("sure", ())
    assert "wired to the processor" in str(fix(one).text)


def test_a_short_device_id_is_padded() -> None:
    gpu = changed(NAVI, device_id="01ab")
    line = LEFT_OUT.replace("73bf", "1ab")
    assert found("RK106", machine(gpus=(gpu,), kfd=EMPTY, kernel_log=log(line))).confidence == "sure"


def test_a_missing_node_alone_is_likely() -> None:
    for kernel_log in (NO_LOG, log()):
        one = found("RK106", machine(gpus=(NAVI,), kfd=EMPTY, kernel_log=kernel_log))
        assert (one.subject, one.confidence) == ("0000:03:00.0", "likely")
        assert "/dev/dri/renderD128" in one.seen[0].what
    two = run("RK106", machine(gpus=(GPU, changed(NAVI, pci="0000:0a:00.0")), kernel_log=log()))
    assert [one.subject for one in two.findings] == ["0000:0a:00.0"]


@pytest.mark.parametrize(
    "gpu",
    [
        changed(GPU, kfd_node=None),  # gfx9 needs no atomics
        changed(NAVI, gfx=None),
        changed(NAVI, gfx="gfx1036", integrated=True),
    ],
)
def test_other_gpus_without_a_node(gpu: Gpu) -> None:
    assert "nothing here says" in skipped("RK106", machine(gpus=(gpu,), kfd=EMPTY, kernel_log=log()))


def test_near_misses_of_atomics() -> None:
    ok("RK106", machine())
    ok("RK106", machine(kernel_log=log(LEFT_OUT)))  # speaks of a card that is not there any more
    unsupported = log("[    3.5] kfd kfd: amdgpu: OLAND  not supported in kfd")
    skipped("RK106", machine(gpus=(NAVI,), kfd=EMPTY, kernel_log=unsupported))
    skipped("RK106", machine(gpus=(NAVI,), kfd=changed(EMPTY, masked_nodes=(1,)), kernel_log=log()))
    unbound = changed(DOWN, pci_driver=gap("denied", "no link"))
    assert "drives no GPU" in skipped("RK106", machine(gpus=(unbound,)))
    assert "why" in skipped("RK106", machine(kfd=gap("absent", "why")))
    assert "no AMD GPU" in skipped("RK106", machine(gpus=()))
