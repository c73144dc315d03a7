"""The GPUs, and what the kernel offers of them for computing."""

from __future__ import annotations

from typing import Literal

from rocmkit.facts.gaps import Gap
from rocmkit.model import Model


class KfdNode(Model, kw_only=True):
    """One GPU node of the KFD topology, as the kernel prints it."""

    node: int  # N of nodes/N
    gpu_id: int  # nodes/N/gpu_id
    name: str  # nodes/N/name: vega20; "ip discovery" on newer chips
    gfx_target_version: int | None  # absent on kernels older than about 5.14
    properties: dict[str, int]  # nodes/N/properties, without serial numbers
    vram_bytes: int | None  # banks of heap type 1 and 2 in nodes/N/mem_banks, else local_mem_size
    apu: bool  # the node has CPU cores too


class Kfd(Model, kw_only=True):
    """/sys/class/kfd/kfd/topology. A GPU's own values are not changed by HSA_OVERRIDE_GFX_VERSION."""

    gpu_nodes: tuple[KfdNode, ...]  # in the order of their numbers
    cpu_nodes: tuple[int, ...]  # numbers of nodes without compute units
    masked_nodes: tuple[int, ...]  # a device cgroup answers EPERM to reading them
    unreadable_nodes: tuple[str, ...]  # "N: why"


class Partition(Model, kw_only=True):
    """This GPU is a part of a card that was split (MI300 CPX, DPX, …)."""

    index: int  # from 0
    count: int  # at least: others may be hidden from this process


class Link(Model, kw_only=True):
    """The PCIe link: speeds in GT/s, widths in lanes."""

    speed_gts: float | None  # current_link_speed
    width: int | None  # current_link_width
    max_speed_gts: float | None  # max_link_speed
    max_width: int | None  # max_link_width


class Ras(Model, kw_only=True):
    """Memory and fabric errors that the driver counted since it was loaded, by the block that saw them (umc: video memory)."""

    uncorrectable: dict[str, int]  # ras/BLOCK_err_count (ras/aca_BLOCK of newer cards), line ue
    correctable: dict[str, int]  # the same file, line ce
    bad_pages: int | None  # lines of ras/gpu_vram_bad_pages, kept on the card for good; None: no such file


class Gpu(Model, kw_only=True):
    """One AMD GPU (or partition of one), from KFD and from the PCI bus."""

    gfx: str | None  # gfx906; None where neither the kernel nor the PCI table says
    gfx_source: Literal["kfd", "pci-table"] | None  # the kernel, or the PCI table, which no driver confirms
    target_id: str | None  # gfx906:sramecc+:xnack-
    name: str | None  # the PCI table's, else the kernel's
    pci: str | None  # 0000:63:00.0
    device_id: str | None  # four lower-case hexadecimal digits
    vram_bytes: int | None  # KFD's memory banks, else DRM's mem_info_vram_total
    compute_units: int | None  # simd_count / simd_per_cu
    render_node: str | None  # /dev/dri/renderD128
    kfd_node: int | None  # the topology's node number; None: KFD has none
    kfd_gpu_id: int | None  # the node's gpu_id
    integrated: bool | None  # part of the processor
    pci_driver: str | None | Gap  # kernel driver bound to the device; None: none
    link: Link | None  # of the slot, not of the card's own switch
    bar0_bytes: int | None  # size of the window to video memory (BAR 0); 0: the firmware assigned none
    partition: Partition | None = None  # None: the card is whole
    ras: Ras | None | Gap  # the PCI device's folder `ras`; None: the card or driver counts nothing
    vram_used_bytes: int | None  # mem_info_vram_used, by all processes
    gtt_bytes: int | None  # mem_info_gtt_total: main memory that the GPU may use too
