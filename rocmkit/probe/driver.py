"""The amdgpu kernel driver: loaded or kept from loading, in-tree or dkms, and the files it needs."""

from __future__ import annotations

import re
from typing import Literal

from rocmkit import kb
from rocmkit.facts import Blacklist, Driver, Gap, KernelPackage, gap
from rocmkit.host.base import LIMIT_BYTES, Host, absent, whole
from rocmkit.probe.gaps import field, names, text
from rocmkit.probe.pci import devices
from rocmkit.probe.system import kernel_parameters, kernel_release

MODULE = "/sys/module/amdgpu"

#: Parameters that bear on compute: retry mode (XNACK), scheduler, recovery, power features, memory limits.
PARAMETERS = re.compile(
    r"cwsr_enable|debug_largebar|gpu_recovery|gttsize|halt_if_hws_hang|hws_max_conc_proc|lockup_timeout|mes|mes_kiq|mtype_local"
    r"|no_queue_eviction_on_vm_fault|no_system_mem_limit|noretry|num_kcq|pcie_p2p|ppfeaturemask|ras_enable|reset_method|runpm"
    r"|sched_policy|send_sigterm|si_support|cik_support|use_xgmi_p2p|user_partt_mode|vis_vramlimit|vm_fragment_size|vramlimit"
)

#: Folders of modprobe configuration: a file hides those of the same name in later folders (modprobe.d(5)).
MODPROBE_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")

#: Lines of modprobe configuration that keep amdgpu from loading.
BLACKLIST = r"^\s*(blacklist\s+amdgpu|install\s+amdgpu\s+(/usr)?/s?bin/(true|false))\b"

DKMS = "/var/lib/dkms/amdgpu"
DPKG = "/var/lib/dpkg"

#: DKMS writes this at the head of a build's log, and moves the log away when the build is done (dkms, do_build).
_BUILD_LOG = re.compile(rb"DKMS .*make\.log for .* for kernel ([^\s(]+)")
#: As gcc, modpost, make and dkms say it; "error" is also a part of file names.
_ERROR = re.compile(rb"\berror:|\*\*\* |\berror [0-9]|^error! ", re.IGNORECASE)
_ERRORS = 5

FIRMWARE_FOLDERS = ("/lib/firmware/updates/amdgpu", "/lib/firmware/amdgpu", "/usr/lib/firmware/amdgpu")


def driver(host: Host) -> Driver:
    """Read /sys/module/amdgpu, /lib/modules, dkms, modprobe configuration and firmware. Raises nothing."""
    loaded = field(_loaded, host)
    version: str | None | Gap = None
    kind: Literal["in-tree", "dkms"] | None | Gap = None
    if isinstance(loaded, Gap):
        version = kind = loaded
    elif loaded:
        version = field(_version, host)
        kind = version if isinstance(version, Gap) else "dkms" if version else "in-tree"
    words = field(kernel_parameters, host)
    return Driver(
        loaded=loaded,
        kind=kind,
        version=version,
        modules=_modules(host),
        dkms=_dkms(host),
        blacklists=(*_configured(host), *(() if isinstance(words, Gap) else blacklisted(words))),
        parameters=_parameters(host),
        firmware=field(_firmware, host),
        dkms_state=field(_dkms_state, host),
    )


def blacklisted(parameters: tuple[str, ...]) -> tuple[Blacklist, ...]:
    """Kernel parameters that keep amdgpu from loading."""
    found = []
    for word in parameters:
        name, _, value = word.partition("=")
        listed = name in {"modprobe.blacklist", "module_blacklist", "rd.driver.blacklist"} and "amdgpu" in value.split(",")
        if listed or word in {"nomodeset", "amdgpu.modeset=0"}:
            found.append(Blacklist("/proc/cmdline", word))
    return tuple(found)


def _loaded(host: Host) -> bool:
    if host.exists(MODULE):
        return True
    if not host.exists("/sys/module"):
        raise absent("/sys/module")
    return False


def _version(host: Host) -> str | None:
    """Only dkms builds have the file; the in-tree driver's version is the kernel's."""
    try:
        return host.read_text(f"{MODULE}/version", whole) or None
    except FileNotFoundError:
        return None


def _modules(host: Host) -> tuple[str, ...]:
    release = field(kernel_release, host)
    if isinstance(release, Gap):
        return ()
    root = f"/lib/modules/{release}"
    folders = ("updates/dkms", "updates", "extra", "extra/amdgpu", "weak-updates", "kernel/drivers/gpu/drm/amd/amdgpu")
    return tuple(
        f"{root}/{folder}/{name}"
        for folder in folders
        for name in names(host, f"{root}/{folder}", re.compile(r"amdgpu\.ko(\.zst|\.xz|\.gz)?").fullmatch)
    )


