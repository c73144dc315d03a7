"""RK203: /dev/kfd is there and does not open, for another reason than missing rights."""

from __future__ import annotations

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _lxc, _nodes
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Access, DeviceNode, Gap, Gpu, KernelLog, Kfd, System

_LOG = 'sudo dmesg | grep -iE "amdgpu|kfd" | tail -n 40'


@check(
    "RK203",
    "kfd-open-other-errno",
    title="The GPU's device files do not open",
    severity="error",
    after=("amdgpu-blacklisted", "amdgpu-not-loaded", "docker-no-devices", "kfd-missing", "mi50-mailbox-vf"),
)
def other_errno(access: Access, gpus: tuple[Gpu, ...], kfd: Kfd | Gap, kernel_log: KernelLog | Gap, system: System | Gap) -> Outcome:
    """`/dev/kfd` is there, its rights are fine, and opening it fails all the same.

    ## What it looks at

    The error number of opening `/dev/kfd` and the AMD GPUs' render nodes, the GPU nodes of the KFD topology (and those that a device
    cgroup hides), and "not supported in kfd" in the kernel's log.

    ## Why it matters

    The number tells the cause. EPERM: a container's device cgroup forbids the file (or the program is a 32-bit one). EINVAL: KFD is
    locked, because a GPU is being reset or the driver unloaded; some kernels also answer so when they have no GPU to offer. ENOMEM: KFD
    accepted no GPU. rocminfo says only HSA_STATUS_ERROR_OUT_OF_RESOURCES in all three cases. A cgroup can also let `/dev/kfd` through
    and hide every GPU behind it.

    ## Fix

    EPERM: start the container with `--device=/dev/kfd --device=/dev/dri`. EINVAL: wait for the reset, else restart. ENOMEM: find in the
    kernel's log why KFD left the GPU out; a chip that it does not support cannot be helped.

    ## Safe to ignore when

    A reset was under way while the doctor looked: run it again.

    ## Sources

    - ROCm/legacy-rocm-build#2232
    - ROCm/rocminfo#41
    - ROCm/legacy-rocm-build#4043
    """
    nodes = _nodes.relevant(access, gpus)
    main = next((node for node in nodes if node.path == "/dev/kfd"), None)
    if main is None:
        return skip("/dev/kfd was not looked at, or is not there")
    lines = [] if isinstance(kernel_log, Gap) else kernel_log.lines
    unsupported = [
        Seen(kernel_log.source, line.text) for line in lines if "not supported in kfd" in line.text and not isinstance(kernel_log, Gap)
    ]
    rejected = any("PCI rejects atomics" in line.text for line in lines)
    none_in_kfd = not isinstance(kfd, Gap) and not kfd.gpu_nodes and not kfd.masked_nodes and not kfd.unreadable_nodes
    if main.open in {"ENOMEM", "EINVAL"} and none_in_kfd:
        if rejected:
            return skip("KFD has no GPU, because its slot rejects PCIe atomics: see pcie-atomics")
        if all(not isinstance(gpu.pci_driver, Gap) and gpu.pci_driver != "amdgpu" for gpu in gpus):
            return skip("KFD has no GPU, because amdgpu drives none: the kernel's log says why")
    wrong = [node for node in nodes if isinstance(node.open, str) and node.open not in {"ok", "EACCES", "ENOENT"}]
    findings = [_failed(node, _allow(system, access, gpus), unsupported, no_gpu=none_in_kfd) for node in wrong]
    if not isinstance(kfd, Gap) and kfd.masked_nodes and not kfd.gpu_nodes and not any(node.open == "EPERM" for node in wrong):
        findings.append(_masked(kfd, _allow(system, access, gpus)))
    if main.open == "ok" and none_in_kfd and unsupported:
        findings.append(_unsupported(unsupported))
    if findings:
        return judge(findings)
    unknown = [node.open for node in nodes if isinstance(node.open, Gap)]
    if unknown:
        return skip("it is not known whether the device files open: {detail}", detail=unknown[0].detail)
    if any(node.open == "EACCES" for node in nodes):
        return skip("this user may not open the device files: see kfd-permission and container-gid")
    topology = (
        []
        if isinstance(kfd, Gap)
        else [Seen("/sys/class/kfd/kfd/topology/nodes", f"{len(kfd.gpu_nodes)} GPU node(s), {len(kfd.masked_nodes)} hidden")]
    )
    return judge([], *(_nodes.seen(node, access) for node in nodes), *topology)


