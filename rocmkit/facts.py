"""The vocabulary: every section and field that can be known about a machine.

A section, or a field typed `… | Gap`, that could not be read is a `Gap`. `None` in a field means that the place was read and
the thing is not there, or that the machine has no such notion. Paths below the user's home start with `~/`; no user name,
host name or serial number is kept in any field. Sizes are bytes, times seconds.
"""

from __future__ import annotations

from typing import Literal

from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.model import Model

GapReason = Literal["absent", "denied", "unparsable", "timeout", "crashed", "not-executed"]


class GapBody(Model):
    """Why something is not known."""

    reason: GapReason
    detail: str


class Gap(Model):
    """Stands where a fact could not be read. Unknown is never ok."""

    gap: GapBody

    @property
    def reason(self) -> GapReason:
        """Why the fact is missing, as a word."""
        return self.gap.reason

    @property
    def detail(self) -> str:
        """Why the fact is missing, in words, with the path or command."""
        return self.gap.detail


def gap(reason: GapReason, detail: str) -> Gap:
    """A Gap, in one line."""
    return Gap(GapBody(reason, detail))


class Os(Model, kw_only=True):
    """The distribution, from os-release."""

    id: str | None
    version: str | None
    name: str | None
    like: tuple[str, ...] = ()


class System(Model, kw_only=True):
    """The machine apart from its GPUs."""

    kernel: str | Gap  # /proc/sys/kernel/osrelease
    machine: str | Gap  # x86_64, from uname
    os: Os | Gap  # /etc/os-release, else /usr/lib/os-release
    glibc: str | None | Gap  # version of libc.so.6
    glibcxx: str | None | Gap  # highest GLIBCXX_ that the system's libstdc++.so.6 defines
    cpu: str | None | Gap  # /proc/cpuinfo, model name
    container: str | None | Gap  # docker, podman, lxc, systemd-nspawn, kubernetes, container; None: none seen
    user_namespace: bool | Gap  # /proc/self/uid_map maps less than everything
    wsl: bool | Gap  # "microsoft" in the kernel's release, or /dev/dxg
    vm: str | None | Gap  # the hypervisor's name where DMI or the CPU flags tell
    kernel_parameters: tuple[str, ...] | Gap  # of /proc/cmdline, those that bear on GPUs
    iommu: bool | Gap  # /sys/class/iommu holds something


class KernelPackage(Model, kw_only=True):
    """One amdgpu-dkms source tree on the machine, and the kernels it was built for."""

    version: str
    kernels: tuple[str, ...]  # /var/lib/dkms/amdgpu/VERSION/KERNEL


class Blacklist(Model):
    """A line that keeps amdgpu from loading."""

    where: str  # file, or /proc/cmdline
    line: str


class Driver(Model, kw_only=True):
    """The amdgpu kernel driver."""

    loaded: bool | Gap  # /sys/module/amdgpu
    kind: Literal["in-tree", "dkms"] | None | Gap  # /sys/module/amdgpu/version exists only for dkms builds
    version: str | None | Gap
    modules: tuple[str, ...]  # amdgpu.ko files for the running kernel below /lib/modules
    dkms: tuple[KernelPackage, ...]
    blacklists: tuple[Blacklist, ...]
    parameters: dict[str, str]  # /sys/module/amdgpu/parameters, those that bear on compute
    firmware: tuple[str, ...] | Gap  # file names below /lib/firmware/amdgpu, of chips present


class KfdNode(Model, kw_only=True):
    """One GPU node of the KFD topology, as the kernel prints it."""

    node: int
    gpu_id: int
    name: str
    gfx_target_version: int | None  # absent on kernels older than about 5.14
    properties: dict[str, int]
    vram_bytes: int | None
    apu: bool  # the node has CPU cores too


class Kfd(Model, kw_only=True):
    """/sys/class/kfd/kfd/topology. A GPU's own values are not changed by HSA_OVERRIDE_GFX_VERSION."""

    gpu_nodes: tuple[KfdNode, ...]
    cpu_nodes: tuple[int, ...]
    masked_nodes: tuple[int, ...]  # a device cgroup answers EPERM to reading them
    unreadable_nodes: tuple[str, ...]  # "N: why"


class Partition(Model, kw_only=True):
    """This GPU is a part of a card that was split (MI300 CPX, DPX, …)."""

    index: int
    count: int


class Link(Model, kw_only=True):
    """The PCIe link: speeds in GT/s, widths in lanes."""

    speed_gts: float | None
    width: int | None
    max_speed_gts: float | None
    max_width: int | None


class Gpu(Model, kw_only=True):
    """One AMD GPU (or partition of one), from KFD and from the PCI bus."""

    gfx: str | None  # gfx906; None where neither the kernel nor the PCI table says
    gfx_source: Literal["kfd", "pci-table"] | None
    target_id: str | None  # gfx906:sramecc+:xnack-
    name: str | None
    pci: str | None  # 0000:63:00.0
    device_id: str | None  # four lower-case hexadecimal digits
    vram_bytes: int | None
    compute_units: int | None
    render_node: str | None  # /dev/dri/renderD128
    kfd_node: int | None
    kfd_gpu_id: int | None
    integrated: bool | None
    pci_driver: str | None | Gap  # kernel driver bound to the device; None: none
    link: Link | None
    bar0_bytes: int | None  # size of the window to video memory (BAR 0); 0: the firmware assigned none
    partition: Partition | None = None


