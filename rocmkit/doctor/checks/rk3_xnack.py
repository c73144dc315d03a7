"""RK309: code for the right GPU in the wrong state of XNACK or SRAM ECC."""

from __future__ import annotations

import re
from typing import NamedTuple

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._kernels import of_system, of_torch
from rocmkit.doctor.checks._stack import Target, canonical, fits, targets, torch_of
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Driver, Gap, Gpu, Python, Rocm, Runtime, System
from rocmkit.kb.targets import base

_ON = "amdgpu.noretry=0"
#: Here the driver itself has to be started with it; gfx90a and newer switch for each process.
_AT_BOOT = frozenset({"gfx900", "gfx904", "gfx906", "gfx908"})
_PORTABLE = "amdgcnspirv"
#: What other checks say of a GPU that code does not fit at all: RK306, RK307, RK404, RK406.
_JUDGED_ELSEWHERE = re.compile(r"ctranslate2|onnxruntime(-\w+)?")


class Code(NamedTuple):
    """GPU code of one file or folder."""

    who: str
    where: str
    targets: tuple[str, ...]
    elsewhere: bool  # another check tells if none of it fits the GPU as it is without variables


class Mode(NamedTuple):
    """A GPU as this process gets it."""

    id: str
    seen: Seen
    confidence: Confidence


@check("RK309", "xnack-mismatch", title="Code for this GPU, compiled for another mode of it", severity="error")
def xnack_mismatch(
    gpus: tuple[Gpu, ...],
    python: Python,
    rocm: tuple[Rocm, ...] | Gap,
    runtime: Runtime | Gap,
    env: dict[str, str] | Gap,
    driver: Driver | Gap,
    system: System | Gap,
) -> Outcome:
    """A library has code for this GPU, but only for a state of XNACK (or SRAM ECC) that the GPU is not in.

    ## What it looks at

    The target ids of GPU code in Python packages and of rocBLAS' kernel files, such as `gfx906:xnack-`, against the state that programs
    get: as rocminfo says, else as `HSA_XNACK` and the driver's parameter `noretry` make it. Code that names no state runs in both. What
    does not fit the GPU in any state is told by other checks.

    ## Why it matters

    XNACK lets a GPU repeat a memory access after a page fault. Code is compiled with it, without it, or for both; the runtime refuses
    code of the other kind although the GPU's name is the same: `hipErrorNoBinaryForGpu`, `invalid device function`, `INVALID_ISA`, or
    rocBLAS finds no kernels. AMD's rocBLAS holds gfx906 and gfx908 as `xnack-`, so `HSA_XNACK=1` on a machine that was started with
    `amdgpu.noretry=0` takes it away from an MI50.

    ## Fix

    Unset `HSA_XNACK`. Where a package needs the other state, build it without naming one.

    ## Safe to ignore when

    The package named is not meant to run on this GPU.

    ## Sources

    - ROCm/rocm-systems projects/rocr-runtime/runtime/hsa-runtime/core/runtime/isa.cpp
    - ROCm/rocBLAS CMakeLists.txt
    - pytorch/pytorch#73534
    - https://rocm.docs.amd.com/en/latest/conceptual/gpu-memory.html
    """
    kinds = [kind for kind in targets(gpus, env) if not kind.forced]
    if not kinds:
        return skip("the architecture of the GPU is not known, or an override hides it")
    code = _code(python, rocm)
    findings, seen = [], []
    for kind in kinds:
        mode = _mode(kind, runtime, env, driver)
        for one in code:
            named = tuple(name for name in one.targets if kb.compatible(base(name), kind.gfx))
            if not named or _PORTABLE in one.targets:
                continue
            if any(kb.compatible(name, mode.id) for name in named):
                seen += [Seen(one.where, ", ".join(named)), mode.seen]
            elif fits(named, kind) or not one.elsewhere:
                findings.append(_finding(one, named, kind, mode, env, system))
    return judge(findings, *dict.fromkeys(seen))


def _code(python: Python, rocm: tuple[Rocm, ...] | Gap) -> list[Code]:
    """What was compiled for GPUs and is used here."""
    torch = torch_of(python)
    found = []
    for lib in python.libraries:
        package, name = canonical(lib.package), lib.file.rpartition("/")[2]
        elsewhere = name.startswith("libtorch_hip") or _JUDGED_ELSEWHERE.fullmatch(package) is not None
        if lib.gfx and lib.gpu_api == "hip":
            found.append(Code(package, lib.file, lib.gfx, elsewhere))
    folders = [("rocBLAS of torch", files) for files in of_torch(python, rocm, torch, "rocblas")[0]] if torch and torch.hip else []
    folders += [("rocBLAS", files) for files in of_system(python, rocm, "rocblas") if files not in [held for _, held in folders]]
    return found + [Code(who, files.path, tuple(files.targets), elsewhere=True) for who, files in folders]


def _mode(kind: Target, runtime: Runtime | Gap, env: dict[str, str] | Gap, driver: Driver | Gap) -> Mode:
    """The state that programs get: rocminfo ran in this environment and saw it; else what the variable and the driver make of it."""
    ids = set() if isinstance(runtime, Gap) else {one.isa for one in runtime.agents if one.isa and base(one.isa) == kind.gfx}
    if len(ids) == 1 and ":" in (isa := ids.pop()):
        return Mode(isa, Seen("rocminfo", isa), "sure")
    known = kb.arch(kind.gfx)
    asked = not isinstance(env, Gap) and env.get("HSA_XNACK") == "1"
    started = kind.gfx not in _AT_BOOT or (not isinstance(driver, Gap) and driver.parameters.get("noretry") == "0")
    if asked and started and known and known.xnack:
        return Mode(kind.id.replace(":xnack-", ":xnack+"), Seen("environment", "HSA_XNACK=1"), "likely")
    return Mode(kind.id, kind.seen[0], kind.confidence)


def _finding(code: Code, named: tuple[str, ...], kind: Target, mode: Mode, env: dict[str, str] | Gap, system: System | Gap) -> Finding:
    return Finding(
        subject=f"{code.who} on {kind.gfx}",
        message=say(
            "{who} has code for {gfx} only as {named}, and programs get the GPU as {mode}",
            who=code.who,
            gfx=kind.gfx,
            named=", ".join(named),
            mode=mode.id,
        ),
        confidence=mode.confidence,
        seen=tuple(dict.fromkeys((Seen(code.where, ", ".join(named)), mode.seen, *kind.seen))),
        cause=say("The runtime takes code only where every state that it names is that of the GPU."),
        fix=_fix(code, kind, mode, env, system),
    )


def _fix(code: Code, kind: Target, mode: Mode, env: dict[str, str] | Gap, system: System | Gap) -> Fix:
    show = ("rocminfo | grep -i 'xnack'",)
    if "xnack+" not in mode.id:
        text = say("Take a build of {who} for {gfx} that names no state of XNACK or SRAM ECC.", who=code.who, gfx=base(kind.physical))
        return Fix(text=text, verify=show)
    if not isinstance(env, Gap) and "HSA_XNACK" in env:
        return Fix(text=say("Unset HSA_XNACK, here and where it is set."), commands=("unset HSA_XNACK",), verify=show)
    booted = not isinstance(system, Gap) and not isinstance(system.kernel_parameters, Gap) and _ON in system.kernel_parameters
    return Fix(
        text=say("Start the machine without {parameter}.", parameter=_ON),
        commands=advice.drop_boot_parameter(system, _ON) if booted else (),
        verify=show,
        root=True,
        reboot=True,
    )
