"""What routes stand on: the card, the Python, the installed ROCm, and the findings that are in the way."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._stack import Target, release, targets
from rocmkit.doctor.result import Result
from rocmkit.doctor.routes.values import Vram
from rocmkit.facts import Facts, Gap, Gpu, Python, Rocm
from rocmkit.gpucode.values import KernelFiles
from rocmkit.kb.systems import Engine, SpeechSystem
from rocmkit.kb.when import Layout
from rocmkit.model import Model

GIB = 1 << 30

#: Checks whose findings keep an engine from the GPU. Those on hardware, access and the environment (RK1xx, RK2xx, RK5xx) stop all.
ENGINE_CHECKS: dict[Engine, tuple[str, ...]] = {
    "torch": (
        "torch-not-rocm",
        "arch-not-compiled",
        "rocblas-no-tensile",
        "xnack-mismatch",
        "undef-hsa-enable-logging",
        "ld-library-path-mix",
        "segv-hsa-first-op",
        "segv-wheel-math",
        "whisper-segv",
        "wrong-results",
        "miopen-cache-perm",
        "miopen-db-corrupt",
        "glibcxx",
        "broken-packages",
        "gpu-operation-fails",
    ),
    "ctranslate2": ("ct2-cuda-only", "ct2-rocm-wrong-arch", "ct2-execstack", "glibcxx"),
    "onnxruntime": ("ort-wrong-package", "ort-cpu-only", "glibcxx"),
}
#: Findings that another build of the engine takes away.
OF_THE_BUILD: frozenset[str] = frozenset(
    {
        *("torch-not-rocm", "arch-not-compiled", "rocblas-no-tensile", "segv-hsa-first-op", "segv-wheel-math", "whisper-segv"),
        *("wrong-results", "xnack-mismatch", "no-matching-wheel", "no-gpu-framework", "gpu-operation-fails"),
        *("ct2-cuda-only", "ct2-rocm-wrong-arch", "ct2-execstack"),
        *("ort-wrong-package", "ort-cpu-only"),
    }
)
#: Findings on programs, files and variables of the machine, which another environment on it shares.
OF_THE_MACHINE: frozenset[str] = frozenset({"ffmpeg-missing", "ld-library-path-mix", "miopen-cache-perm", "miopen-db-corrupt"})
#: The pages that say what is in the way of a build whose rocBLAS lacks the GPU, and of a model that is too large.
NO_KERNELS, VRAM_LOW = "RK307", "RK507"
_EVERYTHING = ("RK1", "RK2", "RK434", "RK5")  # RK434: experiments saw the GPU stop answering
#: Without these having passed nothing is called ready.
_SEEN = ("kfd-permission", "kfd-missing")


class Ground(Model, kw_only=True):
    """The machine as routes need it."""

    gfx: str  # of the GPU that programs take
    others: tuple[str, ...]  # architectures of further GPUs that they may take
    vram_bytes: int | None  # of that GPU
    python: Python  # the environment that was asked about
    python_known: bool  # False: there is none, and `python` stands for one to be made
    rocm: str | None  # release series of the default ROCm, "6.3"
    rocm_kind: str | None  # system, distro
    layout: Layout | None  # where its parts lie
    rocblas: bool | None  # whether the installed ROCm's rocBLAS holds the GPU; None: not known
    container: bool  # whether this is a container already
    access: bool | None  # whether the device files open; None: not known
    misled: tuple[str, ...]  # checks on a variable that makes programs take the GPU for one whose code it does not run
    results: dict[str, Result]  # by id

    def stopping(self, checks: Iterable[str]) -> tuple[Result, ...]:
        """Findings in the way, by code: of the whole machine, and of these checks."""
        named = set(checks)
        found = (one for one in self.results.values() if one.outcome == "found" and self._concerns(one))
        stops = (one for one in found if one.id in named or (one.severity == "error" and one.code.startswith(_EVERYTHING)))
        return tuple(sorted(stops, key=lambda one: one.code))

    def _concerns(self, result: Result) -> bool:
        """Whether a finding is about the GPU that programs take, and not about another one beside it alone."""
        return any(not finding.subject.endswith(tuple(f" on {gfx}" for gfx in self.others)) for finding in result.findings)


def ground(facts: Facts, results: Iterable[Result], python: Python) -> Ground | None:
    """What routes stand on; None where no GPU can be named. `python` stands in where the machine's is not known."""
    if isinstance(facts.gpus, Gap):
        return None
    kinds = sorted(targets(facts.gpus, facts.env), key=lambda kind: not kind.first)
    if not kinds:
        return None
    by_id = {result.id: result for result in results}
    default = () if isinstance(facts.rocm, Gap) else tuple(one for one in facts.rocm if one.default and one.kind != "wheel")
    gfx = kinds[0].gfx_itself
    kernels = next((files for one in default for files in one.kernels if files.library == "rocblas"), None)
    passed = [by_id[name].outcome for name in _SEEN if name in by_id]
    return Ground(
        gfx=gfx,
        others=tuple(dict.fromkeys(kind.gfx_itself for kind in kinds[1:] if kind.gfx_itself != gfx)),
        vram_bytes=_vram(facts.gpus, kinds[0].gpus),
        python=python if isinstance(facts.python, Gap) else facts.python,
        python_known=not isinstance(facts.python, Gap),
        rocm=release(default[0].version) if default else None,
        rocm_kind=default[0].kind if default else None,
        layout=layout_of(default[0]) if default else None,
        rocblas=rocblas(kernels, gfx, default[0] if default else None, advice.family(facts.system)),
        container=advice.container(facts.system) is not None,
        misled=("override-set",) if _misled(kinds[0]) else (),
        access=False if "found" in passed else True if passed == ["ok"] * len(_SEEN) else None,
        results=by_id,
    )


