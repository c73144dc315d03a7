"""RK109: a card that answers with nothing but ones, which the driver takes for a virtual function."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _log
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gap, Gpu, KernelLog, System

#: mxgpu_ai.c and mxgpu_nv.c: asked of the host of a virtual function, over and over, until it answers.
_MAILBOX = re.compile(r"trn=[0-9a-f]+ ACK should not assert|xgpu_\w+_mailbox", re.IGNORECASE)


@check("RK109", "mi50-mailbox-vf", title="The driver takes the GPU for a part of a shared card", severity="error")
def mailbox(gpus: tuple[Gpu, ...], kernel_log: KernelLog, system: System | Gap) -> Outcome:
    """The driver waits for the host of a shared card to answer, though the card is a whole one in this machine.

    ## What it looks at

    "trn=… ACK should not assert! wait again" in the kernel's log, for GPUs that are not in the KFD topology. A GPU that came up all the
    same is not counted. In a virtual machine the line has another cause, which is named.

    ## Why it matters

    A register of the card tells the driver whether it is a virtual function of a card that a hypervisor shares out. A card that answers
    every read with ones, because it hung or because the way to it is broken, seems to say yes. The driver then asks a hypervisor that is
    not there, for ever; `/dev/kfd` answers EINVAL. It was seen on an MI50 behind Thunderbolt with a small window to its memory, and on
    cards whose own processor hung.

    ## Fix

    Switch the machine off, take it off the mains for half a minute, and start it again: a warm restart often does not reset the card. Then
    switch on Above 4G Decoding and Resizable BAR, switch off CSM, and put the card into a slot that is wired to the processor.

    ## Safe to ignore when

    The GPU is not meant to be used by this system.

    ## Sources

    - ROCm/legacy-rocm-build#6176
    - torvalds/linux drivers/gpu/drm/amd/amdgpu/mxgpu_ai.c
    - torvalds/linux drivers/gpu/drm/amd/amdgpu/amdgpu_virt.c
    """
    by_gpu = _log.by_gpu([line for line in _log.since_loaded(kernel_log) if _MAILBOX.search(line)], gpus)
    up = [gpu for gpu in gpus if gpu.kfd_node is not None]
    findings = [
        _stuck(next((gpu for gpu in gpus if gpu.pci == place), None), place, _log.seen(kernel_log, lines[:3]), system)
        for place, lines in by_gpu.items()
        if place not in {gpu.pci for gpu in up} and len(up) < len(gpus)
    ]
    seen = [Seen(f"/sys/class/kfd/kfd/topology/nodes/{gpu.kfd_node}", f"{advice.place(gpu)} is up") for gpu in up]
    if not findings and not up:
        return skip("no GPU came up, and the kernel's log does not say that one was taken for a part of a shared card")
    return judge(findings, Seen(_log.source(kernel_log), "no driver waits for a hypervisor"), *seen)


def _stuck(gpu: Gpu | None, place: str, seen: tuple[Seen, ...], system: System | Gap) -> Finding:
    virtual = not isinstance(system, Gap) and isinstance(system.vm, str)
    cause: Text = say("the card answers every read with ones: it hung, or its window in the address space or its slot does not work")
    text = say(
        "switch the machine off and take it off the mains for half a minute; then switch on Above 4G Decoding and Resizable BAR, switch "
        "off CSM, and put the card into a slot that is wired to the processor, without Thunderbolt or a riser"
    )
    if virtual:
        cause = say("this is a virtual machine: its host does not answer for the card that it shares, or the card was not reset for it")
        text = say("restart the host, not only the virtual machine; for a card that is passed through whole, see the host's kernel log")
    if gpu is not None and gpu.bar0_bytes is not None and gpu.bar0_bytes < 256 << 20:
        window = f"{gpu.bar0_bytes >> 20} MiB: too small for video memory" if gpu.bar0_bytes else "no memory window is assigned"
        seen = (*seen, Seen(f"/sys/bus/pci/devices/{place}/resource", window))
    return Finding(
        subject=place or "amdgpu",
        message=say("the driver takes the GPU {gpu} for a part of a shared card, and waits for a hypervisor", gpu=place or "(unnamed)"),
        confidence="sure",
        seen=seen,
        cause=cause,
        fix=Fix(
            text=text,
            verify=('sudo dmesg | grep -c "ACK should not assert"', "rocminfo | grep gfx"),
            root=True,
            reboot=True,
        ),
    )
