"""The experiments that tell which library a crash comes from, and the wheels that were reported to crash."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._stack import Target, Torch, one_line, torch_fix
from rocmkit.doctor.result import Fix, Seen, Text
from rocmkit.facts import Python
from rocmkit.kb.versions import within
from rocmkit.model import Model

_CONV = (
    "import torch, torch.nn.functional as F; torch.backends.cudnn.enabled = {miopen}; "
    'x = torch.randn(1, 80, 3000, device="cuda", dtype=torch.{dtype}); w = torch.randn(512, 80, 3, device="cuda", dtype=torch.{dtype}); '
    "print(F.conv1d(x, w, padding=1).float().norm())"
)
_GEMM = (
    'import torch; a = torch.randn(1500, 512, device="cuda", dtype=torch.{dtype}); '
    'b = torch.randn(512, 2048, device="cuda", dtype=torch.{dtype}); '
    "print((a @ b).float().norm())"
)
_FIRST = 'import torch; print(torch.zeros(4, device="cuda") + 1)'
_SAME = (
    "import torch; torch.manual_seed(0); a = torch.randn(1500, 512); b = torch.randn(512, 2048); "
    'print(((a.cuda() @ b.cuda()).cpu() - a @ b).abs().max() / (a @ b).abs().max(), "must be below 0.001")'
)


class Report(Model, kw_only=True):
    """A wheel that was seen to crash, or to compute wrong numbers, and on which GPUs."""

    torch: str  # specifier on torch
    rocm: str  # specifier on the ROCm in the wheel
    reported: tuple[str, ...]  # GPUs it was reported on
    suspected: tuple[str, ...]  # GPUs it may well hit, without a report of their own
    what: str
    source: str


#: At the first operation (RK412), in matrix products and convolutions (RK413), wrong numbers (RK415).
FIRST_OP = (
    Report(
        torch=">=2.10",
        rocm="==7.1.*",
        reported=("gfx1151",),
        suspected=(),
        what="a segmentation fault in libhsa-runtime64 at the first operation",
        source="ROCm/TheRock#3081",
    ),
)
MATH = (
    Report(
        torch="==2.6.*",
        rocm="==6.1.*",
        reported=("gfx1030",),
        suspected=("gfx900", "gfx906"),
        what="a segmentation fault in a single half-precision conv1d, cured by turning MIOpen off",
        source="Comfy-Org/ComfyUI#15615",
    ),
    Report(
        torch=">=2.4,<2.6",
        rocm="==6.1.*",
        reported=("gfx1100",),
        suspected=("gfx900", "gfx906", "gfx1030"),
        what="segmentation faults while a language model is loaded or run; ROCm 6.3 is advised",
        source="hiyouga/LlamaFactory#5716",
    ),
    Report(
        torch="==2.8.*",
        rocm="==6.3.*",
        reported=("gfx1100",),
        suspected=(),
        what="native crashes in bfloat16 convolutions, large half-precision products, and where MIOpen compiles kernels",
        source="pytorch/pytorch#194447",
    ),
)
NUMBERS = (
    Report(
        torch=">=2.0,<2.1",
        rocm=">=5.3,<5.6",
        reported=("gfx906",),
        suspected=("gfx900",),
        what="NaN and black images, where torch 1.13 for ROCm 5.2 computed right",
        source="pytorch/pytorch#103973",
    ),
)


def reports(known: tuple[Report, ...], torch: Torch, target: Target) -> tuple[Report, ...]:
    """The reports that speak of this torch on this GPU."""
    return tuple(
        one
        for one in known
        if torch.rocm
        and within(one.rocm, torch.rocm)
        and within(one.torch, torch.version.partition("+")[0])
        and target.gfx in one.reported + one.suspected
    )


def _run(python: Python, code: str) -> str:
    return one_line(python, code, "-X faulthandler")


def first_op(python: Python) -> tuple[str, ...]:
    """Allocate and add: the first thing that needs the HSA runtime, with and without what the environment adds."""
    clean = "env -u LD_LIBRARY_PATH -u LD_PRELOAD -u HSA_OVERRIDE_GFX_VERSION "
    return (_run(python, _FIRST), clean + _run(python, _FIRST))


def ladder(python: Python) -> tuple[str, ...]:
    """conv1d with MIOpen and without it, then matrix products in half and in single precision: the one that dies names the library."""
    return (
        _run(python, _CONV.replace("{miopen}", "True").replace("{dtype}", "float16")),
        _run(python, _CONV.replace("{miopen}", "False").replace("{dtype}", "float16")),
        _run(python, _GEMM.replace("{dtype}", "float16")),
        _run(python, _GEMM.replace("{dtype}", "float32")),
    )


def numbers_agree(python: Python) -> tuple[str, ...]:
    """The same product on the GPU and on the processor."""
    return (_run(python, _SAME),)


def told_of(one: Report, torch: Torch, kind: Target) -> Seen:
    """A report as evidence, with the difference between the GPU of the report and this one."""
    on = "reported on " + ", ".join(one.reported) if one.reported else "reported"
    here = "" if kind.gfx in one.reported else f"; nobody reported on {kind.gfx}, which runs the same libraries"
    return Seen(one.source, f"{one.what}, with torch {torch.series} for ROCm {torch.rocm}: {on}{here}")


def better(python: Python, torch: Torch, kind: Target, verify: tuple[str, ...], note: Text) -> Fix:
    """A newer torch where there is one, else the advice alone."""
    best = kb.best_torch(kind.gfx, advice.python_minor(python))
    if best and best == torch.wheel:
        return Fix(text=note, verify=verify)
    return torch_fix(python, kind.physical.partition(":")[0], verify=verify, note=note)
