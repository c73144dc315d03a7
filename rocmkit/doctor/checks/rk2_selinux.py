"""RK207: SELinux between a program and the GPU's device files."""

from __future__ import annotations

import re

from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _nodes
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Access, DeviceNode, Gap, Gpu, KernelLog, Runtime, System

#: What the kernel prints of a refusal: what was asked for, and the type of the process. permissive=1 only warned.
_DENIED = re.compile(r"avc:\s+denied\b(?!.*\bpermissive=1)")
_TYPE = re.compile(r"\bscontext=[^\s:]*:[^\s:]*:([A-Za-z0-9_.]+)")
_CONFINED = re.compile(r"container_(?!runtime_|device_)\w+|container_t|svirt_lxc_net_t|svirt_t|openshift_\w+")


@check("RK207", "selinux", title="SELinux keeps the GPU's device files from the program", severity="error", after=("docker-no-devices",))
def selinux(system: System, access: Access, gpus: tuple[Gpu, ...], kernel_log: KernelLog | Gap, runtime: Runtime | Gap) -> Outcome:
    """SELinux refuses `/dev/kfd` or the render node, though the file's mode and group would allow it.

    ## What it looks at

    Whether SELinux enforces, the SELinux type of this process (container_t for most containers), what opening `/dev/kfd` and the render
    nodes answers, and lines "avc: denied" for them in the kernel's log. Where the files open and rocminfo fails in a container all the
    same, SELinux is only likely to be why.

    ## Why it matters

    On Fedora, RHEL and their kin a container may only use devices that the policy allows it, whatever their mode says. Even root in the
    container is then told "Permission denied", and `ls -l /dev/kfd` shows question marks. Policies from the end of 2023 on
    allow the render nodes, by the switch container_use_dri_devices; those from July 2025 on let `/dev/kfd` be opened too. ROCm also maps
    `/dev/kfd` into its memory, and that takes container_use_devices to this day: without it everything opens, and rocminfo fails.

    ## Fix

    On the host, let containers use devices: `sudo setsebool -P container_use_devices=1`. For one container only, start it with
    `--security-opt label=disable`, which takes SELinux away from that container.

    ## Safe to ignore when

    The container is not meant to use the GPU.

    ## Sources

    - podman-container-tools/podman#15930
    - containers/container-selinux#269
    - containers/container-selinux#384
    - containers/container-selinux#243
    - podman-container-tools/podman#18497
    - ROCm/legacy-rocm-build#1549
    """
    if system.selinux is None:
        return judge([], Seen("/sys/fs/selinux", "not there: SELinux is off"))
    if system.selinux == "permissive":
        return judge([], Seen("/sys/fs/selinux/enforce", "permissive: SELinux refuses nothing"))
    nodes = _nodes.relevant(access, gpus)
    own = None if isinstance(system.selinux_type, Gap) else system.selinux_type
    confined = own is not None and _CONFINED.fullmatch(own) is not None
    refused = [node for node in nodes if node.open == "EACCES"]
    denied = [] if isinstance(kernel_log, Gap) else [line.text for line in kernel_log.lines if _DENIED.search(line.text)]
    denied = [text for text in denied if re.search(r"\bkfd\b|renderD[0-9]|hsa_device_t|dri_device_t", text)]
    against = [node for node in refused if _not_by_mode(node, access)]
    if confined and against:
        hidden = any(node.mode is None for node in against)
        return judge([_finding(system, against, denied[-3:], str(own), "sure" if hidden or denied else "likely")])
    if denied and system.selinux == "enforcing":
        return judge([_finding(system, refused, denied[-3:], _type(denied[-1]) or "a confined type", "likely")])
    if isinstance(system.selinux, Gap) and own is None:
        return skip("it is not known whether SELinux enforces: {detail}", detail=system.selinux.detail)
    if refused and isinstance(system.selinux_type, Gap):
        return skip("how SELinux confines this process is not known: {detail}", detail=system.selinux_type.detail)
    if refused or not nodes:
        return skip("nothing shows that SELinux refused the device files: see kfd-permission and container-gid")
    if confined and not isinstance(runtime, Gap) and "HSA_STATUS_ERROR" in (runtime.error or "") and all(n.open == "ok" for n in nodes):
        return judge([_finding(system, nodes, [], str(own), "likely", Seen("rocminfo", str(runtime.error)))])
    unknown = [node.open for node in nodes if isinstance(node.open, Gap)]
    if unknown:
        return skip("it is not known whether the device files open: {detail}", detail=unknown[0].detail)
    return judge([], Seen("/proc/self/attr/current", own or "no type"), *(_nodes.seen(node, access) for node in nodes))


def _not_by_mode(node: DeviceNode, access: Access) -> bool:
    """Whether the file's mode cannot be what refused it: it may not even be looked at, or this process is of its owners."""
    if node.mode is None:
        return True
    if node.gid == _nodes.OVERFLOW or not _nodes.group_may(node):
        return False
    return access.uid == 0 or (not isinstance(access.groups, Gap) and node.gid in access.groups)


def _type(line: str) -> str | None:
    found = _TYPE.search(line)
    return found[1] if found else None


def _finding(
    system: System, nodes: list[DeviceNode], denied: list[str], type: str, confidence: Confidence, failed: Seen | None = None
) -> Finding:
    """`failed`: the files open, and this shows that ROCm cannot use them: only mapping them into memory can be what is refused."""
    inside = not isinstance(system.container, Gap) and system.container is not None
    paths = ", ".join(node.path for node in nodes) or "/dev/kfd, /dev/dri"
    seen = [
        *([Seen("/sys/fs/selinux/enforce", system.selinux)] if isinstance(system.selinux, str) else []),
        *([Seen("/proc/self/attr/current", system.selinux_type)] if isinstance(system.selinux_type, str) else []),
        *(Seen(node.path, f"open: {node.open}; mode {node.mode or 'not shown'}") for node in nodes),
        *(Seen("kernel log", line) for line in denied),
        *([failed] if failed else []),
    ]
    message = say("SELinux refuses {paths} to a program of type {type}", paths=paths, type=type)
    if failed:
        message = say("{paths} can be opened, and ROCm fails: SELinux lets no program of type {type} map /dev/kfd", paths=paths, type=type)
    if _CONFINED.fullmatch(type):
        text = say("on the host, let containers use the devices that they are given, then start the container again")
        commands: tuple[str, ...] = ("sudo setsebool -P container_use_devices=1",)
        caution = say(
            "this holds for every container of the host; --security-opt label=disable instead takes SELinux away from one container alone"
        )
    else:
        text = say("see which rule is lacking, and add it to the program's policy")
        commands = ("sudo ausearch -m avc -ts boot | audit2why",)
        caution = say("do not switch SELinux off for the whole machine")
    return Finding(
        subject=paths,
        message=message,
        confidence=confidence,
        seen=tuple(seen),
        cause=say("the policy decides beside the file's mode: root and the group that owns the file are refused as well"),
        fix=Fix(
            text=text,
            commands=commands,
            verify=("ls -l /dev/kfd /dev/dri", "rocminfo | grep gfx") if inside else ("sudo ausearch -m avc -ts recent",),
            root=True,
            caution=caution,
        ),
    )
