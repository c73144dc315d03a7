"""RK101-RK103."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rocmkit.doctor.advice import drop_boot_parameter, set_boot_parameter
from rocmkit.facts import Blacklist, Facts, KernelPackage, gap
from tests.support.checks import DISTRIBUTIONS, fix, found, log, ok, run, skipped, system
from tests.support.facts import DRIVER, GPU, SYSTEM, changed, machine

LOG = 'sudo dmesg | grep -iE "amdgpu|kfd" | tail -n 40'
DOWN = changed(GPU, pci_driver=None, kfd_node=None, kfd_gpu_id=None, render_node=None)
ABSENT = changed(DRIVER, loaded=False, kind=None)
NO_DRIVER = machine(driver=ABSENT, gpus=(DOWN,))


def test_loaded_and_bound_passes() -> None:
    seen = ok("RK101", machine()).seen
    assert [(one.where, one.what) for one in seen] == [
        ("/sys/module/amdgpu", "the module is loaded"),
        ("/sys/bus/pci/devices/0000:03:00.0/driver", "amdgpu"),
    ]


def test_not_loaded() -> None:
    one = found("RK101", NO_DRIVER)
    assert (one.subject, one.confidence) == ("amdgpu", "sure")
    assert one.seen[0].where == "/sys/module/amdgpu"
    assert "0000:03:00.0" in one.seen[1].what
    assert fix(one).commands == ("sudo modprobe amdgpu", LOG)
    assert fix(one).verify == ("lsmod | grep -w amdgpu",)
    assert fix(one).root and not fix(one).reboot


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ubuntu", 'sudo apt-get install -y "linux-modules-extra-$(uname -r)"'),
        ("debian", "sudo apt-get install -y linux-image-amd64"),
        ("fedora", 'sudo dnf install -y "kernel-modules-$(uname -r)"'),
        ("rocky", 'sudo dnf install -y "kernel-modules-$(uname -r)"'),
        ("opensuse", "sudo zypper install -y kernel-default"),
        ("arch", "sudo pacman -S --needed linux"),
        ("other", "sudo modprobe amdgpu"),
    ],
)
def test_no_module_for_this_kernel(name: str, command: str) -> None:
    one = found("RK101", machine(driver=changed(ABSENT, modules=()), gpus=(DOWN,), system=DISTRIBUTIONS[name]))
    assert fix(one).commands[0] == command
    assert "6.8.0-87-generic" in str(one.cause)
    assert any(seen.where == "/lib/modules" for seen in one.seen)


def test_dkms_without_a_build_is_the_cause() -> None:
    driver = changed(ABSENT, dkms=(KernelPackage(version="6.8.5-2009582.22.04", kernels=("6.8.0-40-generic",)),))
    one = found("RK101", machine(driver=driver, gpus=(DOWN,)))
    assert "amdgpu-dkms was not built" in str(one.cause)
    assert any("6.8.0-40-generic" in seen.what for seen in one.seen)


def test_built_dkms_hints_at_secure_boot_and_the_log_proves_it() -> None:
    driver = changed(ABSENT, dkms=(KernelPackage(version="6.8.5", kernels=("6.8.0-87-generic",)),))
    assert "Secure Boot refuses" in str(found("RK101", machine(driver=driver, gpus=(DOWN,))).cause)
    told = machine(driver=driver, gpus=(DOWN,), kernel_log=log("Loading of unsigned module is rejected"))
    assert "RK107" in skipped("RK101", told)


def test_in_a_container_the_host_loads_it() -> None:
    one = found("RK101", machine(driver=changed(ABSENT, modules=()), gpus=(DOWN,), system=system(container="docker")))
    assert "on the host" in str(fix(one).text)
    assert fix(one).commands == ("sudo modprobe amdgpu", LOG)
    assert one.cause is None


def test_reserved_for_a_virtual_machine_is_another_check_s() -> None:
    other = changed(DOWN, pci="0000:0a:00.0", pci_driver="vfio-pci")
    assert "vfio-bound" in skipped("RK101", machine(driver=ABSENT, gpus=(other,)))
    assert any(seen.what == "vfio-pci" for seen in ok("RK101", machine(gpus=(GPU, other))).seen)
    assert found("RK101", machine(driver=ABSENT, gpus=(DOWN, other))).subject == "amdgpu"


def test_an_old_card_on_radeon() -> None:
    old = changed(DOWN, pci="0000:0a:00.0", pci_driver="radeon", gfx=None)
    ok("RK101", machine(gpus=(GPU, old)))
    one = found("RK101", machine(driver=ABSENT, gpus=(old,)))
    assert (one.subject, one.fix) == ("0000:0a:00.0", None)


def test_loaded_but_not_bound() -> None:
    one = found("RK101", machine(gpus=(DOWN,)))
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert fix(one).commands == (LOG,)
    beside = run("RK101", machine(gpus=(GPU, changed(DOWN, pci="0000:0a:00.0"))))
    assert [(one.subject, one.confidence) for one in beside.findings] == [("0000:0a:00.0", "likely")]


def test_not_loaded_unknown_or_elsewhere() -> None:
    assert "no /sys here" in skipped("RK101", machine(driver=changed(DRIVER, loaded=gap("absent", "no /sys here"))))
    assert skipped("RK101", machine(driver=gap("denied", "why"))) == "driver is not known: why"
    assert "WSL" in skipped("RK101", machine(driver=ABSENT, gpus=(DOWN,), system=system(wsl=True)))
    assert "no AMD GPU" in skipped("RK101", machine(driver=ABSENT, gpus=()))


def blacklisted(where: str, line: str, **changes: object) -> Facts:
    driver = changed(ABSENT, blacklists=(Blacklist(where, line),))
    return machine(driver=driver, gpus=(DOWN,), **changes)


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("ubuntu", ("sudo update-initramfs -u",)),
        ("fedora", ("sudo dracut -f",)),
        ("opensuse", ("sudo dracut -f",)),
        ("arch", ("sudo mkinitcpio -P",)),
        ("other", ()),
    ],
)
def test_blacklisted_in_a_file(name: str, after: tuple[str, ...]) -> None:
    facts = blacklisted("/etc/modprobe.d/no gpu.conf", "blacklist amdgpu", system=DISTRIBUTIONS[name])
    one = found("RK102", facts)
    assert (one.subject, one.confidence) == ("/etc/modprobe.d/no gpu.conf", "sure")
    assert fix(one).commands[0].endswith("'/etc/modprobe.d/no gpu.conf'")
    assert fix(one).commands[1:] == after
    assert fix(one).root and fix(one).reboot and fix(one).caution is not None
    assert "RK102" in skipped("RK101", facts)


def test_the_commands_do_what_they_say(tmp_path: Path) -> None:
    text = "# mine\nblacklist amdgpu\nblacklist nouveau\n  install  amdgpu /bin/false\nblacklist amdgpu_helper\n"
    for where in ("/etc/modprobe.d/x.conf", "/lib/modprobe.d/x.conf"):
        file = tmp_path / "x.conf"
        file.write_text(text)
        command = fix(found("RK102", blacklisted(where, "blacklist amdgpu"))).commands[0]
        command = command.replace("sudo ", "").replace("/etc/modprobe.d/", f"{tmp_path}/").replace("/lib/modprobe.d/", f"{tmp_path}/")
        if "| tee" in command:
            command = command.replace("tee ", "tee other")  # the file itself is read by the same line here
            command = command.replace(f"other{tmp_path}/x.conf", f"{tmp_path}/other.conf") + " >/dev/null"
            file = tmp_path / "other.conf"
        subprocess.run(["bash", "-c", command], check=True)
        assert file.read_text() == (
            "# mine\n# blacklist amdgpu\nblacklist nouveau\n#   install  amdgpu /bin/false\nblacklist amdgpu_helper\n"
        )


def test_a_package_s_file_is_overridden_in_etc() -> None:
    command = fix(found("RK102", blacklisted("/usr/lib/modprobe.d/amd.conf", "blacklist amdgpu"))).commands[0]
    assert command.endswith("/usr/lib/modprobe.d/amd.conf | sudo tee /etc/modprobe.d/amd.conf")


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("ubuntu", ("sudo sed -i.bak s/nomodeset//g /etc/default/grub", "sudo update-grub")),
        ("fedora", ("sudo grubby --update-kernel=ALL --remove-args=nomodeset",)),
        ("opensuse", ("sudo sed -i.bak s/nomodeset//g /etc/default/grub", "sudo grub2-mkconfig -o /boot/grub2/grub.cfg")),
        ("arch", ("sudo sed -i.bak s/nomodeset//g /etc/default/grub", "sudo grub-mkconfig -o /boot/grub/grub.cfg")),
        ("other", ()),
    ],
)
def test_blacklisted_by_the_kernel_s_parameters(name: str, commands: tuple[str, ...]) -> None:
    here = changed(DISTRIBUTIONS[name], kernel_parameters=("quiet", "nomodeset"))
    one = found("RK102", machine(driver=ABSENT, gpus=(DOWN,), system=here))
    assert (one.subject, fix(one).commands) == ("/proc/cmdline", commands)


def test_other_modules_stay_in_the_list() -> None:
    one = found("RK102", blacklisted("/proc/cmdline", "modprobe.blacklist=nouveau,amdgpu,radeon"))
    assert "modprobe.blacklist=nouveau,radeon" in fix(one).commands[0]
    facts = blacklisted("/proc/cmdline", "modprobe.blacklist=nouveau,amdgpu", system=DISTRIBUTIONS["fedora"])
    assert fix(found("RK102", facts)).commands == (
        "sudo grubby --update-kernel=ALL --remove-args=modprobe.blacklist=nouveau,amdgpu --args=modprobe.blacklist=nouveau",
    )


def test_near_misses_of_blacklists() -> None:
    ok("RK102", machine())
    loaded = changed(DRIVER, blacklists=(Blacklist("/etc/modprobe.d/x.conf", "blacklist amdgpu"),))
    assert ok("RK102", machine(driver=loaded)).seen[0].what == "loaded all the same"
    for word in (
        "modprobe.blacklist=nouveau",
        "modprobe.blacklist=amdgpu_x",
        "amdgpu.modeset=1",
        "nomodeset_x",
        "xmodule_blacklist=amdgpu",
    ):
        ok("RK102", machine(driver=ABSENT, gpus=(DOWN,), system=system(kernel_parameters=(word,))))
    inside = changed(ABSENT, blacklists=(Blacklist("/etc/modprobe.d/x.conf", "blacklist amdgpu"),))
    ok("RK102", machine(driver=inside, gpus=(DOWN,), system=system(container="docker")))  # its modprobe.d is not the host's


def test_blacklist_with_unknown_driver() -> None:
    unknown = gap("not-executed", "below a folder")
    assert "below a folder" in skipped("RK102", machine(driver=changed(DRIVER, loaded=unknown)))
    driver = changed(DRIVER, loaded=unknown, blacklists=(Blacklist("/etc/modprobe.d/x.conf", "blacklist amdgpu"),))
    assert found("RK102", machine(driver=driver)).confidence == "likely"
    assert "no AMD GPU" in skipped("RK102", machine(gpus=()))


TREE = KernelPackage(version="6.8.5-2009582.22.04", kernels=("6.8.0-40-generic",))
BUILT = changed(TREE, kernels=("6.8.0-40-generic", "6.8.0-87-generic"))


def test_either_driver_is_fine_by_itself() -> None:
    ok("RK103", machine())
    ok("RK103", machine(driver=changed(DRIVER, kind="dkms", version="6.8.5", dkms=(BUILT,))))
    ok("RK103", machine(driver=changed(DRIVER, kind="dkms", version="6.8.5")))  # a container does not show the host's trees
    ok("RK103", machine(driver=changed(DRIVER, kind="dkms", version="6.8.5", dkms=(TREE,))))


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("ubuntu", ('sudo apt-get install -y "linux-headers-$(uname -r)"',)),
        ("fedora", ('sudo dnf install -y "kernel-devel-$(uname -r)"',)),
        ("opensuse", ("sudo zypper install -y kernel-default-devel",)),
        ("arch", ("sudo pacman -S --needed linux-headers",)),
        ("other", ()),
    ],
)
def test_dkms_not_built(name: str, headers: tuple[str, ...]) -> None:
    one = found("RK103", machine(driver=changed(DRIVER, dkms=(TREE,)), system=DISTRIBUTIONS[name]))
    assert (one.subject, one.confidence) == ("amdgpu-dkms", "sure")
    assert "not built for kernel 6.8.0-87-generic" in str(one.message)
    assert fix(one).commands == (*headers, 'sudo dkms autoinstall -k "$(uname -r)"')
    assert fix(one).reboot and fix(one).root and fix(one).caution is not None
    assert run("RK103", machine(driver=changed(DRIVER, dkms=(TREE,)))).severity == "warning"


def test_dkms_built_but_another_is_loaded() -> None:
    one = found("RK103", machine(driver=changed(DRIVER, dkms=(BUILT,))))
    assert "the kernel's own driver is loaded" in str(one.message)
    assert fix(one).commands == ("sudo update-initramfs -u",)
    assert fix(one).verify == ("cat /sys/module/amdgpu/version",)
    newer = changed(BUILT, version="6.10.5-2084815.22.04")
    one = found("RK103", machine(driver=changed(DRIVER, kind="dkms", version="6.8.5", dkms=(newer,))))
    assert "6.8.5 is still loaded" in str(one.message)
    assert fix(one).reboot


def test_flavour_unknown() -> None:
    assert "why" in skipped("RK103", machine(driver=changed(DRIVER, kind=gap("denied", "why"), dkms=(TREE,))))
    assert "why" in skipped("RK103", machine(system=changed(SYSTEM, kernel=gap("denied", "why"))))
    assert "RK101" in skipped("RK103", NO_DRIVER)
    assert "no AMD GPU" in skipped("RK103", machine(gpus=()))


def test_boot_parameters_are_really_edited(tmp_path: Path) -> None:
    grub = tmp_path / "grub"
    grub.write_text('GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="a modprobe.blacklist=amdgpu,x/y"\n')

    def carry_out(command: str) -> str:
        subprocess.run(["bash", "-c", command.replace("sudo ", "").replace("/etc/default/grub", str(grub))], check=True)
        return grub.read_text().splitlines()[2]

    commands = drop_boot_parameter(SYSTEM, "modprobe.blacklist=amdgpu,x/y", instead="modprobe.blacklist=x/y")
    assert carry_out(commands[0]) == 'GRUB_CMDLINE_LINUX="a modprobe.blacklist=x/y"'
    assert carry_out(set_boot_parameter(SYSTEM, "pci=realloc")[0]) == 'GRUB_CMDLINE_LINUX="pci=realloc a modprobe.blacklist=x/y"'
