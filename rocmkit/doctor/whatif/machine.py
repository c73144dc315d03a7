"""Another distribution, kernel, driver or card."""

from __future__ import annotations

import re

from msgspec.structs import replace

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.whatif.made import hypothetical, known, unknown
from rocmkit.errors import UsageError
from rocmkit.facts import Agent, Driver, Facts, Gap, Gpu, KernelPackage, Kfd, KfdNode, Os, Runtime, gap
from rocmkit.kb.targets import base

_ANOTHER_BOOT = "what the kernel's log would say"
#: What of a KFD node belongs to the slot and not to the chip.
_OF_SLOT = ("location_id", "domain", "drm_render_minor")
_UNITS = {"M": 1 << 20, "G": 1 << 30}


def with_os(facts: Facts, value: str) -> Facts:
    """Another distribution: `ubuntu-24.04`. What its packages bring is not known."""
    system = known(facts.system, "os", "the system")
    found = re.fullmatch(r"(.+?)(?:-([0-9][0-9.]*))?", value)
    name, release = found.groups() if found else (value, None)
    like = system.os.like if not isinstance(system.os, Gap) and system.os.id == name else ()
    new = Os(id=name, version=release, name=value.replace("-", " ") if release else name, like=like)
    what = f"what {value} holds"
    system = replace(system, os=new, glibc=unknown(what), glibcxx=unknown(what), libavcodec=unknown(what))
    if advice.family(system) is None:
        raise UsageError(f"--what-if os={value}: no such distribution is known", "such as os=ubuntu-24.04, os=debian-12 or os=fedora-43")
    rocm = facts.rocm
    if not isinstance(rocm, Gap) and any(one.kind == "distro" for one in rocm):
        rocm = unknown(f"which ROCm {value} has")
    return replace(facts, system=system, rocm=rocm)


def with_kernel(facts: Facts, value: str) -> Facts:
    """Another kernel, after the restart that it takes. The kernel's own driver comes with it; one of DKMS has to be built for it."""
    system = known(facts.system, "kernel", "the system")
    driver = facts.driver
    if isinstance(driver, Gap):
        return replace(facts, system=replace(system, kernel=value), kernel_log=unknown(_ANOTHER_BOOT))
    after = _on_kernel(driver, value)
    return _driven(replace(facts, system=replace(system, kernel=value)), driver, after)


def _on_kernel(driver: Driver, kernel: str) -> Driver:
    trees = tuple(_built(tree, kernel) for tree in driver.dkms)
    module = hypothetical(f"/lib/modules/{kernel}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko")
    after = replace(driver, dkms=trees, modules=(module,) if driver.modules else ())
    which = unknown(f"which amdgpu comes up with kernel {kernel}")
    if driver.loaded is not True:
        return after if driver.loaded is False and driver.blacklists else replace(after, loaded=which, kind=which, version=which)
    ours = [tree for tree in trees if str(driver.version or "") in (tree.version, tree.version.partition("-")[0])]
    if driver.kind == "dkms":
        if any(kernel in tree.kernels for tree in ours):
            return after
        return replace(after, loaded=which, kind=which, version=which)
    if any(kernel in tree.kernels or isinstance(tree.failed, Gap) for tree in trees):
        return replace(after, kind=which, version=which)
    return after


def _built(tree: KernelPackage, kernel: str) -> KernelPackage:
    """The source tree after a try to build it for that kernel."""
    if kernel in tree.kernels:
        return tree
    builds = kb.dkms_builds(tree.version.partition("-")[0], kernel)
    if builds is None:
        return replace(tree, failed=unknown(f"whether amdgpu-dkms {tree.version} builds for kernel {kernel}"), errors=())
    return replace(tree, kernels=(*tree.kernels, kernel), failed=None, errors=()) if builds else replace(tree, failed=kernel, errors=())


def with_driver(facts: Facts, value: str) -> Facts:
    """The kernel's own driver, or an amdgpu-dkms of that version, after a restart."""
    driver = known(facts.driver, "driver", "the driver")
    kernel = "" if isinstance(facts.system, Gap) or isinstance(facts.system.kernel, Gap) else facts.system.kernel
    module = hypothetical(f"/lib/modules/{kernel}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko")
    kept = not (driver.loaded is False and driver.blacklists)
    if value == "in-tree":
        after = replace(driver, loaded=kept, kind="in-tree" if kept else None, version=None, modules=(module,), dkms=(), dkms_state=None)
        return _driven(facts, driver, after)
    builds = kb.dkms_builds(value.partition("-")[0], kernel)
    which = unknown(f"whether amdgpu-dkms {value} builds for kernel {kernel}")
    tree = KernelPackage(
        version=value, kernels=(kernel,) if builds else (), failed=which if builds is None else None if builds else kernel, errors=()
    )
    state = "installed" if builds else which
    after = replace(driver, dkms=(tree,), dkms_state=state, modules=(module,))
    if builds is False:
        return _driven(facts, driver, replace(after, loaded=which, kind=which, version=which))
    return _driven(
        facts, driver, replace(after, loaded=kept if builds or not kept else which, kind="dkms", version=value.partition("-")[0])
    )


