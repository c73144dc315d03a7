"""RK101, RK102: whether the amdgpu kernel driver is there, and what keeps it away."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _log
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Blacklist, Driver, Gap, Gpu, System

_LOADED = ("lsmod | grep -w amdgpu",)


@check(
    "RK101",
    "amdgpu-not-loaded",
    title="The amdgpu kernel driver does not drive the GPU",
    severity="error",
    after=("amdgpu-blacklisted", "secure-boot-blocks-dkms", "dkms-build-failed", "fw-missing", "probe-fail-bar", "mi50-mailbox-vf"),
)
def not_loaded(driver: Driver, gpus: tuple[Gpu, ...], system: System | Gap) -> Outcome:
    """An AMD GPU is on the PCI bus, and the amdgpu driver does not drive it, so ROCm cannot see it.

    ## What it looks at

    Whether `/sys/module/amdgpu` exists, and which driver each AMD GPU in `/sys/bus/pci/devices` is bound to: none, amdgpu or the old
    radeon driver. GPUs that vfio-pci keeps for a virtual machine are left to the check vfio-bound.

    ## Why it matters

    ROCm talks to the GPU through `/dev/kfd` and `/dev/dri`, and amdgpu makes both. Without it `rocminfo` prints "ROCk module is NOT
    loaded", and every program falls back to the CPU.

    ## Fix

    Install the package that holds the driver's module for the running kernel (on Ubuntu `linux-modules-extra`), load it with
    `modprobe amdgpu`, and read the kernel's log if that fails.

    ## Safe to ignore when

    Another GPU of this machine does the work.

    ## Sources

    - ROCm/legacy-rocm-build#1850
    - ROCm/legacy-rocm-build#4098
    - ROCm/legacy-rocm-build#1888
    """
    if isinstance(driver.loaded, Gap):
        return skip("it is not known whether amdgpu is loaded: {detail}", detail=driver.loaded.detail)
    if not isinstance(system, Gap) and system.wsl is True:
        return skip("this is WSL: the driver of Windows drives the GPU, and amdgpu has no part in it")
    works = any(_driven(gpu) and not advice.integrated(gpu) for gpu in gpus)
    reserved = [gpu for gpu in gpus if gpu.pci_driver == "vfio-pci"]
    findings: list[Finding] = []
    old = [gpu for gpu in gpus if gpu.pci_driver == "radeon"]
    if not any(_driven(gpu) for gpu in gpus):
        findings += [_radeon(gpu) for gpu in old]
    free = [gpu for gpu in gpus if gpu not in reserved and gpu not in old and not _driven(gpu)]
    if not driver.loaded and free:
        findings.insert(0, _absent(driver, free, system))
    elif driver.loaded:
        findings += [_unbound(gpu, likely=works) for gpu in free if gpu.pci_driver is None]
    if reserved and len(reserved) == len(gpus):
        return skip("every AMD GPU is reserved for a virtual machine: see vfio-bound")
    seen = [Seen("/sys/module/amdgpu", "the module is loaded")] if driver.loaded else []
    seen += [_bound(gpu, gpu.pci_driver) for gpu in gpus if isinstance(gpu.pci_driver, str)]
    return judge(findings, *seen)


def _driven(gpu: Gpu) -> bool:
    return gpu.pci_driver == "amdgpu" or gpu.kfd_node is not None


def _bound(gpu: Gpu, driver: str | None) -> Seen:
    return Seen(f"/sys/bus/pci/devices/{gpu.pci or '*'}/driver", driver or "no driver is bound")


def _absent(driver: Driver, gpus: list[Gpu], system: System | Gap) -> Finding:
    host = advice.container(system)
    kernel = "unknown" if isinstance(system, Gap) or isinstance(system.kernel, Gap) else system.kernel
    seen = [Seen("/sys/module/amdgpu", "does not exist")]
    seen += [Seen("/sys/bus/pci/devices", f"AMD GPU {advice.place(gpu)} ({gpu.name or gpu.gfx or gpu.device_id})") for gpu in gpus]
    cause: Text | None = None
    packages: tuple[str, ...] = ()
    if host is None and not driver.modules:
        seen.append(Seen("/lib/modules", f"no amdgpu.ko for kernel {kernel}"))
        cause = say("there is no amdgpu module for the running kernel {kernel}", kernel=kernel)
        packages = _module_package(system)
    elif host is None and driver.dkms and not any(kernel in tree.kernels for tree in driver.dkms):
        cause = say(
            "amdgpu-dkms was not built for the running kernel {kernel}: the kernel is newer than it supports, or its headers are missing",
            kernel=kernel,
        )
        seen += [
            Seen(f"/var/lib/dkms/amdgpu/{tree.version}", f"built for: {', '.join(tree.kernels) or 'no kernel'}") for tree in driver.dkms
        ]
    elif host is None and driver.dkms:
        cause = say('amdgpu comes from DKMS here: if `modprobe` says "Key was rejected by service", Secure Boot refuses its signature')
    if host:
        text = say("load the driver on the host: a container cannot")
    elif packages:
        text = say("install the module for the running kernel, then load it; if the kernel was updated since the last start, restart first")
    else:
        text = say("load the driver, and read what the kernel says if it fails")
    return Finding(
        subject="amdgpu",
        message=say("the amdgpu kernel driver is not loaded, though {count} AMD GPU(s) are on the PCI bus", count=len(gpus)),
        confidence="sure",
        seen=tuple(seen),
        cause=cause,
        fix=Fix(text=text, commands=(*packages, "sudo modprobe amdgpu", _log.SHOW), verify=_LOADED, root=True),
    )


def _module_package(system: System | Gap) -> tuple[str, ...]:
    ubuntu = (advice.distribution(system) or ("",))[0] != "debian"
    return advice.install(
        system,
        debian='"linux-modules-extra-$(uname -r)"' if ubuntu else "linux-image-amd64",
        rhel='"kernel-modules-$(uname -r)"',
        suse="kernel-default",
        arch="linux",
    )


def _radeon(gpu: Gpu) -> Finding:
    return Finding(
        subject=advice.place(gpu),
        message=say("the GPU {gpu} is driven by the old radeon driver, which has no compute interface", gpu=advice.place(gpu)),
        confidence="sure",
        seen=(_bound(gpu, "radeon"),),
        cause=say("the kernel gives only cards older than ROCm's oldest to radeon"),
    )


def _unbound(gpu: Gpu, *, likely: bool) -> Finding:
    return Finding(
        subject=advice.place(gpu),
        message=say("amdgpu is loaded, but it does not drive the GPU {gpu}", gpu=advice.place(gpu)),
        confidence="likely" if likely else "sure",
        seen=(Seen("/sys/module/amdgpu", "the module is loaded"), _bound(gpu, None)),
        cause=say("starting the GPU failed, or it was taken from the driver by hand; the kernel's log says which"),
        fix=Fix(text=say("read what the kernel says of this GPU"), commands=(_log.SHOW,), root=True),
    )


_BLACKLIST = re.compile(r"(?P<name>(?:modprobe\.blacklist|module_blacklist|rd\.driver\.blacklist)=)(?P<modules>\S*)")
_NO_MODESET = re.compile(r"nomodeset|amdgpu\.modeset=0")


@check("RK102", "amdgpu-blacklisted", title="A blacklist keeps amdgpu from loading", severity="error")
def blacklisted(driver: Driver, system: System | Gap) -> Outcome:
    """A modprobe file or a kernel parameter forbids the amdgpu driver to load.

    ## What it looks at

    `blacklist amdgpu` and `install amdgpu /bin/false` lines in `/etc/modprobe.d`, `/lib/modprobe.d` and `/run/modprobe.d`, the kernel
    parameters `modprobe.blacklist=`, `module_blacklist=`, `nomodeset` and `amdgpu.modeset=0` in `/proc/cmdline`, and whether the driver
    is loaded all the same.

    ## Why it matters

    The GPU is in the machine, but nothing drives it, and no message says why. AMD itself tells installers of some server cards to set
    `modprobe.blacklist=amdgpu`, and guides to GPU passthrough do so too; both are easily forgotten.

    ## Fix

    Comment the line out (or take the parameter away), write the boot image anew and restart.

    ## Safe to ignore when

    The GPU is kept for a virtual machine, or the driver is loaded by hand later: then the line is there on purpose.

    ## Sources

    - ROCm/legacy-rocm-build#4426
    - ROCm/rocm-cli crates/rocm-core/src/diagnose.rs, check_5_amdgpu_blacklisted
    """
    # A container's own modprobe.d says nothing about the host; the kernel's parameters are the host's.
    lines = [line for line in driver.blacklists if advice.container(system) is None or line.where == "/proc/cmdline"]
    known = {word for line in lines if line.where == "/proc/cmdline" for word in line.line.split()}
    if not isinstance(system, Gap) and not isinstance(system.kernel_parameters, Gap):
        lines += [Blacklist("/proc/cmdline", word) for word in system.kernel_parameters if word not in known and _forbids(word)]
    seen = [Seen(line.where, line.line) for line in lines]
    if driver.loaded is True:
        return judge([], Seen("/sys/module/amdgpu", "loaded; no line keeps it away" if not lines else "loaded all the same"), *seen)
    if isinstance(driver.loaded, Gap) and not lines:
        return skip("it is not known whether amdgpu is loaded: {detail}", detail=driver.loaded.detail)
    findings = [_forbidden(line, system, sure=driver.loaded is False) for line in lines]
    return judge(findings, Seen("/etc/modprobe.d, /lib/modprobe.d, /run/modprobe.d, /proc/cmdline", "no line keeps amdgpu away"))


def _forbids(word: str) -> bool:
    found = _BLACKLIST.fullmatch(word)
    return "amdgpu" in found["modules"].split(",") if found else bool(_NO_MODESET.fullmatch(word))


def _forbidden(line: Blacklist, system: System | Gap, *, sure: bool) -> Finding:
    if line.where == "/proc/cmdline":
        word = next((word for word in line.line.split() if _forbids(word)), "")
        message = say("the kernel parameter {parameter} keeps amdgpu from driving the GPU", parameter=word or line.line)
        commands = advice.drop_boot_parameter(system, word, instead=_without_amdgpu(word)) if word else ()
        text = say("take the parameter away and restart; where the boot loader is not GRUB, do it in the boot loader's own file")
    else:
        message = say("{file} keeps amdgpu from loading: {line}", file=line.where, line=line.line.strip())
        commands = (_comment_out(line.where), *advice.rebuild_initramfs(system))
        text = say("comment the line out, write the boot image anew and restart")
    return Finding(
        subject=line.where,
        message=message,
        confidence="sure" if sure else "likely",
        seen=(Seen(line.where, line.line), *((Seen("/sys/module/amdgpu", "does not exist"),) if sure else ())),
        fix=Fix(
            text=text,
            commands=commands,
            verify=_LOADED,
            root=True,
            reboot=True,
            caution=say(
                "look first why the line is there: a GPU that is kept for a virtual machine, or one whose driver crashes at boot, needs it"
            ),
        ),
    )


def _without_amdgpu(parameter: str) -> str:
    """What stays of a list of modules once amdgpu is taken out of it."""
    found = _BLACKLIST.fullmatch(parameter)
    rest = [name for name in found["modules"].split(",") if name != "amdgpu"] if found else []
    return f"{found['name']}{','.join(rest)}" if found and rest else ""


def _comment_out(path: str) -> str:
    script = r"/^[[:space:]]*\(blacklist\|install\)[[:space:]]\+amdgpu\b/s/^/# /"
    if path.startswith("/etc/"):
        return f"sudo sed -i.bak '{script}' {advice.quote(path)}"
    # A package's own file comes back with its next update: one of the same name in /etc takes its place.
    return f"sed '{script}' {advice.quote(path)} | sudo tee {advice.quote('/etc/modprobe.d/' + path.rpartition('/')[2])}"
