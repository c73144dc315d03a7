"""The cards' published figures.

Compute units, memory, clocks, bus: AMD's product pages (https://www.amd.com/en/products/specifications.html, the "GPU
specifications" and "Instinct" tables). Device ids: https://pci-ids.ucw.cz/read/PC/1002. gfx_target_version, wavefront and codenames:
Linux drivers/gpu/drm/amd/amdkfd/kfd_device.c and amdgpu/amdgpu_device.c, ROCR-Runtime's isa.cpp. Shader engines, arrays and units an
array: the same driver's gfx_v9_0.c … gfx_v12_0.c. Memory as the driver reports it is the published size less 16 MiB that it reserves.
What nobody publishes (gpu_id, firmware numbers, unique ids) is made up and said to be so where it is written.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Card:
    """One model of GPU."""

    market: str
    """Marketing name."""
    gfx: str
    target: int
    """gfx_target_version."""
    device: str
    revision: str
    subsystem: tuple[str, str]
    pci_class: str
    asic: str
    """The driver's name, as it prints in the kernel log."""
    node_name: str
    """What KFD prints in `name`."""
    units: int
    engines: int
    arrays: int
    """Shader arrays an engine."""
    array_units: int
    """Compute units an array, those switched off too."""
    vram_mib: int
    bus_bits: int
    memory_mhz: int
    engine_mhz: int
    link: tuple[str, int]
    """PCIe: speed of a lane in GT/s as the kernel prints it, lanes."""
    firmware: str
    """Prefix of its firmware files below /lib/firmware/amdgpu."""
    partitions: int
    """XCCs of an MI300."""
    large_bar: bool
    display: bool
    apu: bool
    bridges: bool
    """Discrete cards since Vega 20 bring two PCIe bridges of their own (1002:14a0 and 14a1, 1478 and 1479)."""

    @property
    def cdna2(self) -> bool:
        """MI200 and MI300."""
        return self.gfx in {"gfx90a", "gfx942"}

    @property
    def wavefront(self) -> int:
        """Lanes in a wavefront."""
        return 64 if self.target < 100000 else 32

    @property
    def simds(self) -> int:
        """SIMDs in a compute unit."""
        return 4 if self.target < 100000 else 2

    @property
    def vram_bytes(self) -> int:
        """Memory that the driver reports."""
        return (self.vram_mib - (0 if self.apu else 16)) * MIB

    @property
    def target_id(self) -> str:
        """Target with its features, as rocminfo prints it."""
        features = {"gfx900": ":xnack-", "gfx902": ":xnack+"}
        if self.gfx in {"gfx906", "gfx908", "gfx90a", "gfx942"}:
            return f"{self.gfx}:sramecc+:xnack-"
        return self.gfx + features.get(self.gfx, "")


