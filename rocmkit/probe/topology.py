"""The GPUs: the KFD topology as the kernel prints it, joined with what the PCI bus has.

The KFD's own words are better than any table, and HSA_OVERRIDE_GFX_VERSION does not change them. A card that KFD does not know
(no driver, bound to vfio-pci, hidden by a device cgroup) is still on the PCI bus.
"""

from __future__ import annotations

import errno
import re
from collections import Counter

from rocmkit import kb
from rocmkit.facts import Gap, Gpu, Kfd, KfdNode, Partition, gap
from rocmkit.host.base import Host, NotAsked, lines_with
from rocmkit.probe.gaps import field, from_error, names, text
from rocmkit.probe.pci import Device, decimal, devices

NODES = "/sys/class/kfd/kfd/topology/nodes"
#: HSA_CAP_SRAM_EDCSUPPORTED of the property `capability`: SRAM ECC is on (hsakmttypes.h).
_SRAMECC_BIT = 1 << 26
#: HSA_HEAPTYPE_FRAME_BUFFER_PUBLIC and _PRIVATE (hsakmttypes.h); an APU's bank of type 0 is system memory.
_VRAM_HEAPS = {1, 2}
#: Of a memory bank's properties only these are looked at.
_BANK = lines_with(r"^(heap_type|size_in_bytes)\b")
#: gfx_target_version // 100 of the chips that can be split into partitions: gfx94x and gfx95x.
_SPLITTABLE = {904, 905}


#: Properties that identify one specimen of a card or its neighbours (kfd_topology.c), and such as a later kernel may add.
_SPECIMEN = re.compile(rb"\s*\w*(unique_id|hive_id|serial|uuid|guid)", re.IGNORECASE)


def topology(host: Host) -> tuple[Kfd | Gap, tuple[Gpu, ...] | Gap]:
    """The KFD topology, and every AMD GPU: first those of KFD in its order, then what only the PCI bus knows. Raises nothing."""
    found = field(kfd, host)
    bus = field(devices, host)
    nodes = () if isinstance(found, Gap) else found.gpu_nodes
    if isinstance(bus, Gap):
        return found, join(nodes, ()) if nodes else bus
    return found, join(nodes, bus)


def kfd(host: Host) -> Kfd:
    """The nodes below /sys/class/kfd. Raises OSError, NotAsked where they cannot be listed; one bad node spoils no other."""
    gpus: list[KfdNode] = []
    cpus: list[int] = []
    masked: list[int] = []
    unreadable: list[str] = []
    for number in sorted(n for name in host.list(NODES) if (n := decimal(name)) is not None):
        try:
            node = _node(host, number)
        except (OSError, ValueError, NotAsked) as error:
            # A device cgroup answers EPERM to read(2), after open(2) went well: the GPU is there, for others (kfd_topology.c).
            if isinstance(error, OSError) and error.errno == errno.EPERM:
                masked.append(number)
            else:
                unreadable.append(f"{number}: {from_error(error).detail}")
            continue
        if node is None:
            cpus.append(number)
        elif node.gpu_id == 0:  # compute units but no id: libhsakmt takes it for a GPU that this process may not have
            masked.append(number)
        else:
            gpus.append(node)
    return Kfd(gpu_nodes=tuple(gpus), cpu_nodes=tuple(cpus), masked_nodes=tuple(masked), unreadable_nodes=tuple(unreadable))


def _node(host: Host, number: int) -> KfdNode | None:
    """One node; None where it is a processor. Raises OSError, NotAsked, ValueError."""
    folder = f"{NODES}/{number}"
    found = properties(host.read_text(f"{folder}/properties", without_serials))
    if not found.get("simd_count"):
        return None
    gpu_id = decimal(host.read_text(f"{folder}/gpu_id"))
    if gpu_id is None:
        raise ValueError(f"{folder}/gpu_id: not a number")
    return KfdNode(
        node=number,
        gpu_id=gpu_id,
        name=text(host, f"{folder}/name"),
        gfx_target_version=found.get("gfx_target_version") or None,
        properties=found,
        vram_bytes=_memory(host, folder) or found.get("local_mem_size") or None,
        apu=found.get("cpu_cores_count", 0) > 0,
    )


def without_serials(data: bytes) -> bytes:
    """Drop the lines that identify one specimen of a card."""
    return b"\n".join(line for line in data.splitlines() if not _SPECIMEN.match(line))


def properties(listing: str) -> dict[str, int]:
    """The "key value" lines of a `properties` file. New kernels add keys, so any key is taken; what is no number is passed over.

    Raises ValueError where not one line is of that form.
    """
    pairs = (line.split() for line in listing.splitlines())
    found = {pair[0]: value for pair in pairs if len(pair) == 2 and (value := decimal(pair[1])) is not None}
    if not found:
        raise ValueError('no "key value" line in a properties file')
    return found


def _memory(host: Host, folder: str) -> int:
    """Bytes of the node's own memory banks. `local_mem_size` is 0 on newer kernels."""
    total = 0
    for bank in names(host, f"{folder}/mem_banks"):
        found = field(lambda path: properties(host.read_text(path, _BANK)), f"{folder}/mem_banks/{bank}/properties")
        if not isinstance(found, Gap) and found.get("heap_type") in _VRAM_HEAPS:
            total += found.get("size_in_bytes", 0)
    return total


