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

    reason: GapReason  # in one word
    detail: str  # in words, with the path or command


class Gap(Model):
    """Stands where a fact could not be read. Unknown is never ok."""

    gap: GapBody  # why it is not known

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


NOT_ASKED = gap("not-executed", "not asked")


class Os(Model, kw_only=True):
    """The distribution, from os-release."""

    id: str | None  # ubuntu
    version: str | None  # 22.04
    name: str | None  # as people know it: Ubuntu 22.04.5 LTS
    like: tuple[str, ...] = ()  # related distributions: debian


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
    secure_boot: bool | None | Gap = NOT_ASKED  # the EFI variable SecureBoot; None: not started by EFI firmware
    selinux: Literal["enforcing", "permissive"] | None | Gap = NOT_ASKED  # /sys/fs/selinux/enforce; None: off, or not in the kernel
    selinux_type: str | None | Gap = NOT_ASKED  # of this process, /proc/self/attr/current: container_t; None: no SELinux context
    seccomp: Literal["off", "strict", "filter"] | Gap = NOT_ASKED  # /proc/self/status, line Seccomp
    docker_context: Literal["default", "desktop-linux", "other"] | None | Gap = NOT_ASKED
    """Where the docker command leads: $DOCKER_HOST, $DOCKER_CONTEXT or ~/.docker/config.json. None: none of them is there."""
    libavcodec: tuple[str, ...] | Gap = NOT_ASKED  # names of FFmpeg's libavcodec.so.N in the system's library folders


class KernelPackage(Model, kw_only=True):
    """One amdgpu-dkms source tree on the machine, and the kernels it was built for."""

    version: str  # 6.8.5-2009582.22.04, the folder below /var/lib/dkms/amdgpu or /usr/src
    kernels: tuple[str, ...]  # /var/lib/dkms/amdgpu/VERSION/KERNEL
    failed: str | None = None  # the kernel of the last build where that failed: VERSION/build/make.log lies there only then
    errors: tuple[str, ...] = ()  # that log's first lines with "error"


class Blacklist(Model):
    """A line that keeps amdgpu from loading."""

    where: str  # file, or /proc/cmdline
    line: str  # as it stands there


class Driver(Model, kw_only=True):
    """The amdgpu kernel driver."""

    loaded: bool | Gap  # /sys/module/amdgpu
    kind: Literal["in-tree", "dkms"] | None | Gap  # /sys/module/amdgpu/version exists only for dkms builds
    version: str | None | Gap  # /sys/module/amdgpu/version; None in-tree: the kernel has no other version
    modules: tuple[str, ...]  # amdgpu.ko files for the running kernel below /lib/modules
    dkms: tuple[KernelPackage, ...]  # amdgpu-dkms trees, built or not
    blacklists: tuple[Blacklist, ...]  # /etc/modprobe.d and its like, /proc/cmdline
    parameters: dict[str, str]  # /sys/module/amdgpu/parameters, those that bear on compute
    firmware: tuple[str, ...] | Gap  # file names below /lib/firmware/amdgpu, of chips present
    dkms_state: str | None | Gap = NOT_ASKED  # of the package amdgpu-dkms to dpkg: installed, half-configured; None: not there


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
    """Memory and fabric errors that the card counted since boot, by the block that saw them (umc: video memory)."""

    uncorrectable: dict[str, int]  # ras/BLOCK_err_count, line ue
    correctable: dict[str, int]  # the same file, line ce
    bad_pages: int | None  # lines of ras/gpu_vram_bad_pages; None: no such file


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
    ras: Ras | None | Gap = NOT_ASKED  # the PCI device's folder `ras`; None: the card or driver counts nothing
    vram_used_bytes: int | None = None  # mem_info_vram_used, by all processes
    gtt_bytes: int | None = None  # mem_info_gtt_total: main memory that the GPU may use too


class DeviceNode(Model, kw_only=True):
    """A device file of the GPU, and whether this process may use it."""

    path: str  # /dev/kfd, /dev/dri/renderD128
    kind: Literal["character", "other", "missing"]  # other: a plain file, as in a copy of a system
    mode: str | None  # four octal digits
    uid: int | None  # owner
    gid: int | None  # owning group, as a number: names differ between containers and their hosts
    open: str | Gap  # "ok", or the errno's name: EACCES, EPERM, EINVAL, ENOMEM, …


class IdRange(Model, kw_only=True):
    """A line of /proc/self/uid_map or gid_map: ids of this user namespace, and those that they are outside it."""

    inside: int  # first id here
    outside: int  # first id in the parent namespace
    count: int  # how many