def _failed(node: DeviceNode, allow: Fix, unsupported: list[Seen], *, no_gpu: bool) -> Finding:
    errno = str(node.open)
    seen = [Seen(node.path, f"open: {errno}")]
    cause: Text | None
    if no_gpu:
        seen.append(Seen("/sys/class/kfd/kfd/topology/nodes", "no GPU node"))
    if errno == "EPERM":
        message = say("the kernel does not let this process open {path} (EPERM)", path=node.path)
        cause = say(
            "a device cgroup forbids it: the container, or the systemd unit, was not given the device; or the program is a 32-bit one"
        )
        fix = allow
    elif errno in {"EINVAL", "EAGAIN"}:
        message = say("{path} does not open ({errno}): KFD is locked", path=node.path, errno=errno)
        cause = say(
            "a GPU is being reset or the driver unloaded, or such an attempt got stuck; some kernels answer so too when KFD has no GPU"
        )
        fix = Fix(
            text=say("wait a minute and look again; if it stays so, read the kernel's log and restart"),
            commands=(_LOG,),
            verify=("rocminfo | grep gfx",),
            root=True,
            reboot=True,
            caution=say("do not reset the GPU by hand while a screen or another program uses it: restart instead"),
        )
    elif errno == "ENOMEM":
        seen += unsupported
        message = say("{path} does not open (ENOMEM): KFD has no GPU that it supports", path=node.path)
        cause = (
            say("the kernel's log names the chip as not supported: ROCm cannot use it")
            if unsupported
            else say("KFD left every GPU out when it started")
        )
        fix = Fix(text=say("read what the kernel says of the GPU and of KFD"), commands=(_LOG, "HSAKMT_DEBUG_LEVEL=7 rocminfo"), root=True)
    else:
        message = say("{path} does not open ({errno})", path=node.path, errno=errno)
        stale = say("the file may be of a driver that was loaded anew since: a container keeps device files that then lead nowhere")
        cause = stale if errno in {"ENODEV", "ENXIO"} else None
        fix = Fix(
            text=say("read what the kernel says; start a container anew"), commands=(_LOG,), verify=(f"ls -l {node.path}",), root=True
        )
    return Finding(
        subject=node.path,
        message=message,
        confidence="sure" if errno in {"EPERM", "EINVAL", "EAGAIN", "ENOMEM"} else "likely",
        seen=tuple(seen),
        cause=cause,
        fix=fix,
    )


def _allow(system: System | Gap, access: Access, gpus: tuple[Gpu, ...]) -> Fix:
    host = advice.container(system)
    if host == "lxc" and not isinstance(system, Gap):
        return _lxc.give(system, access, gpus, ("ls -ln /dev/kfd /dev/dri",))
    if host:
        return Fix(
            text=say("start the container again with its devices, from the host (set IMAGE first)"),
            commands=_nodes.start(host, gpus),
            verify=("ls -ln /dev/kfd /dev/dri",),
        )
    return Fix(
        text=say("find the systemd unit around this program, and allow it the devices (DeviceAllow=char-kfd rw, DeviceAllow=char-drm rw)"),
        commands=("cat /proc/self/cgroup", "file -L /proc/self/exe"),
        verify=("test -r /dev/kfd && test -w /dev/kfd && echo /dev/kfd opens",),
    )


def _masked(kfd: Kfd, allow: Fix) -> Finding:
    numbers = ", ".join(map(str, kfd.masked_nodes))
    return Finding(
        subject="/dev/dri",
        message=say("/dev/kfd is let through, but a device cgroup hides every GPU behind it (KFD node {nodes})", nodes=numbers),
        confidence="sure",
        seen=tuple(Seen(f"/sys/class/kfd/kfd/topology/nodes/{node}/properties", "reading: EPERM") for node in kfd.masked_nodes),
        cause=say("the container was given /dev/kfd and not the GPU's render node"),
        fix=allow,
    )


def _unsupported(seen: list[Seen]) -> Finding:
    return Finding(
        subject="/dev/kfd",
        message=say("KFD supports none of this machine's GPUs"),
        confidence="sure",
        seen=tuple(seen),
        cause=say("the chip is older than KFD's oldest, or newer than this kernel"),
        fix=Fix(
            text=say("a newer kernel helps a new chip; nothing helps an old one"), commands=("uname -r",), verify=("rocminfo | grep gfx",)
        ),
    )