def _misled(kind: Target) -> bool:
    if kind.forced is None or kind.gfx == kind.gfx_itself:
        return False
    value = kind.forced.partition("=")[2]
    return not any(row.value == value and row.verdict in {"works", "sometimes"} for row in kb.overrides(kind.gfx_itself))


def layout_of(rocm: Rocm) -> Layout:
    """Where a ROCm has its parts."""
    if rocm.kind != "system":
        return "debian" if rocm.kind == "distro" else "wheel"
    return "core" if re.fullmatch(r"core(?:-[0-9.]+)?", rocm.path.rpartition("/")[2]) else "amd"


def rocblas(kernels: KernelFiles | None, gfx: str, rocm: Rocm | None, family: str | None) -> bool | None:
    """Whether the installed rocBLAS holds an architecture: by its files, else as AMD's packages of that release do, or Debian's own."""
    if kernels is not None:
        return any(kb.compatible(name, gfx) for name in kernels.targets)
    if rocm is None or rocm.version is None:
        return None
    if rocm.kind == "distro":
        return kb.distribution_rocblas(gfx, rocm.version) if family == "debian" else None
    return kb.rocblas_kernels(gfx, rocm.version)


def _vram(gpus: tuple[Gpu, ...], places: tuple[str, ...]) -> int | None:
    """The least of the GPUs that count."""
    sizes = [gpu.vram_bytes for gpu in gpus if advice.place(gpu) in places and gpu.vram_bytes is not None]
    return min(sizes, default=None)


def vram(system: SpeechSystem, ground: Ground, limit_bytes: int | None) -> Vram | None:
    """The best model that fits into the limit, else the smallest; None where the system names no model."""
    known = [size for size in (ground.vram_bytes, limit_bytes) if size is not None]
    limit = min(known) / GIB if known else None
    if not system.models:
        return None
    fitting = [model for model in system.models if limit is None or model.vram_gib <= limit]
    chosen = fitting[0] if fitting else min(system.models, key=lambda model: model.vram_gib)
    return Vram(
        model=chosen.id,
        precision=chosen.precision,
        need_gib=chosen.vram_gib,
        limit_gib=None if limit is None else round(limit, 1),
        fits=None if limit is None else bool(fitting),
        licence=chosen.licence,
    )
