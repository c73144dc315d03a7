"""Whether GPU code runs on a card, decided as the ROCm runtime does. Pure: values in, values out.

* Which code fits which card: `Isa::IsCompatible` in ROCm/rocm-systems projects/rocr-runtime/runtime/hsa-runtime/core/runtime/isa.cpp
  (read 2026-11), which `kb.compatible` follows: same processor, or the generic target that covers it, and no feature in another state.
  Code for a generic target carries a version of its own, and the runtime refuses what is below 1 (`GetSupportedGenericVersions`).
* What HIP picks out of a bundle: code for the card's own target, else for its generic one, else SPIR-V, which it compiles with comgr for
  the card at hand (`FatBinaryInfo::ExtractFatBinaryUsingCOMGR`, ROCm/rocm-systems projects/clr/hipamd/src/hip_fatbin.cpp). Older
  runtimes know no SPIR-V, so that alone is never a yes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from rocmkit.gpucode.values import CodeObjects, FileCode
from rocmkit.inspect.values import Answer, InspectedFile, Runs
from rocmkit.kb.targets import arch as known_arch
from rocmkit.kb.targets import base, compatible, parse_target

SPIRV = "amdgcnspirv"
#: Lowest version of generic code that the runtime takes, for all generic targets alike.
GENERIC_VERSION = 1
#: More targets than this are counted in a reason, not named.
_MANY = 12

#: What a library does for a card that it brings no kernels for. rocBLAS ends the program (ROCm/legacy-rocm-build#4625); hipBLASLt is
#: passed over by those who call it; MIOpen and rocFFT compile theirs (HIPRTC and comgr).
_WITHOUT: dict[str, tuple[Answer, str]] = {
    "rocblas": ("no", "rocBLAS has no kernel files for {gfx}: its first call ends the program"),
    "hipblaslt": ("none", "hipBLASLt has no kernels for {gfx}: programs that can do without it use rocBLAS"),
    "miopen": ("none", "MIOpen brings no compiled kernels for {gfx}: it compiles them when they are first used"),
    "rocfft": ("none", "rocFFT brings no compiled kernels for {gfx}: it compiles them when they are first used"),
}


def file_runs(code: FileCode | InspectedFile, objects: Sequence[CodeObjects], gpu: str, loads: Mapping[str, str] | None = None) -> Runs:
    """Whether what one file holds runs on `gpu`, a target id that the knowledge base knows.

    `loads`: needed libraries that bear on GPUs, and what they hold, as `holds` says it.
    """
    held = sorted({*(code.gfx or ()), *(one.target for one in objects)})
    old = {one.target for one in objects if one.generic_version is not None and one.generic_version < GENERIC_VERSION}
    answer, because, needs = _fits([target for target in held if target not in old], gpu)
    if answer != "no":
        if answer == "yes" and code.gfx is None:
            return _runs(gpu, "unknown", f"{because}, but part is unreadable: {_why(code)}", needs)
        return _runs(gpu, answer, because + _share(objects, gpu), needs)
    if code.gfx is None:
        return _runs(gpu, "unknown", f"part is unreadable: {_why(code)}")
    if any(compatible(target, gpu) for target in old):
        return _runs(gpu, "no", f"its generic code is of a version that the runtime refuses; holds {_named(held)}")
    if SPIRV in held:
        return _runs(gpu, "unknown", "holds SPIR-V, which newer ROCm runtimes compile for the card when it is loaded")
    if held:
        return _runs(gpu, "no", because)
    return _without_code(code, gpu, loads or {})


def kernel_folder_runs(library: str, targets: Mapping[str, int], problems: Sequence[tuple[str | None, str]], gpu: str) -> Runs:
    """Whether the kernel files of one library serve `gpu`. Files for other cards beside them say nothing.

    `problems` are files that cannot be used: the target that each is for, None where its name does not say, and why.
    """
    bad = [why for target, why in problems if target is None or compatible(base(target), base(gpu))]
    answer, because, needs = _fits(sorted(targets), gpu)
    if answer != "no":
        count = sum(number for target, number in targets.items() if compatible(target, gpu))
        if bad:
            return _runs(gpu, "unknown", f"{because} ({_files(count)}), but {bad[0]}", needs)
        return _runs(gpu, answer, f"{because} ({_files(count)})", needs)
    if bad:
        return _runs(gpu, "unknown", f"part is unreadable: {bad[0]}")
    without, words = _WITHOUT[library]
    return _runs(gpu, without, words.format(gfx=base(gpu)))


def kernel_file_runs(targets: Sequence[str], problem: str | None, gpu: str, *, lists: bool) -> Runs:
    """What one kernel file by itself says of `gpu`; `lists`: it holds no code, and names or tunes that of others."""
    if problem:
        return _runs(gpu, "unknown", f"it cannot be used: {problem}")
    if lists:
        return Runs(gpu=gpu, answer="none", because=f"lists kernels for {_named(targets, 'no known card')}, no code itself", own=False)
    if not targets:
        return _runs(gpu, "unknown", "it does not say for which cards it is")
    answer, because, needs = _fits(targets, gpu)
    return _runs(gpu, "none" if answer == "no" else answer, because, needs)


def nothing(candidates: int, seen: int, left_out: int, unread: int) -> tuple[Answer, str]:
    """The answer where no file of a target bears on GPUs: `candidates` of the `seen` files could, `unread` could not be looked at."""
    if unread:
        return "unknown", "nothing that could be read holds GPU code, and part could not be read"
    if seen:
        return "none", "holds no GPU code" if candidates else f"{_files(seen)}, and none that can hold GPU code"
    return "none", "holds no files of its own, and links are not followed" if left_out else "it is empty"


def holds(code: FileCode | InspectedFile) -> str | None:
    """What a library means for those that load it, in a few words; None: nothing that bears on GPUs."""
    if code.gfx:
        return f"code for {_named(code.gfx)}"
    if code.gfx is None:
        return "part is unreadable"
    if code.sm:
        return "NVIDIA code"
    return {"hip": "linked with HIP", "cuda": "linked with CUDA"}.get(code.gpu_api)


def unreadable_runs(why: str, gpu: str) -> Runs:
    """The answer for a file that could not be read at all."""
    return _runs(gpu, "unknown", f"it could not be read: {why}")


def together(every: Iterable[tuple[str, Runs]], gpu: str) -> Runs:
    """One answer for a whole target, of its files' names and answers: no where any code of its own says no, then unknown, then yes."""
    runs = [(file, run) for file, run in every if run.gpu == gpu]
    own = [(file, run) for file, run in runs if run.own]
    order: tuple[Answer, ...] = ("no", "unknown")
    for some in (own, [] if any(run.answer == "yes" for _, run in own) else runs):
        for answer in order:
            those = [(file, run) for file, run in some if run.answer == answer]
            if those:
                because = those[0][1].because if len(runs) == 1 else f"{those[0][0]}: {those[0][1].because}"
                more = f"; and {len(those) - 1} more" if len(those) > 1 else ""
                return Runs(gpu=gpu, answer=answer, because=because + more, own=some is own)
    fits = [run for _, run in own if run.answer == "yes"]
    if fits:
        needs = tuple(sorted({need for run in fits for need in run.needs}))
        reasons = dict.fromkeys(run.because for run in sorted(fits, key=lambda run: not run.needs))
        because = next(iter(reasons)) if len(reasons) == 1 or needs else f"all {len(fits)} that hold GPU code hold it for this card"
        return _runs(gpu, "yes", because, needs)
    loads = next((run.because for _, run in runs if run.because), "holds no GPU code")
    return Runs(gpu=gpu, answer="none", because=loads, own=False)


