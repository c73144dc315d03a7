"""System, driver, access and memory from the files they read."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from rocmkit.facts import Blacklist, Gap, KernelPackage
from rocmkit.host.base import Identity, Stat
from rocmkit.probe.access import access
from rocmkit.probe.driver import driver
from rocmkit.probe.memory import limit_files, memory
from rocmkit.probe.system import hypervisor, os_release, system
from tests.unit.probe.hosts import whole

BOX = {
    "/proc/sys/kernel/osrelease": "6.8.0-87-generic\n",
    "/proc/self/cgroup": "0::/user.slice/user-1000.slice/session-1.scope\n",
    "/proc/cpuinfo": "processor : 0\nmodel name\t: AMD Ryzen 7 5800X\nflags\t\t: fpu sse\nprocessor : 1\nmodel name\t: AMD Ryzen 7 5800X\n",
    "/proc/self/uid_map": "         0          0 4294967295\n",
    "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=UUID=1-2 quiet amdgpu.noretry=0 iommu=pt password=hunter2\n",
    "/sys/class/drm/version": "drm",
    "/etc/os-release": 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nHOME_URL="x"\n',
}


def test_a_plain_machine() -> None:
    found = system(whole(BOX, machine="x86_64"))
    assert (found.kernel, found.machine, found.cpu) == ("6.8.0-87-generic", "x86_64", "AMD Ryzen 7 5800X")
    assert (found.container, found.user_namespace, found.wsl, found.vm, found.iommu) == (None, False, False, None, False)
    assert found.kernel_parameters == ("amdgpu.noretry=0", "iommu=pt")
    assert found.os == os_release(BOX["/etc/os-release"])


def test_nothing_at_all_is_gaps_and_no_claim() -> None:
    found = system(whole())
    for name in ("kernel", "os", "glibc", "glibcxx", "cpu", "container", "user_namespace", "wsl", "vm", "kernel_parameters", "iommu"):
        value = getattr(found, name)
        assert isinstance(value, Gap), name
        assert value.reason == "absent"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/.dockerenv": ""}, "docker"),
        ({"/run/.containerenv": 'engine="podman-4"'}, "podman"),
        ({"/run/systemd/container": "lxc\n"}, "lxc"),
        ({"/run/systemd/container": "systemd-nspawn"}, "systemd-nspawn"),
        ({"/run/systemd/container": "something-new"}, "container"),
        ({"/run/systemd/container": "wsl"}, None),
        ({"/proc/self/cgroup": "12:memory:/docker/0123abc\n"}, "docker"),
        ({"/proc/self/cgroup": "0::/system.slice/docker-0123abc.scope\n"}, "docker"),
        ({"/proc/self/cgroup": "0::/system.slice/docker.service\n"}, None),
        ({"/proc/self/cgroup": "0::/\n", "/proc/1/cgroup": "0::/lxc.payload.box/init.scope\n"}, "lxc"),
        ({"/proc/self/cgroup": "0::/machine.slice/libpod-0123.scope/container\n"}, "podman"),
        ({"/proc/self/cgroup": "0::/kubepods.slice/kubepods-pod1.slice/cri-1.scope\n", "/.dockerenv": ""}, "kubernetes"),
    ],
)
def test_containers(files: dict[str, str], expected: str | None) -> None:
    assert system(whole(BOX | files)).container == expected


def test_kubernetes_from_the_environment() -> None:
    assert system(whole(BOX, environ={"KUBERNETES_SERVICE_HOST": "<set>"})).container == "kubernetes"


def test_wsl_and_user_namespace() -> None:
    files = {"/proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2", "/proc/self/uid_map": "0 1000 1\n1 100000 65536\n"}
    found = system(whole(BOX | files))
    assert (found.wsl, found.user_namespace) == (True, True)


def test_hypervisors() -> None:
    names = ("QEMU", "VMware, Inc.", "innotek GmbH", "Xen", "HVM domU", "Virtual Machine", "Microsoft Corporation", "Surface Pro", "LENOVO")
    assert [hypervisor(name) for name in names] == ["kvm", "vmware", "virtualbox", "xen", "xen", "hyper-v", None, None, None]
    flags = BOX["/proc/cpuinfo"].replace("sse", "sse hypervisor")
    assert system(whole(BOX | {"/proc/cpuinfo": flags})).vm == "hypervisor"
    assert system(whole(BOX | {"/sys/class/dmi/id/product_name": "KVM"})).vm == "kvm"


def test_glibc_from_the_banner_or_the_name_of_the_file() -> None:
    folder = "/usr/lib/x86_64-linux-gnu"
    banner = "GNU C Library (Ubuntu GLIBC 2.35-0ubuntu3.8) stable release version 2.35.\n"
    assert system(whole({f"{folder}/libc.so.6": "\x01" + banner})).glibc == "2.35"
    old = whole({f"{folder}/libc-2.31.so": ""}, links={f"{folder}/libc.so.6": "libc-2.31.so"})
    assert system(old).glibc == "2.31"
    assert system(whole({"/lib/ld-musl-x86_64.so.1": ""})).glibc is None
    assert isinstance(system(whole({f"{folder}/libc.so.6": "stripped"})).glibc, Gap)


RELEASE = "6.8.0-87-generic"
LOADED = {"/sys/module/amdgpu/parameters/noretry": "-1\n", "/sys/module/amdgpu/parameters/dc": "-1\n"}


def card(device_id: str) -> dict[str, str]:
    folder = "/sys/bus/pci/devices/0000:06:00.0"
    return {f"{folder}/vendor": "0x1002", f"{folder}/device": f"0x{device_id}", f"{folder}/class": "0x030000"}


def test_in_tree_dkms_and_not_loaded() -> None:
    found = driver(whole(BOX | LOADED))
    assert (found.loaded, found.kind, found.version, found.parameters) == (True, "in-tree", None, {"noretry": "-1"})
    found = driver(whole(BOX | LOADED | {"/sys/module/amdgpu/version": "6.10.5\n"}))
    assert (found.kind, found.version) == ("dkms", "6.10.5")
    found = driver(whole(BOX | {"/sys/module/drm/version": "1"}))
    assert (found.loaded, found.kind, found.version) == (False, None, None)
    found = driver(whole(BOX))
    assert isinstance(found.loaded, Gap)
    assert isinstance(found.kind, Gap)


def test_modules_and_dkms_trees() -> None:
    modules = f"/lib/modules/{RELEASE}"
    files = {
        f"{modules}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.zst": "",
        f"{modules}/updates/dkms/amdgpu.ko": "",
        f"{modules}/updates/dkms/amdttm.ko": "",
        "/var/lib/dkms/amdgpu/6.8.5-2041575.22.04/6.8.0-40-generic/x86_64/log/make.log": "",
        "/var/lib/dkms/amdgpu/6.8.5-2041575.22.04/source/dkms.conf": "",
        "/var/lib/dkms/amdgpu/kernel-6.8.0-40-generic-x86_64/log/make.log": "",
        "/usr/src/amdgpu-6.10.5-1/dkms.conf": "",
        "/usr/src/amdgpu-6.8.5-2041575.22.04/dkms.conf": "",
    }
    found = driver(whole(BOX | files))
    assert found.modules == (f"{modules}/updates/dkms/amdgpu.ko", f"{modules}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.zst")
    assert found.dkms == (
        KernelPackage(version="6.10.5-1", kernels=()),
        KernelPackage(version="6.8.5-2041575.22.04", kernels=("6.8.0-40-generic",)),
    )


def test_blacklists() -> None:
    files = {
        "/etc/modprobe.d/gpu.conf": "# blacklist amdgpu\nblacklist   amdgpu\nblacklist amdgpu_other\noptions amdgpu noretry=0\n",
        "/etc/modprobe.d/x.conf": "install amdgpu /bin/false\ninstall amdgpu /sbin/modprobe --ignore-install amdgpu\n",
        "/usr/lib/modprobe.d/gpu.conf": "blacklist amdgpu # hidden by the file of the same name\n",
        "/etc/modprobe.d/README": "blacklist amdgpu\n",
        "/proc/cmdline": "quiet modprobe.blacklist=nouveau,amdgpu module_blacklist=radeon nomodeset",
    }
    assert driver(whole(BOX | files)).blacklists == (
        Blacklist("/etc/modprobe.d/gpu.conf", "blacklist amdgpu"),
        Blacklist("/etc/modprobe.d/x.conf", "install amdgpu /bin/false"),
        Blacklist("/proc/cmdline", "modprobe.blacklist=nouveau,amdgpu"),
        Blacklist("/proc/cmdline", "nomodeset"),
    )


def test_firmware_of_the_chips_present() -> None:
    files = {f"/lib/firmware/amdgpu/{name}": "" for name in ("vega20_mec.bin", "vega20_sdma.bin.zst", "vega10_mec.bin", "raven_me.bin")}
    assert driver(whole(BOX | files | card("66a1"))).firmware == ("vega20_mec.bin", "vega20_sdma.bin.zst")
    empty = driver(whole(BOX | {"/lib/firmware/regulatory.db": ""} | card("66a1")))
    assert empty.firmware == ()
    for other in (BOX | card("66a1"), BOX | files | card("ffff"), files):
        assert isinstance(driver(whole(other)).firmware, Gap)


def node(mode: str, gid: int) -> dict[str, Any]:
    return {"kind": "character", "mode": mode, "uid": 0, "gid": gid, "major": 226, "minor": 128}


def test_access() -> None:
    identity = Identity(uid=1000, groups=(1000,), promised=(109,), group_names={"render": 109})
    stats = {"/dev/kfd": node("0660", 109), "/dev/dri/renderD128": node("0666", 109), "/dev/dri/card0": node("0660", 44)}
    found = access(whole(stats=stats, identity=identity, opens={"/dev/kfd": "EACCES", "/dev/dri/renderD128": "ok"}))
    assert (found.uid, found.groups, found.promised, found.group_names) == (1000, (1000,), (109,), {"render": 109})
    assert [(n.path, n.kind, n.gid, n.open) for n in found.nodes] == [
        ("/dev/kfd", "character", 109, "EACCES"),
        ("/dev/dri/renderD128", "character", 109, "ok"),
    ]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL, errno.ENOMEM])
def test_an_open_tells_its_errno(number: int) -> None:
    name = errno.errorcode[number]
    found = access(whole(stats={"/dev/kfd": node("0660", 109)}, opens={"/dev/kfd": name}))
    assert found.nodes[0].open == name


def test_no_node_and_a_folder_without_dev() -> None:
    identity = Identity(uid=0, groups=(0,), promised=(), group_names={})
    (missing,) = access(whole(identity=identity)).nodes
    assert (missing.kind, missing.open) == ("missing", "ENOENT")
    nothing = access(whole())
    assert nothing.nodes == ()
    assert isinstance(nothing.groups, Gap)
    (plain,) = access(whole(stats={"/dev/kfd": Stat(kind="file", mode="0444", uid=0, gid=0)})).nodes
    assert plain.kind == "other"
    assert isinstance(plain.open, Gap)
    assert plain.open.reason == "not-executed"


def test_memory() -> None:
    files = {
        "/proc/meminfo": "MemTotal:       32768000 kB\nMemFree: 1 kB\nMemAvailable:   16384000 kB\n",
        "/proc/self/cgroup": "0::/a/b\n",
        "/sys/fs/cgroup/a/b/memory.max": "max\n",
        "/sys/fs/cgroup/a/memory.max": "8589934592\n",
    }
    space = {path: {"free_bytes": 1, "total_bytes": 64 << 20} for path in ("/dev/shm", "~", "/tmp")}
    found = memory(whole(files, space=space))
    assert (found.total_bytes, found.available_bytes) == (32768000 * 1024, 16384000 * 1024)
    assert (found.cgroup_limit_bytes, found.shm_bytes) == (8 << 30, 64 << 20)
    assert [(disk.purpose, disk.path) for disk in found.disks] == [("cache", "~"), ("tmp", "/tmp")]
    assert isinstance(found.memlock_bytes, Gap)


def test_limits_of_both_kinds_of_cgroup() -> None:
    assert limit_files("4:memory:/p/q\n3:cpu:/\n0::/\n") == (
        "/sys/fs/cgroup/memory/p/q/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/p/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory.max",
    )
    unlimited = {"/proc/self/cgroup": "4:memory:/\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    assert memory(whole(unlimited)).cgroup_limit_bytes is None


def test_the_real_denied_tree_is_read_without_devices(shared_machines: Path) -> None:
    from rocmkit.host.sysroot import SysrootHost

    found = access(SysrootHost(shared_machines / "error-kfd-eacces"))
    assert [node.path for node in found.nodes] == ["/dev/kfd", "/dev/dri/renderD128"]
    assert driver(SysrootHost(shared_machines / "error-kfd-eacces")).version == "6.7.0"
