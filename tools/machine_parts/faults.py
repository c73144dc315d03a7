"""The machines with something the matter, and those without a GPU."""

from __future__ import annotations

from dataclasses import replace

from rocmkit.host.base import Identity
from tools.machine_parts import gpu, klog, python_env, rocm, system, tools
from tools.machine_parts.builder import Builder
from tools.machine_parts.cards import CARDS
from tools.machine_parts.fleet import Plan, put_together
from tools.machine_parts.gpu import Slot
from tools.machine_parts.python_env import SPEECH, Environment
from tools.machine_parts.torch_builds import TORCH_2_6, TORCH_2_11, TORCH_CUDA

MI50 = Slot(CARDS["MI50"])
DENIED = "Unable to open /dev/kfd read-write: Permission denied"
NOT_MEMBER = (
    '(user) is not member of "render" group, the default DRM access group. Users must be a member of the "render" group or another'
    " DRM access group in order for ROCm applications to run successfully."
)


def _drop(b: Builder, *prefixes: str) -> None:
    """Take away everything below these paths."""
    for answers in (b.files, b.folders, b.links, b.stats, b.opens, b.gpu_code):
        for path in [path for path in answers if path.startswith(prefixes)]:
            del answers[path]


def _container(b: Builder, gid: int) -> None:
    """Docker: root inside, its own files, the host's /sys and kernel log out of reach."""
    b.empty("/.dockerenv")
    b.file("/proc/1/cgroup", "0::/")
    b.file("/proc/self/cgroup", "0::/")
    _drop(b, "/usr/lib/modules", "/usr/lib/firmware")
    b.file("/sys/fs/cgroup/memory.max", "max")
    b.file("/proc/self/status", "State:\tR (running)\nSeccomp:\t2")
    b.identity = Identity(uid=0, groups=(0,), promised=(0,), group_names={"video": 44, "render": gid})
    b.room("/dev/shm", 0.0625, 0.0625)
    for argv in (klog.DMESG, klog.JOURNAL):
        b.commands.pop(argv, None)
    klog.write(b, [], dmesg=False, journal=False)


def _fails(b: Builder, out: str, version: str = "6.3.4") -> None:
    rocm.rocminfo_fails(b, f"/opt/rocm-{version}", out)


def no_driver() -> Builder:
    """A blacklisted driver."""
    about = "An Instinct MI50 on the bus; amdgpu is blacklisted and not loaded."
    b = put_together(Plan(about, (replace(MI50, driver=None),), driver=False))
    b.file("/etc/modprobe.d/blacklist-amdgpu.conf", "# left over from a trial with another card\nblacklist amdgpu")
    _drop(b, "/dev/dri")
    klog.write(b, [*klog.head(system.NOBLE), *klog.found(MI50)])
    _fails(b, "ROCk module is NOT loaded, possibly no GPU devices\n")
    return b


def no_access(promised: tuple[str, ...], about: str) -> Builder:
    """A user whom the device nodes refuse."""
    b = put_together(Plan(about, (MI50,), groups=(), promised=promised, kfd_opens="EACCES", dmesg=False, journal=bool(promised)))
    _fails(b, f"ROCk module is loaded\n{DENIED}\n{NOT_MEMBER}\n")
    return b


def masked() -> Builder:
    """A container that got /dev/kfd but not the card's render node."""
    about = "A container that was given /dev/kfd without the render node: the device cgroup hides the card, its KFD node answers EPERM."
    b = put_together(Plan(about, (MI50,)))
    _container(b, 992)
    _drop(b, "/dev/dri")
    here = f"{gpu.KFD}/nodes/{MI50.node}"
    b.denied("EPERM", [f"{here}/{name}" for name in ("gpu_id", "name", "properties", "mem_banks/0/properties", "io_links/0/properties")])
    rocm.rocminfo(b, "/opt/rocm-6.3.4", system.RYZEN, ())
    return b


def one_of_two() -> Builder:
    """A container that was given one of two cards on purpose."""
    about = "A container that was given the second of two Instinct MI50 and not the first: the first is masked, the second works."
    second = Slot(CARDS["MI50"], bus=11, node=2, minor=129)
    b = put_together(Plan(about, (MI50, second)))
    _container(b, 992)
    for path in ("/dev/dri/card0", "/dev/dri/renderD128"):
        del b.stats[path], b.opens[path]
    here = f"{gpu.KFD}/nodes/{MI50.node}"
    b.denied("EPERM", [f"{here}/{name}" for name in ("gpu_id", "name", "properties", "mem_banks/0/properties", "io_links/0/properties")])
    rocm.rocminfo(b, "/opt/rocm-6.3.4", system.RYZEN, (second,))
    return b


