"""GPU code for the GPU that is there: in torch itself, and in the rocBLAS it uses."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import torch_for, torch_probe
from rocmkit.doctor.checks._kernels import of_system, of_torch
from rocmkit.doctor.checks._stack import Target, Torch, confidence, fits, libraries, targets, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python, Rocm

#: Portable code, which is compiled for whatever GPU is there.
_PORTABLE = "amdgcnspirv"


@check("RK306", "arch-not-compiled", title="torch has no code for this GPU", severity="error", after=("torch-not-rocm",))
def arch_not_compiled(gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap) -> Outcome:
    """The installed torch was not compiled for this GPU, so its first operation on it fails.

    ## What it looks at

    The GPU code inside `torch/lib/libtorch_hip.so`, read as bytes, against each GPU's target id as the kernel tells it; or as
    `HSA_OVERRIDE_GFX_VERSION` makes programs see it. Where the library could not be read, the table of pytorch.org's wheels is asked,
    and the finding is only likely. It is only likely, too, where torch has code for another GPU of the machine, which programs take
    first. A GPU that a variable hides is not looked at.

    ## Why it matters

    A program for one GPU architecture does not run on another. The first operation ends with `invalid device function`,
    `no kernel image is available`, or `hipErrorNoBinaryForGpu`. `torch.cuda.is_available()` is true all the same.

    ## Fix

    Install a torch that is compiled for the GPU. Where pytorch.org has none, AMD's TheRock builds may. `HSA_OVERRIDE_GFX_VERSION` is a
    last resort and works only between close relatives, such as gfx1031 and gfx1030.

    ## Safe to ignore when

    The GPU is not meant to be used for computing: hide it with `ROCR_VISIBLE_DEVICES`.

    ## Sources

    - pytorch/pytorch#147626
    - pytorch/pytorch#164346
    - pytorch/pytorch#73534
    - ROCm/rocm-systems projects/rocr-runtime/runtime/hsa-runtime/core/runtime/isa.cpp
    """
    torch = torch_of(python)
    if torch is None:
        return skip("torch is not installed here")
    if not torch.hip:
        return skip("torch {version} is not known to be a ROCm build", version=torch.version)
    kinds = targets(gpus, env)
    if not kinds:
        return skip("the architecture of the GPU is not known")
    code = next((lib for lib in libraries(python, "torch", "libtorch_hip") if lib.gfx), None)
    if code and code.gfx:
        listed, where = code.gfx, code.file
    elif torch.wheel:
        listed, where = torch.wheel.archs, f"table of pytorch.org's wheels: torch {torch.wheel.torch}, ROCm {torch.wheel.rocm}"
    else:
        return skip("the GPU code in torch {version} could not be read, and no table lists it", version=torch.version)
    findings = []
    serves = tuple(kind for kind in kinds if fits(listed, kind))
    for kind in kinds:
        if kind in serves:
            continue
        certain = code is not None and _PORTABLE not in listed
        physical = any(kb.compatible(name, kind.physical) for name in listed)
        findings.append(
            Finding(
                subject=f"torch on {kind.gfx}",
                message=say("torch {torch} has no code for {gfx}", torch=torch.version, gfx=kind.gfx),
                confidence=confidence(kind, others_served=bool(serves)) if certain else "likely",
                seen=(Seen(where, "compiled for " + ", ".join(listed)), *kind.seen),
                cause=say("An override makes programs take the GPU for another one.")
                if physical
                else say("The wheel was built for other GPUs, or before this one."),
                fix=_unset(python, kind) if physical else torch_for(python, kind, kinds, serves),
            )
        )
    if not findings and code is None:
        return skip(
            "the GPU code in torch could not be read; the table says that torch {version} is compiled for this GPU", version=torch.version
        )
    return judge(findings, Seen(where, "compiled for " + ", ".join(listed)), *(item for kind in kinds for item in kind.seen))


def _unset(python: Python, kind: Target) -> Fix:
    name = (kind.forced or "").partition("=")[0]
    text = say("torch has code for {gfx} itself: unset {name}.", gfx=kind.physical.partition(":")[0], name=name)
    return Fix(text=text, commands=(f"unset {name}",), verify=(f"env -u {name} {torch_probe(python)}",))


@check(
    "RK307",
    "rocblas-no-tensile",
    title="rocBLAS has no kernels for this GPU",
    severity="error",
    after=("arch-not-compiled",),
)
def rocblas_no_tensile(gpus: tuple[Gpu, ...], python: Python, rocm: tuple[Rocm, ...] | Gap, env: dict[str, str] | Gap) -> Outcome:
    """The rocBLAS in use brings no kernel files for this GPU: the first matrix product ends the process.

    ## What it looks at

    The names of the files in rocBLAS' `library` folder: that inside torch's wheel, and that of the ROCm on the system where CTranslate2
    or ONNX Runtime of this environment uses it. Where they could not be listed, the table of pytorch.org's wheels is asked, and the
    finding is only likely. It is only likely, too, where it is not certain which of several folders is used, and where another GPU
    of the machine, which programs take first, has its files.

    ## Why it matters

    This is the trap of the MI50, MI60 and Radeon VII. From ROCm 6.4 on AMD builds rocBLAS without files for gfx900 and gfx906. torch
    for ROCm 6.4 to 7.2 is still compiled for them, so it installs, lists gfx906 in `torch.cuda.get_arch_list()`, sees the GPU, and
    aborts (SIGABRT) at the first matrix product: `Cannot read …/TensileLibrary.dat … for GPU arch : gfx906`.

    ## Fix

    For torch: go back to the last one whose rocBLAS has the files; for gfx906 that is torch 2.9.1 for ROCm 6.3.

    For CTranslate2 and others that use the system's rocBLAS: build them with ROCm 6.3, in a container if need be
    (`rocmkit build ctranslate2 --arch gfx906 --rocm-version 6.3 --container`); on ROCm 6.4 build rocBLAS first
    (`rocmkit build rocblas ctranslate2 --arch gfx906`). Debian's own rocBLAS holds gfx906.

    ## Safe to ignore when

    You put kernel files of the same rocBLAS version elsewhere and `ROCBLAS_TENSILE_LIBPATH` names that folder.

    ## Sources

    - ROCm/legacy-rocm-build#4625
    - pytorch/pytorch#179865
    - ROCm/rocBLAS#1339
    - unslothai/unsloth#7354
    """
    kinds = targets(gpus, env)
    if not kinds:
        return skip("the architecture of the GPU is not known")
    torch = torch_of(python)
    torch = torch if torch and torch.hip else None
    own, certain = of_torch(python, rocm, torch, "rocblas") if torch else ((), True)
    system = tuple(files for files in of_system(python, rocm, "rocblas") if files not in own)
    moved = not isinstance(env, Gap) and "ROCBLAS_TENSILE_LIBPATH" in env
    findings, seen = [], []
    for files in (*own, *system):
        listed = f"{files.files} files: " + (", ".join(f"{name} {count}" for name, count in sorted(files.targets.items())) or "none")
        serves = tuple(kind for kind in kinds if fits(files.targets, kind))
        one = certain if files in own else len(system) == 1
        for kind in kinds:
            if kind in serves:
                seen += [Seen(files.path, listed), *kind.seen]
                continue
            sure = confidence(kind, others_served=bool(serves)) if one and not files.unreadable and not moved else "likely"
            evidence = (Seen(files.path, f"{listed}; none for {kind.gfx}"), *kind.seen)
            fix = torch_for(python, kind, kinds, serves) if files in own and torch else _other_rocm(kind, files.path)
            findings.append(_no_kernels(torch if files in own else None, kind, files.path, evidence, sure=sure == "sure", fix=fix))
    if torch and not own:
        if torch.wheel is None:
            return judge(findings) if findings else skip("the kernel files of the rocBLAS that torch uses could not be listed")
        table = f"table of pytorch.org's wheels: torch {torch.wheel.torch}, ROCm {torch.wheel.rocm}"
        lacks = tuple(kind for kind in kinds if any(kb.compatible(name, kind.id) for name in torch.wheel.rocblas_missing))
        for kind in lacks:
            evidence = (Seen(table, f"rocBLAS without files for {kind.gfx}"), *kind.seen)
            fix = torch_for(python, kind, kinds, tuple(other for other in kinds if other not in lacks))
            findings.append(_no_kernels(torch, kind, "torch/lib/rocblas/library", evidence, sure=False, fix=fix))
        if not findings:
            return skip("the kernel files of torch's rocBLAS could not be listed; the table knows of none that are missing")
    if not own and not system and not torch:
        return skip("no package that uses rocBLAS is installed here")
    return judge(findings, *seen)


def _other_rocm(kind: Target, path: str) -> Fix:
    """What helps where the system's rocBLAS lacks a GPU."""
    gfx = kind.gfx_itself
    known = kb.arch(gfx)
    text = say("Install a ROCm whose rocBLAS has files for {gfx}, or copy those of the same rocBLAS version.", gfx=gfx)
    if known and known.rocblas and known.rocblas.holds:
        text = say(
            "Install a ROCm whose rocBLAS has files for {gfx} (AMD's packages: {releases}), or copy those of the same rocBLAS version.",
            gfx=gfx,
            releases=known.rocblas.holds,
        )
    return Fix(text=text, verify=(f"ls {advice.quote(path)} | grep {gfx}",))


def _no_kernels(torch: Torch | None, kind: Target, path: str, seen: tuple[Seen, ...], *, sure: bool, fix: Fix) -> Finding:
    if torch:
        message = say(
            "rocBLAS of torch {torch} has no kernel files for {gfx}: the first matrix product aborts (SIGABRT)",
            torch=torch.version,
            gfx=kind.gfx,
        )
    else:
        message = say("rocBLAS in {path} has no kernel files for {gfx}: the first matrix product aborts (SIGABRT)", path=path, gfx=kind.gfx)
    return Finding(
        subject=f"{'torch' if torch else path} on {kind.gfx}",
        message=message,
        confidence="sure" if sure else "likely",
        seen=seen,
        cause=say(
            "rocBLAS was built without this GPU; for gfx900 and gfx906 AMD stopped with ROCm 6.4. torch's own list does not show it."
        ),
        fix=fix,
    )
