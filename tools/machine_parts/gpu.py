"""A card in a machine: the kernel's files below /sys/class/kfd, /sys/bus/pci, /sys/class/drm and /dev.

Formats: Linux drivers/gpu/drm/amd/amdkfd/kfd_topology.c (node_show, mem_show, iolink_show), drivers/pci/pci-sysfs.c,
Documentation/ABI/testing/sysfs-bus-pci, Documentation/gpu/amdgpu/driver-misc.rst; capability bits: libhsakmt's hsakmttypes.h.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.machine_parts.builder import Builder
from tools.machine_parts.cards import FIRMWARE, GIB, MIB, Card

KFD = "/sys/devices/virtual/kfd/kfd/topology"
KFD_MAJOR = 510


@dataclass(frozen=True)
class Slot:
    """Where a card sits and what the kernel made of it."""

    card: Card
    bus: int = 3
    node: int = 1
    minor: int = 128
    driver: str | None = "amdgpu"
    partition: int | None = None
    """Index of this partition; None: not split."""
    bar_bytes: int | None = None
    """Size of the memory window; None: as the card has it without resizing."""
    narrow: tuple[str, int] | None = None
    """Link as negotiated where it is below the card's."""
    cpu_cores: int = 0
    """An APU node of a kernel that read the firmware's CRAT: CPU and GPU in one node."""

    @property
    def bdf(self) -> str:
        """The PCI address."""
        return f"0000:{self.bus:02x}:00.0"

    @property
    def gpu_id(self) -> int:
        """Made up: the kernel hashes it of the address and the memory's size."""
        return 11000 + 137 * self.node + self.bus

    @property
    def split(self) -> int:
        """In how many parts the card is used."""
        return self.card.partitions if self.partition is not None else 1

    @property
    def units(self) -> int:
        """Compute units of this card or partition."""
        return self.card.units // self.split

    @property
    def vram_bytes(self) -> int:
        """Memory of this card or partition, in whole pages."""
        return self.card.vram_bytes // self.split & ~4095

    @property
    def bar(self) -> int:
        """Size of the memory window."""
        if self.bar_bytes is not None:
            return self.bar_bytes
        if not self.card.large_bar:
            return 256 * MIB
        size = GIB
        while size < self.card.vram_bytes:
            size *= 2
        return size

    @property
    def pci_path(self) -> str:
        """The folder in /sys/devices."""
        above = f"/0000:{self.bus - 2:02x}:00.0/0000:{self.bus - 1:02x}:00.0" if self.card.bridges else ""
        return f"/sys/devices/pci0000:00/0000:00:01.{self.bus % 8}{above}/{self.bdf}"


def megabytes(link: tuple[str, int]) -> int:
    """KFD's bandwidth of a link: 2000 MB/s for each 16 GT/s lane."""
    return int(float(link[0]) * link[1] * 125)


def capability(card: Card) -> int:
    """Watch points, doorbells of 64 bits, trap debugging, SVM, and SRAM ECC where the card has it."""
    bits = 1 << 7 | 2 << 8 | 2 << 12 | 7 << 15 | 1 << 27 | 1 << 29
    return bits | (1 << 21 | 1 << 26 if "sramecc+" in card.target_id else 0)


def properties(slot: Slot, release: tuple[int, int]) -> dict[str, int]:
    """The node's properties in the kernel's order; before 5.15 several were not printed."""
    card = slot.card
    rows = {
        "cpu_cores_count": slot.cpu_cores,
        "simd_count": slot.units * card.simds,
        "mem_banks_count": 1,
        "caches_count": 0,
        "io_links_count": 0 if slot.cpu_cores else 1,
        "p2p_links_count": 0,
        "cpu_core_id_base": 0 if not slot.cpu_cores else 16,
        "simd_id_base": 2147487744,
        "max_waves_per_simd": 8 if card.cdna2 else 10 if card.wavefront == 64 else 16,
        "lds_size_in_kb": 64,
        "gds_size_in_kb": 0,
        "num_gws": 64,
        "wave_front_size": card.wavefront,
        "array_count": card.engines * card.arrays // slot.split,
        "simd_arrays_per_engine": card.arrays,
        "cu_per_simd_array": card.array_units,
        "simd_per_cu": card.simds,
        "max_slots_scratch_cu": 32,
        "gfx_target_version": card.target,
        "vendor_id": 0x1002,
        "device_id": int(card.device, 16),
        "location_id": slot.bus << 8 | (slot.partition or 0) << 28,
        "domain": 0,
        "drm_render_minor": slot.minor,
        "hive_id": 0,
        "num_sdma_engines": 1 if card.apu else 2,
        "num_sdma_xgmi_engines": 0,
        "num_sdma_queues_per_engine": 8,
        "num_cp_queues": 24 if card.wavefront == 64 else 8,
        "max_engine_clk_fcompute": card.engine_mhz,
        "local_mem_size": 0,
        "fw_version": 100,
        "capability": capability(card),
        "debug_prop": 1494,
        "sdma_fw_version": 100,
        "unique_id": 0,
        "num_xcc": card.partitions // slot.split,
        "max_engine_clk_ccompute": 4500,
    }
    if release < (5, 15):
        for key in ("p2p_links_count", "num_gws", "gfx_target_version", "domain", "debug_prop", "unique_id", "num_xcc"):
            del rows[key]
        rows["local_mem_size"] = slot.vram_bytes
    return rows


