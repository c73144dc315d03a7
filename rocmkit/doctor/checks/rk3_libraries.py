"""Libraries of ROCm that leave a GPU out and have a stand-in: hipBLASLt, AOTriton, MIOpen's compiled kernels. Slower, but no fault."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._kernels import of_torch
from rocmkit.doctor.checks._stack import Target, Torch, fits, libraries, older, targets, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python, Rocm, System

_OF_TORCH = "TORCH_BLAS_PREFER_HIPBLASLT"
_OF_ROCBLAS = "ROCBLAS_USE_HIPBLASLT"
_EXPERIMENTAL = "TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL"
#: Packages made for attention over inputs of any length. Whisper, in transformers too, is given 30 seconds at a time.
_ATTENDING = ("vllm", "nemo-toolkit", "qwen-asr", "xformers", "flash-attn")


@check("RK310", "hipblaslt-unsupported", title="hipBLASLt has no kernels for this GPU", severity="note")
def hipblaslt_unsupported(gpus: tuple[Gpu, ...], python: Python, rocm: tuple[Rocm, ...] | Gap, env: dict[str, str] | Gap) -> Outcome:
    """torch is made to ask hipBLASLt for matrix products, which has no kernels for this GPU.

    ## What it looks at

    hipBLASLt's kernel files where torch has them, else AMD's list of GPUs for torch's release of ROCm; `TORCH_BLAS_PREFER_HIPBLASLT` and
    `ROCBLAS_USE_HIPBLASLT`; and the release of torch: 2.5 to 2.7 ask for hipBLASLt without being told to.

    ## Why it matters

    Little. torch says `Attempting to use hipBLASLt on an unsupported architecture! Overriding blas backend to hipblas` once and computes
    with rocBLAS, as it should. Only a torch before 2.5 that is forced by the variable does not look at the GPU, and fails. hipBLASLt never
    had kernels for gfx906 or any gfx10 GPU. One such GPU among several switches it off for all of them.

    ## Fix

    Unset the variable that forces it. `TORCH_BLAS_PREFER_HIPBLASLT=0` silences the warning.

    ## Safe to ignore when

    Nothing but the warning is seen. This is a note and never the verdict.

    ## Sources

    - pytorch/pytorch#138067
    - pytorch/pytorch#128753
    - pytorch/pytorch aten/src/ATen/Context.cpp
    - ROCm/hipBLASLt#1243
    - ROCm/legacy-rocm-build#4440
    - ROCm/rocm-libraries#780
    """
    torch, kinds = torch_of(python), targets(gpus, env)
    if torch is None or not torch.hip:
        return skip("no torch for ROCm is installed here")
    if not kinds:
        return skip("the architecture of the GPU is not known")
    folder = next((files for files in of_torch(python, rocm, torch, "hipblaslt")[0] if files.targets), None)
    archs = tuple(folder.targets) if folder else kb.hipblaslt_archs(torch.rocm or "")
    if archs is None:
        return skip("which GPUs hipBLASLt of ROCm {rocm} has kernels for is not known", rocm=torch.rocm or "?")
    table = Seen(folder.path if folder else f"AMD's list for hipBLASLt of ROCm {torch.rocm}", ", ".join(sorted(set(archs))))
    lacks = [kind for kind in kinds if not fits(archs, kind)]
    forced = [name for name in (_OF_TORCH, _OF_ROCBLAS) if not isinstance(env, Gap) and env.get(name, "0") not in {"", "0"}]
    told = isinstance(env, Gap) or _OF_TORCH in env
    by_itself = not told and older(torch.version, "2.5") is False and older(torch.version, "2.8") is True
    if not lacks:
        return judge([], table, *kinds[0].seen)
    if not forced and not by_itself:
        return judge([], torch.seen, Seen("environment", f"neither {_OF_TORCH} nor {_OF_ROCBLAS} forces hipBLASLt"), *lacks[0].seen)
    return judge([_without_hipblaslt(torch, kind, table, forced) for kind in lacks])


def _without_hipblaslt(torch: Torch, kind: Target, table: Seen, forced: list[str]) -> Finding:
    names = " and ".join(forced)
    if _OF_TORCH in forced and older(torch.version, "2.5"):
        template = "{names} forces hipBLASLt, which has no kernels for {gfx}, and torch {torch} does not notice: matrix products fail"
    elif forced:
        template = "{names} asks for hipBLASLt, which has no kernels for {gfx}: of no use here, and left aside"
    else:
        template = "torch {torch} asks for hipBLASLt, which has no kernels for {gfx}: it warns once and takes hipBLAS"
    fix = Fix(text=say("Unset {names}, here and where it is set.", names=names), commands=(f"unset {' '.join(forced)}",))
    quiet = Fix(text=say("Nothing has to be done. To be rid of the warning:"), commands=(f"export {_OF_TORCH}=0",))
    return Finding(
        subject=f"hipBLASLt on {kind.gfx}",
        message=say(template, names=names, torch=torch.version, gfx=kind.gfx),
        confidence=kind.confidence if forced else "likely",
        seen=(table, torch.seen, *(Seen("environment", name) for name in forced), *kind.seen),
        cause=say("hipBLASLt is built for GPUs with matrix units; rocBLAS computes for the others."),
        fix=fix if forced else quiet,
    )


@check("RK311", "sdpa-no-flash", title="No fused attention for this GPU", severity="note")
def sdpa_no_flash(gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap) -> Outcome:
    """torch has no fused attention kernels for this GPU, so it computes attention with plain matrix products.

    ## What it looks at

    The list of GPUs that AOTriton is built for, the library behind torch's flash and memory-efficient attention on AMD GPUs; whether
    torch's wheel brings it; and whether something asks for it: a package such as NeMo, qwen-asr or vLLM is installed, or
    `TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL` is set.

    ## Why it matters

    Results are the same. Plain matrix products need memory that grows with the square of the length: for the 30 seconds that Whisper takes
    at a time that is little, for long inputs to other models it can be more than the card has. gfx900, gfx906, gfx908 and gfx1030 never
    had these kernels.

    ## Fix

    None is needed. Do not install a flash-attention package for it; ask models for `attn_implementation="sdpa"` (or `"eager"`).
    `TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL=1` helps GPUs of gfx11 and newer only.

    ## Safe to ignore when

    Memory is enough. This is a note and never the verdict.

    ## Sources

    - ROCm/aotriton CMakeLists.txt
    - ROCm/TheRock commit 4aa048f79
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
    """
    torch, kinds, archs = torch_of(python), targets(gpus, env), kb.aotriton_archs()
    if torch is None or not torch.hip:
        return skip("no torch for ROCm is installed here")
    if not kinds or archs is None:
        return skip("the architecture of the GPU is not known")
    table = Seen("AOTriton's list of GPUs", ", ".join(archs))
    lacks = [kind for kind in kinds if not fits(archs, kind)]
    if not lacks:
        brought = next(iter(libraries(python, "torch", "libaotriton")), None)
        if brought is None:
            return skip("AOTriton is built for this GPU; whether torch {version} brings it is not known", version=torch.version)
        return judge([], table, Seen(brought.file, "is there"), *kinds[0].seen)
    asking = [Seen(f"metadata of {name}", python.packages[name]) for name in _ATTENDING if name in python.packages]
    if not isinstance(env, Gap) and env.get(_EXPERIMENTAL, "0") not in {"", "0"}:
        asking.append(Seen("environment", f"{_EXPERIMENTAL}={env[_EXPERIMENTAL]}"))
    if not asking:
        return skip("torch has no fused attention for {gfx}, and nothing is installed here that needs it", gfx=lacks[0].gfx)
    return judge([_plain_attention(asking[0], kind, table) for kind in lacks])


def _plain_attention(asking: Seen, kind: Target, table: Seen) -> Finding:
    return Finding(
        subject=f"attention on {kind.gfx}",
        message=say("torch has no flash attention for {gfx}: it uses plain matrix products, slower and with more memory", gfx=kind.gfx),
        confidence=kind.confidence,
        seen=(table, asking, *kind.seen),
        cause=say("AOTriton is not built for this GPU, in no release."),
        fix=Fix(
            text=say(
                'Nothing has to be done. For long inputs that do not fit, process shorter pieces; attn_implementation="sdpa" is right.'
            )
        ),
    )


@check("RK312", "miopen-kdb", title="MIOpen brings no compiled kernels for this GPU", severity="note")
def miopen_kdb(
    gpus: tuple[Gpu, ...], python: Python, rocm: tuple[Rocm, ...] | Gap, env: dict[str, str] | Gap, system: System | Gap
) -> Outcome:
    """MIOpen has no file of compiled kernels for this GPU, so the first run compiles them.

    ## What it looks at

    The names of the files in the folder `share/miopen/db` that torch uses: MIOpen looks for one that is named after the GPU and its
    number of compute units, such as `gfx906_60.kdb` for an MI50, or after the GPU alone.

    ## Why it matters

    It is no error. The first convolution of each size waits until its kernel is compiled, seconds each and minutes in all, and a line
    `Missing system database file` may be printed. What was compiled is kept in `~/.cache/miopen`; later runs start at once.

    ## Fix

    Run once and wait. `MIOPEN_FIND_MODE=FAST` makes MIOpen try fewer kernels. For a ROCm below `/opt` AMD's package
    `miopen-hip-gfx906kdb` (by the name of the GPU) holds the file; wheels have no such package.

    ## Safe to ignore when

    Only the first run is slow. If every run is, MIOpen cannot keep what it compiled: see RK313.

    ## Sources

    - ROCm/MIOpen#1218
    - ROCm/MIOpen#2123
    - ROCm/MIOpen#1391
    - https://rocm.docs.amd.com/projects/MIOpen/en/latest/cache.html
    - https://rocm.docs.amd.com/projects/MIOpen/en/latest/install/install.html
    """
    torch = torch_of(python)
    if torch is None or not torch.hip:
        return skip("no torch for ROCm is installed here")
    folder = next((files for files in of_torch(python, rocm, torch, "miopen")[0] if files.compiled is not None), None)
    if folder is None or folder.compiled is None:
        return skip("the folder of MIOpen's databases that torch uses could not be listed")
    findings: list[Finding] = []
    seen = []
    for gpu in gpus:
        names = _file_names(gpu)
        if not names or not any(gpu.gfx == kind.gfx for kind in targets(gpus, env)):
            continue
        held = [name for name in folder.compiled if name in names or (gpu.compute_units is None and name.startswith(f"{gpu.gfx}_"))]
        gone = Seen(folder.path, f"{len(folder.compiled)} files of compiled kernels, none called {' or '.join(names)}")
        if held:
            seen.append(Seen(folder.path, held[0]))
        elif gone not in [one.seen[0] for one in findings]:
            findings.append(_to_compile(gpu, gone, folder.path, system))
    return judge(findings, *seen)


def _file_names(gpu: Gpu) -> tuple[str, ...]:
    """As Handle::GetDbBasename of MIOpen makes them: the number of compute units in decimal up to 64, beyond that in hexadecimal."""
    if gpu.gfx is None:
        return ()
    units = gpu.compute_units
    counted = () if units is None else (f"{gpu.gfx}_{units}.kdb" if units <= 64 else f"{gpu.gfx}{units:x}.kdb",)
    return (*counted, f"{gpu.gfx}.kdb")


def _to_compile(gpu: Gpu, gone: Seen, path: str, system: System | Gap) -> Finding:
    of_system = path.startswith("/opt/")
    commands = advice.install(system, debian=f"miopen-hip-{gpu.gfx}kdb") if of_system else ()
    text = say("Run once and wait: what is compiled is kept. MIOPEN_FIND_MODE=FAST makes the first run shorter.")
    return Finding(
        subject=f"MIOpen on {gpu.gfx}",
        message=say("MIOpen has no compiled kernels for {gfx}: the first run compiles them, which takes minutes", gfx=gpu.gfx or "?"),
        confidence="sure",
        seen=(gone, Seen(f"GPU {advice.place(gpu)}", f"{gpu.gfx}, {gpu.compute_units or '?'} compute units")),
        cause=say("AMD packs these files apart from MIOpen itself, and not for every GPU."),
        fix=Fix(text=text, commands=("export MIOPEN_FIND_MODE=FAST", *commands), root=bool(commands)),
    )
