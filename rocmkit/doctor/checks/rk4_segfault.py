"""The crash without a message: what points to it before anything is run, and what experiments prove."""

from __future__ import annotations

from collections.abc import Callable

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _crashes, _culprits
from rocmkit.doctor.checks._fixes import newest
from rocmkit.doctor.checks._stack import Target, Torch, crashes, targets, torch_of
from rocmkit.doctor.checks._tried import Machine
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gap, Gpu, KernelLog, Python
from rocmkit.kb.reports import Shows
from rocmkit.trial.values import Trial

_WHEEL = ("torch-not-rocm", "arch-not-compiled", "rocblas-no-tensile")
_HSA = r"libhsa-runtime64|libamdhip64"
_MATH = r"librocblas|libMIOpen|libamd_comgr|libhip(blas|blaslt|rtc|fft|sparse|solver)|libroc(fft|solver|sparse)|libaotriton"
_ANY = r"lib(torch|c10|ctranslate2|onnxruntime|triton|llvmlite|stdc\+\+|c\.so|python)|python|_ext"
_SPEECH = (
    *("openai-whisper", "faster-whisper", "whisperx", "insanely-fast-whisper", "insanely-fast-whisper-rocm", "transformers", "nue-asr"),
    *("espnet", "reazonspeech-k2-asr", "reazonspeech-espnet-asr", "reazonspeech-nemo-asr", "kotoba-whisper"),
)


def _looked(log: KernelLog | Gap) -> tuple[Seen, ...]:
    """Evidence that the kernel's log tells of no crash; empty where it could not be read."""
    return () if isinstance(log, Gap) else (Seen(log.source, "no program is said to have died in these libraries since boot"),)


def _suspect(
    gpus: tuple[Gpu, ...],
    python: Python,
    env: dict[str, str] | Gap,
    log: KernelLog | Gap,
    *,
    names: str,
    shows: Shows,
    words: Callable[[Torch, Target], tuple[Text, Text, Fix]],
) -> Outcome:
    """What the kernel's log and the reports say of this torch on each GPU. `words`: message, cause and fix for one of them."""
    torch = torch_of(python)
    if torch is None or not torch.hip:
        return skip("no ROCm build of torch is installed here")
    kinds = targets(gpus, env)
    if not kinds:
        return skip("the architecture of the GPU is not known")
    died = crashes(log, names)
    findings = []
    for kind in kinds:
        told = _crashes.told(shows, torch, kind)
        if died or told:
            message, cause, fix = words(torch, kind)
            seen = (*died, torch.seen, *kind.seen, *told)
            findings.append(Finding(subject=f"torch on {kind.gfx}", message=message, confidence="likely", seen=seen, cause=cause, fix=fix))
    if not findings and isinstance(log, Gap):
        return skip("only running an operation can tell, and the kernel's log is not known")
    reports = (Seen(torch.seen.where, f"{torch.version}: no report of such a crash is known on this GPU"),) if torch.wheel else ()
    return judge(findings, *_looked(log), *reports)


@check("RK412", "segv-hsa-first-op", title="Crash at the first operation on the GPU", severity="error", after=_WHEEL)
def segv_hsa_first_op(
    gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap, kernel_log: KernelLog | Gap, trials: tuple[Trial, ...] | Gap
) -> Outcome:
    """torch is likely to end in a segmentation fault at its very first operation, inside the HSA or HIP runtime.

    ## What it looks at

    Lines of the kernel's log in which a program died inside `libhsa-runtime64` or `libamdhip64`, and whether such a crash was reported
    of this torch on this GPU. Nothing is run, unless `doctor --try` is asked for: then counting the GPUs, a copy there and back and an
    addition decide, each in a process of its own.

    ## Why it matters

    The process ends with exit status 139 and no traceback, at something as small as `torch.zeros(1, device="cuda")`. That
    `torch.cuda.is_available()` is true proves nothing: it allocates nothing. The runtime that torch brings and the kernel driver do not
    fit, or libraries of two releases of ROCm are mixed.

    ## Fix

    Run the two commands that doctor prints under verify. If only the second one works, a variable of the environment is to blame. If
    both crash, take another torch, or another kernel driver.

    ## Safe to ignore when

    Both commands print numbers: the crash in the log was of another program.

    ## Sources

    - ROCm/TheRock#3081
    - pytorch/pytorch#173367
    """

    def words(torch: Torch, kind: Target) -> tuple[Text, Text, Fix]:
        note = say("Run the commands under verify; if both crash, use another torch or kernel driver than these.")
        return (
            say("torch {torch} on {gfx} is likely to crash at its first operation, in the HSA runtime", torch=torch.version, gfx=kind.gfx),
            say("The HSA runtime inside torch does not fit the kernel driver, or a second ROCm gets into the process."),
            _crashes.better(python, torch, kind, _crashes.first_op(python), note),
        )

    tried = _culprits.first_operation(trials, Machine(gpus, python, env))
    return tried or _suspect(gpus, python, env, kernel_log, names=_HSA, shows="first-operation", words=words)


