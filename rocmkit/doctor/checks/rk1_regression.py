"""RK116: the driver and ROCm do not understand one another, with everything in place."""

from __future__ import annotations

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _log, _nodes
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Access, Driver, Gap, Gpu, KernelLog, Kfd, Runtime, System

#: What else makes rocminfo fail, each with a check of its own.
_CAUSES = (
    *("amdgpu-not-loaded", "kfd-missing", "kfd-permission", "kfd-open-other-errno", "docker-no-devices", "container-gid", "selinux"),
    *("override-set", "multiple-rocm", "ld-library-path-mix", "undef-hsa-enable-logging", "rocm-wheel-vs-driver", "mi50-mailbox-vf", "wsl"),
)


@check("RK116", "driver-regression", title="ROCm does not start, though the driver offers the GPU", severity="warning", after=_CAUSES)
def regression(
    runtime: Runtime,
    access: Access,
    kfd: Kfd,
    gpus: tuple[Gpu, ...],
    driver: Driver,
    system: System | Gap,
    kernel_log: KernelLog | Gap,
) -> Outcome:
    """The device files open, KFD has the GPU, and rocminfo fails all the same: driver and ROCm do not fit, or one of them has a fault.

    ## What it looks at

    What rocminfo says (an HSA_STATUS_ERROR), whether `/dev/kfd` and the render nodes open, the GPU nodes of the KFD topology, and which
    driver runs. It comes after every check that knows a plainer cause: groups, containers, overrides, two ROCm side by side, a driver out
    of AMD's range, a reset that failed.

    ## Why it matters

    A release of the driver, or of the firmware that comes with it, can break a chip that worked before; and a ROCm that is much older than
    the kernel gets EINVAL from calls that have changed. Nothing else then looks wrong.

    ## Fix

    Start the kernel, or install the release of amdgpu-dkms, with which it last worked; or use the driver inside the kernel instead. See
    first what ROCm's lowest layer says.

    ## Safe to ignore when

    Programs use the GPU all the same, through a ROCm of their own (the wheels of PyTorch bring one).

    ## Sources

    - ROCm/legacy-rocm-build#5433
    - ROCm/legacy-rocm-build#145
    - ROCm/legacy-rocm-build#436
    - ROCm/legacy-rocm-build#438
    """
    nodes = _nodes.relevant(access, gpus)
    if closed := [node for node in nodes if node.open != "ok"]:
        return skip("{path} does not open: that comes first", path=closed[0].path)
    if lacking := _nodes.unseen(nodes, gpus):
        return skip("{path} was not looked at", path=lacking)
    topology = [Seen(f"/sys/class/kfd/kfd/topology/nodes/{node.node}", f"a GPU node, {node.name or 'unnamed'}") for node in kfd.gpu_nodes]
    if not topology or kfd.masked_nodes or kfd.unreadable_nodes:
        return skip("KFD does not show every GPU to this process")
    opened = [_nodes.seen(node, access) for node in nodes]
    if runtime.error is None:
        return judge([], Seen("rocminfo", f"{len(runtime.agents)} GPU(s)"), *topology, *opened)
    if "HSA_STATUS_ERROR" not in runtime.error:
        return skip("rocminfo failed, and not in ROCm itself: {error}", error=runtime.error.splitlines()[0])
    for place, lines in _log.by_gpu(_log.since_loaded(kernel_log), gpus).items():
        if (resets := _log.resets(lines)) and resets.last != "succeeded":
            return skip("the last reset of {gpu} failed or never ended: see gpu-hang-reset", gpu=place or "the GPU")
    finding = Finding(
        subject="rocminfo",
        message=say("rocminfo fails ({error}), though the device files open and KFD has the GPU", error=_name(runtime.error)),
        confidence="likely",
        seen=(Seen("rocminfo", runtime.error), *opened, *topology, _running(driver, system)),
        cause=say("a fault of this release of the driver or its firmware, or a ROCm too old for this driver"),
        fix=_back(driver, system),
    )
    return judge([finding])


def _name(error: str) -> str:
    return next((word.strip(":.,") for word in error.split() if word.startswith("HSA_STATUS_ERROR")), "HSA_STATUS_ERROR")


def _running(driver: Driver, system: System | Gap) -> Seen:
    if driver.kind == "dkms" and isinstance(driver.version, str):
        return Seen("/sys/module/amdgpu/version", driver.version)
    kernel = "not known" if isinstance(system, Gap) or isinstance(system.kernel, Gap) else system.kernel
    return Seen("/proc/sys/kernel/osrelease", f"{kernel}, with its own amdgpu")


def _back(driver: Driver, system: System | Gap) -> Fix:
    look = "HSAKMT_DEBUG_LEVEL=7 rocminfo"
    if advice.container(system):
        return Fix(
            text=say("see what ROCm's lowest layer says; on the host, go back to the driver or kernel with which it last worked"),
            commands=(look,),
            verify=("rocminfo | grep gfx",),
        )
    text = say("see what ROCm's lowest layer says; then start the kernel with which it last worked, from the boot menu")
    commands: tuple[str, ...] = (look,)
    if driver.kind == "dkms":
        text = say(
            "see what ROCm's lowest layer says and which releases of amdgpu-dkms there are; then install the one with which it last "
            "worked, or remove amdgpu-dkms, and restart"
        )
        listed = {
            "debian": "apt-cache madison amdgpu-dkms",
            "rhel": "dnf list --showduplicates amdgpu-dkms",
            "suse": "zypper search -s amdgpu-dkms",
        }
        commands = (look, *([listed[here]] if (here := advice.family(system) or "") in listed else []))
    return Fix(text=text, commands=(*commands, _log.SHOW), verify=("rocminfo | grep gfx",), root=True, reboot=True)
