"""RK107, RK108: why the amdgpu that DKMS builds is not there: Secure Boot, or the build."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _log
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Driver, Gap, Gpu, KernelLog, KernelPackage, System

#: kernel/module/signing.c and security/lockdown.
_REFUSED = re.compile(r"oading of (?:unsigned )?module.* is rejected|ockdown:.*unsigned module|Key was rejected", re.IGNORECASE)
_BAD_STATES = {"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"}


@check("RK107", "secure-boot-blocks-dkms", title="Secure Boot keeps amdgpu from loading", severity="error", after=("amdgpu-blacklisted",))
def secure_boot(driver: Driver, gpus: tuple[Gpu, ...], system: System, kernel_log: KernelLog | Gap) -> Outcome:
    """amdgpu comes from DKMS, and the kernel loads no driver whose signature it does not trust.

    ## What it looks at

    Whether amdgpu is loaded, whether DKMS built one for the running kernel, the firmware's variable SecureBoot, and what the kernel's log
    says of modules that were rejected. The log's line names no module; it counts where amdgpu is the one that is missing.

    ## Why it matters

    With Secure Boot on, the kernel asks of every driver a signature by a key that the firmware knows. The distribution signs its own
    drivers. What DKMS builds on the machine is signed with a key made on the machine, and somebody has to enrol that key once, at the
    console. Until then `modprobe amdgpu` says "Key was rejected by service", often only after the next restart.

    ## Fix

    Enrol the key (`mokutil --import`, then "Enroll MOK" at the next start); or remove amdgpu-dkms, since the kernel's own driver is
    signed; or switch Secure Boot off in the firmware setup. DKMS keeps its key in `/var/lib/dkms/mok.pub`, on Ubuntu in
    `/var/lib/shim-signed/mok/MOK.der`. Where Secure Boot is off and the kernel asks all the same, an enrolled key may not count, since the
    kernel takes over such keys under Secure Boot only.

    ## Safe to ignore when

    Another GPU of this machine does the work.

    ## Sources

    - ROCm/legacy-rocm-build#4328
    - skyne98/wiki-gfx906 src/installing_ROCm_7.0
    - dell/dkms dkms.in, prepare_mok
    - https://drivers.suse.com/doc/Usage/Secure_Boot_Certificate.html
    - torvalds/linux kernel/module/signing.c
    """
    if host := advice.container(system):
        return skip("inside a container ({kind}): what is installed there says nothing of the host's driver", kind=host)
    if isinstance(driver.loaded, Gap):
        return skip("it is not known whether amdgpu is loaded: {detail}", detail=driver.loaded.detail)
    state = {True: "on", False: "off", None: "there is none: not started by EFI firmware"}
    told = [] if isinstance(system.secure_boot, Gap) else [Seen("EFI variable SecureBoot", state[system.secure_boot])]
    if driver.loaded:
        return judge([], Seen("/sys/module/amdgpu", "the module is loaded"), *told)
    if all(gpu.pci_driver is not None for gpu in gpus):
        return skip("no GPU waits for amdgpu")
    if isinstance(system.kernel, Gap):
        return skip("the running kernel is not known: {detail}", detail=system.kernel.detail)
    built = [tree for tree in driver.dkms if system.kernel in tree.kernels]
    refused = [line for line in _log.texts(kernel_log) if _REFUSED.search(line)]
    if not built:
        return skip("amdgpu is not loaded, and DKMS built none for this kernel that could be rejected")
    if not refused and system.secure_boot is not True:
        return skip("amdgpu is not loaded, and nothing says that its signature is why")
    if not refused and not isinstance(kernel_log, Gap):
        return skip("Secure Boot is on, but the kernel's log tells of no module that was rejected")
    seen = [Seen("/sys/module/amdgpu", "does not exist"), *(Seen(f"/var/lib/dkms/amdgpu/{tree.version}", "built here") for tree in built)]
    finding = Finding(
        subject="amdgpu",
        message=say("amdgpu is not loaded: it was built by DKMS, and the kernel loads only drivers signed with a key that it trusts"),
        confidence="sure",  # that the driver is not there; the cause says how far it is known
        seen=(*seen, *told, *_log.seen(kernel_log, refused)),
        cause=_asker(system, told=bool(refused)),
        fix=_allow(system) if system.secure_boot in (False, None) else _sign(system),
    )
    return judge([finding])


def _asker(system: System, *, told: bool) -> Text:
    """Who asks for signatures. `told`: the kernel's log says that a module was rejected."""
    if isinstance(system.secure_boot, Gap):
        return say("most likely Secure Boot is on, and the key that signed the driver was never enrolled")
    if not system.secure_boot:
        return say("Secure Boot is off, but the kernel was told to ask for signatures all the same (lockdown, module.sig_enforce)")
    if told:
        return say("Secure Boot is on, and the key that signed the driver was never enrolled")
    return say("Secure Boot is on; most likely the key that signed the driver was never enrolled, which `modprobe amdgpu` would say")


