"""RK110, RK114, RK115: what stands between the system and its GPUs: the IOMMU, a virtual machine's claim, Windows."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _log
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, KernelLog, Runtime, System

_DOMAIN = re.compile(r"iommu: Default domain type: (\w+)")
#: Parameters that leave devices untranslated, or the IOMMU off (kernel-parameters.txt).
_UNTRANSLATED = frozenset({"iommu=pt", "iommu=off", "iommu.passthrough=1", "amd_iommu=off", "intel_iommu=off"})
#: The library that carries ROCm to Windows' driver, and how to install what belongs to it.
_FOR_WSL = "https://github.com/ROCm/librocdxg"


@check("RK110", "iommu-hang", title="The IOMMU stands between several GPUs", severity="note")
def iommu(system: System, gpus: tuple[Gpu, ...], kernel_log: KernelLog | Gap) -> Outcome:
    """The IOMMU translates what the GPUs send to one another, with which programs on several GPUs may hang.

    ## What it looks at

    Whether at least two AMD cards compute, whether `/sys/class/iommu` holds anything, the kernel parameters that leave devices untranslated
    (`iommu=pt`, `iommu.passthrough=1`) or the IOMMU off, and the line "Default domain type" in the kernel's log. Without that line it is
    not known what the kernel does by default.

    ## Why it matters

    GPUs copy to one another's memory over PCIe. Where the IOMMU translates those accesses they are slow, and on some boards they never
    arrive: the program stands still with the GPUs at 100 %. RCCL warns of it: 'Missing "iommu=pt" from kernel command line'. A program
    that uses one GPU is not affected.

    ## Fix

    Add `iommu=pt` to the kernel's parameters and restart. As a test without a restart, set NCCL_P2P_DISABLE=1.

    ## Safe to ignore when

    No program uses more than one GPU at a time, or those that do run well. This is a note and never the verdict.

    ## Sources

    - ROCm/rccl#1129
    - ROCm/vllm#390
    - ROCm/rocm-install-on-linux docs/reference/system-requirements.rst
    - torvalds/linux drivers/iommu/iommu.c
    """
    cards = sorted({gpu.pci for gpu in gpus if gpu.pci and gpu.kfd_node is not None and not advice.integrated(gpu)})
    if len(cards) < 2:
        return skip("fewer than two cards compute here")
    if isinstance(system.iommu, Gap):
        return skip("it is not known whether there is an IOMMU: {detail}", detail=system.iommu.detail)
    if not system.iommu:
        return judge([], Seen("/sys/class/iommu", "empty: no IOMMU"))
    log = [(line, found[1]) for line in _log.texts(kernel_log) if (found := _DOMAIN.search(line))]
    told = _log.seen(kernel_log, [line for line, _ in log])
    if log and log[-1][1] == "Passthrough":
        return judge([], *told)
    if isinstance(system.kernel_parameters, Gap):
        return skip("the kernel's parameters are not known: {detail}", detail=system.kernel_parameters.detail)
    if off := [word for word in system.kernel_parameters if word in _UNTRANSLATED]:
        return judge([], Seen("/proc/cmdline", " ".join(off)))
    here = advice.container(system) is None
    finding = Finding(
        subject="iommu",
        message=say(
            "{count} cards stand behind an IOMMU that may translate between them: a program that uses several at once may hang",
            count=len(cards),
        ),
        confidence="likely",
        seen=(Seen("/sys/class/iommu", "there is one"), Seen("/proc/cmdline", "no iommu=pt"), *told),
        fix=Fix(
            text=say(
                "only if a program on several GPUs hangs: add iommu=pt to the kernel's parameters and restart (where the boot loader is "
                "not GRUB, in its own file)"
            )
            if here
            else say("only if a program on several GPUs hangs: on the host, add iommu=pt to the kernel's parameters and restart"),
            commands=advice.set_boot_parameter(system, "iommu=pt") if here else (),
            verify=('sudo dmesg | grep "Default domain type"', "grep -o iommu=pt /proc/cmdline"),
            root=True,
            reboot=True,
            caution=say("devices that programs or virtual machines do not own are then no longer kept from reading all of the memory"),
        ),
    )
    return judge([finding])


@check("RK114", "vfio-bound", title="The GPU is reserved for a virtual machine", severity="error")
def reserved(gpus: tuple[Gpu, ...], system: System | Gap) -> Outcome:
    """The GPU is bound to vfio-pci, which keeps it for a virtual machine, so ROCm on this system cannot use it.

    ## What it looks at

    The driver that each AMD GPU is bound to, and the kernel parameter `vfio-pci.ids=`. Where another card of the machine computes, the
    reserved one is only mentioned; where the processor's own GPU does, it is only likely that the card is missed.

    ## Why it matters

    vfio-pci hands a device to a virtual machine as it is. The GPU is on the PCI bus, `lspci` shows it, and there is neither a render node
    nor a node in KFD for it.

    ## Fix

    Run ROCm inside the virtual machine; or take away what reserves the GPU (a kernel parameter, a file in `/etc/modprobe.d`, driverctl, a
    virtual machine manager), write the boot image anew, which holds copies of such files, and restart.

    ## Safe to ignore when

    The GPU is meant for a virtual machine.

    ## Sources

    - ROCm/legacy-rocm-build#1545
    - ROCm/legacy-rocm-build#629
    - https://docs.kernel.org/driver-api/vfio.html
    """
    bound = [gpu for gpu in gpus if gpu.pci_driver == "vfio-pci"]
    drivers = [_bound(gpu, gpu.pci_driver) for gpu in gpus if isinstance(gpu.pci_driver, str)]
    if any((gpu.pci_driver == "amdgpu" or gpu.kfd_node is not None) and not advice.integrated(gpu) for gpu in gpus):
        return judge([], *drivers)
    unknown = [gpu.pci_driver for gpu in gpus if isinstance(gpu.pci_driver, Gap)]
    if not bound and unknown:
        return skip("the driver of a GPU is not known: {detail}", detail=unknown[0].detail)
    computes = any(gpu.kfd_node is not None for gpu in gpus)  # the processor's own GPU: perhaps that is the one in use
    return judge([_reserved(gpu, system, "likely" if computes else "sure") for gpu in bound], *drivers)


def _bound(gpu: Gpu, driver: str) -> Seen:
    return Seen(f"/sys/bus/pci/devices/{gpu.pci or '*'}/driver", driver)


def _reserved(gpu: Gpu, system: System | Gap, confidence: Confidence) -> Finding:
    words = () if isinstance(system, Gap) or isinstance(system.kernel_parameters, Gap) else system.kernel_parameters
    named = [word for word in words if word.startswith(("vfio-pci.ids=", "vfio_pci.ids=")) and f"1002:{gpu.device_id}" in word.lower()]
    seen = (_bound(gpu, "vfio-pci"), *(Seen("/proc/cmdline", word) for word in named))
    host = advice.container(system) is None
    drop = [line for word in named for line in advice.drop_boot_parameter(system, word, instead=_without(word, gpu))] if host else []
    return Finding(
        subject=advice.place(gpu),
        message=say(
            "the GPU {gpu} is reserved for a virtual machine (vfio-pci), so ROCm on this system cannot use it", gpu=advice.place(gpu)
        ),
        confidence=confidence,
        seen=seen,
        cause=say("the kernel parameter {word} gives it to vfio-pci", word=named[0])
        if named
        else say("a file in /etc/modprobe.d, driverctl or a virtual machine manager gave it to vfio-pci"),
        fix=Fix(
            text=say("run ROCm inside the virtual machine; or take away what reserves the GPU, write the boot image anew and restart")
            if host and not drop
            else say("run ROCm inside the virtual machine; or take away what reserves the GPU and restart"),
            commands=tuple(drop) or ("grep -rns vfio /etc/modprobe.d /etc/driverctl.d /proc/cmdline",),
            verify=(f"lspci -k -s {gpu.pci}",) if gpu.pci else (),
            root=bool(drop),
            reboot=True,
            caution=say("a virtual machine that uses this GPU will not start without it"),
        ),
    )


def _without(word: str, gpu: Gpu) -> str:
    """The parameter without this kind of GPU; empty where it names no other device."""
    name, _, ids = word.partition("=")
    rest = [one for one in ids.split(",") if not one.lower().startswith(f"1002:{gpu.device_id}")]
    return f"{name}={','.join(rest)}" if rest else ""


@check("RK115", "wsl", title="Windows drives the GPU, not this system", severity="error", gpu=False)
def wsl(system: System, runtime: Runtime | Gap) -> Outcome:
    """This is WSL: a kernel of Microsoft's without amdgpu, where ROCm reaches few GPUs, through Windows.

    ## What it looks at

    "microsoft" in the kernel's release, `/dev/dxg`, and whether rocminfo shows a GPU. Whether the GPU of the machine is AMD's cannot be
    seen from inside, so that the fault is only likely.

    ## Why it matters

    Under WSL there is no amdgpu, no `/dev/kfd` and no `/dev/dri`, and installing them does not help. AMD has a ROCm for WSL, which goes
    through `/dev/dxg` and the driver of Windows. It knows a list of newer Radeon cards and Ryzen processors (RDNA 3 and 4). An MI50, and
    any other card of the gfx9 family, is not among them.

    ## Fix

    For a card on AMD's list, install AMD's driver for Windows and its ROCm for WSL. For all others, start Linux on the machine itself.

    ## Safe to ignore when

    The work is not meant to run on an AMD GPU.

    ## Sources

    - ROCm/legacy-rocm-build#1794
    - ROCm/rocm-systems#8837
    - ROCm/legacy-rocm-build#5900
    - ROCm/librocdxg#34
    - ROCm/librocdxg README.md
    """
    if isinstance(system.wsl, Gap):
        return skip("it is not known whether this is WSL: {detail}", detail=system.wsl.detail)
    kernel = "unknown" if isinstance(system.kernel, Gap) else system.kernel
    if not system.wsl:
        return skip("this is not WSL")
    if not isinstance(runtime, Gap) and runtime.agents and runtime.error is None:
        return judge([], Seen("rocminfo", f"shows {', '.join(agent.name for agent in runtime.agents)}"), Seen("uname -r", kernel))
    if isinstance(runtime, Gap) and runtime.reason != "absent":
        return skip("this is WSL, and it is not known what rocminfo shows there: {detail}", detail=runtime.detail)
    said = [Seen("rocminfo", runtime.error)] if not isinstance(runtime, Gap) and runtime.error else []
    finding = Finding(
        subject="wsl",
        message=say("this is WSL: there is no amdgpu and no /dev/kfd here, and ROCm reaches a GPU only through Windows, if at all"),
        confidence="likely",
        seen=(Seen("uname -r", kernel), *said),
        cause=say("AMD's ROCm for WSL is not installed, or the GPU is none that it knows: MI50 and other gfx9 cards are not"),
        fix=Fix(
            text=say(
                "for a Radeon card or Ryzen processor on AMD's list for WSL, install AMD's driver on Windows and its ROCm for WSL, as "
                "{page} says; for any other card, start Linux on the machine itself",
                page=_FOR_WSL,
            ),
            verify=("ls -l /dev/dxg", "rocminfo | grep gfx"),
        ),
    )
    return judge([finding])