#: Who it is. gfx_target_version, device id, revision, subsystem, class, the driver's name for the chip, KFD's name for it.
_IDS = """
card       | name                   | gfx     | version | id   | rev | subsystem | class  | driver         | KFD            | firmware
MI25       | Radeon Instinct MI25   | gfx900  | 90000   | 6860 | 01  | 1002:0c35 | 030000 | VEGA10         | -              | vega10
MI50       | AMD Instinct MI50/MI60 | gfx906  | 90006   | 66a1 | 02  | 1002:0834 | 038000 | VEGA20         | vega20         | vega20
MI60       | AMD Instinct MI60      | gfx906  | 90006   | 66a0 | 00  | 1002:0834 | 038000 | VEGA20         | vega20         | vega20
RADEON_VII | AMD Radeon VII         | gfx906  | 90006   | 66af | c1  | 1002:081e | 030000 | VEGA20         | vega20         | vega20
MI210      | AMD Instinct MI210     | gfx90a  | 90010   | 740f | 02  | 1002:0c34 | 120000 | ALDEBARAN      | aldebaran      | aldebaran
MI300X     | AMD Instinct MI300X    | gfx942  | 90402   | 74a1 | 00  | 1002:74a1 | 120000 | IP DISCOVERY   | ip discovery   | gc_9_4_3
RX6800     | AMD Radeon RX 6800     | gfx1030 | 100300  | 73bf | c3  | 1002:0e3a | 030000 | SIENNA_CICHLID | sienna_cichlid | sienna_cichlid
RX7900XTX  | AMD Radeon RX 7900 XTX | gfx1100 | 110000  | 744c | c8  | 1002:0e3b | 030000 | IP DISCOVERY   | ip discovery   | gc_11_0_0
RX9070     | AMD Radeon RX 9070     | gfx1201 | 120001  | 7550 | c3  | 1002:0e4c | 030000 | IP DISCOVERY   | ip discovery   | gc_12_0_1
R780M      | AMD Radeon 780M        | gfx1103 | 110003  | 15bf | c8  | 1043:1e4f | 030000 | IP DISCOVERY   | ip discovery   | gc_11_0_1
RAPHAEL    | AMD Radeon Graphics    | gfx1036 | 100306  | 164e | c1  | 1043:8877 | 030000 | IP DISCOVERY   | ip discovery   | gc_10_3_6
RAVEN      | AMD Radeon Vega 11     | gfx902  | 90002   | 15dd | c6  | 1002:15dd | 030000 | RAVEN          | raven          | raven
"""
#: What it has. Compute units in use, shader engines x arrays x units of an array; marks: large_bar (the window spans the memory without
#: resizing), headless, apu, bridges (two PCIe bridges of its own on the card).
_FIGURES = """
card       | CUs | engines x arrays x CUs | MiB    | bits | memory MHz | engine MHz | GT/s x lanes | XCCs | marks
MI25       | 64  | 4x1x16                 | 16384  | 2048 | 945        | 1500       | 8.0 x16      | 1    | large_bar headless bridges
MI50       | 60  | 4x1x16                 | 16384  | 4096 | 1000       | 1725       | 16.0 x16     | 1    | large_bar headless bridges
MI60       | 64  | 4x1x16                 | 32768  | 4096 | 1000       | 1800       | 16.0 x16     | 1    | large_bar headless bridges
RADEON_VII | 60  | 4x1x16                 | 16384  | 4096 | 1000       | 1800       | 8.0 x16      | 1    | bridges
MI210      | 104 | 8x1x14                 | 65536  | 4096 | 1600       | 1700       | 16.0 x16     | 1    | large_bar headless
MI300X     | 304 | 32x1x10                | 196608 | 8192 | 1300       | 2100       | 32.0 x16     | 8    | large_bar headless
RX6800     | 60  | 4x2x10                 | 16384  | 256  | 1000       | 2105       | 16.0 x16     | 1    | bridges
RX7900XTX  | 96  | 6x2x8                  | 24576  | 384  | 1249       | 2500       | 16.0 x16     | 1    | bridges
RX9070     | 56  | 4x2x8                  | 16384  | 256  | 1258       | 2520       | 32.0 x16     | 1    | bridges
R780M      | 12  | 1x2x6                  | 2048   | 128  | 2800       | 2700       | 16.0 x16     | 1    | apu
RAPHAEL    | 2   | 1x1x2                  | 512    | 128  | 2600       | 2200       | 16.0 x16     | 1    | apu
RAVEN      | 11  | 1x1x11                 | 2048   | 128  | 1467       | 1250       | 8.0 x16      | 1    | apu
"""


def _rows(table: str) -> dict[str, list[str]]:
    lines = table.strip().splitlines()[1:]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def _card(ids: list[str], figures: list[str]) -> Card:
    name, gfx, target, device, revision, subsystem, pci_class, asic, node_name, firmware = ids
    units, shape, vram, bits, memory, engine, link, partitions, marks = figures
    engines, arrays, array_units = map(int, shape.split("x"))
    speed, lanes = link.split(" x")
    vendor, _, product = subsystem.partition(":")
    return Card(
        market=name,
        gfx=gfx,
        target=int(target),
        device=device,
        revision=revision,
        subsystem=(vendor, product),
        pci_class=f"0x{pci_class}",
        asic=asic,
        node_name=node_name.strip("-"),
        units=int(units),
        engines=engines,
        arrays=arrays,
        array_units=array_units,
        vram_mib=int(vram),
        bus_bits=int(bits),
        memory_mhz=int(memory),
        engine_mhz=int(engine),
        link=(speed, int(lanes)),
        firmware=firmware,
        partitions=int(partitions),
        large_bar="large_bar" in marks,
        display="headless" not in marks,
        apu="apu" in marks,
        bridges="bridges" in marks,
    )


CARDS = {name: _card(ids, _rows(_FIGURES)[name]) for name, ids in _rows(_IDS).items()}

#: Firmware files by chip: the names that drivers/gpu/drm/amd/amdgpu asks for (MODULE_FIRMWARE lines).
FIRMWARE = {
    "vega10": "acg_smc asd ce gpu_info me mec mec2 pfp rlc sdma sdma1 smc sos uvd vce",
    "vega20": "asd ce me mec mec2 pfp rlc sdma sdma1 smc sos ta uvd vce",
    "aldebaran": "mec mec2 rlc sdma smc sos ta vcn",
    "gc_9_4_3": "mec rlc",
    "sienna_cichlid": "ce dmcub me mec mec2 pfp rlc sdma smc sos ta vcn",
    "gc_11_0_0": "imu me mec mes1 mes_2 pfp rlc",
    "gc_11_0_1": "imu me mec mes1 mes_2 pfp rlc",
    "gc_12_0_1": "imu me mec pfp rlc uni_mes",
    "gc_10_3_6": "ce me mec mec2 pfp rlc",
    "raven": "asd ce gpu_info me mec mec2 pfp rlc sdma vcn",
}