def _sign(system: System) -> Fix:
    """What Secure Boot asks for. DKMS signs what it builds, with a key that the firmware has to be told of once."""
    ubuntu = (advice.distribution(system) or ("",))[0] == "ubuntu"
    key = "/var/lib/shim-signed/mok/MOK.der" if ubuntu else "/var/lib/dkms/mok.pub"
    return Fix(
        text=say(
            "enrol the key that signs the driver: the command asks for a password, which the firmware asks for at the next start (Enroll "
            "MOK); or remove amdgpu-dkms, since the kernel's own driver is signed; or switch Secure Boot off in the firmware setup"
        ),
        commands=(f"sudo mokutil --import {key}",),
        verify=(f"mokutil --test-key {key}", "lsmod | grep -w amdgpu"),
        root=True,
        reboot=True,
        caution=say("the key is enrolled at the machine's own screen and keyboard, before the system starts: not over the network"),
    )


def _allow(system: System) -> Fix:
    """Keys that the firmware holds count under Secure Boot only: without it, the kernel has to ask for less, or another driver is taken."""
    return Fix(
        text=say(
            "remove amdgpu-dkms, since the kernel's own driver is signed; or take module.sig_enforce and lockdown= out of the kernel's "
            "parameters; then restart"
        ),
        commands=_removal(system),
        verify=("cat /proc/cmdline /sys/kernel/security/lockdown", "lsmod | grep -w amdgpu"),
        root=True,
        reboot=True,
    )


def _removal(system: System) -> tuple[str, ...]:
    """Commands that take amdgpu-dkms away; empty where the family of the distribution has no such package."""
    remove = {
        "debian": "sudo apt-get purge -y amdgpu-dkms",
        "rhel": "sudo dnf remove -y amdgpu-dkms",
        "suse": "sudo zypper remove -y amdgpu-dkms",
    }.get(advice.family(system) or "")
    return (remove, *advice.rebuild_initramfs(system)) if remove else ()