class Access(Model, kw_only=True):
    """Who this process is to the kernel, and what the group file promises."""

    uid: int | Gap  # user id
    groups: tuple[int, ...] | Gap  # as the kernel sees this process
    promised: tuple[int, ...] | Gap  # groups that the group file gives to this user and the kernel has not yet
    group_names: dict[str, int]  # of the group file: render, video, and the groups that own the nodes
    nodes: tuple[DeviceNode, ...]  # /dev/kfd and /dev/dri/renderD*
    uid_map: tuple[IdRange, ...] | Gap = NOT_ASKED  # /proc/self/uid_map
    gid_map: tuple[IdRange, ...] | Gap = NOT_ASKED  # /proc/self/gid_map
    numbers: dict[str, str] = {}  # device file: "MAJOR:MINOR", from /sys/class/kfd/kfd/dev and /sys/class/drm/renderD*/dev


class LogLine(Model, kw_only=True):
    """A line of the kernel log that matters here."""

    kind: str  # see probe.kernel_log.KINDS
    text: str  # the line, without the host name


class KernelLog(Model, kw_only=True):
    """What the kernel said of the GPU since boot."""

    source: str  # dmesg or journalctl
    lines: tuple[LogLine, ...]  # in the order of the log


class Library(Model, kw_only=True):
    """A library of a ROCm installation, by its file name."""

    name: str  # librocblas
    soname: str | None  # librocblas.so.4, from the file's name
    file: str  # its path


class Rocm(Model, kw_only=True):
    """One ROCm user space on the machine."""

    path: str  # its real folder; /usr for the distribution's
    version: str | None  # .info/version, else the libraries' names
    kind: Literal["system", "distro", "wheel"]  # system: AMD's packages; distro: the distribution's; wheel: pip's _rocm_sdk_*
    default: bool  # /opt/rocm leads here
    libraries: tuple[Library, ...]  # those that matter for computing
    kernels: tuple[KernelFiles, ...]  # gfx targets of rocBLAS, hipBLASLt, MIOpen, rocFFT files


class Agent(Model, kw_only=True):
    """A GPU as the HSA runtime shows it to programs; HSA_OVERRIDE_GFX_VERSION changes this."""

    name: str  # gfx906
    marketing_name: str | None  # AMD Instinct MI50/MI60
    isa: str | None  # gfx906:sramecc+:xnack-


class Runtime(Model, kw_only=True):
    """What rocminfo says."""

    agents: tuple[Agent, ...]  # GPUs only
    error: str | None  # its own words where it failed


class PythonLibrary(Model, kw_only=True):
    """A library file of a Python package, read as bytes."""

    package: str  # the distribution, by its normalised name
    file: str  # its path
    gpu_api: Literal["hip", "cuda", "none", "unknown"]  # what it is linked with; see FileCode
    gfx: tuple[str, ...] | None  # None: not known
    needs: tuple[str, ...]  # sonames it asks for
    code: FileCode | Gap  # all that the file says of itself


class TorchBuild(Model, kw_only=True):
    """torch/version.py, parsed and not run."""

    version: str | None  # __version__
    hip: str | None  # HIP release of a ROCm build
    cuda: str | None  # CUDA release of a CUDA build


class PackageKernels(Model, kw_only=True):
    """GPU kernel files that a Python package brings."""

    package: str  # the distribution, by its normalised name
    kernels: KernelFiles | Gap  # by name of the files


class Overlap(Model, kw_only=True):
    """Distributions whose RECORD files claim the same files below one top-level folder."""

    folder: str  # onnxruntime
    packages: tuple[str, ...]  # normalised names, two or more
    files: int  # claimed by more than one of them
    example: str  # one that lies there and whose claims differ in size, else any
    owner: str | None  # the package whose RECORD gives the size that `example` has on the disk; None: not told apart


class BundledRuntime(Model, kw_only=True):
    """A copy of a runtime library that may be in a process only once."""

    kind: Literal["hip", "hsa", "openmp"]  # libamdhip64, libhsa-runtime64; libgomp, libomp, libiomp5
    package: str  # the distribution that brings it, by its normalised name
    file: str  # its path
    soname: str | None  # as the file says