def _dkms(host: Host) -> tuple[KernelPackage, ...]:
    """dkms makes a folder per kernel when a build is done, and links named kernel-… to them; a source tree alone was built for none."""
    found: dict[str, KernelPackage] = {}
    for version in names(host, DKMS, re.compile("[0-9]").match):
        kernels = names(host, f"{DKMS}/{version}", re.compile("[0-9]").match)
        log = field(_build_log, host, f"{DKMS}/{version}/build/make.log")
        failed, errors = (log, ()) if isinstance(log, Gap) else log
        found[version] = KernelPackage(version=version, kernels=kernels, failed=failed, errors=errors)
    for name in names(host, "/usr/src", re.compile("amdgpu-[0-9]").match):
        found.setdefault(name.removeprefix("amdgpu-"), KernelPackage(version=name.removeprefix("amdgpu-"), kernels=()))
    return tuple(package for _, package in sorted(found.items()))


def build_log(data: bytes) -> bytes:
    """Of the log of a build, the line that names the kernel and the first ones that name an error."""
    lines = [line[:300] for line in data.splitlines()]
    heads = [line for line in lines if _BUILD_LOG.match(line)]
    return b"\n".join([*heads[:1], *[line for line in lines if _ERROR.search(line) and line not in heads][:_ERRORS]])


def _build_log(host: Host, path: str) -> tuple[str | None, tuple[str, ...]]:
    """The kernel of the build that failed, and what went wrong; (None, ()) where there is no log. Raises OSError, NotAsked, ValueError."""
    try:
        kept = host.read(path, lambda data: host.private.hide_bytes(build_log(data)))
    except FileNotFoundError:
        return None, ()
    if (named := _BUILD_LOG.match(kept)) is None:
        raise ValueError(f"{path}: names no kernel")
    words = [line.decode("utf-8", "replace").strip() for line in kept.splitlines()[1:]]
    return named[1].decode("utf-8", "replace"), tuple(words)


def package_state(status: str) -> str | None:
    """The third word of a package's line Status in dpkg's list: installed, half-configured, config-files."""
    found = re.search(r"^Status: [a-z]+ [a-z]+ ([a-z-]+)$", status, re.MULTILINE)
    return found[1] if found else None


def stanza(data: bytes) -> bytes:
    """Of dpkg's list of packages, what it says of amdgpu-dkms. Raises ValueError where it is not in a list that was cut off."""
    if (found := re.search(rb"^Package: amdgpu-dkms$", data, re.MULTILINE)) is None:
        if len(data) >= LIMIT_BYTES:
            raise ValueError(f"{DPKG}/status: longer than is read, and amdgpu-dkms was not in that part")
        return b""
    lines = data[found.start() :].partition(b"\n\n")[0].split(b"\n")
    return b"\n".join(line[:200] for line in lines if line.startswith((b"Package: ", b"Status: ", b"Version: ")))


def _dkms_state(host: Host) -> str | None:
    """dpkg's word for amdgpu-dkms; None where it is not installed, or the machine has no dpkg. Raises OSError, NotAsked, ValueError."""
    if not host.exists(DPKG):
        if not host.exists("/var/lib"):
            raise absent(DPKG)
        return None
    # The list of all packages is long; a package that is there in any state has a list of its files.
    if not host.exists(f"{DPKG}/info/amdgpu-dkms.list"):
        return None
    if (state := package_state(host.read_text(f"{DPKG}/status", stanza))) is None:
        raise ValueError(f"{DPKG}/status: no line Status for amdgpu-dkms")
    return state


def _configured(host: Host) -> tuple[Blacklist, ...]:
    places: dict[str, str] = {}
    for folder in MODPROBE_FOLDERS:
        for name in names(host, folder, lambda name: name.endswith(".conf")):
            places.setdefault(name, f"{folder}/{name}")
    found = []
    for path in places.values():
        found += [Blacklist(path, " ".join(line.split())) for line in text(host, path, _blacklisting).splitlines()]
    return tuple(found)


def _blacklisting(data: bytes) -> bytes:
    """Keep the statements of BLACKLIST, without what a comment says behind them."""
    return b"\n".join(found[0] for line in data.splitlines() if (found := re.match(BLACKLIST.encode(), line, re.IGNORECASE)))


def _parameters(host: Host) -> dict[str, str]:
    folder = f"{MODULE}/parameters"
    values = {name: field(host.read_text, f"{folder}/{name}") for name in names(host, folder, PARAMETERS.fullmatch)}
    return {name: value for name, value in values.items() if not isinstance(value, Gap)}


def _firmware(host: Host) -> tuple[str, ...] | Gap:
    """Files for the chips on the PCI bus. A Gap where no chip's names are known: an empty list would read as "missing"."""
    chips = {known.gfx or known.asic if (known := kb.pci(device.device_id)) else device.device_id for device in devices(host)}
    prefixes = tuple(prefix for chip in chips if (arch := kb.arch(chip)) for prefix in arch.firmware)
    if chips and not prefixes:
        return gap("absent", f"firmware file names of {', '.join(sorted(chips))} are not known")
    if not chips:
        return ()
    host.stat("/lib/firmware")  # raises where there is no firmware folder at all
    found = {name for folder in FIRMWARE_FOLDERS for name in names(host, folder, lambda name: name.startswith(prefixes))}
    return tuple(sorted(found))
