"""RK504: the setting of PyTorch's allocator that hangs on many kernels."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._stack import older, torch_of
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Driver, EnvLine, Gap, Python, System

NAMES = ("PYTORCH_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
_ON = re.compile(r"expandable_segments\s*:\s*True")
#: The first kernel whose amdgpu has DRM interface 3.64.
_KERNEL = "6.16"


@check("RK504", "expandable-segments", title="PyTorch's expandable segments are switched on", severity="warning")
def expandable_segments(
    env: dict[str, str], env_files: tuple[EnvLine, ...] | Gap, system: System | Gap, driver: Driver | Gap, python: Python | Gap
) -> Outcome:
    """`expandable_segments:True` makes PyTorch use a way to map video memory that hangs under older kernels.

    ## What it looks at

    PYTORCH_ALLOC_CONF, PYTORCH_HIP_ALLOC_CONF and PYTORCH_CUDA_ALLOC_CONF in this environment and in the files that shells start with,
    the ROCm release inside torch, and the kernel.

    ## Why it matters

    ROCm 7 waits for an answer that amdgpu gives from DRM interface 3.64 on only (kernel 6.16): on an older kernel the first
    `Tensor.to("cuda")` never returns and says nothing. With max_split_size_mb beside it, memory that is in use was seen to read as
    zeros, without any error. Torch for ROCm 6 does not have the feature and ignores the setting. It is often copied from advice
    for NVIDIA cards, or from the text of PyTorch's own out-of-memory error.

    ## Fix

    Take `expandable_segments:True` out of the variable.

    ## Safe to ignore when

    Models load and compute rightly with it.

    ## Sources

    - pytorch/pytorch#192259
    - ROCm/rocm-systems#9820
    - ROCm/legacy-rocm-build#6603
    - pytorch/pytorch#179930
    """
    lines = () if isinstance(env_files, Gap) else tuple(line for line in env_files if line.name in NAMES and line.name not in env)
    places = [(name, env[name], "environment") for name in NAMES if name in env]
    places += [(line.name, line.value, line.file) for line in lines]
    found = [(name, value, where) for name, value, where in places if _ON.search(value)]
    seen = tuple(Seen(where, f"{name}={value}") for name, value, where in found)
    if not found:
        return judge([], *(Seen(where, f"{name}={value}") for name, value, where in places), Seen("environment", "it is not switched on"))
    torch = None if isinstance(python, Gap) else torch_of(python)
    if torch is not None and torch.rocm and older(torch.rocm, "7.0"):
        return judge([], *seen, Seen(torch.seen.where, f"ROCm {torch.rocm}: this torch does not have the feature"))
    if torch is not None and torch.hip is False:
        return skip("torch {version} is not built for ROCm", version=torch.version)
    kernel = None if isinstance(system, Gap) or isinstance(system.kernel, Gap) else system.kernel
    own = not isinstance(driver, Gap) and driver.kind == "in-tree"
    split = any("max_split_size_mb" in value for _, value, _ in found)
    new = own and kernel is not None and older(kernel, _KERNEL) is False
    if new and not split:
        return judge([], *seen, Seen("/proc/sys/kernel/osrelease", str(kernel)))
    hangs = own and kernel is not None and older(kernel, _KERNEL) is True
    here = any(where == "environment" for _, _, where in found)
    confidence: Confidence = "sure" if hangs and here and torch is not None and torch.rocm else "likely"
    return judge([_finding(found, seen, kernel, lines, confidence, zeros=new)])


def _finding(
    found: list[tuple[str, str, str]],
    seen: tuple[Seen, ...],
    kernel: str | None,
    lines: tuple[EnvLine, ...],
    confidence: Confidence,
    *,
    zeros: bool,
) -> Finding:
    names = tuple(dict.fromkeys(name for name, _, _ in found))
    message: Text = say(
        "{names} switches expandable segments on: under a kernel before 6.16 the first step to the GPU hangs", names=", ".join(names)
    )
    if zeros:
        message = say(
            "{names} switches expandable segments on beside max_split_size_mb: memory in use was seen to read as zeros",
            names=", ".join(names),
        )
    where = tuple(line for line in lines if _ON.search(line.value))
    edits = tuple(dict.fromkeys(command for line in where for command in advice.comment_out(line)))
    return Finding(
        subject=", ".join(names),
        message=message,
        confidence=confidence,
        seen=(*seen, *([Seen("/proc/sys/kernel/osrelease", kernel)] if kernel else [])),
        cause=say("ROCm 7 waits for an answer to mapping memory that only amdgpu with DRM interface 3.64 gives") if not zeros else None,
        fix=Fix(
            text=say("unset it, or set it again without expandable_segments; in a container or a service, change what starts that"),
            commands=(*(f"unset {name}" for name in names), *edits),
            verify=tuple(f"printenv {name} || echo unset" for name in names),
            root=any(command.startswith("sudo") for command in edits),
            relogin=bool(where),
        ),
    )