def _driven(facts: Facts, before: Driver, after: Driver) -> Facts:
    """The facts with another driver: what the old one made of the GPUs is no longer known where it is not sure to be loaded."""
    facts = replace(facts, driver=after, kernel_log=unknown(_ANOTHER_BOOT))
    if before.loaded is True and after.loaded is True:
        return facts
    if before.loaded is False and after.loaded is False:
        return facts
    what = unknown("what this driver makes of the GPU")
    gpus = facts.gpus
    if not isinstance(gpus, Gap):
        gpus = tuple(gpu if gpu.pci_driver == "vfio-pci" else replace(gpu, pci_driver=what) for gpu in gpus)
    if before.loaded is True:  # it may come up as well as the old one did, and then all of this stays
        return replace(facts, gpus=gpus)
    return replace(facts, gpus=gpus, kfd=what, access=what, runtime=what)


def with_gfx(facts: Facts, value: str) -> Facts:
    """Every GPU is of that architecture. Its name, its compute units and, unless given, its features are not known."""
    gpus = known(facts.gpus, "gfx", "which GPUs there are")
    if not gpus:
        raise UsageError(f"--what-if gfx={value}: there is no AMD GPU here that could be another one")
    arch = kb.arch(value)
    apu = arch is not None and arch.integrated
    several = any(gpu.integrated is not True for gpu in gpus)
    named = base(value)
    new = tuple(_card(gpu, value, integrated=apu or (several and gpu.integrated is True)) for gpu in gpus)
    kfd = facts.kfd if isinstance(facts.kfd, Gap) else _nodes(facts.kfd, arch.version if arch else "")
    runtime = facts.runtime
    if not isinstance(runtime, Gap):
        isa = value if ":" in value else None
        runtime = Runtime(agents=tuple(Agent(name=named, marketing_name=None, isa=isa) for _ in runtime.agents), error=runtime.error)
    driver = facts.driver
    if not isinstance(driver, Gap):
        driver = replace(driver, firmware=unknown(f"which firmware there is for {named}"))
    facts = replace(facts, gpus=new, kfd=kfd, driver=driver, kernel_log=unknown(_ANOTHER_BOOT))
    return replace(facts, runtime=_overridden(facts) or runtime)


def _card(gpu: Gpu, target: str, *, integrated: bool) -> Gpu:
    return replace(
        gpu,
        gfx=base(target),
        target_id=target if ":" in target else None,
        name=None,
        device_id=None,
        compute_units=None,
        integrated=integrated,
        partition=None,
        ras=unknown("what the card counts"),
    )


def _nodes(kfd: Kfd, version: str) -> Kfd:
    """KFD's nodes with that architecture: 9.0.10 is 90010."""
    major, minor, step = (*(int(part) for part in version.split(".")), 0, 0, 0)[:3]
    target = major * 10000 + minor * 100 + step

    def node(old: KfdNode) -> KfdNode:
        kept = {name: number for name, number in old.properties.items() if name in _OF_SLOT}
        return replace(old, name=hypothetical("").strip(), gfx_target_version=target, properties={**kept, "gfx_target_version": target})

    return replace(kfd, gpu_nodes=tuple(node(old) for old in kfd.gpu_nodes))


def _overridden(facts: Facts) -> Gap | None:
    """What rocminfo says is not known where a variable makes it show another GPU."""
    if isinstance(facts.env, Gap) or not any(name.startswith("HSA_OVERRIDE_GFX_VERSION") for name in facts.env):
        return None
    return gap("not-executed", "what rocminfo says of such a GPU with HSA_OVERRIDE_GFX_VERSION set")


def with_vram(facts: Facts, value: str) -> Facts:
    """Every GPU has that much memory of its own."""
    gpus = known(facts.gpus, "vram", "which GPUs there are")
    if not gpus:
        raise UsageError(f"--what-if vram={value}: there is no AMD GPU here that could have another size")
    number, unit = re.findall(r"([0-9.]+) ?([MG])", value)[0]
    size = int(float(number) * _UNITS[unit])
    kfd = facts.kfd
    if not isinstance(kfd, Gap):
        kfd = replace(kfd, gpu_nodes=tuple(replace(node, vram_bytes=size) for node in kfd.gpu_nodes))
    return replace(facts, gpus=tuple(replace(gpu, vram_bytes=size, vram_used_bytes=None) for gpu in gpus), kfd=kfd)
