"""The files of the kernel that tell of GPUs and of the processes that use them, written as the kernel writes them.

Formats: kfd_process.c, amdgpu_fdinfo.c and drm_file.c of Linux 6.1, 6.6, 6.12 and 7.2, and of ROCm/ROCK-Kernel-Driver.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from rocmkit.smoke.observed import Card

MIB = 1 << 20
INITIAL, CONTAINER = "pid:[4026531836]", "pid:[4026532221]"


class Gpu(NamedTuple):
    gfx: str
    gpu_id: int
    pci: str
    minor: int
    tells_occupancy: bool = False  # only for GFX9 does amdgpu know it
    integrated: bool = False

    @property
    def card(self) -> Card:
        return Card(
            gfx=self.gfx,
            name=None,
            pci=self.pci,
            node=self.minor - 127,
            gpu_id=self.gpu_id,
            render_node=f"/dev/dri/renderD{self.minor}",
            vram_bytes=16 << 30,
            integrated=self.integrated,
        )


GFX906 = Gpu("gfx906", 51887, "0000:63:00.0", 128, tells_occupancy=True)
GFX90A = Gpu("gfx90a", 4670, "0000:29:00.0", 128, tells_occupancy=True)
GFX1100 = Gpu("gfx1100", 34077, "0000:03:00.0", 128)
SECOND = Gpu("gfx906", 22153, "0000:83:00.0", 129, tells_occupancy=True)
APU = Gpu("gfx1103", 59156, "0000:c4:00.0", 128, integrated=True)
GPUS = {"gfx906": GFX906, "gfx90a": GFX90A, "gfx1100": GFX1100, "second": SECOND, "apu": APU}


class Kernel:
    """What one kernel writes below `root`, as /sys and /proc."""

    def __init__(self, root: Path, *gpus: Gpu, release: str = "6.12", namespace: str = INITIAL) -> None:
        self.root, self.gpus, self.release = root, gpus, release
        self.sys, self.proc = root / "sys", root / "proc"
        self.kfd = self.sys / "class/kfd/kfd/proc"
        self.namespace = namespace

    def boot(self) -> Kernel:
        self.kfd.mkdir(parents=True)
        (self.proc / "self/ns").mkdir(parents=True)
        (self.proc / "self/ns/pid").symlink_to(self.namespace)
        for gpu in self.gpus:
            device = self.sys / f"devices/pci0000:00/{gpu.pci}"
            for folder in (device, self.sys / f"class/drm/renderD{gpu.minor}", self.sys / "bus/pci/devices"):
                folder.mkdir(parents=True, exist_ok=True)
            (self.sys / f"class/drm/renderD{gpu.minor}/device").symlink_to(device)
            (self.sys / f"bus/pci/devices/{gpu.pci}").symlink_to(device)
            self.card(gpu, busy=0, vram=12103680)
        return self

    @property
    def cards(self) -> tuple[Card, ...]:
        return tuple(gpu.card for gpu in self.gpus)

    def card(self, gpu: Gpu, *, busy: int, vram: int) -> None:
        device = self.sys / f"devices/pci0000:00/{gpu.pci}"
        _put(device / "gpu_busy_percent", f"{busy}\n")
        _put(device / "mem_info_vram_used", f"{vram}\n")

    def process(self, pid: int, *, as_pid: int | None = None) -> None:
        """The process itself, as the real /proc has it."""
        folder = self.proc / str(as_pid or pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "fdinfo").mkdir()
        _put(folder / "stat", Path(f"/proc/{pid}/stat").read_text())

    def opened(self, pid: int, inside: str = "") -> Path:
        """It opened /dev/kfd: at once there is all of it, for every GPU."""
        folder = self.kfd / str(pid) / inside
        (folder / "queues").mkdir(parents=True)
        _put(folder / "pasid", "0\n" if self.release == "7.2" else "32784\n")
        for gpu in self.gpus:
            _put(folder / f"vram_{gpu.gpu_id}", "0\n")
            _put(folder / f"sdma_{gpu.gpu_id}", "0\n")
            for name, files in (
                ("stats", ["evicted_ms", *["cu_occupancy"] * gpu.tells_occupancy]),
                ("counters", ["faults", "page_in", "page_out"]),
            ):
                for file in files:
                    _put(folder / f"{name}_{gpu.gpu_id}" / file, "0\n")
        return folder

    def queue(self, pid: int, number: int, gpu: Gpu, *, kind: int = 0, inside: str = "") -> None:
        """A queue; its files have no line feed. The folder is there first, and the files one after the other."""
        folder = self.kfd / str(pid) / inside / f"queues/{number}"
        for name, value in (("gpuid", gpu.gpu_id), ("size", 16384), ("type", kind)):
            _put(folder / name, str(value))

    def no_queue(self, pid: int, number: int) -> None:
        gone(self.kfd / str(pid) / f"queues/{number}")

    def vram(self, pid: int, gpu: Gpu, size: int, inside: str = "") -> None:
        _put(self.kfd / str(pid) / inside / f"vram_{gpu.gpu_id}", f"{size % (1 << 64)}\n")

    def occupied(self, pid: int, gpu: Gpu, units: int, inside: str = "") -> None:
        if gpu.tells_occupancy:
            _put(self.kfd / str(pid) / inside / f"stats_{gpu.gpu_id}/cu_occupancy", f"{units}\n")

    def render(self, pid: int, descriptor: int, gpu: Gpu, client: int, *, vram: int = 0, gtt: int = 0) -> None:
        """An open render node."""
        link = self.proc / str(pid) / f"fd/{descriptor}"
        _put(self.proc / str(pid) / f"fdinfo/{descriptor}", fdinfo(self.release, gpu.pci, client, vram, gtt))
        if not link.is_symlink():
            link.symlink_to(f"/dev/dri/renderD{gpu.minor}")

    def ended(self, pid: int) -> None:
        for folder in (self.kfd / str(pid), self.proc / str(pid)):
            gone(folder)


def crowd(root: Path, processes: int, gpus: int = 8) -> tuple[Kernel, int]:
    """So many processes, each the child of the one before, that all compute on so many GPUs; and the number of the first. None is real."""
    cards = tuple(Gpu("gfx906", 1000 + at, f"0000:{at + 1:02x}:00.0", 128 + at, tells_occupancy=True) for at in range(gpus))
    kernel, first = Kernel(root, *cards).boot(), 100_000_000
    state, _, *rest = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    for pid in range(first, first + processes):
        kernel.process(os.getpid(), as_pid=pid)
        _put(kernel.proc / f"{pid}/stat", f"{pid} (worker) {state} {pid - 1} {' '.join(rest)}")
        kernel.opened(pid)
        for at, gpu in enumerate(cards):
            kernel.queue(pid, at, gpu)
            kernel.vram(pid, gpu, MIB)
            kernel.occupied(pid, gpu, 1)
            kernel.render(pid, 10 + at, gpu, pid, vram=MIB)
    return kernel, first


def fdinfo(release: str, pci: str, client: int, vram: int, gtt: int, cpu: int = 0) -> str:
    """/proc/PID/fdinfo/N of a render node, as the kernels print it."""
    memory = "".join(
        f"drm-memory-{key}:{' ' * (key != 'vram')}\t{value >> 10} KiB\n" for key, value in (("vram", vram), ("gtt", gtt), ("cpu", cpu))
    )
    core = f"drm-driver:\tamdgpu\ndrm-client-id:\t{client}\ndrm-pdev:\t{pci}\n"
    older = f"pasid:\t32784\ndrm-driver:\tamdgpu\ndrm-pdev:\t{pci}\ndrm-client-id:\t"
    extra = "".join(f"amd-{key}:\t{vram >> 10} KiB\n" for key in ("memory-visible-vram", "requested-vram", "requested-visible-vram"))
    if release == "6.1":
        told = f"{older}{client}\n{memory}drm-engine-gfx:\t107322799 ns\n"
    elif release == "5.15":
        told = (
            f"pdev:\t{pci}\npasid:\t{client}\nvram mem:\t{vram >> 10} kB\ngtt mem:\t{gtt >> 10} kB\ncpu mem:\t{cpu >> 10} kB\ngfx0:\t0.0%\n"
        )
    elif release == "dkms":  # AMD's own, on a kernel whose DRM does not write the first lines
        told = f"drm-driver:\tamdgpu\ndrm-pdev:\t{pci}\npasid:\t{client}\n{memory}{extra}"
    elif release == "6.6":  # DRM's lines, and those that amdgpu still wrote itself, with a number of its own
        told = f"{core}{older}{client + 9000}\n{memory}"
    elif release == "6.12":
        told = f"{core}pasid:\t32784\n{memory}{extra}drm-shared-vram:\t0 KiB\ndrm-shared-gtt:\t0 KiB\n"
    else:
        parts = "".join(
            f"drm-{what}-{region}:\t{_sized(size if what in ('total', 'resident') else 0)}\n"
            for region, size in (("cpu", cpu), ("gtt", gtt), ("vram", vram))
            for what in ("total", "shared", "active", "resident", "purgeable")
        )
        told = f"{core}drm-client-name:\t\npasid:\t0\n{parts}{memory}amd-evicted-vram:\t0 KiB\n"
    return f"pos:\t0\nflags:\t02104002\nmnt_id:\t24\nino:\t614\n{told}"


def _sized(size: int) -> str:
    """drm_fdinfo_print_size: in the largest unit that it is a whole number of, MiB at most."""
    for unit in ("", " KiB"):
        if size == 0 or size % 1024:
            return f"{size}{unit}"
        size >>= 10
    return f"{size} MiB"


def _put(path: Path, text: str) -> None:
    """Whole or not at all, as a read of sysfs is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)


def gone(folder: Path) -> None:
    """The folder leaves its place first: sysfs takes none apart before our eyes."""
    away = folder.with_name(f".{folder.name}.gone")
    try:
        folder.rename(away)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
    shutil.rmtree(away, ignore_errors=True)