def overall(every: Iterable[Runs]) -> Answer:
    """One answer for everything asked: the worst. Nothing to judge is worse than a yes."""
    answers = {one.answer for one in every}
    order: tuple[Answer, ...] = ("no", "unknown", "none", "yes")
    return next((answer for answer in order if answer in answers), "none")


def default_states(gpu: str) -> tuple[dict[str, str], ...]:
    """The states of its features that a card named `gpu` may be in unless it is told otherwise.

    XNACK is off by default (`probe.topology.target_id` says why); SRAM ECC is on or off by the card, so both are possible.
    """
    return tuple(state for state in _states(gpu) if _named_features(gpu).get("xnack") or state.get("xnack", "-") == "-")


def _states(gpu: str) -> tuple[dict[str, str], ...]:
    """All states that `gpu` leaves open, with those that it names."""
    arch, named = known_arch(gpu), _named_features(gpu)
    possible = [name for name, there in (("sramecc", arch and arch.sramecc), ("xnack", arch and arch.xnack)) if there]
    choices = [(named[name],) if name in named else ("-", "+") for name in possible]
    return tuple(dict(zip(possible, chosen, strict=True)) for chosen in itertools.product(*choices))


def _named_features(gpu: str) -> dict[str, str]:
    parsed = parse_target(gpu)
    return parsed[1] if parsed else {}