@check("RK413", "segv-wheel-math", title="Crash in convolutions or matrix products", severity="error", after=_WHEEL)
def segv_wheel_math(
    gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap, kernel_log: KernelLog | Gap, trials: tuple[Trial, ...] | Gap
) -> Outcome:
    """torch is likely to end in a segmentation fault inside MIOpen or rocBLAS, as soon as a speech model computes.

    ## What it looks at

    Lines of the kernel's log in which a program died inside `libMIOpen`, `librocblas`, `libamd_comgr` or their like, and whether such
    crashes were reported of this torch on this GPU or on one that runs the same libraries. Nothing is run, so it is never more than
    likely, unless `doctor --try` is asked for: then it runs convolutions, products, attention, Fourier transforms and a small model, each
    in a process of its own, and what dies beside what lives names the library.

    ## Why it matters

    A small test such as a matrix product in single precision passes, and Whisper or wav2vec 2.0 dies without a word. Their first layers
    are `Conv1d`, which MIOpen computes and often compiles on the spot: the first suspect. The second are matrix products in half
    precision, whose kernel files rocBLAS loads one by one.

    ## Fix

    The commands that doctor prints under verify decide in two minutes; run each by itself. If the first (conv1d) crashes and the
    second, the same with MIOpen turned off, does not, it is MIOpen, and `torch.backends.cudnn.enabled = False` in the program gets
    around it. If the third (half precision) crashes and the fourth does not, it is rocBLAS. Either way the lasting cure is a torch
    with newer libraries: on gfx906 2.9.1 for ROCm 6.3, the newest wheel whose rocBLAS still has files for it.

    ## Safe to ignore when

    All four commands print numbers.

    ## Sources

    - Comfy-Org/ComfyUI#15615
    - pytorch/pytorch#194447
    - pytorch/pytorch#161256
    - hiyouga/LlamaFactory#5716
    - ROCm/MIOpen#3955
    - ROCm/TheRock#7790
    """

    def words(torch: Torch, kind: Target) -> tuple[Text, Text, Fix]:
        message = say(
            "torch {torch} on {gfx} is likely to end in a segmentation fault when a speech model runs: suspect Conv1d in MIOpen "
            "first, then matrix products in half precision in rocBLAS",
            torch=torch.version,
            gfx=kind.gfx,
        )
        cause = say("MIOpen and rocBLAS of ROCm {rocm} that torch uses; no other package is needed for it.", rocm=torch.rocm or "?")
        return message, cause, _crashes.better(python, torch, kind, _crashes.ladder(python), _way_out(python, torch, kind))

    tried = _culprits.math(trials, Machine(gpus, python, env))
    return tried or _suspect(gpus, python, env, kernel_log, names=_MATH, shows="math", words=words)


def _way_out(python: Python, torch: Torch, kind: Target) -> Text:
    best = kb.best_torch(kind.gfx, advice.python_minor(python))
    if best is None or best == torch.wheel:
        return say(
            "Run the commands under verify one by one: the one that dies names the library (the first and not the second: MIOpen; the "
            "third and not the fourth: rocBLAS). "
            "Until then torch.backends.cudnn.enabled = False keeps MIOpen out."
        )
    return say(
        "Install torch {new} for ROCm {rocm}, the newest wheel with rocBLAS files for {gfx}; until then "
        "torch.backends.cudnn.enabled = False keeps MIOpen out. Run the commands under verify before and after, one by one: "
        "the one that dies names the library (the first and not the second: MIOpen; the third and not the fourth: rocBLAS).",
        new=newest(best),
        rocm=best.rocm,
        gfx=kind.gfx,
    )


@check(
    "RK414",
    "whisper-segv",
    title="A speech program died in a native library",
    severity="error",
    after=("segv-hsa-first-op", "segv-wheel-math"),
)
def whisper_segv(gpus: tuple[Gpu, ...], python: Python, kernel_log: KernelLog | Gap) -> Outcome:
    """The kernel saw a Python program die inside a library that speech packages load.

    ## What it looks at

    Lines of the kernel's log in which a program died inside torch, CTranslate2, ONNX Runtime, Triton, llvmlite or Python itself, where a
    package for speech recognition is installed. Crashes inside ROCm's own libraries are told by other checks.

    ## Why it matters

    "It segfaults after the model is loaded" has many causes. The library in the kernel's line is the best hint there is, and costs
    nothing: no debugger, no second run.

    ## Fix

    Run the commands under verify one by one; they compute what a Whisper model computes, without Whisper. If all print numbers, torch
    is sound, and the program or one of its other packages is to blame: run it with `python -X faulthandler` to see the line.

    `rocmkit doctor --try` runs these and some eighty more; `rocmkit bisect -- python program.py` finds out what makes the program live.

    ## Safe to ignore when

    The line is of another program, or older than the last change to this environment.

    ## Sources

    - beecave-homelab/insanely-fast-whisper-rocm#40
    - vladmandic/sdnext#913
    """
    speech = [f"{name} {python.packages[name]}" for name in _SPEECH if name in python.packages]
    if not speech:
        return skip("no package for speech recognition is installed here")
    if isinstance(kernel_log, Gap):
        return skip("kernel_log is not known: {detail}", detail=kernel_log.detail)
    died = crashes(kernel_log, _ANY)
    packages = Seen("packages", ", ".join(speech))
    if not died:
        return judge([], *_looked(kernel_log), packages)
    finding = Finding(
        subject=speech[0].partition(" ")[0],
        message=say("a program died in a native library that speech packages load: {line}", line=died[-1].what),
        confidence="likely",
        seen=(*died[-3:], packages),
        cause=say("A fault in that library, or memory that another one overwrote before."),
        fix=Fix(text=say("Find the first command under verify that dies; run them one by one."), verify=_crashes.ladder(python)),
    )
    return judge([finding])