def no_devices() -> Builder:
    """docker run without --device."""
    b = put_together(Plan("A container started without --device=/dev/kfd --device=/dev/dri.", (MI50,)))
    _container(b, 992)
    _drop(b, "/dev/kfd", "/dev/dri")
    _fails(b, "ROCk module is loaded\nUnable to open /dev/kfd read-write: No such file or directory\n")
    return b


def no_room() -> Builder:
    """No room for the memory window."""
    about = "An Instinct MI50 for whose memory window the firmware left no room (Above 4G Decoding is off): amdgpu gives up with error -12."
    slot = replace(MI50, bar_bytes=0, driver=None)
    b = put_together(Plan(about, (slot,)))
    klog.write(b, klog.no_room(system.NOBLE, slot, 16 << 30))
    rocm.rocminfo(b, "/opt/rocm-6.3.4", system.RYZEN, ())
    b.folder("/dev/dri")
    return b


def vfio() -> Builder:
    """A card kept for a virtual machine."""
    about = "An Instinct MI50 that the kernel gave to vfio-pci, for a virtual machine."
    slot = replace(MI50, driver="vfio-pci")
    b = put_together(Plan(about, (slot,), parameters="quiet splash amd_iommu=on iommu=pt vfio-pci.ids=1002:66a1"))
    lines = [*klog.head(system.NOBLE), *klog.found(slot), "VFIO - User Level meta-driver version: 0.3"]
    klog.write(b, [*lines, "vfio_pci: add [1002:66a1[ffffffff:ffffffff]] class 0x000000/00000000", *klog.NO_CARD])
    b.folder("/sys/class/iommu", "ivhd0")
    rocm.rocminfo(b, "/opt/rocm-6.3.4", system.RYZEN, ())
    return b


def no_gpu() -> Builder:
    """A machine without an AMD GPU."""
    about = "A machine without an AMD GPU; its processor's own graphics are Intel's."
    b = Builder(about)
    os = system.NOBLE
    system.linux(b, os, system.INTEL, vendor="GenuineIntel")
    system.user(b, os, groups=("video",))
    system.module(b, os, loaded=False)
    gpu.function(b, "/sys/devices/pci0000:00/0000:00:02.0", "8086", "3e98", "0x030000", "i915")
    for name, minor in (("card0", 0), ("renderD128", 128)):
        b.link(f"/sys/class/drm/{name}", f"../../devices/pci0000:00/0000:00:02.0/drm/{name}")
        b.link(f"/sys/devices/pci0000:00/0000:00:02.0/drm/{name}/device", "../../../0000:00:02.0")
        b.device(f"/dev/dri/{name}", (226, minor), os.render_gid if minor else 44, opened="EACCES" if minor else "ok")
    klog.write(b, klog.head(os))
    tools.build_tools(b, os)
    python_env.write(b, os, Environment(torch=TORCH_CUDA, packages=SPEECH))
    return b


def wsl() -> Builder:
    """Windows Subsystem for Linux."""
    about = "Ubuntu in WSL 2 on a Windows machine: the GPU is behind /dev/dxg, and there is no amdgpu and no KFD."
    b = Builder(about)
    os = system.JAMMY.on("5.15.167.4-microsoft-standard-WSL2")
    system.linux(b, os, system.RYZEN, parameters="initrd=\\initrd.img WSL_ROOT_INIT=1 panic=-1")
    system.user(b, os, groups=())
    b.file("/proc/cpuinfo", f"processor\t: 0\nmodel name\t: {system.RYZEN.name}\nflags\t\t: fpu sse sse2 avx avx2 hypervisor\n")
    b.device("/dev/dxg", (10, 125), 0, mode="0666")
    b.empty("/usr/lib/wsl/lib/libdxcore.so")
    gpu.function(b, "/sys/devices/LNXSYSTM:00/pci5f3e:00/5f3e:00:00.0", "1414", "008e", "0x030200", "dxgkrnl")
    klog.write(b, klog.head(os))
    tools.build_tools(b, os)
    python_env.write(b, os, Environment(torch=TORCH_2_6, packages=SPEECH))
    return b


