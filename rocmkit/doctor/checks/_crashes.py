"""The experiments that tell which library a crash comes from, and what the reports of crashes say of a torch on a GPU."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._fixes import one_line, torch_fix
from rocmkit.doctor.checks._stack import Target, Torch
from rocmkit.doctor.result import Fix, Seen, Text
from rocmkit.facts import Python
from rocmkit.kb.reports import Shows, TorchReport

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


def told(shows: Shows, torch: Torch, kind: Target) -> tuple[Seen, ...]:
    """The reports of this torch on this GPU, or on its like, as evidence. They speak of the wheels of pytorch.org alone."""
    known = kb.torch_reports(shows, torch.version.partition("+")[0], torch.wheel.rocm, kind.gfx) if torch.wheel else ()
    return tuple(_told_of(one, torch, kind) for one in known)


def _told_of(one: TorchReport, torch: Torch, kind: Target) -> Seen:
    on = "reported on " + ", ".join(one.reported)
    here = "" if kind.gfx in one.reported else f"; nobody reported on {kind.gfx}, which runs the same libraries"
    return Seen(f"report {one.sources[0]}", f"{one.what}, with torch {torch.series} for ROCm {torch.rocm}: {on}{here}")


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


def better(python: Python, torch: Torch, kind: Target, verify: tuple[str, ...], note: Text) -> Fix:
    """A newer torch where there is one, else the advice alone."""
    best = kb.best_torch(kind.gfx, advice.python_minor(python))
    if best and best == torch.wheel:
        return Fix(text=note, verify=verify)
    return torch_fix(python, kind.gfx, verify=verify, note=note)
