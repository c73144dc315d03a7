"""The kernel log of a machine: lines in the formats of the driver's own messages.

Sources: Linux drivers/gpu/drm/amd/amdgpu/{amdgpu_device,amdgpu_drv,amdgpu_gmc,gmc_v9_0}.c, amdkfd/{kfd_device,kfd_topology,kfd_crat}.c,
drivers/pci/setup-bus.c, drivers/vfio/pci. Times are made up.
"""

from __future__ import annotations

from rocmkit.probe import kernel_log
from tools.machine_parts.builder import Builder
from tools.machine_parts.gpu import Slot
from tools.machine_parts.system import Release

DMESG = ("/usr/bin/dmesg",)
JOURNAL = ("/usr/bin/journalctl", *kernel_log.JOURNAL)

#: The driver and KFD start.
NO_CARD = [
    "[drm] amdgpu kernel modesetting enabled.",
    "amdgpu: Virtual CRAT table created for CPU",
    "amdgpu: Topology: Add CPU node",
]


def head(os: Release) -> list[str]:
    """How every log starts."""
    return [f"Linux version {os.kernel} (builder@host) (gcc) #1 SMP PREEMPT_DYNAMIC", "Command line: (see /proc/cmdline)"]


def found(slot: Slot) -> list[str]:
    """The bus finds the card."""
    card = slot.card
    lines = [f"pci {slot.bdf}: [1002:{card.device}] type 00 class {card.pci_class}"]
    start = slot.bus << 40
    return lines + ([f"pci {slot.bdf}: BAR 0 [mem 0x{start:x}-0x{start + slot.bar - 1:x} 64bit pref]"] if slot.bar else [])


def modesetting(slot: Slot) -> str:
    """The driver takes the card."""
    card = slot.card
    ids = f"0x1002:0x{card.device.upper()} 0x{card.subsystem[0].upper()}:0x{card.subsystem[1].upper()} 0x{card.revision.upper()}"
    return f"[drm] initializing kernel modesetting ({card.asic} {ids})."


def probed(slot: Slot) -> list[str]:
    """A card that comes up."""
    card, bdf, mib = slot.card, slot.bdf, slot.card.vram_bytes >> 20
    lines = [f"amdgpu {bdf}: enabling device (0006 -> 0007)", modesetting(slot)]
    lines += [f"amdgpu {bdf}: amdgpu: Fetched VBIOS from VFCT", f"amdgpu {bdf}: amdgpu: Trusted Memory Zone (TMZ) feature not supported"]
    if "sramecc+" in card.target_id:
        lines += [f"amdgpu {bdf}: amdgpu: MEM ECC is active.", f"amdgpu {bdf}: amdgpu: SRAM ECC is active."]
    lines += [f"amdgpu {bdf}: amdgpu: VRAM: {mib}M 0x0000008000000000 - 0x{0x8000000000 + card.vram_bytes - 1:016X} ({mib}M used)"]
    lines += [f"[drm] Detected VRAM RAM={mib}M, BAR={max(slot.bar >> 20, 256)}M", f"amdgpu {bdf}: amdgpu: SMU is initialized successfully!"]
    lines += ["kfd kfd: amdgpu: Allocated 3969056 bytes on gart", f"amdgpu: HMM registered {mib}MB device memory"]
    lines += ["amdgpu: Virtual CRAT table created for GPU", f"amdgpu: Topology: Add dGPU node [0x{card.device}:0x1002]"]
    lines += [f"kfd kfd: amdgpu: added device 1002:{card.device}"]
    shape = f"SE {card.engines}, SH per SE {card.arrays}, CU per SH {card.array_units}, active_cu_number {card.units}"
    lines += [f"amdgpu {bdf}: amdgpu: {shape}"]
    lines += [f"[drm] Initialized amdgpu 3.57.0 20150101 for {bdf} on minor {slot.minor - 128}"]
    return lines


def healthy(os: Release, slots: tuple[Slot, ...]) -> list[str]:
    """A log without trouble."""
    lines = head(os)
    for slot in slots:
        lines += found(slot)
    lines += NO_CARD
    for slot in slots:
        if not slot.partition:
            lines += probed(slot)
    return lines


def no_room(os: Release, slot: Slot, bar_bytes: int) -> list[str]:
    """The firmware left no room for the card's memory window, and the driver gives up."""
    bdf = slot.bdf
    lines = [*head(os), *found(slot), f"pci {bdf}: BAR 0 [mem size 0x{bar_bytes:x} 64bit pref]: can't assign; no space"]
    lines += [f"pci {bdf}: BAR 0 [mem size 0x{bar_bytes:x} 64bit pref]: failed to assign"]
    lines += NO_CARD
    lines += [modesetting(slot), f"amdgpu {bdf}: amdgpu: Fatal error during GPU init", f"amdgpu {bdf}: amdgpu: amdgpu: finishing device."]
    return [*lines, f"amdgpu {bdf}: probe with driver amdgpu failed with error -12"]


def write(b: Builder, lines: list[str], *, dmesg: bool = True, journal: bool = True) -> None:
    """The log as dmesg and journalctl give it, or their refusals."""
    text = "".join(f"[{0.5 + 0.031 * number:12.6f}] {line}\n" for number, line in enumerate(lines))
    b.tool("/usr/bin/dmesg")
    b.tool("/usr/bin/journalctl")
    if dmesg:
        b.says(*DMESG, out=text)
    else:
        b.says(*DMESG, err="dmesg: read kernel buffer failed: Operation not permitted\n", code=1)
    if journal:
        b.says(*JOURNAL, out="".join(f"{line}\n" for line in lines))
    else:
        b.says(*JOURNAL, err="No journal files were opened due to insufficient permissions.\n", code=1)