class Python(Model, kw_only=True):
    """The Python environment that was asked about; nothing of it was imported."""

    executable: str  # the interpreter that was asked
    version: str  # 3.10.12
    implementation: str  # cpython
    prefix: str  # sys.prefix
    kind: Literal["venv", "conda", "system"] | None  # None: not known
    externally_managed: bool | None  # PEP 668: pip refuses to install here
    paths: tuple[str, ...]  # folders that hold packages
    packages: dict[str, str]  # normalised name: version
    duplicates: dict[str, tuple[str, ...]]  # normalised name: versions, where one folder holds several, oldest first
    broken: tuple[str, ...]  # metadata that could not be read, and left-overs of pip
    torch: TorchBuild | None | Gap  # None: torch is not installed
    libraries: tuple[PythonLibrary, ...]  # GPU libraries of the packages that rocmkit knows
    kernels: tuple[PackageKernels, ...]  # folders of kernel files inside packages
    libstdcxx: str | None | Gap  # highest GLIBCXX_ of the environment's own libstdc++ (conda)
    soabi: str | None = None  # cpython-310-x86_64-linux-gnu; 313t: free-threaded
    bits: int | None = None  # 64
    overlaps: tuple[Overlap, ...] | Gap = NOT_ASKED  # distributions that overwrite each other
    tags: dict[str, tuple[str, ...]] = {}  # normalised name: tags in its WHEEL file, of the packages that `libraries` names
    runtimes: tuple[BundledRuntime, ...] | Gap = NOT_ASKED  # copies of HIP, HSA and OpenMP inside packages


class Disk(Model, kw_only=True):
    """Free room where builds and caches go."""

    purpose: str  # what goes there
    path: str  # the folder, or the nearest one above it that exists
    free_bytes: int  # for this user
    total_bytes: int  # of the file system


class Memory(Model, kw_only=True):
    """Memory, and the limits on it."""

    total_bytes: int | Gap  # MemTotal of /proc/meminfo
    available_bytes: int | Gap  # MemAvailable of /proc/meminfo
    cgroup_limit_bytes: int | None | Gap  # None: no limit
    shm_bytes: int | Gap  # size of /dev/shm
    memlock_bytes: int | None | Gap  # None: unlimited
    disks: tuple[Disk, ...]  # where builds and caches go


class Tool(Model, kw_only=True):
    """A program that matters, if PATH or a ROCm folder has it."""

    name: str  # rocminfo, cmake, …
    path: str | None  # None: not found
    version: str | None | Gap  # None: not asked, or it did not say


class EnvLine(Model, kw_only=True):
    """A start-up file that sets a variable which matters."""

    file: str  # ~/.profile, /etc/environment, …
    name: str  # the variable
    value: str  # as written there


class Cache(Model, kw_only=True):
    """A folder below which MIOpen keeps what it compiled and tuned for this user."""

    purpose: Literal["kernels", "tuning"]  # ~/.cache/miopen, ~/.config/miopen, or what `variable` names
    path: str  # the folder, whether it exists or not
    variable: str | None  # MIOPEN_CUSTOM_CACHE_DIR, MIOPEN_USER_DB_PATH, … where that decides
    nearest: str | None  # the folder itself, or the nearest one above it that exists
    uid: int | None  # owner of `nearest`
    mode: str | None  # four octal digits, of `nearest`
    writable: bool | Gap  # access(2) for writing to `nearest`
    file_system: str | None | Gap  # nfs4, overlay, ext4; None: not told
    databases: int  # SQLite files looked at
    damaged: tuple[str, ...]  # "FILE: why", of those that SQLite finds damaged


class Hub(Model, kw_only=True):
    """The Hugging Face hub as this user has it. The token itself is never read."""

    token: bool  # $HF_TOKEN or $HUGGING_FACE_HUB_TOKEN is set, or the token file is there
    path: str  # the folder of the cache, $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub
    models: tuple[str, ...]  # "pyannote/segmentation-3.0": those in the cache that speech systems use


class Facts(Model, kw_only=True):
    """All that is known about one machine."""

    system: System | Gap  # kernel, distribution, container
    driver: Driver | Gap  # amdgpu
    kfd: Kfd | Gap  # what the kernel offers for computing
    gpus: tuple[Gpu, ...] | Gap  # every AMD GPU, with or without a driver
    access: Access | Gap  # device files and groups
    kernel_log: KernelLog | Gap  # what the kernel said of the GPU
    runtime: Runtime | Gap  # what rocminfo says
    rocm: tuple[Rocm, ...] | Gap  # every ROCm on the machine
    python: Python | Gap  # the environment that was asked about
    env: dict[str, str] | Gap  # environment variables that matter
    env_files: tuple[EnvLine, ...] | Gap  # start-up files that set such variables
    memory: Memory | Gap  # memory, limits, room on disks
    tools: tuple[Tool, ...] | Gap  # programs that matter
    caches: tuple[Cache, ...] | Gap = NOT_ASKED  # MIOpen's folders
    hub: Hub | Gap = NOT_ASKED  # models and access to them
