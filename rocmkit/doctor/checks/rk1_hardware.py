"""RK104, RK105: why the driver cannot start a GPU: firmware files, address space."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _log
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Driver, Gap, Gpu, KernelLog, System

_FIRMWARE = re.compile(r"(?:Direct firmware load for|failed to load(?: firmware)?) \"?amdgpu/([\w.-]+\.bin)", re.IGNORECASE)
_OPTIONAL = re.compile(r"_(?:ta|cap)\.bin$|^ip_discovery\.bin$")
_PROBE = re.compile(r"(?:probe of|probe with driver amdgpu failed).*?error (-\d+)")
_NO_ROOM = re.compile(r"BAR \d+.*(?:no space for|failed to assign|can't assign)")


def _up(gpu: Gpu) -> bool:
    """The driver got through with this GPU."""
    return gpu.kfd_node is not None or gpu.pci_driver == "amdgpu"


def _open(gpus: tuple[Gpu, ...]) -> list[Gpu]:
    """GPUs that no driver holds: starting them failed, or was never tried."""
    return [gpu for gpu in gpus if not _up(gpu) and gpu.pci_driver is None]


def _by_gpu(lines: list[str], gpus: tuple[Gpu, ...]) -> dict[str, list[str]]:
    """Lines by the PCI address in them, without those of GPUs that came up all the same; "" where they name none."""
    running = {gpu.pci for gpu in gpus if _up(gpu)}
    grouped: dict[str, list[str]] = {}
    for line in lines:
        address = _log.address(line) or ""
        if address not in running and not (address == "" and all(_up(gpu) for gpu in gpus)):
            grouped.setdefault(address, []).append(line)
    return grouped


def _came_up(gpus: tuple[Gpu, ...]) -> list[Seen]:
    seen = [
        Seen(f"/sys/class/kfd/kfd/topology/nodes/{gpu.kfd_node}", f"{advice.place(gpu)} is up") for gpu in gpus if gpu.kfd_node is not None
    ]
    return seen + [
        Seen(f"/sys/bus/pci/devices/{gpu.pci or '*'}/driver", "amdgpu")
        for gpu in gpus
        if gpu.kfd_node is None and gpu.pci_driver == "amdgpu"
    ]


@check("RK104", "fw-missing", title="The GPU's firmware files are missing", severity="error")
def firmware(driver: Driver, gpus: tuple[Gpu, ...], kernel_log: KernelLog | Gap, system: System | Gap) -> Outcome:
    """The kernel did not find firmware that the GPU needs to start.

    ## What it looks at

    Lines of the kernel's log that say a file `amdgpu/….bin` could not be loaded, for GPUs that did not come up; and, where the log says
    nothing, whether `/lib/firmware/amdgpu` holds any file for a chip that no driver holds. Files that the driver can do without
    (`…_ta.bin`, `…_cap.bin`, `ip_discovery.bin`) are not counted.

    ## Why it matters

    A GPU is an empty shell until the driver has loaded some ten firmware files into it. If one is missing, the driver gives the GPU up
    ("Fatal error during GPU init"), and there is neither a screen nor ROCm on it.

    ## Fix

    Install or update the distribution's firmware package, write the boot image anew (the driver may start from there, where it sees only
    the files inside), and restart.

    ## Safe to ignore when

    The line names a `_ta.bin` only (trusted applications: content protection and the like), or the GPU is not meant to be used.

    ## Sources

    - ROCm/legacy-rocm-build#912
    - geerlingguy/raspberry-pi-pcie-devices#331
    - systemd/systemd#15386
    """
    lines = [line for line in _log.texts(kernel_log) if (found := _FIRMWARE.search(line)) and not _OPTIONAL.search(found[1])]
    findings: list[Finding] = []
    source = _log.source(kernel_log)
    for address, group in _by_gpu(lines, gpus).items():
        files = sorted({found[1] for line in group if (found := _FIRMWARE.search(line))})
        message = say(
            "the kernel did not find the firmware file(s) {files} for the GPU {gpu}", files=", ".join(files), gpu=address or "(unnamed)"
        )
        seen = tuple(Seen(source, line) for line in group)
        findings.append(Finding(subject=address or "amdgpu", message=message, confidence="sure", seen=seen, fix=_install(driver, system)))
    down = _open(gpus)
    if not findings and down and driver.firmware == () and driver.loaded is True and advice.container(system) is None:
        for gpu in down:
            message = say("there is no firmware file for the GPU {gpu} in /lib/firmware/amdgpu", gpu=advice.place(gpu))
            seen = (
                Seen("/lib/firmware/amdgpu", "no file of this chip"),
                Seen(f"/sys/bus/pci/devices/{gpu.pci or '*'}/driver", "no driver is bound"),
            )
            findings.append(
                Finding(subject=advice.place(gpu), message=message, confidence="likely", seen=seen, fix=_install(driver, system))
            )
    if not findings and isinstance(kernel_log, Gap):
        if gpus and all(gpu.kfd_node is not None for gpu in gpus):  # KFD takes in no GPU whose firmware did not start
            return judge([], *_came_up(gpus))
        return skip("the kernel's log is not known: {detail}", detail=kernel_log.detail)
    if not findings and down:
        return skip("no driver holds {gpu}, and the kernel's log names no missing firmware", gpu=advice.place(down[0]))
    return judge(
        findings,
        Seen(source, "no firmware file is reported missing" if not lines else "missing files, but the GPU came up"),
        *_came_up(gpus),
    )


def firmware_package(system: System | Gap) -> tuple[str, ...]:
    """The command that installs this distribution's package of GPU firmware."""
    here = advice.distribution(system)
    name = here[0] if here else ""
    return advice.install(
        system,
        debian="--reinstall firmware-amd-graphics" if name == "debian" else "--reinstall linux-firmware",
        rhel="amd-gpu-firmware" if name == "fedora" else "linux-firmware",
        suse="kernel-firmware-amdgpu",
        arch="linux-firmware",
    )