def join(nodes: tuple[KfdNode, ...], bus: tuple[Device, ...]) -> tuple[Gpu, ...]:
    """One Gpu for each KFD node, then one for each PCI device that no node lies on."""
    by_address = {device.address: device for device in bus}
    places = [address(node.properties, frozenset(by_address)) for node in nodes]
    parts = _partitions(nodes, places)
    gpus = [_gpu(node, by_address.get(place or ""), place, part) for node, place, part in zip(nodes, places, parts, strict=True)]
    return (*gpus, *(_gpu(None, device, device.address, None) for device in bus if device.address not in places))


def address(found: dict[str, int], known: frozenset[str]) -> str | None:
    """The PCI address of a node, from `location_id` (bus<<8 | device<<3 | function) and `domain`.

    A partition of a card carries its number in bits 28 to 31, or, in the first kernels with gfx942, in the function, which no
    device on the bus (`known`) then has. None where the node names no place.
    """
    location = found.get("location_id", 0) & 0xFFFF
    if not location:
        return None
    place = f"{found.get('domain', 0):04x}:{location >> 8:02x}:{location >> 3 & 31:02x}."
    first, own = place + "0", f"{place}{location & 7}"
    if own not in known and (first in known or _splittable(found)):
        return first
    return own


def _splittable(found: dict[str, int]) -> bool:
    return found.get("gfx_target_version", 0) // 100 in _SPLITTABLE


def _partitions(nodes: tuple[KfdNode, ...], places: list[str | None]) -> list[Partition | None]:
    cards = Counter(place for node, place in zip(nodes, places, strict=True) if _splittable(node.properties))
    found: list[Partition | None] = []
    seen: Counter[str | None] = Counter()
    for node, place in zip(nodes, places, strict=True):
        location = node.properties.get("location_id", 0)
        number = location >> 28 or (location & 7 if place and place[-1] == "0" else 0)
        if not _splittable(node.properties) or (cards[place] < 2 and not number):
            found.append(None)
            continue
        index = max(number, seen[place])
        seen[place] = index + 1
        # Other partitions may be hidden from this process; there are at least as many as the highest number says.
        found.append(Partition(index=index, count=max(cards[place], index + 1)))
    return found


def _gpu(node: KfdNode | None, device: Device | None, place: str | None, partition: Partition | None) -> Gpu:
    found = node.properties if node else {}
    device_id = device.device_id if device else f"{found['device_id']:04x}" if "device_id" in found else None
    row = kb.pci(device_id) if device_id else None
    gfx = kb.gfx_of_version(node.gfx_target_version or 0) if node else None
    units, simds = found.get("simd_count", 0), found.get("simd_per_cu", 0)
    minor = found.get("drm_render_minor")
    own_name = node.name if node and node.name != "ip discovery" else ""
    return Gpu(
        gfx=gfx or (row.gfx if row else None),
        gfx_source="kfd" if gfx else "pci-table" if row and row.gfx else None,
        target_id=target_id(gfx or (row.gfx if row else None), found.get("capability")),
        name=(row.name if row else "") or own_name or None,
        pci=place,
        device_id=device_id,
        vram_bytes=(node.vram_bytes if node else None) or (device.vram_bytes if device else None),
        compute_units=units // simds if simds else None,
        render_node=f"/dev/dri/renderD{minor}" if minor else device.render_node if device else None,
        kfd_node=node.node if node else None,
        kfd_gpu_id=node.gpu_id if node else None,
        integrated=_integrated(gfx or (row.gfx if row else None), node),
        # KFD has nodes only for what amdgpu drives, so a copy of a tree that lost the link still tells.
        pci_driver=device.driver if device and (node is None or isinstance(device.driver, str)) else "amdgpu",
        link=device.link if device else None,
        bar0_bytes=device.bar0_bytes if device else None,
        partition=partition,
        ras=device.ras if device else gap("absent", "the PCI bus shows no device at this GPU's place"),
        vram_used_bytes=device.vram_used_bytes if device else None,
        gtt_bytes=device.gtt_bytes if device else None,
    )


def target_id(gfx: str | None, capability: int | None) -> str | None:
    """The target id that programs meet: gfx906:sramecc+:xnack-. None where the SRAM ECC mode is part of it and not known.

    ROCr takes sramecc from `capability`, and xnack from a mode of each process that KFD gives as off unless it was asked for
    (HSA_XNACK=1) on a chip and driver that can (`amdgpu.noretry=0` on gfx906 and gfx908): so xnack- it is by default.
    """
    arch = kb.arch(gfx) if gfx else None
    if gfx is None or arch is None:
        return gfx
    if arch.sramecc and capability is None:
        return None
    sramecc = "" if not arch.sramecc else ":sramecc+" if capability and capability & _SRAMECC_BIT else ":sramecc-"
    return gfx + sramecc + (":xnack-" if arch.xnack else "")


def _integrated(gfx: str | None, node: KfdNode | None) -> bool | None:
    if node and node.apu:
        return True
    arch = kb.arch(gfx) if gfx else None
    return arch.integrated if arch else None