def cpu_node(b: Builder, slots: tuple[Slot, ...], *, threads: int, memory_bytes: int) -> None:
    """Node 0, and the folder of nodes."""
    b.link("/sys/class/kfd/kfd", "../../devices/virtual/kfd/kfd")
    b.file(f"{KFD.removesuffix('/topology')}/dev", f"{KFD_MAJOR}:0")
    b.file(f"{KFD}/generation_id", 2)
    b.table(f"{KFD}/system_properties", {"platform_oem": 0, "platform_id": 0, "platform_rev": 0})
    if any(slot.cpu_cores for slot in slots):
        return
    here = f"{KFD}/nodes/0"
    b.file(f"{here}/gpu_id", 0)
    b.file(f"{here}/name", "")
    zeros = ("lds_size_in_kb", "wave_front_size", "array_count", "simd_per_cu", "gfx_target_version", "vendor_id", "device_id")
    rows = {"cpu_cores_count": threads, "simd_count": 0, "mem_banks_count": 1, "io_links_count": len(slots), **dict.fromkeys(zeros, 0)}
    b.table(f"{here}/properties", {**rows, "max_engine_clk_ccompute": 4500})
    b.table(f"{here}/mem_banks/0/properties", {"heap_type": 0, "size_in_bytes": memory_bytes, "flags": 0, "width": 64, "mem_clk_max": 3200})
    for number, slot in enumerate(slots):
        io_link(b, here, number, 0, slot.node, slot.card)


def io_link(b: Builder, here: str, number: int, start: int, end: int, card: Card) -> None:
    """A PCIe link between two nodes."""
    rows = {"type": 2, "version_major": 0, "version_minor": 0, "node_from": start, "node_to": end, "weight": 20}
    rows |= {"min_latency": 0, "max_latency": 0, "min_bandwidth": 0, "max_bandwidth": megabytes(card.link)}
    b.table(f"{here}/io_links/{number}/properties", {**rows, "recommended_transfer_size": 0, "flags": 1})


def kfd_node(b: Builder, slot: Slot, release: tuple[int, int]) -> None:
    """A GPU's node of the topology."""
    here, card = f"{KFD}/nodes/{slot.node}", slot.card
    b.file(f"{here}/gpu_id", slot.gpu_id)
    b.file(f"{here}/name", card.node_name if release >= (5, 15) else "")
    b.table(f"{here}/properties", properties(slot, release))
    whole = slot.bar >= slot.vram_bytes or card.apu
    rows = {"heap_type": 1 if whole else 2, "size_in_bytes": slot.vram_bytes, "flags": 0, "width": card.bus_bits}
    b.table(f"{here}/mem_banks/0/properties", {**rows, "mem_clk_max": card.memory_mhz})
    if not slot.cpu_cores:
        io_link(b, here, 0, slot.node, 0, card)


def function(b: Builder, path: str, vendor: str, device: str, pci_class: str, driver: str | None) -> None:
    """One PCI function with what each has."""
    bdf = path.rpartition("/")[2]
    b.link(f"/sys/bus/pci/devices/{bdf}", "../../.." + path.removeprefix("/sys"))
    for name, value in (("vendor", f"0x{vendor}"), ("device", f"0x{device}"), ("class", pci_class)):
        b.file(f"{path}/{name}", value)
    if driver:
        up = "../" * (path.count("/") - 1)
        b.link(f"{path}/driver", f"{up}bus/pci/drivers/{driver}")
        b.folder(f"/sys/bus/pci/drivers/{driver}", "bind", "new_id", "unbind")


