"""The machine apart from its GPUs: kernel, distribution, C libraries, and what kind of box the process sits in.

Every `keep` here gives the same again when applied to its own output, since a replay applies it to what a recording kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rocmkit.facts import Gap, Os, System
from rocmkit.host.base import Host, NotAsked, absent, lines_with, whole
from rocmkit.probe.gaps import field

#: Where libc.so.6 and libstdc++.so.6 live; 64-bit folders first, /usr/lib is 32-bit on Fedora and its kin.
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib")

#: Kernel parameters that bear on GPUs. The rest of the command line (disk identifiers, secrets of network boots) stays behind.
GPU_PARAMETERS = re.compile(
    rb"(amdgpu|radeon|amdkfd|amdttm|ttm|drm|vfio[-_]pci|iommu)\."
    rb"|(modprobe\.blacklist|module_blacklist|rd\.driver\.blacklist|rd\.driver\.pre|initcall_blacklist)="
    rb"|nomodeset$|(iommu|amd_iommu|intel_iommu|pci|pcie_aspm|pcie_acs_override|lockdown|module\.sig_enforce)(=|$)"
)

#: DMI vendor or product to the hypervisor's name. "Microsoft Corporation" alone is also the maker of real laptops.
HYPERVISORS = {
    r"qemu|standard pc \(|\bkvm\b|rhev|openstack|proxmox": "kvm",
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

#: A word in /run/systemd/container or a cgroup's path to the container's kind; the first that is found counts.
CONTAINERS = {
    "kubepods": "kubernetes",
    "libpod": "podman",
    "podman": "podman",
    "docker": "docker",
    "systemd-nspawn": "systemd-nspawn",
    "lxc": "lxc",
    "wsl": "",
}


def system(host: Host) -> System:
    """Read the machine. Raises nothing: each field is a Gap of its own where its source cannot be read."""
    return System(
        kernel=field(lambda: kernel_release(host)),
        machine=field(host.machine),
        os=field(lambda: _os(host)),
        glibc=field(lambda: _glibc(host)),
        glibcxx=field(lambda: _glibcxx(host)),
        cpu=field(lambda: _cpu_line(host, "model name")),
        container=field(lambda: _container(host)),
        user_namespace=field(lambda: host.read_text("/proc/self/uid_map", whole).split() != ["0", "0", "4294967295"]),
        wsl=field(lambda: _wsl(host)),
        vm=field(lambda: _vm(host)),
        kernel_parameters=field(lambda: kernel_parameters(host)),
        iommu=field(lambda: _iommu(host)),
    )


def kernel_release(host: Host) -> str:
    """`uname -r`, from /proc. Raises OSError, NotAsked, ValueError (empty)."""
    if not (found := host.read_text("/proc/sys/kernel/osrelease", whole)):
        raise ValueError("/proc/sys/kernel/osrelease: empty")
    return found


def kernel_parameters(host: Host) -> tuple[str, ...]:
    """Those words of /proc/cmdline that bear on GPUs, in order. Raises OSError, NotAsked."""

    def keep(data: bytes) -> bytes:
        return b" ".join(word for word in data.split() if GPU_PARAMETERS.match(word))

    return tuple(host.read_text("/proc/cmdline", keep).split())


def cgroups(host: Host, process: str = "self") -> str:
    """/proc/PROCESS/cgroup, one "ID:CONTROLLERS:PATH" a line. Raises OSError, NotAsked."""
    return host.read_text(f"/proc/{process}/cgroup", whole)


def os_release(text: str) -> Os:
    """os-release(5). Raises ValueError where not one assignment is in it."""
    found = dict(re.findall(r"^([A-Z_]+)=[\"']?([^\"'\n]*)", text, re.MULTILINE))
    if not found:
        raise ValueError("os-release: no assignment in it")
    return Os(
        id=found.get("ID") or None,
        version=found.get("VERSION_ID") or None,
        name=found.get("PRETTY_NAME") or found.get("NAME") or None,
        like=tuple(found.get("ID_LIKE", "").split()),
    )


def hypervisor(text: str) -> str | None:
    """The name of the hypervisor that a DMI vendor or product name stands for."""
    return next((name for pattern, name in HYPERVISORS.items() if re.search(pattern, text.strip(), re.IGNORECASE)), None)


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


def _cpu_line(host: Host, key: str) -> str | None:
    """One line of /proc/cpuinfo; of `flags` only whether "hypervisor" is among them."""

    def keep(data: bytes) -> bytes:
        model = re.search(rb"^model name\s*:[^\n]*", data, re.MULTILINE)
        flag = re.search(rb"^flags\s*:[^\n]*\bhypervisor\b", data, re.MULTILINE)
        return b"\n".join([*([model[0]] if model else []), *([b"flags: hypervisor"] if flag else [])])

    found = re.search(rf"^{key}\s*:\s*(\S.*)$", host.read_text("/proc/cpuinfo", keep), re.MULTILINE)
    return found[1] if found else None


def _container(host: Host) -> str | None:
    """Which kind of container this process is in. Raises what reading /proc/self/cgroup raises where nothing else tells."""
    if _quietly(lambda: bool(host.environ(lambda name: name == "KUBERNETES_SERVICE_HOST")), False):
        return "kubernetes"
    seen = [_quietly(lambda path=path: host.exists(path), False) for path in ("/run/.containerenv", "/.dockerenv")]  # type: ignore[misc]
    words = _quietly(lambda: host.read_text("/run/systemd/container", lambda data: data.split()[0] if data.split() else b""), "")
    own = field(lambda: cgroups(host))
    paths = "" if isinstance(own, Gap) else own
    paths += "\n" + _quietly(lambda: cgroups(host, "1"), "")
    if "kubepods" in paths:
        return "kubernetes"
    for found, name in zip(seen, ("podman", "docker"), strict=True):
        if found:
            return name
    if words:
        return next((name for word, name in CONTAINERS.items() if word in words), "container") or None
    for word, name in CONTAINERS.items():
        # A user's own containers show in the paths of a *host* process only as part of a session's name, hence the anchors.
        if name and re.search(rf"[/:]{word}([-/.]|$)", paths, re.MULTILINE):
            return name
    return cgroups(host) and None


def _quietly(ask: Callable[[], object], otherwise: object) -> object:
    try:
        return ask()
    except (OSError, NotAsked):
        return otherwise
