"""RK502, RK503: which GPUs the environment shows to programs."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _masks
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import EnvLine, Gap, Gpu, Kfd, Runtime

_NODES = "/sys/class/kfd/kfd/topology/nodes"
_SHOW = 'rocminfo | grep -E "Name: +gfx"'


@check("RK502", "visible-devices-hides", title="An environment variable hides the GPU", severity="error")
def hides(env: dict[str, str], kfd: Kfd, gpus: tuple[Gpu, ...], runtime: Runtime | Gap, env_files: tuple[EnvLine, ...] | Gap) -> Outcome:
    """A variable that chooses GPUs leaves none, or not the one that should compute.

    ## What it looks at

    ROCR_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES, CUDA_VISIBLE_DEVICES and GPU_DEVICE_ORDINAL in this environment, and the GPU nodes of the
    KFD topology, which no variable changes. They are read as the runtimes read them: ROCr goes first; HIP numbers what is left from 0
    and goes by HIP_VISIBLE_DEVICES, else by CUDA_VISIBLE_DEVICES; both stop at the first entry that names no GPU. A GPU named by its
    UUID is not judged, since the UUID is the card's serial number and is not kept; there rocminfo's word is taken.

    ## Why it matters

    An empty list, `-1`, or a number that is too high hides every GPU without a word: "no ROCm-capable device is detected". With
    ROCR_VISIBLE_DEVICES=1 the second GPU becomes number 0 to HIP, so that HIP_VISIBLE_DEVICES=1 beside it hides that one too.
    HIP itself takes an empty HIP_VISIBLE_DEVICES for unset, while PyTorch counts no GPU.

    ## Fix

    Unset the variable, or name a GPU that is there. Use one of the variables, not two.

    ## Safe to ignore when

    The GPU is hidden on purpose, for instance to prove that a program needs it.

    ## Sources

    - collabora/WhisperLive#520
    - ROCm/legacy-rocm-build#2354
    - ROCm/ROCR-Runtime runtime/hsa-runtime/core/runtime/amd_filter_device.cpp
    - ROCm/clr rocclr/device/rocm/rocdevice.cpp
    - pytorch/pytorch torch/cuda/__init__.py
    """
    named = {name: env[name] for name in _masks.NAMES if name in env}
    if not named:
        return judge([], Seen("environment", f"none of {', '.join(_masks.NAMES)} is set"))
    count = len(kfd.gpu_nodes)
    if not count:
        return skip("KFD has no GPU that a variable could hide")
    if kfd.unreadable_nodes:
        return skip("a KFD node could not be read, so that GPUs cannot be numbered: {node}", node=kfd.unreadable_nodes[0])
    lines = () if isinstance(env_files, Gap) else env_files
    findings: list[Finding] = []
    unknown = ""

    def report(name: str, message: Text, confidence: Confidence, cause: Text | None = None) -> None:
        numbers = ", ".join(str(node.node) for node in kfd.gpu_nodes)
        seen = [Seen("environment", f"{key}={value}") for key, value in named.items()]
        seen.append(Seen(_NODES, f"{count} GPU node(s): {numbers}"))
        findings.append(
            Finding(subject=name, message=message, confidence=confidence, seen=tuple(seen), cause=cause, fix=_unset(name, lines))
        )

    left: int | None = count
    if _masks.ROCR in named:
        first = _masks.rocr(named[_masks.ROCR], count)
        left = None if first.visible is None else len(first.visible)
        if first.visible is None and not isinstance(runtime, Gap) and runtime.error is None:
            left = len(runtime.agents)
        if left == 0:
            if first.visible is None:
                report(_masks.ROCR, say("{variable} names a GPU that is not there: rocminfo shows none", variable=_masks.ROCR), "likely")
            else:
                report(_masks.ROCR, _all_hidden(first), "sure", _too_high(first, count))
        elif first.visible and first.dropped is not None:
            report(_masks.ROCR, _some_hidden(first), "likely")
    name = _masks.hip_variable(named)
    empty = next(
        (key for key in (_masks.HIP, _masks.CUDA) if named.get(key) == "" and not (key == _masks.CUDA and _masks.HIP in named)), None
    )
    if left != 0 and empty and not (empty == _masks.CUDA and _masks.ROCR in named):
        report(empty, say("{variable} is empty: PyTorch then counts no GPU, though HIP takes it for unset", variable=empty), "likely")
    elif left != 0 and name:
        second = _masks.hip(name, named[name], count if left is None else left)
        if second.visible is None:
            unknown = name
        elif not second.visible:
            sure = not second.uncertain and (left is not None or not _masks.hip(name, named[name], 1 << 20).visible)
            report(name, _all_hidden(second), "sure" if sure else "likely", _too_high(second, left, count))
        elif second.dropped is not None:
            report(name, _some_hidden(second), "likely", _both(named))
    if named.get(_masks.ORDINAL) and left and _masks.hip(_masks.ORDINAL, named[_masks.ORDINAL], left).visible == ():
        report(_masks.ORDINAL, _all_hidden(_masks.hip(_masks.ORDINAL, named[_masks.ORDINAL], left)), "likely")
    shown = _masks.visible(named, count)
    if not findings and shown and (wrong := _only_integrated(shown, kfd, gpus)):
        name = name or _masks.ROCR
        report(name, say("{variable} shows only the processor's own GPU and hides {gpu}", variable=name, gpu=wrong), "likely")
    if not findings and (unknown or left is None):
        return skip("{variable} names a GPU by its UUID, which is not kept", variable=unknown or _masks.ROCR)
    chosen = "as rocminfo shows" if shown is None else f"shows {', '.join(f'node {kfd.gpu_nodes[index].node}' for index in shown)}"
    return judge(findings, *(Seen("environment", f"{key}={value}") for key, value in named.items()), Seen(_NODES, chosen))


def _all_hidden(mask: _masks.Mask) -> Text:
    if mask.value == "":
        return say("{variable} is set and empty, which hides every GPU", variable=mask.variable)
    return say("{variable}={value} hides every GPU", variable=mask.variable, value=mask.value)


def _some_hidden(mask: _masks.Mask) -> Text:
    return say(
        "{variable}={value}: the entry {entry} names no further GPU; it and all after it are dropped",
        variable=mask.variable,
        value=mask.value,
        entry=repr(mask.dropped),
    )


def _too_high(mask: _masks.Mask, left: int | None, count: int | None = None) -> Text | None:
    if count is not None and left is not None and left < count and _masks.hip(mask.variable, mask.value, count).visible:
        return say("ROCR_VISIBLE_DEVICES leaves {left} GPU(s), and HIP counts those from 0", left=left)
    if mask.dropped is not None and mask.dropped.strip().isascii() and mask.dropped.strip().isdecimal() and left:
        return say("GPUs are counted from 0: the highest number here is {last}", last=left - 1)
    return None


def _both(named: dict[str, str]) -> Text | None:
    if _masks.ROCR not in named or _masks.HIP not in named:
        return None
    return say("PyTorch refuses a HIP_VISIBLE_DEVICES that is longer than ROCR_VISIBLE_DEVICES with a RuntimeError")


def _unset(name: str, lines: tuple[EnvLine, ...]) -> Fix:
    where = [line for line in lines if line.name == name]
    files = ", ".join(dict.fromkeys(line.file for line in where))
    edits = tuple(dict.fromkeys(command for line in where for command in advice.comment_out(line)))
    text = say("unset the variable; in a container or a service, take it out of what starts that")
    if where:
        text = say("unset the variable, and comment it out in {files}", files=files)
    return Fix(
        text=text,
        commands=(f"unset {name}", *edits),
        verify=(f"printenv {name} || echo unset", _SHOW),
        root=any(command.startswith("sudo") for command in edits),
        caution=say("other variables set on the same lines of the file go with it; the old file stays beside it, ending in .bak")
        if where
        else None,
    )


def _integrated(gpu: Gpu) -> bool:
    known = kb.arch(gpu.gfx) if gpu.gfx and gpu.integrated is None else None
    return advice.integrated(gpu) or bool(known and known.integrated)


def _split(kfd: Kfd, gpus: tuple[Gpu, ...]) -> tuple[list[int], list[int]]:
    """Indices (in the order of the KFD nodes, as ROCr counts) of the integrated GPUs and of the others."""
    by_node = {gpu.kfd_node: gpu for gpu in gpus}
    small: list[int] = []
    large: list[int] = []
    for index, node in enumerate(kfd.gpu_nodes):
        if gpu := by_node.get(node.node):
            (small if _integrated(gpu) else large).append(index)
    return small, large


def _only_integrated(shown: tuple[int, ...], kfd: Kfd, gpus: tuple[Gpu, ...]) -> str:
    small, large = _split(kfd, gpus)
    if not large or not set(shown) <= set(small):
        return ""
    node = kfd.gpu_nodes[large[0]].node
    return next(advice.place(gpu) for gpu in gpus if gpu.kfd_node == node)


@check(
    "RK503",
    "igpu-dgpu-mix",
    title="The processor's own GPU is among the GPUs that compute",
    severity="warning",
    after=("visible-devices-hides",),
)
def mixed(kfd: Kfd, gpus: tuple[Gpu, ...], env: dict[str, str], runtime: Runtime | Gap, env_files: tuple[EnvLine, ...] | Gap) -> Outcome:
    """Programs see the processor's small GPU beside the card, and most libraries have no kernels for it.

    ## What it looks at

    Whether the KFD topology has both a GPU that is part of a processor and one that is not, and whether ROCR_VISIBLE_DEVICES,
    HIP_VISIBLE_DEVICES or CUDA_VISIBLE_DEVICES hides the first. An MI300A counts as a card, although it shares its package with a
    processor.

    ## Why it matters

    ROCm counts both. A program that picks the wrong one dies at its first kernel, rocBLAS aborts ("Cannot read TensileLibrary … gfx1036"),
    and hipBLASLt is switched off unless every GPU in sight can use it.

    ## Fix

    Show programs the card only, with ROCR_VISIBLE_DEVICES and the card's number, or switch the processor's GPU off in the firmware setup.

    ## Safe to ignore when

    Every program that you run picks its GPU itself, and picks the card.

    ## Sources

    - ROCm/rocm-cli crates/rocm-core/src/diagnose.rs, check_9_igpu_dgpu_collision
    - ROCm/legacy-rocm-build#4380
    - ROCm/legacy-rocm-build#6137
    - pytorch/pytorch#128753
    """
    small, large = _split(kfd, gpus)
    topology = [
        Seen(f"{_NODES}/{node.node}", f"{_gfx(node.node, gpus)}, {_kind(index, small)}") for index, node in enumerate(kfd.gpu_nodes)
    ]
    if not topology:
        return skip("KFD has no GPU")
    if not small or not large:
        return judge([], *topology)
    named = {name: env[name] for name in (_masks.ROCR, _masks.HIP, _masks.CUDA) if name in env}
    settings = [Seen("environment", f"{name}={value}") for name, value in named.items()]
    shown = _masks.visible(named, len(kfd.gpu_nodes))
    names = {_gfx(kfd.gpu_nodes[index].node, gpus) for index in small}
    agents = None if isinstance(runtime, Gap) or runtime.error is not None else {agent.name for agent in runtime.agents}
    if shown is None and agents is None:
        return skip("the variables name GPUs by UUID, which is not kept, and rocminfo does not say which are left")
    left = set(small) & set(shown) if shown is not None else names & (agents or set())
    if not left:
        return judge([], *settings, *topology)
    only = ",".join(map(str, large))
    lines = () if isinstance(env_files, Gap) else tuple(line for line in env_files if line.name in named)
    text = say("show programs the card only (a line in ~/.profile keeps it so), or switch the processor's GPU off in the firmware setup")
    if lines:
        text = say("show programs the card only, here and in {files}", files=", ".join(dict.fromkeys(line.file for line in lines)))
    finding = Finding(
        subject=", ".join(sorted(names)),
        message=say(
            "programs see the processor's own GPU ({small}) beside {large}",
            small=", ".join(sorted(names)),
            large=_gfx(kfd.gpu_nodes[large[0]].node, gpus),
        ),
        confidence="sure" if agents is not None and names & agents else "likely",
        seen=(*topology, *(settings or [Seen("environment", "neither ROCR_VISIBLE_DEVICES nor HIP_VISIBLE_DEVICES is set")])),
        fix=Fix(
            text=text,
            commands=(*(f"unset {name}" for name in named if name != _masks.ROCR), f"export ROCR_VISIBLE_DEVICES={only}"),
            verify=(_SHOW,),
        ),
    )
    return judge([finding])


def _gfx(node: int, gpus: tuple[Gpu, ...]) -> str:
    return next((gpu.gfx or advice.place(gpu) for gpu in gpus if gpu.kfd_node == node), f"node {node}")


def _kind(index: int, small: list[int]) -> str:
    return "part of the processor" if index in small else "a card of its own"