@check("RK108", "dkms-build-failed", title="amdgpu-dkms could not be built", severity="error", after=("amdgpu-blacklisted",))
def build_failed(driver: Driver, system: System) -> Outcome:
    """DKMS tried to build AMD's driver for this kernel and failed, or the package is stuck half-way for that reason.

    ## What it looks at

    The log that DKMS leaves in `/var/lib/dkms/amdgpu/VERSION/build/make.log` (it moves it away when the build is done), the kernel that
    the log is of, the kernels that the driver was built for, and what dpkg says of the package amdgpu-dkms. A build that failed for
    another kernel than the running one is only mentioned. Where a driver runs all the same, the fault is only likely to matter.

    ## Why it matters

    Each release of amdgpu-dkms builds on kernels up to its own time. On a newer one the compiler stops, the package stays half configured,
    and every later use of apt repeats the error. At the next start the kernel's own driver comes up, or none.

    ## Fix

    Remove amdgpu-dkms and use the driver inside the kernel, which is enough for computing on gfx9, gfx10 and gfx11 cards; or install a
    release of amdgpu-dkms that knows the kernel; or start an older kernel.

    ## Safe to ignore when

    The failed build is of a kernel that you do not start.

    ## Sources

    - ROCm/amdgpu#192
    - ROCm/legacy-rocm-build#3701
    - ROCm/legacy-rocm-build#4164
    - ROCm/legacy-rocm-build#6193
    """
    if host := advice.container(system):
        return skip("inside a container ({kind}): its packages say nothing of the host's driver", kind=host)
    if isinstance(system.kernel, Gap):
        return skip("the running kernel is not known: {detail}", detail=system.kernel.detail)
    stuck = driver.dkms_state if isinstance(driver.dkms_state, str) and driver.dkms_state in _BAD_STATES else None
    failed = [tree for tree in driver.dkms if tree.failed == system.kernel and system.kernel not in tree.kernels]
    logs = [
        Seen(f"/var/lib/dkms/amdgpu/{tree.version}/build/make.log", f"the build for kernel {tree.failed} failed")
        for tree in driver.dkms
        if isinstance(tree.failed, str)
    ]
    state = [Seen("/var/lib/dpkg/status", f"amdgpu-dkms: {driver.dkms_state}")] if isinstance(driver.dkms_state, str) else []
    if not failed and stuck is None:
        unknown = [tree.failed for tree in driver.dkms if isinstance(tree.failed, Gap) and system.kernel not in tree.kernels]
        if unknown:
            return skip("how the last build of amdgpu-dkms ended is not known: {detail}", detail=unknown[0].detail)
        trees = [
            Seen(f"/var/lib/dkms/amdgpu/{tree.version}", f"built for: {', '.join(tree.kernels) or 'no kernel'}") for tree in driver.dkms
        ]
        return judge([], *(trees or [Seen("/var/lib/dkms/amdgpu", "amdgpu-dkms is not installed")]), *logs, *state)
    version = failed[0].version if failed else next((tree.version for tree in driver.dkms), "")
    errors = [Seen("make.log", line) for tree in (failed or driver.dkms) for line in tree.errors]
    finding = Finding(
        subject="amdgpu-dkms",
        message=say("amdgpu-dkms {version} could not be built for kernel {kernel}", version=version, kernel=system.kernel)
        if failed
        else say("the package amdgpu-dkms is stuck in the state {state}: building its driver failed", state=stuck or ""),
        confidence="sure" if driver.loaded is False else "likely",
        seen=(*logs, *errors, *state, Seen("/sys/module/amdgpu", _running(driver))),
        cause=_why(failed, system.kernel),
        fix=_way_out(system),
    )
    return judge([finding])


def _running(driver: Driver) -> str:
    if driver.loaded is not True:
        return "does not exist" if driver.loaded is False else "not known"
    return f"loaded, version {driver.version} of DKMS" if driver.kind == "dkms" else "loaded, the kernel's own driver"


def _why(failed: list[KernelPackage], kernel: str) -> Text | None:
    if failed and kb.dkms_builds(failed[0].version.partition("-")[0], kernel) is False:
        return say("this release of amdgpu-dkms is known not to build on kernel {kernel}: it is older than the kernel", kernel=kernel)
    if failed and any("headers" in line or "No such file or directory" in line for tree in failed for line in tree.errors):
        return say("a header file was not found: the kernel's headers are not installed, or this release does not know the kernel")
    return say("amdgpu-dkms is older than the kernel, or the kernel's headers or its compiler are not installed") if failed else None


def _way_out(system: System) -> Fix:
    return Fix(
        text=say(
            "remove amdgpu-dkms and restart with the kernel's own driver, which is enough for computing on gfx9, gfx10 and gfx11; or "
            "install a newer release of it, together with the kernel's headers"
        ),
        commands=_removal(system),
        verify=("dkms status amdgpu", "lsmod | grep -w amdgpu"),
        root=True,
        reboot=True,
        caution=say("a GPU that is newer than the kernel needs amdgpu-dkms: then install a newer release of it instead"),
    )
