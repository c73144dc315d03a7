"""The machine apart from its GPUs: kernel, distribution, processor, memory, users, modules.

Formats: proc(5), os-release(5), modprobe.d(5), Linux Documentation/admin-guide/cgroup-v1 and -v2, user_namespaces(7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from msgspec.structs import replace as changed

from rocmkit.gpucode.values import FileCode
from rocmkit.host.base import Identity, Limits
from tools.machine_parts.builder import Builder

MODULE = "/usr/lib/modules/{}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"


@dataclass(frozen=True)
class Release:
    """One distribution as installed."""

    id: str
    version: str
    name: str
    like: str
    kernel: str
    glibc: str
    glibcxx: str
    libstdcxx: str
    python: str
    render_gid: int
    module_suffix: str = ""
    """.zst, .xz: how the distribution packs its modules."""

    @property
    def release(self) -> tuple[int, int]:
        """The kernel's first two numbers."""
        major, minor = self.kernel.split(".")[:2]
        return int(major), int(minor)

    def on(self, kernel: str) -> Release:
        """The same with another kernel."""
        return replace(self, kernel=kernel)


JAMMY = Release("ubuntu", "22.04", "Ubuntu 22.04.5 LTS", "debian", "6.8.0-87-generic", "2.35", "3.4.30", "6.0.30", "3.10.12", 110)
NOBLE = Release("ubuntu", "24.04", "Ubuntu 24.04.3 LTS", "debian", "6.8.0-87-generic", "2.39", "3.4.33", "6.0.33", "3.12.3", 992, ".zst")
FOCAL = Release("ubuntu", "20.04", "Ubuntu 20.04.6 LTS", "debian", "5.4.0-216-generic", "2.31", "3.4.28", "6.0.28", "3.8.10", 109)
HWE = NOBLE.on("6.14.0-36-generic")


@dataclass(frozen=True)
class Cpu:
    """Processor and memory."""

    name: str
    threads: int
    memory_gib: int

    @property
    def memory_kib(self) -> int:
        """MemTotal: what the firmware and the kernel leave of the memory fitted, taken as 98 of 100."""
        return self.memory_gib * 1024 * 1024 * 98 // 100


RYZEN = Cpu("AMD Ryzen 7 5800X 8-Core Processor", 16, 32)
RYZEN_7000 = Cpu("AMD Ryzen 9 7900X 12-Core Processor", 24, 64)
PHOENIX = Cpu("AMD Ryzen 7 7840HS w/ Radeon 780M Graphics", 16, 32)
RAVEN_CPU = Cpu("AMD Ryzen 5 2400G with Radeon Vega Graphics", 8, 16)
EPYC = Cpu("AMD EPYC 9534 64-Core Processor", 128, 768)
INTEL = Cpu("Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz", 8, 32)


