"""Releases that were tested together: ROCm with kernel drivers, with distributions and kernels."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._stack import older, release, torch_of, user_spaces
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Driver, Gap, Os, Python, Rocm, System


@check(
    "RK304",
    "rocm-wheel-vs-driver",
    title="ROCm far from the kernel driver's release",
    severity="warning",
    after=("container-newer-than-host",),
)
def rocm_wheel_vs_driver(driver: Driver, python: Python | Gap, rocm: tuple[Rocm, ...] | Gap) -> Outcome:
    """A ROCm user space is outside the range of kernel drivers that AMD tested it with.

    ## What it looks at

    The release of ROCm inside torch and of the ROCm that `/opt/rocm` leads to, and the version of an amdgpu driver built by DKMS, which
    tells the ROCm release it came with. The driver that is part of the kernel has no such version.

    ## Why it matters

    User space and driver talk through an interface that grows. AMD tests a user space with drivers two releases older and newer, from
    6.4 on up to a year apart. Beyond that an operation may fail that the other side does not know.

    ## Fix

    Bring the older side nearer: another amdgpu-dkms, the kernel's own driver, or another torch. Of a machine, torch's wheel uses only
    the kernel driver; the release in `/opt/rocm` does not matter to it.

    ## Safe to ignore when

    Everything runs. The range is what was tested, not what works.

    ## Sources

    - peterjunpark/ROCm@0208a003 docs/compatibility/compatibility-matrix-historical-6.0.csv
    - ROCm/rocm-cli crates/rocm-core/src/diagnose.rs, check 8
    - ROCm/rocm-install-on-linux#663
    """
    if isinstance(driver.version, Gap):
        return skip("the driver's version is not known: {detail}", detail=driver.version.detail)
    if driver.version is None:
        return skip("the driver is the kernel's own, which has no ROCm release to compare")
    came_with = kb.driver_release(driver.version)
    if came_with is None:
        return skip("which ROCm release amdgpu-dkms {version} came with is not known", version=driver.version)
    findings, seen = [], []
    for who, version in user_spaces(python, rocm):
        window = kb.kmd_window(version)
        if window is None:
            continue
        where = Seen("/sys/module/amdgpu/version", f"{driver.version}, which came with ROCm {came_with}")
        tested = Seen(who, f"ROCm {version}, tested with drivers of ROCm {window.lowest} to {window.highest}")
        if older(came_with, window.lowest) or older(window.highest, came_with):
            findings.append(
                Finding(
                    subject=who,
                    message=say(
                        "{who} holds ROCm {version}, tested with drivers of ROCm {lowest} to {highest}; this driver came with {driver}",
                        who=who,
                        version=version,
                        lowest=window.lowest,
                        highest=window.highest,
                        driver=came_with,
                    ),
                    confidence="sure" if older(came_with, window.lowest) else "likely",
                    seen=(where, tested),
                    cause=say("Driver and user space were updated apart from each other."),
                    fix=Fix(
                        text=say("Only if something fails: bring driver and user space within two releases of each other."),
                        verify=("cat /sys/module/amdgpu/version",),
                    ),
                )
            )
        else:
            seen += [where, tested]
    return judge(findings, *seen)


@check("RK305", "kernel-rocm-support", title="Kernel or distribution outside AMD's list for this ROCm", severity="note")
def kernel_rocm_support(system: System, rocm: tuple[Rocm, ...] | Gap, python: Python | Gap) -> Outcome:
    """AMD's list of tested systems for this ROCm does not name this distribution with this kernel.

    ## What it looks at

    The release of ROCm on the system (without one, that inside torch), the distribution and the kernel, against AMD's documentation.

    ## Why it matters

    Little by itself: the amdgpu driver is part of every newer kernel, and what AMD did not test mostly works. It explains why a package
    refuses to install, and it is a thing to try when nothing else explains a crash. ROCm 6.1.5 covers kernel 6.8 only as a preview,
    for Ubuntu 22.04.5.

    ## Fix

    None is needed while things work. Otherwise boot a kernel of the list, or move to a ROCm release that lists this system.

    ## Safe to ignore when

    The GPU works. This is a note and never the verdict.

    ## Sources

    - ROCm/ROCm docs/6.1.5 docs/compatibility/compatibility-matrix.rst
    - ROCm/rocm-install-on-linux docs/6.2.4 docs/reference/system-requirements.rst
    - ROCm/legacy-rocm-build docs/data/os-support.yaml
    """
    if advice.container(system):
        return skip("inside a container: the distribution is the image's and the kernel is the host's")
    if isinstance(system.os, Gap) or isinstance(system.kernel, Gap) or not system.os.id:
        return skip("the distribution or the kernel is not known")
    default = None if isinstance(rocm, Gap) else next((one for one in rocm if one.kind != "wheel" and one.default), None)
    torch = None if isinstance(python, Gap) else torch_of(python)
    version = default.version if default else torch.rocm if torch else None
    support = kb.os_support(version) if version else None
    if version is None:
        return skip("no ROCm of AMD's was seen whose release could be looked up")
    if support is None:
        return skip("AMD's list for ROCm {version} is not known here", version=version)
    name, point = system.os.name or system.os.id, _point(system.os)
    kernel = release(system.kernel) or system.kernel
    seen = (
        Seen("/proc/sys/kernel/osrelease", system.kernel),
        Seen("/etc/os-release", name),
        Seen(default.path if default and version == default.version else "torch", f"ROCm {version}"),
    )
    same = [row for row in support.systems if row.os == system.os.id and _same_release(row.version, point)]
    fit = [row for row in same if not row.kernels or kernel in row.kernels]
    if any(not row.preview for row in fit):
        return judge([], *seen)
    if fit:
        message = say(
            "ROCm {rocm} covers kernel {kernel} only as a preview, with {os} {version}",
            rocm=version,
            kernel=kernel,
            os=fit[0].os,
            version=fit[0].version,
        )
    elif same:
        listed = ", ".join(sorted({series for row in same for series in row.kernels}, key=lambda text: (len(text), text)))
        message = say(
            "for ROCm {rocm} on {os} AMD lists the kernels {listed}, not {kernel}", rocm=version, os=name, listed=listed, kernel=kernel
        )
    else:
        message = say("AMD's list for ROCm {rocm} does not name {os}", rocm=version, os=name)
    fix = Fix(text=say("Nothing to do while the GPU works."))
    return judge([Finding(subject=f"ROCm {version}", message=message, confidence="sure", seen=seen, fix=fix)])


def _point(os: Os) -> str:
    """22.04.5 where the name of the distribution says so, else the version: os-release of Ubuntu leaves the point out of VERSION_ID."""
    found = re.search(r"[0-9]+\.[0-9]+\.[0-9]+", os.name or "")
    return found[0] if found and found[0].startswith(os.version or "") else os.version or ""


def _same_release(listed: str, here: str) -> bool:
    """Whether both name one release of a distribution; point releases of Ubuntu share it and differ in their kernels."""
    dots = 1 if "." in here else 0
    return listed.split(".")[: dots + 1] == here.split(".")[: dots + 1]
