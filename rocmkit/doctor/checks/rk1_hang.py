"""RK111, RK113: what programs did to the GPU since its driver was loaded: hangs and resets, accesses to memory that is not there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _culprits, _log, _tried
from rocmkit.doctor.checks.rk1_hardware import firmware_package
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Skipped, Text, judge, say
from rocmkit.facts import Gap, Gpu, KernelLog, System
from rocmkit.trial.values import Trial

OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"
#: A queue that did not end in time. "soft recovered" is the driver's word for one that it could wake (amdgpu_job.c).
_HANG = re.compile(
    r"ring \S+ timeout(?!, but soft recovered)|fence wait loop timeout|HWS hang|HW exception|MES(?:\(\d+\))? failed to respond"
    r"|gpu hang",
    re.IGNORECASE,
)
_MES = re.compile(r"\bMES(?:\(\d+\))? failed to respond")
_FAULT = re.compile(r"page fault \(.*\bvmid:(\d+)|VM fault \(0x[0-9a-f]+, vmid (\d+)")
#: Numbers of processes, and names of programs that are not known, are hidden where the log is read.
_PROCESS = re.compile(r"\b[Pp]rocess (.{1,16}?) pid (?:\d+|<pid>)")
#: From here up the address spaces are those of KFD; below are the screen's (gmc_v9_0.c).
_FIRST_KFD, _FIRST_KFD_WITHOUT_GRAPHICS = 8, 3
_COMPUTE_ONLY = ("gfx908", "gfx90a", "gfx94", "gfx95")


def _overridden(env: dict[str, str] | Gap) -> Seen | None:
    names = [] if isinstance(env, Gap) else sorted(name for name in env if name == OVERRIDE or name.startswith(f"{OVERRIDE}_"))
    return Seen("environment", f"{names[0]}={env[names[0]]}") if names and not isinstance(env, Gap) else None


@check("RK111", "gpu-hang-reset", title="The GPU hung and was reset", severity="error")
def hang(gpus: tuple[Gpu, ...], kernel_log: KernelLog, system: System | Gap, env: dict[str, str] | Gap) -> Outcome:
    """Work on the GPU did not end in time since the driver was loaded, and the driver reset it, or could not.

    ## What it looks at

    Lines of the kernel's log on queues that did not answer ("ring … timeout", "MES failed to respond", "fence wait loop timeout", "HWS
    hang") and on resets, by GPU, since the driver was last loaded. How many resets there were and how the last one ended decide: only a
    GPU whose last reset failed is surely out of order. Queues that the driver could wake ("soft recovered") are not counted.

    ## Why it matters

    A reset ends every program on the GPU and empties its memory; programs say "HW Exception by GPU node-1 … reason: GPU Hang". After a
    reset that failed, `/dev/kfd` and every program on the GPU fail or hang until the machine is restarted.

    ## Fix

    After a failed reset, restart the machine. Against hangs that come back: take HSA_OVERRIDE_GFX_VERSION away, update the GPU's firmware
    and the kernel, and look at power and cooling; HSA_ENABLE_SDMA=0 as a test tells whether the copy engine is at fault.

    ## Safe to ignore when

    The GPU was reset once, long ago, by a program that is no longer used.

    ## Sources

    - ROCm/ROCR-Runtime#180
    - ROCm/legacy-rocm-build#1584
    - ROCm/legacy-rocm-build#5724
    - ROCm/TheRock#8357
    - torvalds/linux drivers/gpu/drm/amd/amdgpu/amdgpu_device.c
    """
    findings = []
    for place, lines in _log.by_gpu(_log.since_loaded(kernel_log), gpus).items():
        hangs = [line for line in lines if _HANG.search(line)]
        resets = _log.resets(lines)
        if hangs or resets:
            findings.append(_hung(place, hangs, resets, kernel_log, system, _overridden(env)))
    return judge(findings, Seen(_log.source(kernel_log), "no GPU hung or was reset since its driver was loaded"))


def _hung(place: str, hangs: list[str], resets: _log.Resets | None, log: KernelLog, system: System | Gap, override: Seen | None) -> Finding:
    gpu = place or "(unnamed)"
    failed = resets is not None and resets.last == "failed"
    mes = any(_MES.search(line) for line in hangs)
    if resets is None:
        message = say("work on the GPU {gpu} did not end in time; the kernel's log tells of no reset of the whole GPU", gpu=gpu)
    elif failed:
        message = say("the GPU {gpu} hung, and its last reset failed (reset {count}): it is out of order", gpu=gpu, count=resets.times)
    elif resets.last == "open":
        message = say("the GPU {gpu} is being reset, or a reset never ended (reset {count})", gpu=gpu, count=resets.times)
    else:
        message = say(
            "the GPU {gpu} was reset {count} time(s) since its driver was loaded; the last reset succeeded", gpu=gpu, count=resets.times
        )
    host = advice.container(system) is not None
    commands: tuple[str, ...] = (_log.SHOW,)
    text = say("run the program again; if the GPU hangs again, read what came before it, and try HSA_ENABLE_SDMA=0 and a lower power limit")
    if failed:
        commands = () if host else ("sudo reboot",)
        text = say("restart the host: a container cannot help") if host else say("restart the machine")
    elif mes and not host:
        commands = (*firmware_package(system), *advice.rebuild_initramfs(system))
        text = say("update the GPU's firmware, write the boot image anew and restart")
    return Finding(
        subject=place or "amdgpu",
        message=message,
        confidence="sure" if failed else "likely",
        seen=(*_log.seen(log, [*hangs[:2], *(resets.lines if resets else hangs[-1:])]), *([override] if override else [])),
        cause=_why(override, mes=mes),
        fix=Fix(
            text=text,
            commands=commands,
            verify=('sudo dmesg | grep -i "GPU reset"', "rocminfo | grep gfx"),
            root=True,
            reboot=failed or (mes and not host),
            caution=say("a restart ends every program of every user of the machine") if failed else None,
        ),
    )


def _why(override: Seen | None, *, mes: bool) -> Text | None:
    if override:
        return say("{variable} makes programs run code that was compiled for another GPU", variable=override.what)
    return say("the GPU's scheduler (MES) stopped answering: some releases of its firmware do that") if mes else None


@check("RK113", "mem-access-fault", title="A program reached for memory that the GPU does not have", severity="error")
def fault(gpus: tuple[Gpu, ...], kernel_log: KernelLog | Gap, env: dict[str, str] | Gap, trials: tuple[Trial, ...] | Gap) -> Outcome:
    """A program on the GPU read or wrote where nothing is mapped, and was ended for it.

    ## What it looks at

    "page fault" and "VM fault" lines of the kernel's log since the driver was loaded, of address spaces that belong to computing (those
    of the screen have lower numbers), the programs that they name, HSA_OVERRIDE_GFX_VERSION, and whether the GPU is part of a processor.
    The program may be mended or gone since, so the fault is only likely to matter. With `doctor --try`, whether the GPU faulted in an
    experiment, which is sure.

    ## Why it matters

    The program dies with "Memory access fault by GPU node-1 … Reason: Page not present or supervisor privilege" and exit status 134. One
    such line can be the program's own mistake. Again and again, it is code for another GPU (an override), a library that does not fit the
    GPU, or a small GPU inside the processor that ran out of memory.

    ## Fix

    Take HSA_OVERRIDE_GFX_VERSION away; show the program one GPU only; install a build of the library that holds code for this GPU.

    ## Safe to ignore when

    The program that is named was under development, or is no longer used.

    ## Sources

    - ROCm/legacy-rocm-build#2804
    - ROCm/legacy-rocm-build#5051
    - OpenNMT/CTranslate2#2021
    - ROCm/legacy-rocm-build#5616
    - torvalds/linux drivers/gpu/drm/amd/amdgpu/gmc_v9_0.c
    """
    tried = _tried.showing(trials, "RK113")
    if isinstance(kernel_log, Gap) and not tried:
        because = say("{section} is not known: {detail}", section="kernel_log", detail=kernel_log.detail)
        return Skipped(because, unknown=True, gap=kernel_log.reason)
    by_name = {trial.name: trial for trial in _tried.made(trials)}
    findings = [_experienced(list(group), by_name, env) for group in _tried.alike(tried)]
    for place, lines in () if isinstance(kernel_log, Gap) else _log.by_gpu(_log.since_loaded(kernel_log), gpus).items():
        gpu = next((gpu for gpu in gpus if gpu.pci == place), None)
        first = _FIRST_KFD_WITHOUT_GRAPHICS if gpu and (gpu.gfx or "").startswith(_COMPUTE_ONLY) else _FIRST_KFD
        hits = [index for index, line in enumerate(lines) if (found := _FAULT.search(line)) and int(found[1] or found[2]) >= first]
        if hits:
            assert not isinstance(kernel_log, Gap)  # noqa: S101 - of the condition above
            findings.append(_faulted(gpu, place, lines, hits, kernel_log, gpus, _overridden(env)))
    if findings or isinstance(kernel_log, Gap):
        return judge(findings)
    return judge([], Seen(_log.source(kernel_log), "no program that computes reached for memory that is not there"))


def _experienced(faulted: list[Trial], by_name: Mapping[str, Trial], env: dict[str, str] | Gap) -> Finding:
    """A fault that an experiment met."""
    override = _overridden(env)
    cured = None if override else _culprits.around(faulted, by_name)
    text = say("let rocmkit bisect find what keeps the fault away; install packages that hold code for this GPU")
    if cured:
        text = say(cured[1])
    elif override:
        text = say("run without the variable, and install packages that hold code for the GPU itself")
    return Finding(
        subject=faulted[0].name,
        message=say("{what} makes the GPU fault: {line}", what=faulted[0].what or faulted[0].name, line=faulted[0].gpu_fault or "?"),
        confidence="sure",
        seen=(*_tried.listed(faulted), *(cured[2] if cured else ()), *([override] if override else [])),
        cause=cured[0] if cured else _why(override, mes=False),
        fix=Fix(
            text=text,
            commands=(f"unset {override.what.partition('=')[0]}" if override else "export AMD_SERIALIZE_KERNEL=3 AMD_LOG_LEVEL=3",),
            verify=("rocmkit doctor --try", 'sudo dmesg | grep -i "page fault" | tail -n 5'),
        ),
    )


def _faulted(
    gpu: Gpu | None,
    place: str,
    lines: list[str],
    hits: list[int],
    log: KernelLog,
    gpus: tuple[Gpu, ...],
    override: Seen | None,
) -> Finding:
    # Newer kernels name the program in a line of its own, right below.
    below = [index + 1 for index in hits if index + 1 < len(lines) and _PROCESS.search(lines[index + 1])]
    near = [lines[index] for index in sorted({*hits, *below})]
    programs = list(dict.fromkeys(found[1] for line in near if (found := _PROCESS.search(line)) and found[1] != "<program>"))
    small = gpu is not None and advice.integrated(gpu)
    cause: Text | None = None
    if override:
        cause = say("{variable} makes programs run code that was compiled for another GPU", variable=override.what)
        text = say("run the program without the variable, and install packages that hold code for the GPU itself")
        command = f"unset {override.what.partition('=')[0]}"
    elif small and any(not advice.integrated(other) for other in gpus):
        cause = say("the program ran on the GPU that is part of the processor, beside a card that was meant")
        text = say("show programs the card only, with its number in ROCR_VISIBLE_DEVICES")
        command = 'rocminfo | grep -E "Name: +gfx"'
    elif small:
        cause = say("the GPU is part of the processor: it shares the machine's memory, and most libraries were never tried on it")
        text = say("see that there is memory left, and install packages that hold code for this GPU")
        command = "free -h"
    else:
        text = say(
            "run the program once more with these settings, which give the GPU one piece of work at a time: the last one that it names is "
            "the one that fails"
        )
        command = "export AMD_SERIALIZE_KERNEL=3 AMD_LOG_LEVEL=3"
    return Finding(
        subject=place or "amdgpu",
        message=say(
            "{programs} reached for memory that the GPU {gpu} does not have ({count} line(s) in the kernel's log)",
            programs=", ".join(programs) or "a program",
            gpu=place or "(unnamed)",
            count=len(hits),
        ),
        confidence="likely",
        seen=(*_log.seen(log, near[:4]), *([override] if override else [])),
        cause=cause,
        fix=Fix(text=text, commands=(command,), verify=('sudo dmesg | grep -i "page fault" | tail -n 5',)),
    )
