"""Which torch is installed, and whether this Python can have a better one."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import torch_fix, torch_for
from rocmkit.doctor.checks._stack import canonical, ct2_elsewhere, on_hip, targets, torch_of
from rocmkit.doctor.result import Finding, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python

#: Packages whose GPU libraries are not looked into; where one is there, nothing is said of the environment as a whole.
_OTHERS = (
    "jax-rocm60-plugin",
    "jax-rocm7-plugin",
    "tensorflow-rocm",
    "cupy-rocm-5-0",
    "paddlepaddle-rocm",
    "llama-cpp-python",
    "pywhispercpp",
)


@check("RK401", "torch-not-rocm", title="torch is not a ROCm build", severity="error")
def torch_not_rocm(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """The installed torch was built for CUDA or for the processor alone: it cannot use an AMD GPU.

    ## What it looks at

    `torch/version.py`, which is read and not run: it names the HIP or the CUDA version that torch was built with. Where it could not be
    read, the version in torch's metadata, whose end names the kind of wheel. Beside a CTranslate2 or ONNX Runtime that is built for ROCm
    a torch for the processor alone is taken to be on purpose.

    ## Why it matters

    `torch.cuda.is_available()` is false, and most speech programs then transcribe on the processor without a word. Plain `pip install
    torch` takes the CUDA build; so does a requirement of another package, or an index that has no wheel for this Python.

    ## Fix

    Take it out and install the newest ROCm wheel that works on this GPU, from pytorch.org's index for that ROCm.

    ## Safe to ignore when

    The environment is meant to run on the processor.

    ## Sources

    - ROCm/legacy-rocm-build#2354
    - pytorch/pytorch#99983
    """
    torch = torch_of(python)
    if torch is None:
        if isinstance(python.torch, Gap):
            return skip("whether torch is installed is not known: {detail}", detail=python.torch.detail)
        return skip("torch is not installed here")
    if torch.hip:
        return judge([], torch.seen)
    local = torch.version.partition("+")[2]
    nvidia = sorted(name for name in python.packages if name.startswith("nvidia-cu"))
    if torch.hip is None and not torch.cuda and local != "cpu" and not nvidia:
        return skip("what torch {version} was built for could not be read", version=torch.version)
    cuda = torch.cuda or (torch.hip is None and bool(nvidia))
    other = next(iter(on_hip(python)), None)
    if other and not cuda:
        return skip(
            "torch {version} is built for the processor; {package} computes on the GPU here", version=torch.version, package=other.package
        )
    seen = [torch.seen]
    if nvidia:
        seen.append(Seen("packages", ", ".join(nvidia[:3]) + (" …" if len(nvidia) > 3 else "")))
    kinds = targets(gpus, {})
    gfx = kinds[0].gfx if kinds else None
    minor = advice.python_minor(python)
    none = gfx is not None and kb.best_torch(gfx, minor) is None
    finding = Finding(
        subject="torch",
        message=say("torch {version} is a CUDA build", version=torch.version)
        if cuda
        else say("torch {version} is built for the processor alone", version=torch.version),
        confidence="likely" if torch.hip is None or other else "sure",
        seen=tuple(seen),
        cause=say(
            "No ROCm wheel that works on {gfx} is made for Python {python}, so pip took what there was.", gfx=gfx or "?", python=minor
        )
        if none
        else say(
            "pip takes the CUDA build unless it is given pytorch.org's index for ROCm; a later install of another package can bring it in."
        ),
        fix=torch_for(python, kinds[0], kinds, ()) if kinds else None,
    )
    return judge([finding])


@check(
    "RK402",
    "no-matching-wheel",
    title="No working torch wheel for this Python",
    severity="warning",
    after=("torch-not-rocm", "arch-not-compiled", "rocblas-no-tensile"),
)
def no_matching_wheel(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """pytorch.org has wheels that work on this GPU, but none of them is made for this Python.

    ## What it looks at

    The Python of the environment and the GPUs, against the table of pytorch.org's ROCm wheels: which releases have code and rocBLAS
    files for the GPU, and for which Pythons they are made. A torch for ROCm that is already there settles the matter.

    ## Why it matters

    `pip install torch==…` ends with `Could not find a version that satisfies the requirement`, or takes a wheel for CUDA instead. Old
    GPUs are tied to old torch releases, and those to the Pythons of their time.

    ## Fix

    Make an environment with a Python of the table; it lives beside the one you have.

    ## Safe to ignore when

    You build torch yourself.

    ## Sources

    - pytorch/test-infra tools/scripts/generate_binary_build_matrix.py
    - ROCm/legacy-rocm-build#2354
    """
    torch = torch_of(python)
    if torch and torch.hip:
        return judge([], torch.seen)
    if (torch and torch.hip is None) or (torch is None and isinstance(python.torch, Gap)):
        return skip("what torch is here, if any, could not be read")
    kinds = targets(gpus, {})
    if not kinds:
        return skip("the architecture of the GPU is not known")
    minor = advice.python_minor(python)
    findings, seen = [], []
    for gfx in dict.fromkeys(kind.gfx for kind in kinds):
        here = Seen(python.executable, f"Python {python.version}")
        best = kb.best_torch(gfx, minor)
        made = [row for row in kb.torch_wheels() if row.stable and gfx in row.archs and gfx not in row.rocblas_missing]
        if best:
            seen += [
                here,
                Seen("table of pytorch.org's wheels", f"torch {best.torch} for ROCm {best.rocm} works on {gfx} with Python {minor}"),
            ]
        elif made:
            pythons = ", ".join(name for name in made[-1].python if not name.endswith("t"))
            table = Seen("table of pytorch.org's wheels", f"torch {made[-1].torch} for ROCm {made[-1].rocm}: Python {pythons}")
            findings.append(
                Finding(
                    subject=f"Python {minor}",
                    message=say("no torch wheel that works on {gfx} is made for Python {python}", gfx=gfx, python=minor),
                    confidence="sure",
                    seen=(here, table),
                    cause=say("The newest that works on {gfx} is made for Python {pythons}.", gfx=gfx, pythons=pythons),
                    fix=torch_fix(python, gfx),
                )
            )
    return judge(findings, *seen) if findings or seen else skip("no wheel of pytorch.org works on this GPU, whatever the Python")


@check(
    "RK416",
    "no-gpu-framework",
    title="Nothing in this environment can use the GPU",
    severity="warning",
    after=("torch-not-rocm", "no-matching-wheel"),
)
def no_gpu_framework(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """No package of this Python environment is able to compute on an AMD GPU.

    ## What it looks at

    Every library file of the packages that speech programs compute with (torch, CTranslate2, ONNX Runtime, sherpa-onnx): which GPU
    programming interface it is linked with. Nothing is loaded.

    ## Why it matters

    Whatever is started from this environment runs on the processor, however well the driver works.

    ## Fix

    Install the newest torch that works on this GPU: openai-whisper, transformers and most other systems run on it.

    ## Safe to ignore when

    You asked about the wrong environment: name the right one with `--python`.

    ## Sources

    - pytorch/test-infra tools/scripts/generate_binary_build_matrix.py
    - https://pytorch.org/get-started/locally/
    """
    torch = torch_of(python)
    hip = on_hip(python)
    if torch and torch.hip:
        return judge([], torch.seen)
    if hip:
        return judge([], *(Seen(lib.file, "linked with HIP") for lib in hip[:3]))
    unknown = next((lib.package for lib in python.libraries if lib.gpu_api == "unknown"), None)
    unknown = unknown or ("ctranslate2" if ct2_elsewhere(python) else None)
    other = next((name for name in python.packages if canonical(name) in _OTHERS), None)
    if isinstance(python.torch, Gap) or (torch and torch.hip is None) or unknown or other:
        return skip("whether {package} can use the GPU could not be read", package=other or unknown or "torch")
    kinds = targets(gpus, {})
    found = ", ".join(
        f"{name} {python.packages[name]}" for name in ("ctranslate2", "onnxruntime", "sherpa-onnx") if name in python.packages
    )
    finding = Finding(
        subject=python.executable,
        message=say("no package of this environment can use the GPU: torch is not installed, and nothing else here is built for ROCm"),
        confidence="sure",
        seen=(
            Seen(python.executable, f"Python {python.version}, {len(python.packages)} packages, without torch"),
            Seen("packages", found or "none that computes on a GPU"),
        ),
        cause=say("A framework for ROCm was never installed here, or this is not the environment you run."),
        fix=torch_fix(python, kinds[0].gfx) if kinds else None,
    )
    return judge([finding])
