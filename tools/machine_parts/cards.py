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
    partitions: int = 1
    """XCCs of an MI300."""
    large_bar: bool = False
    display: bool = True
    apu: bool = False
    bridges: bool = True
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


_AMD = ("1002", "0834")

MI25 = Card("Radeon Instinct MI25", "gfx900", 90000, "6860", "01", ("1002", "0c35"), "0x030000", "VEGA10", "", 64, 4, 1, 16, 16384, 2048, 945,
            1500, ("8.0", 16), "vega10", large_bar=True, display=False)  # fmt: skip
MI50 = Card("AMD Instinct MI50/MI60", "gfx906", 90006, "66a1", "02", _AMD, "0x038000", "VEGA20", "vega20", 60, 4, 1, 16, 16384, 4096, 1000,
            1725, ("16.0", 16), "vega20", large_bar=True, display=False)  # fmt: skip
MI60 = Card("AMD Instinct MI60", "gfx906", 90006, "66a0", "00", _AMD, "0x038000", "VEGA20", "vega20", 64, 4, 1, 16, 32768, 4096, 1000,
            1800, ("16.0", 16), "vega20", large_bar=True, display=False)  # fmt: skip
RADEON_VII = Card("AMD Radeon VII", "gfx906", 90006, "66af", "c1", ("1002", "081e"), "0x030000", "VEGA20", "vega20", 60, 4, 1, 16, 16384, 4096,
                  1000, 1800, ("8.0", 16), "vega20")  # fmt: skip
MI210 = Card("AMD Instinct MI210", "gfx90a", 90010, "740f", "02", ("1002", "0c34"), "0x120000", "ALDEBARAN", "aldebaran", 104, 8, 1, 14, 65536,
             4096, 1600, 1700, ("16.0", 16), "aldebaran", large_bar=True, display=False, bridges=False)  # fmt: skip
MI300X = Card("AMD Instinct MI300X", "gfx942", 90402, "74a1", "00", ("1002", "74a1"), "0x120000", "IP DISCOVERY", "ip discovery", 304, 32, 1, 10,
              196608, 8192, 1300, 2100, ("32.0", 16), "gc_9_4_3", partitions=8, large_bar=True, display=False, bridges=False)  # fmt: skip
RX6800 = Card("AMD Radeon RX 6800", "gfx1030", 100300, "73bf", "c3", ("1002", "0e3a"), "0x030000", "SIENNA_CICHLID", "sienna_cichlid", 60, 4, 2,
              10, 16384, 256, 1000, 2105, ("16.0", 16), "sienna_cichlid")  # fmt: skip
RX7900XTX = Card("AMD Radeon RX 7900 XTX", "gfx1100", 110000, "744c", "c8", ("1002", "0e3b"), "0x030000", "IP DISCOVERY", "ip discovery", 96, 6,
                 2, 8, 24576, 384, 1249, 2500, ("16.0", 16), "gc_11_0_0")  # fmt: skip
RX9070 = Card("AMD Radeon RX 9070", "gfx1201", 120001, "7550", "c3", ("1002", "0e4c"), "0x030000", "IP DISCOVERY", "ip discovery", 56, 4, 2, 8,
              16384, 256, 1258, 2520, ("32.0", 16), "gc_12_0_1")  # fmt: skip
RADEON_780M = Card("AMD Radeon 780M Graphics", "gfx1103", 110003, "15bf", "c8", ("1043", "1e4f"), "0x030000", "IP DISCOVERY", "ip discovery", 12,
                   1, 2, 6, 2048, 128, 2800, 2700, ("16.0", 16), "gc_11_0_1", apu=True, bridges=False)  # fmt: skip
RAPHAEL = Card("AMD Radeon Graphics", "gfx1036", 100306, "164e", "c1", ("1043", "8877"), "0x030000", "IP DISCOVERY", "ip discovery", 2, 1, 1, 2,
               512, 128, 2600, 2200, ("16.0", 16), "gc_10_3_6", apu=True, bridges=False)  # fmt: skip
RAVEN = Card("AMD Radeon Vega 11 Graphics", "gfx902", 90002, "15dd", "c6", ("1002", "15dd"), "0x030000", "RAVEN", "raven", 11, 1, 1, 11, 2048,
             128, 1467, 1250, ("8.0", 16), "raven", apu=True, bridges=False)  # fmt: skip

ALL = (MI25, MI50, MI60, RADEON_VII, MI210, MI300X, RX6800, RX7900XTX, RX9070, RADEON_780M, RAPHAEL, RAVEN)

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
