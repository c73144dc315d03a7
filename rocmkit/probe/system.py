"""The machine apart from its GPUs: kernel, distribution, C libraries, and what kind of box the process sits in.

Every `keep` here gives the same again when applied to its own output, since a replay applies it to what a recording kept.
"""

from __future__ import annotations

import re

from rocmkit.facts import Gap, Os, System
from rocmkit.host.base import Host, absent, lines_with, whole
from rocmkit.probe.confinement import ALL_IDS, docker, id_map, seccomp, selinux, selinux_type
from rocmkit.probe.gaps import field, text

#: Where libc.so.6 and libstdc++.so.6 live; 64-bit folders first, /usr/lib is 32-bit on Fedora and its kin.
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib")

#: Kernel parameters that bear on GPUs. The rest of the command line (disk identifiers, secrets of network boots) stays behind.
GPU_PARAMETERS = re.compile(
    rb"(amdgpu|radeon|amdkfd|amdttm|ttm|drm|vfio[-_]pci|iommu)\."
    rb"|(modprobe\.blacklist|module_blacklist|rd\.driver\.blacklist|rd\.driver\.pre|initcall_blacklist)="
    rb"|nomodeset$|(iommu|amd_iommu|intel_iommu|pci|pcie_aspm|pcie_acs_override|lockdown|module\.sig_enforce)(=|$)"
)

EFI_VARIABLES = "/sys/firmware/efi/efivars"
SECURE_BOOT = f"{EFI_VARIABLES}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

#: No kernel takes a longer command line (COMMAND_LINE_SIZE of asm/setup.h is 2048 or 4096); room for what stands for names.
_LONGEST_COMMAND_LINE = 1 << 16

#: DMI vendor or product to the hypervisor's name. "Microsoft Corporation" alone is also the maker of real laptops.
HYPERVISORS = {
    r"^kvm$|qemu|standard pc \(|\bkvm\b|rhev|openstack|proxmox": "kvm",
    r"vmware": "vmware",
    r"virtualbox|innotek": "virtualbox",
    r"\bxen\b|hvm domu": "xen",
    r"^virtual machine|hyper-v": "hyper-v",
    r"parallels": "parallels",
    r"bhyve": "bhyve",
    r"google compute engine": "google-compute-engine",
    r"amazon ec2": "amazon-ec2",
    r"bochs": "bochs",
}

#: A word in /run/systemd/container, or in a cgroup's path, to the container's kind.
CONTAINERS = {"podman": "podman", "libpod": "podman", "docker": "docker", "systemd-nspawn": "systemd-nspawn", "lxc": "lxc"}


def system(host: Host) -> System:
    """Read the machine. Raises nothing: each field is a Gap of its own where its source cannot be read."""
    return System(
        kernel=field(kernel_release, host),
        machine=field(host.machine),
        os=field(_os, host),
        glibc=field(_glibc, host),
        glibcxx=field(_glibcxx, host),
        cpu=field(_cpu_line, host, "model name"),
        container=field(_container, host),
        user_namespace=field(lambda: id_map(host, "uid") != ALL_IDS),
        wsl=field(_wsl, host),
        vm=field(_vm, host),
        kernel_parameters=field(kernel_parameters, host),
        iommu=field(_iommu, host),
        secure_boot=field(_secure_boot, host),
        selinux=field(selinux, host),
        selinux_type=field(selinux_type, host),
        seccomp=field(seccomp, host),
        docker_context=field(docker, host),
        libavcodec=field(_libavcodec, host),
    )


def kernel_release(host: Host) -> str:
    """`uname -r`, from /proc. Raises OSError, NotAsked, ValueError (empty)."""
    if not (found := host.read_text("/proc/sys/kernel/osrelease", whole)):
        raise ValueError("/proc/sys/kernel/osrelease: empty")
    return found


def kernel_parameters(host: Host) -> tuple[str, ...]:
    """Those words of /proc/cmdline that bear on GPUs, in order. Raises OSError, NotAsked."""

    def keep(data: bytes) -> bytes:
        return host.private.hide_bytes(b" ".join(word for word in data[:_LONGEST_COMMAND_LINE].split() if GPU_PARAMETERS.match(word)))

    return tuple(host.read_text("/proc/cmdline", keep).split())


def cgroups(host: Host, process: str = "self") -> str:
    """/proc/PROCESS/cgroup, one "ID:CONTROLLERS:PATH" a line. Raises OSError, NotAsked."""
    return host.read_text(f"/proc/{process}/cgroup", host.private.hide_bytes)


def os_release(release: str) -> Os:
    """os-release(5). Raises ValueError where not one assignment is in it."""
    found = dict(re.findall(r"^([A-Z_]+)=[\"']?([^\"'\n]*)", release, re.MULTILINE))
    if not found:
        raise ValueError("os-release: no assignment in it")
    return Os(
        id=found.get("ID") or None,
        version=found.get("VERSION_ID") or None,
        name=found.get("PRETTY_NAME") or found.get("NAME") or None,
        like=tuple(found.get("ID_LIKE", "").split()),
    )


def hypervisor(product: str) -> str | None:
    """The name of the hypervisor that a DMI vendor or product name stands for."""
    return next((name for pattern, name in HYPERVISORS.items() if re.search(pattern, product.strip(), re.IGNORECASE)), None)


def _os(host: Host) -> Os:
    keep = lines_with(r"^(ID|VERSION_ID|NAME|PRETTY_NAME|ID_LIKE)=")
    try:
        return os_release(host.read_text("/etc/os-release", keep))
    except FileNotFoundError:
        return os_release(host.read_text("/usr/lib/os-release", keep))


