"""RK103: whether the amdgpu that runs is the one that was installed."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Driver, Gap, System


@check(
    "RK103",
    "dkms-vs-inkernel",
    title="The loaded amdgpu is not the one that was installed",
    severity="warning",
    after=("amdgpu-blacklisted", "amdgpu-not-loaded", "dkms-build-failed"),
)
def flavour(driver: Driver, system: System) -> Outcome:
    """AMD's own build of the driver (amdgpu-dkms) is installed, and the kernel runs another one.

    ## What it looks at

    The trees below `/var/lib/dkms/amdgpu` and the kernels that each was built for, the running kernel, and the loaded driver:
    `/sys/module/amdgpu/version` exists only for builds of amdgpu-dkms.

    ## Why it matters

    After a kernel update DKMS may fail to build, and the machine quietly goes back to the kernel's own driver; after an update of
    amdgpu-dkms the old one stays loaded until the next restart. Behaviour then changes without anything having been changed. Either
    driver is fine by itself: this check never speaks up because a driver is, or is not, amdgpu-dkms.

    ## Fix

    Restart if the new driver is built and just not loaded. If it was not built, install the kernel's headers and build it, or remove
    amdgpu-dkms: the driver inside the kernel is enough for computing on gfx9, gfx10 and gfx11 cards.

    ## Safe to ignore when

    You know that the kernel's own driver is in use and it works.

    ## Sources

    - ollama/ollama#2718
    - ROCm/legacy-rocm-build#5624
    - ROCm/ROCm docs/6.3.3 compatibility-matrix.rst
    """
    if host := advice.container(system):
        return skip("inside a container ({kind}): its packages say nothing of the host's driver", kind=host)
    for fact in (driver.loaded, driver.kind, driver.version, system.kernel):
        if isinstance(fact, Gap):
            return skip("the loaded driver is not known well enough: {detail}", detail=fact.detail)
    if not driver.loaded or driver.kind is None:
        return skip("amdgpu is not loaded")
    kernel = str(system.kernel)
    version = str(driver.version or "")
    dkms = driver.kind == "dkms"
    loaded = Seen("/sys/module/amdgpu/version", version if dkms else "does not exist: the kernel's own driver")
    trees = [Seen(f"/var/lib/dkms/amdgpu/{tree.version}", f"built for: {', '.join(tree.kernels) or 'no kernel'}") for tree in driver.dkms]
    built = [tree.version for tree in driver.dkms if kernel in tree.kernels]

    def found(message: Text, fix: Fix) -> Outcome:
        seen = (loaded, *trees, Seen("/proc/sys/kernel/osrelease", kernel))
        return judge([Finding(subject="amdgpu-dkms", message=message, confidence="sure", seen=seen, fix=fix)])

    restart = Fix(
        text=say("write the boot image anew and restart"),
        commands=advice.rebuild_initramfs(system),
        verify=("cat /sys/module/amdgpu/version",),
        root=True,
        reboot=True,
    )
    if not dkms and built:
        message = say(
            "amdgpu-dkms {version} is built for kernel {kernel}, but the kernel's own driver is loaded", version=built[0], kernel=kernel
        )
        return found(message, restart)
    if not dkms and driver.dkms:
        message = say(
            "amdgpu-dkms {version} is installed but not built for kernel {kernel}: the kernel's own driver runs instead",
            version=driver.dkms[0].version,
            kernel=kernel,
        )
        return found(message, _build(system, refused=kb.dkms_builds(_release(driver.dkms[0].version), kernel) is False))
    if dkms and built and version and not any(_release(tree) == version for tree in built):
        return found(say("amdgpu-dkms {version} is installed, but {loaded} is still loaded", version=built[0], loaded=version), restart)
    return judge([], loaded, *trees)


def _release(tree: str) -> str:
    """6.8.5 of 6.8.5-2009582.22.04, which is how /sys/module/amdgpu/version prints it."""
    return tree.partition("-")[0]


def _build(system: System, *, refused: bool) -> Fix:
    """`refused`: a package of this release was reported not to build on this kernel."""
    headers = '"linux-headers-$(uname -r)"'
    packages = advice.install(system, debian=headers, rhel='"kernel-devel-$(uname -r)"', suse="kernel-default-devel", arch="linux-headers")
    return Fix(
        text=say("build it for this kernel and restart; or remove amdgpu-dkms: for computing the kernel's own driver is enough"),
        commands=(*packages, 'sudo dkms autoinstall -k "$(uname -r)"'),
        verify=("dkms status amdgpu", "cat /sys/module/amdgpu/version"),
        root=True,
        reboot=True,
        caution=say("this release was reported not to build on this kernel: where it fails, remove amdgpu-dkms or install a newer one")
        if refused
        else say("an amdgpu-dkms that is older than the kernel does not build: the log is in /var/lib/dkms/amdgpu"),
    )
