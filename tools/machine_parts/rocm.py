"""A ROCm user space: a tree below /opt, its kernel libraries' files, and what rocminfo prints.

Layout and packages: https://rocm.docs.amd.com/projects/install-on-linux (package manager integration); targets by release: the
CMakeLists.txt of rocBLAS (TARGET_LIST_ROCM_*), hipBLASLt and MIOpen, and the file list in ROCm/ROCm#4625 for what 6.4 dropped.
rocminfo's format: rocminfo.cc of ROCm/rocminfo; the text here is our own.
"""

from __future__ import annotations

from typing import get_args

from rocmkit.gpucode.values import KernelFiles, KernelLibrary
from tools.machine_parts.builder import Builder
from tools.machine_parts.gpu import Slot
from tools.machine_parts.system import Cpu

_OLD = ("gfx1010", "gfx1012", "gfx1030", "gfx1100", "gfx1101", "gfx1102")
_NEW = ("gfx908", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1101", "gfx1102", "gfx1200", "gfx1201")

#: release series: targets of rocBLAS, of hipBLASLt, of MIOpen's databases
KERNELS: dict[str, dict[KernelLibrary, tuple[str, ...]]] = {
    "5.4": {
        "rocblas": ("gfx803", "gfx900", "gfx906", "gfx908", "gfx90a", "gfx1030"),
        "miopen": ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx1030"),
    },
    "6.1": {
        "rocblas": ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx940", "gfx941", "gfx942", *_OLD),
        "hipblaslt": ("gfx90a", "gfx940", "gfx941", "gfx942"),
        "miopen": ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx942", "gfx1030"),
    },
    "6.3": {
        "rocblas": ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx940", "gfx941", "gfx942", *_OLD, "gfx1151", "gfx1200", "gfx1201"),
        "hipblaslt": ("gfx908", "gfx90a", "gfx942", "gfx1100", "gfx1101", "gfx1200", "gfx1201"),
        "miopen": ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx942", "gfx1030"),
    },
    "6.4": {
        "rocblas": _NEW,
        "hipblaslt": ("gfx908", "gfx90a", "gfx942", "gfx1100", "gfx1101", "gfx1200", "gfx1201"),
        "miopen": ("gfx908", "gfx90a", "gfx942", "gfx1030"),
    },
    "7.2": {
        "rocblas": ("gfx908", "gfx90a", "gfx942", "gfx950", *_NEW[3:7], "gfx1150", "gfx1151", "gfx1200", "gfx1201"),
        "hipblaslt": ("gfx908", "gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1101", "gfx1150", "gfx1151", "gfx1200", "gfx1201"),
        "miopen": ("gfx908", "gfx90a", "gfx942", "gfx950", "gfx1030"),
    },
}
#: Files for one target, about as many as such a library has. Made up: only "none" and "some" bear on anything.
_COUNT: dict[KernelLibrary, int] = {"rocblas": 150, "hipblaslt": 60, "miopen": 3, "rocfft": 40}
_PLACE: dict[KernelLibrary, str] = {
    "rocblas": "lib/rocblas/library",
    "hipblaslt": "lib/hipblaslt/library",
    "miopen": "share/miopen/db",
    "rocfft": "lib/rocfft",
}
#: libraries of a full installation and the number in their soname, by release series
_SIX = {"amdhip64": "6", "rocblas": "4", "hipblaslt": "0", "hipblas": "2", "MIOpen": "1", "hsa-runtime64": "1", "rocfft": "0", "rccl": "1"}
LIBRARIES = {
    "5.4": {"amdhip64": "5", "rocblas": "0", "MIOpen": "1", "hsa-runtime64": "1", "rocfft": "0", "hipblas": "0"},
    "6.1": _SIX,
    "6.3": _SIX,
    "6.4": _SIX,
    "7.2": _SIX | {"amdhip64": "7", "rocblas": "5", "hipblaslt": "1", "hipblas": "3"},
}


def series(version: str) -> str:
    """6.3 of 6.3.4."""
    return ".".join(version.split(".")[:2])


def counted(library: KernelLibrary, path: str, targets: tuple[str, ...]) -> KernelFiles:
    """Kernel files of one library for these targets."""
    count = _COUNT[library]
    found = dict.fromkeys(sorted(targets), count)
    # rocFFT's is one file, a data base with a row for each kernel; the others have one more that is for no target
    files = 1 if library == "rocfft" else count * len(found) + 1
    return KernelFiles(library=library, path=path, files=files, targets=found, unreadable=())


def tree(b: Builder, version: str, *, default: bool = True, without: tuple[str, ...] = ()) -> str:
    """/opt/rocm-VERSION with everything of the meta package `rocm`, and /opt/rocm leading there."""
    top = f"/opt/rocm-{version}"
    b.file(f"{top}/.info/version", f"{version}-{100 + sum(map(ord, version)) % 50}")
    for name, soname in LIBRARIES[series(version)].items():
        if name in without:
            continue
        stem = f"{top}/lib/lib{name}.so"
        ending = f"{version.split('.')[1]}.{version.replace('.', '0')}"
        b.link(stem, f"lib{name}.so.{soname}")
        b.link(f"{stem}.{soname}", f"lib{name}.so.{soname}.{ending}")
        b.empty(f"{stem}.{soname}.{ending}")
    for library in get_args(KernelLibrary):
        targets = KERNELS[series(version)].get("rocblas" if library == "rocfft" else library)
        if targets is not None:
            path = f"{top}/{_PLACE[library]}"
            b.folder(path)
            b.kernels(counted(library, path, targets))
    b.empty(*(f"{top}/bin/{name}" for name in ("rocminfo", "rocm-smi", "hipcc", "amdclang++", "hipconfig")))
    if default:
        b.link("/opt/rocm", f"/opt/rocm-{version}")
    return top


def isa(slot: Slot) -> str:
    """The agent's ISA."""
    return f"amdgcn-amd-amdhsa--{slot.card.target_id}"


def _agent(number: int, rows: dict[str, object]) -> list[str]:
    return ["*******", f"Agent {number}", "*******", *(f"  {key + ':':25}{value}" for key, value in rows.items())]


def rocminfo_text(cpu: Cpu, slots: tuple[Slot, ...], *, module: str | None = None) -> str:
    """What rocminfo prints, cut down to the rows that say who is who."""
    loaded = f"ROCk module version {module} is loaded" if module else "ROCk module is loaded"
    lines = [loaded, "=====================", "HSA System Attributes", "=====================", "Runtime Version:         1.14"]
    lines += [
        "System Timestamp Freq.:  1000.000000MHz",
        "Sig. Max Wait Duration:  18446744073709551615 (0xFFFFFFFFFFFFFFFF) (timestamp count)",
    ]
    lines += ["Machine Model:           LARGE", "System Endianness:       LITTLE", "Mwaitx:                  DISABLED"]
    lines += ["DMAbuf Support:          YES", "", "==========", "HSA Agents", "=========="]
    rows: dict[str, object] = {"Name": cpu.name, "Uuid": "CPU-XX", "Marketing Name": cpu.name, "Vendor Name": "CPU", "Node": 0}
    lines += _agent(1, {**rows, "Device Type": "CPU", "Compute Unit": cpu.threads})
    for number, slot in enumerate(slots, 2):
        card = slot.card
        rows = {"Name": card.gfx, "Uuid": "GPU-XX", "Marketing Name": card.market, "Vendor Name": "AMD", "Feature": "KERNEL_DISPATCH"}
        rows |= {"Node": slot.node, "Device Type": "GPU", "Chip ID": f"{int(card.device, 16)}(0x{card.device})"}
        rows |= {"Max Clock Freq. (MHz)": card.engine_mhz, "BDFID": slot.bus << 8, "Compute Unit": slot.units}
        rows |= {"SIMDs per CU": card.simds, "Wavefront Size": f"{card.wavefront}(0x{card.wavefront:x})"}
        lines += _agent(number, rows)
        lines += ["  ISA Info:", "    ISA 1", f"      {'Name:':33}{isa(slot)}", f"      {'Machine Models:':33}HSA_MACHINE_MODEL_LARGE"]
    return "\n".join([*lines, "*** Done ***", ""])


def rocminfo(b: Builder, top: str, cpu: Cpu, slots: tuple[Slot, ...], *, module: str | None = None, on_path: bool = True) -> None:
    """rocminfo, found on PATH and in the tree, and its answer."""
    text = rocminfo_text(cpu, slots, module=module)
    if on_path:
        b.which["rocminfo"] = f"{top}/bin/rocminfo"
    b.says(f"{top}/bin/rocminfo", out=text)


def rocminfo_fails(b: Builder, top: str, out: str, err: str = "") -> None:
    """rocminfo that ends with an error."""
    b.which["rocminfo"] = f"{top}/bin/rocminfo"
    b.says(f"{top}/bin/rocminfo", out=out, err=err, code=1)