def _library(host: Host, name: str) -> str | None:
    """The system's library of that name. Raises FileNotFoundError where there is no library folder to look in."""
    folders = [folder for folder in LIBRARY_FOLDERS if host.exists(folder)]
    if not folders:
        raise absent("/usr/lib")
    return next((path for folder in folders if host.exists(path := f"{folder}/{name}")), None)


def _glibc(host: Host) -> str | None:
    """The version of the system's libc.so.6: in its file's real name until 2.33, and in the banner inside. None: another C library."""
    path = _library(host, "libc.so.6")
    if path is None:
        return None
    if named := re.search(r"/libc-(\d+\.\d+)\.so$", host.realpath(path)):
        return named[1]

    def keep(data: bytes) -> bytes:
        banner = re.search(rb"GNU C Library [^\n\x00]{0,120}? version \d+\.\d+", data)
        return banner[0] if banner else b""

    if not (banner := re.search(r"version (\d+\.\d+)$", host.read_text(path, keep))):
        raise ValueError(f"{path}: no version banner in it")
    return banner[1]


def _glibcxx(host: Host) -> str | None:
    path = _library(host, "libstdc++.so.6")
    try:
        return host.gpu_code(path).glibcxx_provided if path else None
    except ValueError:  # whatever the words, so that a replay gives the same
        raise ValueError(f"{path}: not a library that can be read") from None


def _libavcodec(host: Host) -> tuple[str, ...]:
    """FFmpeg's codec library in each release that is installed. Raises FileNotFoundError where there is no library folder."""
    folders = [folder for folder in LIBRARY_FOLDERS if host.exists(folder)]
    if not folders:
        raise absent("/usr/lib")
    return tuple(sorted({name for folder in folders for name in host.list(folder, re.compile(r"libavcodec\.so\.[0-9]+").fullmatch)}))


def _cpu_line(host: Host, key: str) -> str | None:
    """One line of /proc/cpuinfo; of `flags` only whether "hypervisor" is among them."""

    def keep(data: bytes) -> bytes:
        model = re.search(rb"^model name\s*:[^\n]*", data, re.MULTILINE)
        flag = re.search(rb"^flags\s*:[^\n]*\bhypervisor\b", data, re.MULTILINE)
        return b"\n".join([*([model[0]] if model else []), *([b"flags: hypervisor"] if flag else [])])

    found = re.search(rf"^{key}\s*:\s*(\S.*)$", host.read_text("/proc/cpuinfo", keep), re.MULTILINE)
    return found[1] if found else None


def _container(host: Host) -> str | None:
    """The kind of container around this process; None: no sign of one. Raises OSError, NotAsked where nothing tells at all."""
    own = field(cgroups, host)
    first = field(cgroups, host, "1")
    paths = "\n".join(found for found in (own, first) if not isinstance(found, Gap))
    pod = field(host.environ, lambda name: name == "KUBERNETES_SERVICE_HOST")
    if "kubepods" in paths or (pod and not isinstance(pod, Gap)):
        return "kubernetes"
    for path, name in (("/run/.containerenv", "podman"), ("/.dockerenv", "docker")):
        if field(host.exists, path) is True:
            return name
    # systemd's container interface: one word; "wsl" is reported apart.
    word = text(host, "/run/systemd/container", _container_word)
    if word and word != "wsl":
        return CONTAINERS.get(word, "container")
    if (found := re.search(r"/(?:(libpod|docker)[-/]|(lxc)[/.])", paths)) is not None:
        return CONTAINERS[found[1] or found[2]]
    if isinstance(own, Gap):
        cgroups(host)  # raises again: no sign, and the one file that every Linux process has was not there to look in
    return None


def _container_word(data: bytes) -> bytes:
    """The first word where it is one of a known kind, else that there is one: a manager may write what it likes."""
    word = b"".join(data.split()[:1])
    return next((known.encode() for known in ("wsl", *CONTAINERS) if known.encode() in word), b"container" if word else b"")


def _wsl(host: Host) -> bool:
    return field(host.exists, "/dev/dxg") is True or "microsoft" in kernel_release(host).lower()


def _vm(host: Host) -> str | None:
    """The hypervisor. Of DMI only the name it maps to leaves the host: the rest can name the owner."""

    def keep(data: bytes) -> bytes:
        return (hypervisor(data.decode("utf-8", "replace")) or "").encode()

    for file in ("/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name"):
        if name := text(host, file, keep):
            return name
    return "hypervisor" if _cpu_line(host, "flags") else None


def _secure_boot(host: Host) -> bool | None:
    """The firmware's variable: four bytes of attributes, then its value. None: not started by EFI firmware.

    Raises FileNotFoundError where that is hidden: Docker covers /sys/firmware with an empty folder. ValueError: not a variable.
    """
    if not host.exists("/sys/firmware/efi"):
        if not host.list("/sys/firmware"):
            raise absent("/sys/firmware/efi")
        return None
    try:
        found = host.read(SECURE_BOOT, whole)
    except FileNotFoundError:
        # Firmware that knows no Secure Boot has no such variable, but every firmware has an order to boot in.
        if not host.list(EFI_VARIABLES, lambda name: name.startswith("BootOrder-")):
            raise
        return False
    if len(found) != 5:
        raise ValueError(f"{SECURE_BOOT}: {len(found)} bytes instead of 5")
    return found[4] == 1


def _iommu(host: Host) -> bool:
    try:
        return bool(host.list("/sys/class/iommu"))
    except FileNotFoundError:
        if not host.exists("/sys/class"):
            raise
        return False