def pci_device(b: Builder, slot: Slot) -> None:
    """The card on the PCI bus, with its bridges and its sound function."""
    card, here = slot.card, slot.pci_path
    parents = here.split("/")[4:-1]
    for depth in range(len(parents)):
        path = "/sys/devices/pci0000:00/" + "/".join(parents[: depth + 1])
        own = {1: "14a0", 2: "14a1"} if card.wavefront == 64 else {1: "1478", 2: "1479"}
        function(b, path, "1022" if depth == 0 else "1002", own.get(depth, "1483"), "0x060400", "pcieport")
        for side in ("current", "max"):
            speed, width = (slot.narrow or card.link) if side == "current" else card.link
            b.file(f"{path}/{side}_link_speed", f"{speed} GT/s PCIe")
            b.file(f"{path}/{side}_link_width", width)
    function(b, here, "1002", card.device, card.pci_class, slot.driver)
    b.file(f"{here}/revision", f"0x{card.revision}")
    b.file(f"{here}/subsystem_vendor", f"0x{card.subsystem[0]}")
    b.file(f"{here}/subsystem_device", f"0x{card.subsystem[1]}")
    speed, width = card.link if card.bridges or not slot.narrow else slot.narrow
    b.file(f"{here}/current_link_speed", f"{speed} GT/s PCIe")
    b.file(f"{here}/current_link_width", width)
    b.file(f"{here}/max_link_speed", f"{card.link[0]} GT/s PCIe")
    b.file(f"{here}/max_link_width", card.link[1])
    b.file(f"{here}/resource", resource(slot.bar, slot.bus))
    if card.display and slot.driver != "vfio-pci":
        function(b, here[:-1] + "1", "1002", "ab38", "0x040300", "snd_hda_intel")


def resource(bar: int, bus: int) -> str:
    """The memory windows: VRAM, doorbells, ports, registers, ROM, then nothing."""

    def row(start: int, size: int, flags: int) -> str:
        return f"0x{start:016x} 0x{start + size - 1:016x} 0x{flags:016x}" if size else " ".join(["0x" + "0" * 16] * 3)

    high, low = bus << 40, 0xF0000000 + (bus << 20)
    rows = [row(high, bar, 0x14220C), row(0, 0, 0), row(high + (1 << 39), 2 * MIB if bar else 0, 0x14220C), row(0, 0, 0)]
    rows += [row(0xE000, 256, 0x40101), row(low, 512 * 1024, 0x40200), row(low + (1 << 19), 128 * 1024, 0x46200)]
    return "\n".join(rows + [row(0, 0, 0)] * 6)


def drm_device(b: Builder, slot: Slot, gid: int, *, opened: str = "ok", nodes: bool = True) -> None:
    """What amdgpu adds once it drives the card: memory figures, and the card's and render nodes."""
    here, total = slot.pci_path, slot.card.vram_bytes
    if slot.partition:
        here = f"/sys/devices/platform/amdgpu_xcp_{slot.partition - 1}"
    else:
        gtt = 15 * GIB
        for name, size in (("vram", total), ("vis_vram", min(total, slot.bar)), ("gtt", gtt)):
            b.file(f"{here}/mem_info_{name}_total", size)
            b.file(f"{here}/mem_info_{name}_used", 12 * MIB)
        b.file(f"{here}/gpu_busy_percent", 0)
        if "sramecc+" in slot.card.target_id:  # cards with ECC count what it finds
            for block in ("umc", "sdma", "gfx", "mmhub", "pcie_bif", "hdp", "xgmi_wafl"):
                b.file(f"{here}/ras/{block}_err_count", "ue: 0\nce: 0")
            b.files[f"{here}/ras/gpu_vram_bad_pages"] = ""
    if slot.partition == 0:
        b.file(f"{here}/current_compute_partition", "CPX")
    if slot.card.partitions > 1 and not slot.partition:
        if slot.partition is None:
            b.file(f"{here}/current_compute_partition", "SPX")
        b.file(f"{here}/available_compute_partition", "SPX, DPX, QPX, CPX")
        b.file(f"{here}/current_memory_partition", "NPS1")
        b.file(f"{here}/available_memory_partition", "NPS1, NPS4")
    card = slot.minor - 128
    for name, minor in ((f"card{card}", card), (f"renderD{slot.minor}", slot.minor)):
        b.link(f"/sys/class/drm/{name}", f"../..{here.removeprefix('/sys')}/drm/{name}")
        b.link(f"{here}/drm/{name}/device", f"../../../{here.rpartition('/')[2]}")
        b.file(f"{here}/drm/{name}/dev", f"226:{minor}")
    if nodes:
        b.device(f"/dev/dri/card{card}", (226, card), 44, opened="ok" if opened == "ok" else opened)
        b.device(f"/dev/dri/renderD{slot.minor}", (226, slot.minor), gid, opened=opened)


def firmware(b: Builder, card: Card, *, suffix: str = ".bin") -> None:
    """The chip's firmware files, as names."""
    b.empty(*(f"/usr/lib/firmware/amdgpu/{card.firmware}_{part}{suffix}" for part in FIRMWARE[card.firmware].split()))