def linux(b: Builder, os: Release, cpu: Cpu, *, parameters: str = "quiet splash", vendor: str = "AuthenticAMD") -> None:
    """Everything that any Linux machine has."""
    b.file("/proc/sys/kernel/osrelease", os.kernel)
    b.file("/proc/version", f"Linux version {os.kernel} (builder@host) (gcc) #1 SMP PREEMPT_DYNAMIC")
    b.file("/proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz-{os.kernel} root=/dev/mapper/root ro {parameters}".rstrip())
    for ids in ("uid_map", "gid_map"):
        b.file(f"/proc/self/{ids}", f"{0:10d} {0:10d} {4294967295:10d}")
    b.file("/proc/self/status", "State:\tR (running)\nSeccomp:\t0")
    b.file("/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope")
    b.file("/proc/1/cgroup", "0::/init.scope")
    processor = ("processor\t: 0", f"vendor_id\t: {vendor}", f"model name\t: {cpu.name}", "flags\t\t: fpu sse sse2 avx avx2 constant_tsc")
    b.file("/proc/cpuinfo", "\n".join(processor) + "\n")
    rows = {"MemTotal": cpu.memory_kib, "MemFree": cpu.memory_kib // 2, "MemAvailable": cpu.memory_kib * 7 // 8, "SwapTotal": 0}
    b.file("/proc/meminfo", "\n".join(f"{key + ':':16}{value:8d} kB" for key, value in rows.items()))
    release = {"PRETTY_NAME": f'"{os.name}"', "NAME": f'"{os.name.split()[0]}"', "VERSION_ID": f'"{os.version}"', "ID": os.id}
    if os.like:
        release["ID_LIKE"] = os.like
    b.file("/usr/lib/os-release", "\n".join(f"{key}={value}" for key, value in release.items()))
    b.link("/etc/os-release", "../usr/lib/os-release")
    b.folder("/etc/modprobe.d")
    b.folder("/sys/class/iommu")
    b.folder("/dev/shm")
    b.folder("/sys/bus/pci/devices")
    b.folder("/sys/module/nvme")
    b.link("/lib", "usr/lib")
    libraries(b, os)
    home(b, cpu)


def libraries(b: Builder, os: Release) -> None:
    """The C and C++ libraries."""
    here = "/usr/lib/x86_64-linux-gnu"
    plain = FileCode(
        size_bytes=2220400,
        gpu_api="none",
        gfx=(),
        sm=(),
        soname="libc.so.6",
        needs=("ld-linux-x86-64.so.2",),
        rpath=(),
        rpath_kind=None,
        bundles=0,
        compressed=0,
        unreadable=(),
        glibc=None,
        glibcxx=None,
        glibcxx_provided=None,
        executable_stack=False,
    )
    b.code(f"{here}/libc.so.6", plain)
    b.file(f"{here}/libc.so.6", f"GNU C Library (made up) stable release version {os.glibc}.")
    name = f"libstdc++.so.{os.libstdcxx}"
    needs = ("libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2", "libgcc_s.so.1")
    b.code(f"{here}/{name}", changed(plain, soname="libstdc++.so.6", needs=needs, glibc="2.34", glibcxx_provided=os.glibcxx))
    b.link(f"{here}/libstdc++.so.6", name)


def home(b: Builder, cpu: Cpu) -> None:
    """The user, the user's disks and limits."""
    for path in ("/", "/tmp", "/var/tmp", "~", "~/.cache", "~/.cache/rocmkit", "."):
        b.room(path, 412.5, 915.3)
    b.folder("~")
    for path in ("~", "~/.cache", "~/.config"):
        b.writable[path] = True
    b.room("/dev/shm", cpu.memory_gib / 2, cpu.memory_gib / 2)
    b.limits = Limits(memlock_bytes=cpu.memory_kib * 1024 // 8)
    b.environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "HOME": "~"}


def user(b: Builder, os: Release, *, groups: tuple[str, ...] = ("render", "video"), promised: tuple[str, ...] | None = None) -> None:
    """A user with uid 1000 in these groups; `promised` by the group file where that differs."""
    names = {"video": 44, "render": os.render_gid}

    def ids(wanted: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(sorted({*(names[name] for name in wanted), 27}))

    has = tuple(sorted({*ids(groups), 1000}))
    b.identity = Identity(uid=1000, groups=has, promised=ids(groups if promised is None else promised), group_names=names)


def module(b: Builder, os: Release, *, loaded: bool = True) -> None:
    """The amdgpu that comes with the kernel."""
    place = MODULE.format(os.kernel) + os.module_suffix
    b.empty(place)
    if not loaded:
        return
    b.file("/sys/module/amdgpu/initstate", "live")
    b.file("/sys/module/amdgpu/refcnt", "1")
    values = {"noretry": "-1", "vm_update_mode": "-1", "mes": "0", "ppfeaturemask": "0xfff7bfff", "gpu_recovery": "-1", "ras_enable": "-1"}
    for name, value in values.items():
        b.file(f"/sys/module/amdgpu/parameters/{name}", value)


def dkms_module(b: Builder, os: Release, version: str, package: str, *, built: bool = True) -> None:
    """AMD's own build of amdgpu beside it, loaded where it was built."""
    b.folder(f"/var/lib/dkms/amdgpu/{package}/source")
    b.link(f"/var/lib/dkms/amdgpu/{package}/source", f"/usr/src/amdgpu-{package}")
    b.folder(f"/usr/src/amdgpu-{package}", "dkms.conf")
    if built:
        b.empty(f"/usr/lib/modules/{os.kernel}/updates/dkms/amdgpu.ko{os.module_suffix}")
        b.empty(f"/var/lib/dkms/amdgpu/{package}/{os.kernel}/x86_64/module/amdgpu.ko{os.module_suffix}")
        b.file("/sys/module/amdgpu/version", version)
