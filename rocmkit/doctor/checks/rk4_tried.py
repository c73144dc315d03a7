"""What only experiments can show (`doctor --try`) of operations: those that fail, a GPU that is gone, work that ran elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _culprits, _tried
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.result import Finding, Fix, Outcome, judge, say
from rocmkit.facts import Gap, Gpu, Python
from rocmkit.trial.ladder import rung_of
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ending

_WHEEL = ("torch-not-rocm", "arch-not-compiled", "rocblas-no-tensile")


@check("RK433", "gpu-operation-fails", title="An operation that fails on the GPU", severity="error", after=_WHEEL)
def gpu_operation_fails(gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap, trials: tuple[Trial, ...]) -> Outcome:
    """An operation raises, hangs or takes too much on the GPU, in a way that no other check tells.

    ## What it looks at

    With `doctor --try` alone: the operations that speech models are made of, each in a process of its own on the GPU. Crashes are told by
    RK412 and RK413, wrong numbers by RK415, faults of the GPU by RK113; this is what is left.

    ## Why it matters

    A model that has the operation in it cannot run on this GPU with this library. A hang is worse than a crash: programs wait for ever,
    and the GPU may be out of order until the machine restarts.

    ## Fix

    The error says most; doctor names the page where it is a known one. Otherwise a newer build of the library for this GPU, or
    `rocmkit bisect` with the operation's own program.

    ## Safe to ignore when

    None of your models has that operation in it, or has it in that precision.

    ## Sources

    - pytorch/pytorch#194447
    - ROCm/legacy-rocm-build#5833
    - https://pytorch.org/docs/stable/notes/hip.html
    """
    machine = _tried.Machine(gpus, python, env)
    by_name = {trial.name: trial for trial in trials}
    found = [_failed(group, by_name, machine) for group in _tried.alike(_tried.showing(trials, "RK433"))]
    tried = tuple(trial for trial in trials if trial.device == "gpu")
    return _tried.judged(found, tried, "passed on the GPU", "nothing here could be tried on the GPU")


def _failed(group: list[Trial], by_name: Mapping[str, Trial], machine: _tried.Machine) -> Finding:
    first = group[0]
    codes = _tried.known(group, but="RK433")
    cured = _culprits.around(group, by_name)
    if cured:
        fix = machine.fix(cured[1])
    elif codes:
        text = say("{code} tells the way out.", code=codes[0])
        fix = Fix(text=text, commands=(f"rocmkit explain {codes[0]}",), verify=(_tried.again(machine.python),))
    elif rung_of(first.name) in {"ctranslate2", "onnxruntime"}:
        fix = Fix(text=say("Install a build of the library for {gfx}.", gfx=machine.gfx), verify=(_tried.again(machine.python),))
    else:
        fix = machine.fix("do without the operation, or compute it on the processor.")
    return Finding(
        subject=first.name,
        message=say(
            "{what} {ends} on {gfx}: {how}", what=_what(first), ends=_tried.ENDS[first.outcome], gfx=machine.gfx, how=ending(first)
        ),
        confidence="sure",
        seen=(*_tried.listed(group), *(cured[2] if cured else ()), *machine.seen),
        cause=cured[0] if cured else _tried.pointing(codes),
        fix=fix,
    )


def _what(trial: Trial) -> str:
    return trial.what or trial.name


@check("RK434", "gpu-gone", title="The GPU stopped answering", severity="error")
def gpu_gone(gpus: tuple[Gpu, ...], python: Python, trials: tuple[Trial, ...]) -> Outcome:
    """After a fault or a hang in an experiment, not even a small copy to the GPU and back came through.

    ## What it looks at

    With `doctor --try` alone: after a fault of the GPU, or a hang on it, a few numbers are sent there and back in a fresh process. Where
    that does not end well, no other experiment on the GPU is made.

    ## Why it matters

    No program can use the GPU until its driver has reset it, or the machine was restarted. rocmkit itself resets nothing.

    ## Fix

    See whether the driver has reset the GPU; if it does not answer again after a minute, restart the machine. Then look at what the
    experiment before found.

    ## Safe to ignore when

    Never. A second run shows whether the GPU is back.

    ## Sources

    - ROCm/legacy-rocm-build#1584
    - ROCm/TheRock#8357
    - torvalds/linux drivers/gpu/drm/amd/amdgpu/amdgpu_device.c
    """
    left_out = _tried.showing(trials, "RK434")
    if not left_out:
        answered = tuple(trial for trial in trials if trial.device == "gpu")
        return _tried.judged([], answered, "passed on the GPU, which answered to the end", "nothing here could be tried on the GPU")
    because = left_out[0].because or ""
    name = because.rpartition(" ")[2]
    cause = [trial for trial in trials if trial.name == name]
    finding = Finding(
        subject="GPU",
        message=say("{because}; {count} experiment(s) were not made for it", because=because, count=len(left_out)),
        confidence="sure",
        seen=(*map(_tried.seen, cause), _tried.seen(left_out[0])),
        cause=say("{what} left the GPU, or its driver, in a state that a fresh program cannot work with.", what=_what(cause[0]))
        if cause
        else None,
        fix=Fix(
            text=say("See what the driver says. If the GPU does not come back within a minute, restart the machine."),
            commands=('sudo dmesg | grep -i -E "amdgpu|kfd" | tail -n 20',),
            verify=("rocminfo | grep gfx", _tried.again(python)),
            root=True,
        ),
    )
    return judge([finding])


@check("RK435", "gpu-build-on-cpu", title="A build for the GPU that computed on the processor", severity="warning")
def gpu_build_on_cpu(gpus: tuple[Gpu, ...], python: Python, trials: tuple[Trial, ...]) -> Outcome:
    """A library that is built for ROCm was asked for the GPU, raised nothing, and computed on the processor.

    ## What it looks at

    With `doctor --try` alone: on which provider ONNX Runtime put the operations of a small model that it was given for the GPU, and where
    the results of torch and CTranslate2 lie. A package that has no code for the GPU is told by RK403, RK406 or RK419.

    ## Why it matters

    ONNX Runtime leaves to the processor what its GPU provider does not take, with a line in its log at most. The text is right and the
    program slow, since data go to and fro between the two.

    ## Fix

    Ask for the provider by name and for nothing else, so that it must raise, and read what it says; most often a library of the provider
    is not found, or its release does not fit the ROCm that is installed.

    ## Safe to ignore when

    The operations that are named are few and small in your model.

    ## Sources

    - microsoft/onnxruntime#25181
    - https://onnxruntime.ai/docs/execution-providers/MIGraphX-ExecutionProvider.html
    """
    found = [
        Finding(
            subject=rung_of(trial.name) or trial.name,
            message=say("{what}: {how}, although it was asked for the GPU", what=_what(trial), how=_tried.on_processor(trial) or "?"),
            confidence="sure",
            seen=(_tried.seen(trial),),
            cause=say("The provider for the GPU could not be loaded, or does not take these operations."),
            fix=Fix(text=say("See whether its provider for the GPU loads, and what is said of it."), verify=_shown(trial, python)),
        )
        for trial in _tried.showing(trials, "RK435")
    ]
    placed = tuple(trial for trial in trials if trial.device == "gpu" and trial.name == "onnxruntime-placement")
    return _tried.judged(found, placed, "model was put on the GPU as a whole", "no ONNX Runtime for ROCm could be tried here")


def _shown(trial: Trial, python: Python) -> tuple[str, ...]:
    providers = one_line(python, "import onnxruntime; print(onnxruntime.get_available_providers())")
    return (*((providers,) if rung_of(trial.name) == "onnxruntime" else ()), _tried.again(python))


@check("RK436", "cpu-operation-dies", title="A library that fails on the processor", severity="error", gpu=False)
def cpu_operation_dies(python: Python, trials: tuple[Trial, ...]) -> Outcome:
    """Something that computes on the processor died, hung or failed in an experiment, so the GPU is not to blame.

    ## What it looks at

    With `doctor --try` alone: Numba compiling and running a function, librosa and resampy resampling a second of sound, CTranslate2 and
    ONNX Runtime where their builds have no code for the GPU, and torch on the processor where no AMD GPU can be taken. What torch merely
    refuses on the processor, such as some operations in half precision, is not counted.

    ## Why it matters

    Speech programs resample and compute spectra on the processor before the GPU sees anything. A program that dies there dies with the
    GPU hidden, too, and no other ROCm helps.

    ## Fix

    Install the library anew in a release that fits its neighbours: numba with its own llvmlite and NumPy. `rocmkit bisect` finds what
    keeps it alive.

    ## Safe to ignore when

    No program of yours uses the library that is named.

    ## Sources

    - numba/numba#9914
    - librosa/librosa#1044
    """
    found = [_on_processor(group, python) for group in _tried.alike(_tried.showing(trials, "RK436"))]
    tried = tuple(trial for trial in trials if trial.device == "cpu")
    return _tried.judged(found, tried, "passed on the processor", "nothing here could be tried on the processor")


def _on_processor(group: list[Trial], python: Python) -> Finding:
    first = group[0]
    codes = _tried.known(group, but="RK436")
    fix = Fix(text=say("Install the library anew, in a release that fits the other packages."), commands=advice.pip(python, "check"))
    if codes:
        fix = Fix(text=say("{code} tells the way out.", code=codes[0]), commands=(f"rocmkit explain {codes[0]}",))
    return Finding(
        subject=first.name,
        message=say("{what} {ends} on the processor: {how}", what=_what(first), ends=_tried.ENDS[first.outcome], how=ending(first)),
        confidence="sure",
        seen=_tried.listed(group),
        cause=_tried.pointing(codes),
        fix=replace(fix, verify=(_tried.again(python),)),
    )
