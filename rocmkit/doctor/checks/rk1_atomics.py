"""RK106: whether the GPU's slot passes PCIe atomic operations."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks.rk1_hardware import firmware_package
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, KernelLog, Kfd, System

_ATOMICS = re.compile(r"skipped device 1002:([0-9a-f]{1,4}), PCI rejects atomics(?: ([0-9]+)<([0-9]+))?")
_REFUSED = re.compile(r"not supported in kfd|NOT added due to errors")


@check(
    "RK106",
    "pcie-atomics",
    title="The PCIe slot does not pass atomic operations",
    severity="error",
    after=("amdgpu-not-loaded", "kfd-missing"),
)
def atomics(gpus: tuple[Gpu, ...], kfd: Kfd, kernel_log: KernelLog | Gap, system: System | Gap) -> Outcome:
    """ROCm leaves the GPU out because the way to the processor does not pass PCIe atomic operations.

    ## What it looks at

    "skipped device …, PCI rejects atomics" in the kernel's log; and GPUs that amdgpu drives and that have a render node, but no node in
    the KFD topology. Without the line in the log the second is only likely to have this cause. gfx9 GPUs (Vega, MI50 and later) do not
    need PCIe atomics and are left out. Where another card of the machine is in the topology, it is only likely that this one matters.

    ## Why it matters

    The screen works and OpenGL works, but `rocminfo` does not list the GPU. Polaris, Navi and later GPUs use atomic operations on the
    machine's memory, unless their firmware is new enough to do without; slots behind the chipset, PCIe switches, Thunderbolt, mining
    risers and the virtual slots of some hypervisors do not pass them on.

    ## Fix

    Put the GPU into the slot that is wired to the processor. Where the kernel's line has the form `87<92`, newer firmware helps too: the
    first number is the firmware's version, the second the first one that needs no atomics.

    ## Safe to ignore when

    The GPU only drives a screen.

    ## Sources

    - torvalds/linux drivers/gpu/drm/amd/amdkfd/kfd_device.c
    - ROCm/rocm-install-on-linux docs/reference/system-requirements.rst
    """
    texts = [] if isinstance(kernel_log, Gap) else [line.text for line in kernel_log.lines]
    source = "" if isinstance(kernel_log, Gap) else kernel_log.source
    out = [gpu for gpu in gpus if gpu.kfd_node is None and gpu.pci_driver == "amdgpu" and gpu.render_node]
    needy = [gpu for gpu in out if not (gpu.gfx or "").startswith("gfx9")]
    works = any(gpu.kfd_node is not None and not advice.integrated(gpu) for gpu in gpus)
    findings: list[Finding] = []
    told: list[Gpu] = []
    for line in texts:
        if found := _ATOMICS.search(line):
            for gpu in needy:
                if gpu.device_id == found[1].zfill(4) and gpu not in told:
                    told.append(gpu)
                    findings.append(_rejected(gpu, Seen(source, line), found, system, sure=not works))
    explained = any(_REFUSED.search(line) for line in texts)
    whole = not kfd.masked_nodes and not kfd.unreadable_nodes
    for gpu in needy:
        if gpu not in told and gpu.gfx and not advice.integrated(gpu) and whole and not explained:
            seen = Seen("/sys/class/kfd/kfd/topology/nodes", f"no node for {advice.place(gpu)}, though it has {gpu.render_node}")
            findings.append(_rejected(gpu, seen, None, system, sure=False))
    judged = [
        Seen(f"/sys/class/kfd/kfd/topology/nodes/{gpu.kfd_node}", f"KFD took {advice.place(gpu)} in")
        for gpu in gpus
        if gpu.kfd_node is not None
    ]
    if not findings and out:
        return skip("{gpu} has no KFD node, and nothing here says that atomics are why", gpu=advice.place(out[0]))
    if not findings and not judged:
        return skip("amdgpu drives no GPU that KFD could take in")
    return judge(findings, *judged)


def _rejected(gpu: Gpu, seen: Seen, found: re.Match[str] | None, system: System | Gap, *, sure: bool) -> Finding:
    """`sure`: this GPU is the one that should compute, no other card of the machine does."""
    newer = found is not None and found[3] is not None and int(found[3]) > 0
    text = say("put the GPU into the slot that is wired to the processor, without a riser or switch in between")
    if newer:
        text = say("update the GPU's firmware, or put the GPU into the slot that is wired to the processor")
    return Finding(
        subject=advice.place(gpu),
        message=say("ROCm leaves out the GPU {gpu}: its PCIe slot rejects atomic operations", gpu=advice.place(gpu))
        if found
        else say(
            "ROCm has no node for the GPU {gpu}, though amdgpu drives it: most often its PCIe slot rejects atomic operations",
            gpu=advice.place(gpu),
        ),
        confidence="sure" if sure else "likely",
        seen=(seen,),
        cause=say("the slot hangs on the chipset, a switch, a riser, Thunderbolt or a hypervisor's virtual slot"),
        fix=Fix(
            text=text,
            commands=(*firmware_package(system), *advice.rebuild_initramfs(system)) if newer and advice.container(system) is None else (),
            verify=((f"sudo lspci -vvv -s {gpu.pci} | grep -i atomic",) if gpu.pci else ()) + ("rocminfo | grep gfx",),
            root=True,
            reboot=True,
        ),
    )