class DeviceNode(Model, kw_only=True):
    """A device file of the GPU, and whether this process may use it."""

    path: str
    kind: Literal["character", "other", "missing"]
    mode: str | None  # four octal digits
    uid: int | None
    gid: int | None
    open: str | Gap  # "ok", or the errno's name: EACCES, EPERM, EINVAL, ENOMEM, …


class Access(Model, kw_only=True):
    """Who this process is to the kernel, and what the group file promises."""

    uid: int | Gap
    groups: tuple[int, ...] | Gap  # as the kernel sees this process
    promised: tuple[int, ...] | Gap  # groups that the group file gives to this user and the kernel has not yet
    group_names: dict[str, int]  # of the group file: render, video, and the groups that own the nodes
    nodes: tuple[DeviceNode, ...]  # /dev/kfd and /dev/dri/renderD*


class LogLine(Model, kw_only=True):
    """A line of the kernel log that matters here."""

    kind: str  # see probe.kernel_log.KINDS
    text: str


class KernelLog(Model, kw_only=True):
    """What the kernel said of the GPU since boot."""

    source: str  # dmesg or journalctl
    lines: tuple[LogLine, ...]


class Library(Model, kw_only=True):
    """A library of a ROCm installation, by its file name."""

    name: str  # librocblas
    soname: str | None  # librocblas.so.4, from the file's name
    file: str


class Rocm(Model, kw_only=True):
    """One ROCm user space on the machine."""

    path: str
    version: str | None
    kind: Literal["system", "distro", "wheel"]
    default: bool  # /opt/rocm leads here
    libraries: tuple[Library, ...]
    kernels: tuple[KernelFiles, ...]  # gfx targets of rocBLAS, hipBLASLt, MIOpen, rocFFT files


class Agent(Model, kw_only=True):
    """A GPU as the HSA runtime shows it to programs; HSA_OVERRIDE_GFX_VERSION changes this."""

    name: str  # gfx906
    marketing_name: str | None
    isa: str | None  # gfx906:sramecc+:xnack-


class Runtime(Model, kw_only=True):
    """What rocminfo says."""

    agents: tuple[Agent, ...]
    error: str | None  # its own words where it failed


class PythonLibrary(Model, kw_only=True):
    """A library file of a Python package, read as bytes."""

    package: str
    file: str
    gpu_api: Literal["hip", "cuda", "none", "unknown"]
    gfx: tuple[str, ...] | None  # None: not known
    needs: tuple[str, ...]
    code: FileCode | Gap


class TorchBuild(Model, kw_only=True):
    """torch/version.py, parsed and not run."""

    version: str | None
    hip: str | None
    cuda: str | None


class PackageKernels(Model, kw_only=True):
    """GPU kernel files that a Python package brings."""

    package: str
    kernels: KernelFiles | Gap


class Python(Model, kw_only=True):
    """The Python environment that was asked about; nothing of it was imported."""

    executable: str
    version: str
    implementation: str
    prefix: str
    kind: Literal["venv", "conda", "system"] | None
    externally_managed: bool | None  # PEP 668: pip refuses to install here
    paths: tuple[str, ...]  # folders that hold packages
    packages: dict[str, str]  # normalised name: version
    duplicates: dict[str, tuple[str, ...]]  # normalised name: versions, where one folder holds several, oldest first
    broken: tuple[str, ...]  # metadata that could not be read, and left-overs of pip
    torch: TorchBuild | None | Gap
    libraries: tuple[PythonLibrary, ...]
    kernels: tuple[PackageKernels, ...]
    libstdcxx: str | None | Gap  # highest GLIBCXX_ of the environment's own libstdc++ (conda)
    soabi: str | None = None  # cpython-310-x86_64-linux-gnu; 313t: free-threaded
    bits: int | None = None  # 64


class Disk(Model, kw_only=True):
    """Free room where builds and caches go."""

    purpose: str
    path: str
    free_bytes: int
    total_bytes: int


class Memory(Model, kw_only=True):
    """Memory, and the limits on it."""

    total_bytes: int | Gap
    available_bytes: int | Gap
    cgroup_limit_bytes: int | None | Gap  # None: no limit
    shm_bytes: int | Gap  # size of /dev/shm
    memlock_bytes: int | None | Gap  # None: unlimited
    disks: tuple[Disk, ...]


class Tool(Model, kw_only=True):
    """A program that matters, if PATH or a ROCm folder has it."""

    name: str
    path: str | None
    version: str | None | Gap


class EnvLine(Model, kw_only=True):
    """A start-up file that sets a variable which matters."""

    file: str
    name: str
    value: str


class Facts(Model, kw_only=True):
    """All that is known about one machine."""

    system: System | Gap
    driver: Driver | Gap
    kfd: Kfd | Gap
    gpus: tuple[Gpu, ...] | Gap
    access: Access | Gap
    kernel_log: KernelLog | Gap
    runtime: Runtime | Gap
    rocm: tuple[Rocm, ...] | Gap
    python: Python | Gap
    env: dict[str, str] | Gap
    env_files: tuple[EnvLine, ...] | Gap
    memory: Memory | Gap
    tools: tuple[Tool, ...] | Gap
