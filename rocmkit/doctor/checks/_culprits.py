"""Which library it was: the experiments that died, beside those that differ from them in one thing and lived."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rocmkit.doctor.checks import _tried
from rocmkit.doctor.checks._tried import Machine
from rocmkit.doctor.result import Finding, Found, Outcome, Passed, Seen, Text, say, skip
from rocmkit.facts import Gap
from rocmkit.trial.ladder import rung_of
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ending

_WITHOUT = "-without-miopen"
#: Files by which a crash names who it was.
_FILES = (
    ("MIOpen", r"libMIOpen"),
    ("hipBLASLt", r"libhipblaslt"),
    ("rocBLAS", r"librocblas|libhipblas|libTensile"),
    ("rocFFT", r"lib(roc|hip)fft"),
    ("fused attention", r"libaotriton"),
)
#: The compiler is a tool of whoever has kernels compiled: MIOpen under a convolution or a model, else whom the rung names.
_COMPILER = r"libamd_comgr|libhiprtc"
_OF_RUNG = {"matmul": "rocBLAS", "attention": "rocBLAS", "fft": "rocFFT"}
_SINGLE = "compute in float32 if the experiments in float32 passed (fp16=False for openai-whisper)."
_PASSES = {"MIOpen": say("The same passes with MIOpen off."), "fused attention": say("The same passes by plain matrix products.")}
#: What keeps a program alive without the library. No braces: these are parts of templates.
_AROUND = {
    "MIOpen": "put torch.backends.cudnn.enabled = False at the beginning of the program, which keeps MIOpen out.",
    "rocBLAS": _SINGLE,
    "hipBLASLt": "set TORCH_BLAS_PREFER_HIPBLASLT=0 and DISABLE_ADDMM_CUDA_LT=1. Only products of int8, of quantized models, need it.",
    "rocFFT": "compute the spectrum on the processor, as Whisper's own feature extractors do.",
    "fused attention": 'use plain attention: attn_implementation="eager" in transformers, or sdpa_kernel(SDPBackend.MATH) in torch.',
    "torch": "let rocmkit bisect look for what makes it die.",
}


def first_operation(trials: tuple[Trial, ...] | Gap, machine: Machine) -> Outcome | None:
    """RK412 by experiments; None where they do not decide."""
    died = list(_tried.showing(trials, "RK412"))
    if not died:
        seen = _tried.passed(trials, _tried.FIRST, "device", "copy", "elementwise-float32")
        return Passed(seen) if seen else None
    message = say("{what} dies on {gfx}: {how}", what=died[0].what or died[0].name, gfx=machine.gfx, how=ending(died[0]))
    cause = say("The HSA runtime does not fit the kernel driver, or a second ROCm gets into the process.")
    if all("float16" in trial.name for trial in died):
        cause = say("The same passes in float32: what is at fault is torch's kernels for half precision.")
        return Found((_finding(machine, message, cause, _SINGLE, _tried.listed(died)),))
    way = "take LD_LIBRARY_PATH and HSA_OVERRIDE_GFX_VERSION out of the environment, and try again."
    return Found((_finding(machine, message, cause, way, _tried.listed(died)),))


def math(trials: tuple[Trial, ...] | Gap, machine: Machine) -> Outcome | None:
    """RK413 by experiments: one finding for each library that is to blame; None where they do not decide."""
    died = _tried.showing(trials, "RK413")
    if not died:
        if any(trial.outcome != "skipped" and _tried.code_of(trial) for trial in _tried.made(trials) if rung_of(trial.name) == "conv"):
            return skip("a convolution was tried and ended in another way, which other findings tell")
        needed = [f"{name}-{dtype}" for name in ("conv1d-k3", "matmul") for dtype in ("float32", "float16")]
        seen = _tried.passed(trials, _tried.MATH, *needed)
        return Passed(seen) if seen else None
    by_name = {trial.name: trial for trial in _tried.made(trials)}
    groups: dict[str, list[Trial]] = {}
    for trial in died:
        groups.setdefault(culprit(trial, by_name), []).append(trial)
    return Found(tuple(_blamed(name, group, by_name, machine) for name, group in groups.items()))


def culprit(trial: Trial, by_name: Mapping[str, Trial]) -> str:
    """The library that a trial died of: the one thing that a trial beside it lacked and lived, else the file that it died in."""
    for name, other in _beside(trial, by_name):
        if other.outcome == "pass":
            return name
    rung, without = rung_of(trial.name), trial.name.endswith(_WITHOUT)
    # A crash is often in the C library; who called it stands behind.
    for where in (f"{trial.frame} {trial.library}", *trial.native):
        for name, files in _FILES:
            # What died with MIOpen off did not die of it.
            if re.search(files, where) and not (name == "MIOpen" and without):
                return name
        if re.search(_COMPILER, where) and rung in {"conv", "model"} and not without:
            return "MIOpen"
    return _OF_RUNG.get(rung or "", "torch")


def _beside(trial: Trial, by_name: Mapping[str, Trial]) -> list[tuple[str, Trial]]:
    """The same operation without one library, which that is named by, where that was tried."""
    plain = "" if "-math-" in trial.name else trial.name.replace("attention-", "attention-math-")
    rows = (("MIOpen", trial.name + _WITHOUT), ("fused attention", plain))
    there = [(name, by_name[other]) for name, other in rows if other in by_name and other != trial.name]
    return [(name, other) for name, other in there if other.outcome != "skipped"]


def around(trials: list[Trial], by_name: Mapping[str, Trial]) -> tuple[Text, str, tuple[Seen, ...]] | None:
    """Where these end well without one library, as far as that was tried: the cause, a way around (part of a template), evidence."""
    beside = [found for trial in trials for found in _beside(trial, by_name)]
    if len({name for name, _ in beside}) != 1 or any(other.outcome != "pass" for _, other in beside):
        return None
    name = beside[0][0]
    return _PASSES[name], _AROUND[name], tuple(_tried.seen(other) for _, other in beside[:2])


def lived(name: str, by_name: Mapping[str, Trial]) -> bool:
    """Whether there is such a trial, and it passed."""
    return name in by_name and by_name[name].outcome == "pass"


def _blamed(name: str, died: list[Trial], by_name: Mapping[str, Trial], machine: Machine) -> Finding:
    values = {"what": died[0].what or died[0].name, "gfx": machine.gfx, "how": ending(died[0]), "name": name}
    message = say("{what} dies on {gfx}: {how}" if name == "torch" else "{what} dies on {gfx} in {name}: {how}", **values)
    beside: list[Trial] = []
    for trial in died:
        others = (trial.name + _WITHOUT, trial.name.replace("float16", "float32"), trial.name.replace("attention-", "attention-math-"))
        beside += [by_name[other] for other in others if other != trial.name and lived(other, by_name) and by_name[other] not in beside]
    seen = (*_tried.listed(died), *map(_tried.seen, beside[:3]))
    cured = around(died, by_name)
    if cured:
        return _finding(machine, message, cured[0], cured[1], seen)
    pointing = _tried.pointing(_tried.known(died, but="RK413"))
    if all("float16" in trial.name and lived(trial.name.replace("float16", "float32"), by_name) for trial in died):
        half = say("The same passes in float32: what is at fault is {name}'s kernels for half precision.", name=name)
        return _finding(machine, message, pointing or half, _SINGLE, seen)
    # No way around where that way was tried, and died as well.
    tried = name in _PASSES and any(_beside(trial, by_name) for trial in died)
    return _finding(machine, message, pointing, _AROUND["torch" if tried else name], seen)


def _finding(machine: Machine, message: Text, cause: Text | None, way: str, seen: tuple[Seen, ...]) -> Finding:
    return Finding(
        subject=f"torch on {machine.gfx}",
        message=message,
        confidence="sure",
        seen=(*seen, *machine.seen),
        cause=cause,
        fix=machine.fix(way),
    )