def _install(driver: Driver, system: System | Gap) -> Fix:
    packages = firmware_package(system)
    if driver.kind == "dkms" and advice.family(system) == "debian":
        packages = advice.install(system, debian="--reinstall amdgpu-dkms-firmware")
    text = say("install the firmware package, write the boot image anew and restart")
    if advice.container(system):
        text, packages = say("on the host, install the firmware package, write the boot image anew and restart"), ()
    return Fix(
        text=text,
        commands=(*packages, *(advice.rebuild_initramfs(system) if packages else ())),
        verify=('sudo dmesg | grep -i "firmware load"',),
        root=True,
        reboot=True,
    )


@check("RK105", "probe-fail-bar", title="The GPU was given no address space", severity="error")
def no_address_space(gpus: tuple[Gpu, ...], kernel_log: KernelLog | Gap, system: System | Gap) -> Outcome:
    """Starting the GPU failed because the firmware of the machine did not map its memory.

    ## What it looks at

    In the kernel's log, amdgpu's probe of a GPU failing with error -12 or -22 and "BAR …: no space for" or "failed to assign" lines for
    the same address; and the size of the GPU's memory window in `/sys/bus/pci/devices/…/resource`. A GPU that came up is not looked at.

    ## Why it matters

    The driver reaches the GPU's memory through a window in the machine's address space. A card with 16 or 32 GB asks for a window of that
    size, and many desktop boards leave no room for it unless told to. It is the usual fate of an MI50 or MI100 in a consumer board.

    ## Fix

    In the firmware setup of the board switch on "Above 4G Decoding" and "Resizable BAR", switch off CSM, and update the firmware. If the
    option is missing, `pci=realloc` lets the kernel assign the windows itself; that is general practice and not a cure in every board.
    In a virtual machine, it is the virtual machine that needs a larger 64-bit PCI window.

    ## Safe to ignore when

    The GPU is not meant to be used by this system.

    ## Sources

    - ROCm/legacy-rocm-build#2927
    - ROCm/legacy-rocm-build#6281
    - lamikr/rocm_sdk_builder#180
    """
    texts = _log.texts(kernel_log)
    failed = [line for line in texts if "amdgpu" in line and (found := _PROBE.search(line)) and found[1] in {"-12", "-22"}]
    no_room = _by_gpu([line for line in texts if _NO_ROOM.search(line)], gpus)
    source = _log.source(kernel_log)
    windows = {gpu.pci: gpu for gpu in _open(gpus) if gpu.pci and gpu.bar0_bytes == 0}
    findings: list[Finding] = []
    grouped = _by_gpu(failed, gpus)
    for address in sorted({*grouped, *windows}):
        lines = [*no_room.get(address, []), *grouped.get(address, [])]
        seen = [Seen(source, line) for line in lines]
        if address in windows:
            seen.append(Seen(f"/sys/bus/pci/devices/{address}/resource", "no memory window is assigned"))
        finding = Finding(
            subject=address or "amdgpu",
            message=say(
                "the GPU {gpu} could not be started: the machine's firmware gave it no room in the address space",
                gpu=address or "(unnamed)",
            ),
            confidence="sure" if address in windows or address in no_room else "likely",
            seen=tuple(seen),
            cause=_window(system),
            fix=Fix(
                text=say(
                    "switch on Above 4G Decoding and Resizable BAR in the firmware setup, and switch off CSM; failing that, add "
                    "pci=realloc to the kernel's parameters (where the boot loader is not GRUB, in its own file)"
                ),
                commands=advice.set_boot_parameter(system, "pci=realloc") if advice.container(system) is None else (),
                verify=(f"sudo lspci -vv -s {address} | grep -i region" if address else 'sudo dmesg | grep "BAR "',),
                root=True,
                reboot=True,
                caution=say(
                    "pci=realloc moves other devices' windows too: if the machine then does not start, take it away in the boot menu"
                ),
            ),
        )
        findings.append(finding)
    if not findings and not all(_up(gpu) for gpu in gpus):
        if isinstance(kernel_log, Gap):
            return skip("the kernel's log is not known: {detail}", detail=kernel_log.detail)
        if down := _open(gpus):
            return skip("no driver holds {gpu}, and the kernel's log says nothing of address space", gpu=advice.place(down[0]))
    return judge(findings, *([Seen(source, "no GPU failed to start for lack of room")] if source else []), *_came_up(gpus))


def _window(system: System | Gap) -> Text:
    if not isinstance(system, Gap) and isinstance(system.vm, str):
        return say("this is a virtual machine ({vm}): its 64-bit PCI window is smaller than the GPU's memory", vm=system.vm)
    return say("Above 4G Decoding or Resizable BAR is off, CSM is on, or the board (or Thunderbolt bridge) has not room enough")
