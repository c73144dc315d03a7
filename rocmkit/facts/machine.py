"""The machine: kernel, distribution, driver, access, memory, tools, and ROCm's user space."""

from __future__ import annotations

from typing import Literal

from rocmkit.facts.gaps import Gap
from rocmkit.gpucode.values import KernelFiles
from rocmkit.model import Model


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
    secure_boot: bool | None | Gap  # the EFI variable SecureBoot; None: not started by EFI firmware
    selinux: Literal["enforcing", "permissive"] | None | Gap  # /sys/fs/selinux/enforce; None: off, or not in the kernel
    selinux_type: str | None | Gap  # of this process, /proc/self/attr/current: container_t; None: no SELinux context
    seccomp: Literal["off", "strict", "filter"] | Gap  # /proc/self/status, line Seccomp
    docker_context: Literal["default", "desktop-linux", "other"] | None | Gap
    """Where the docker command leads: $DOCKER_HOST, $DOCKER_CONTEXT or ~/.docker/config.json. None: none of them is there."""
    libavcodec: tuple[str, ...] | Gap  # names of FFmpeg's libavcodec.so.N in the system's library folders


class KernelPackage(Model, kw_only=True):
    """One amdgpu-dkms source tree on the machine, and the kernels it was built for."""

    version: str  # 6.8.5-2009582.22.04, the folder below /var/lib/dkms/amdgpu or /usr/src
    kernels: tuple[str, ...]  # /var/lib/dkms/amdgpu/VERSION/KERNEL
    failed: str | None | Gap = None  # the kernel of the last build where that failed: VERSION/build/make.log lies there only then
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
    dkms_state: str | None | Gap  # of the package amdgpu-dkms to dpkg: installed, half-configured; None: not there


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
    uid_map: tuple[IdRange, ...] | Gap  # /proc/self/uid_map
    gid_map: tuple[IdRange, ...] | Gap  # /proc/self/gid_map
    numbers: dict[str, str]  # device file: "MAJOR:MINOR", from /sys/class/kfd/kfd/dev and /sys/class/drm/renderD*/dev


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
    on_path: bool | None = None  # PATH leads to it; None: not known


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
    refused: dict[str, int] = {}  # what lies in it and cannot be written, by path, and its owner


class Hub(Model, kw_only=True):
    """The Hugging Face hub as this user has it. The token itself is never read."""

    token: bool  # $HF_TOKEN, $HUGGING_FACE_HUB_TOKEN or $HF_TOKEN_PATH is set, or the token file is there
    path: str  # the folder of the cache, $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub
    models: tuple[str, ...]  # "pyannote/segmentation-3.0": those of speech systems, in the cache or in pyannote's own