def the_user() -> Builder:
    """The machine that this project was started for."""
    about = (
        "The user's machine as it was described: a gfx906 card, Ubuntu 22.04 with its HWE kernel, ROCm 6.1.5, Python 3.10. A Radeon VII"
        " with 16 GB stands for the card: less than 8 GB of it was reported in use, its size was not said. The libraries of ctranslate2,"
        " onnxruntime, llvmlite, numpy, sherpa-onnx and soundfile were read off the real wheels (see tools/machine_parts/wheels.json);"
        " those of torch are composed from the published lists, since that wheel is not on the package index."
    )
    packages = SPEECH | {
        "av": "15.1.0",
        "coloredlogs": "15.0.1",
        "ctranslate2": "4.6.1",
        "faster-whisper": "1.2.1",
        "flatbuffers": "25.9.23",
        "onnxruntime": "1.23.2",
        "protobuf": "6.33.1",
        "resampy": "0.4.3",
        "sherpa-onnx": "2.0.1",
        "sherpa-onnx-core": "2.0.1",
    }
    plan = Plan(about, (Slot(CARDS["RADEON_VII"]),), os=system.JAMMY, rocm="6.1.5", torch=TORCH_2_6, packages=tuple(packages.items()))
    return put_together(plan)


def trap() -> Builder:
    """torch that lists the card and has no matrix kernels for it."""
    about = "An Instinct MI50 with torch 2.11.0+rocm7.2, which lists gfx906 and whose rocBLAS has no file for it."
    return put_together(Plan(about, (MI50,), rocm=None, torch=TORCH_2_11))


def lxc() -> Builder:
    """An unprivileged container of Proxmox."""
    about = "An unprivileged LXC container of Proxmox that was given an Instinct MI50's devices without a group of its own."
    os = system.NOBLE.on("6.8.12-4-pve")
    b = put_together(Plan(about, (MI50,), os=os, kfd_opens="EACCES"))
    _container(b, os.render_gid)
    _drop(b, "/.dockerenv")
    b.room("/dev/shm", system.RYZEN.memory_gib / 2, system.RYZEN.memory_gib / 2)
    b.file("/run/systemd/container", "lxc")
    for ids in ("uid_map", "gid_map"):
        b.file(f"/proc/self/{ids}", f"{0:10d} {100000:10d} {65536:10d}")
    for path, numbers in (("/dev/kfd", (gpu.KFD_MAJOR, 0)), ("/dev/dri/renderD128", (226, 128))):
        b.device(path, numbers, 65534, opened="EACCES")
    _fails(b, f"ROCk module is loaded\n{DENIED}\n")
    return b


def hung() -> Builder:
    """A card that hung and did not come back."""
    about = "An Instinct MI50 on which a kernel hung; the driver's reset failed, and only a reboot brings the card back."
    b = put_together(Plan(about, (MI50,)))
    bdf = MI50.bdf
    fault = "no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process python pid 4711 thread python)"
    lines = [
        f"amdgpu {bdf}: amdgpu: [gfxhub0] {fault}",
        "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring sdma0 timeout, signaled seq=812, emitted seq=814",
        f"amdgpu {bdf}: amdgpu: GPU reset begin!",
        f"amdgpu {bdf}: amdgpu: GPU reset(1) failed",
        f"amdgpu {bdf}: amdgpu: GPU reset end with ret = -110",
    ]
    klog.write(b, [*klog.healthy(system.NOBLE, (MI50,)), *lines])
    _fails(b, "ROCk module is loaded\nhsa api call failure at: rocminfo.cc:1306\nCall returned HSA_STATUS_ERROR_OUT_OF_RESOURCES\n")
    return b


def rejected() -> Builder:
    """Secure Boot against a driver that nobody signed."""
    about = "An Instinct MI50 with AMD's own build of amdgpu, which Secure Boot rejects because its key was never enrolled."
    b = put_together(Plan(about, (replace(MI50, driver=None),), driver=False))
    os = system.NOBLE
    b.files["/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"] = {"base64": "BgAAAAE="}
    system.dkms_module(b, os, "6.10.5", "6.10.5-2109964.24.04")
    _drop(b, "/dev/dri", "/sys/module/amdgpu")
    klog.write(b, [*klog.head(os), *klog.found(MI50), "Loading of module with unavailable key is rejected"])
    _fails(b, "ROCk module is NOT loaded, possibly no GPU devices\n")
    return b


def faulty() -> dict[str, Builder]:
    """Name to machine."""
    return {
        "no-driver": no_driver(),
        "no-access": no_access((), "An Instinct MI50; the user is in neither render nor video."),
        "relogin-pending": no_access(
            ("render", "video"), "An Instinct MI50; the user was added to render and video but has not logged in again since."
        ),
        "masked-by-cgroup": masked(),
        "two-mi50-one-given": one_of_two(),
        "docker-no-devices": no_devices(),
        "mi50-torch-rocm72": trap(),
        "mi50-bar-failure": no_room(),
        "vfio-bound": vfio(),
        "no-gpu": no_gpu(),
        "wsl": wsl(),
        "lxc-unprivileged": lxc(),
        "mi50-reset-failed": hung(),
        "secure-boot": rejected(),
        "the-user": the_user(),
    }