def _fits(held: Sequence[str], gpu: str) -> tuple[Answer, str, tuple[str, ...]]:
    """Answer, reason and needed states for code of the targets `held`."""
    close = [target for target in held if compatible(target, gpu)]
    if not close:
        same = [target for target in held if compatible(base(target), base(gpu))]
        if same:
            return "no", f"holds {_named(same)}, which wants another state of {_features(same, gpu)}; not {gpu}", ()
        return "no", f"holds {_named(held)}; not {base(gpu)}", ()
    served = [state for state in _states(gpu) if _served(close, gpu, state)]
    if len(served) == len(_states(gpu)):
        return "yes", f"holds {_named(close)}", ()
    needs = tuple(sorted({f"{name}{sign}" for name, sign in _common(served).items() if name not in _named_features(gpu)}))
    words = " and ".join(_STATE_WORDS[need] for need in needs) or "a certain state of XNACK and SRAM ECC"
    if all(_served(close, gpu, state) for state in default_states(gpu)):
        return "yes", f"holds {_named(close)}: needs {words}, as it is by default", needs
    return "unknown", f"holds {_named(close)}: needs {words}", needs


_STATE_WORDS = {
    "xnack-": "XNACK off (xnack-)",
    "xnack+": "XNACK on (xnack+, HSA_XNACK=1), which is off by default",
    "sramecc-": "SRAM ECC off (sramecc-)",
    "sramecc+": "SRAM ECC on (sramecc+)",
}


def _served(held: Iterable[str], gpu: str, state: dict[str, str]) -> bool:
    full = base(gpu) + "".join(f":{name}{sign}" for name, sign in sorted(state.items()))
    return any(compatible(target, full) for target in held)


def _common(states: Sequence[dict[str, str]]) -> dict[str, str]:
    """What all of these states share."""
    first = states[0] if states else {}
    return {name: sign for name, sign in first.items() if all(state[name] == sign for state in states)}


def _features(held: Sequence[str], gpu: str) -> str:
    named = _named_features(gpu)
    wanted = {name for target in held for name, sign in _named_features(target).items() if named.get(name, sign) != sign}
    return " and ".join({"xnack": "XNACK", "sramecc": "SRAM ECC"}[name] for name in sorted(wanted, reverse=True))


def _share(objects: Sequence[CodeObjects], gpu: str) -> str:
    """Words for code that covers the card in part only: other cards have more code objects here."""
    fits = sum(one.objects for one in objects if compatible(one.target, gpu))
    most = max((one.objects for one in objects), default=0)
    return f", in {fits} of {most} places: some of its kernels are for other cards only" if 0 < fits < most else ""


def _without_code(code: FileCode | InspectedFile, gpu: str, loads: Mapping[str, str]) -> Runs:
    if code.sm:
        # What brings code for both makers in files of their own loads the one that fits.
        return Runs(gpu=gpu, answer="no", because=f"NVIDIA code only ({_named(code.sm)})", own=False)
    if code.gpu_api == "cuda":
        words = f" ({', '.join(code.needs[:4])})" if code.needs else ""
        return Runs(gpu=gpu, answer="no", because=f"no GPU code of its own, and linked with CUDA{words}", own=False)
    if loads and code.gpu_api != "unknown":
        named = ", ".join(f"{name} ({what})" for name, what in loads.items())
        return Runs(gpu=gpu, answer="none", because=f"no GPU code of its own: look at {named}, which it needs", own=False)
    if code.gpu_api == "hip":
        return Runs(gpu=gpu, answer="none", because="no GPU code of its own: what it loads decides", own=False)
    if code.gpu_api == "unknown":
        return Runs(
            gpu=gpu, answer="unknown", because=f"no GPU code of its own, and what it is linked with is not clear: {_why(code)}", own=False
        )
    return Runs(gpu=gpu, answer="none", because="holds no GPU code and needs no GPU library", own=False)


def _why(code: FileCode | InspectedFile) -> str:
    return code.unreadable[0] if code.unreadable else "the reason is not known"


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"


def _named(targets: Sequence[str], none: str = "no code for AMD GPUs") -> str:
    if not targets:
        return none
    return ", ".join(targets) if len(targets) <= _MANY else f"{', '.join(targets[:_MANY])} and {len(targets) - _MANY} more"


def _runs(gpu: str, answer: Answer, because: str, needs: tuple[str, ...] = ()) -> Runs:
    return Runs(gpu=gpu, answer=answer, because=because, needs=needs)
