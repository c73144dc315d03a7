"""The ladder of `doctor --try`: what to run on a machine, in which order, and on what ground. Pure functions over facts and trials.

Rungs go from what everything stands on (import, device, copy) to a whole small model, so that the first one that dies says the most.
The order, and what a rung tells, follow reports of the crash: pytorch/pytorch#194447 and ROCm/MIOpen#3955 (convolutions in MIOpen),
pytorch/pytorch#161256 (products in rocBLAS), numba/numba#9914 (two LLVMs), NixOS/nixpkgs#278106 (the order of imports).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec.structs import replace

from rocmkit.facts import Access, Facts, Gap, Gpu, Python, TorchBuild
from rocmkit.model import Model
from rocmkit.trial.steps import OPERATIONS, Operation, Rung, import_step, modules
from rocmkit.trial.values import PLAIN, Device, Limits, Trial

#: All experiments together take no longer than this, apart from the one that is running when it is over.
BUDGET_S = 15 * 60.0
#: So many hangs of one kind are enough.
HANGS = 2
#: What speech programs have in one process. Imported forwards and backwards, every ordered pair of them was tried.
STACK = ("torch", "numba", "llvmlite.binding", "librosa", "resampy", "scipy.signal", "ctranslate2", "onnxruntime")
#: How a trial that does not pass is spoken of.
ENDED = {"fail": "failed", "crash": "crashed", "hang": "did not end", "skipped": "was not made"}
#: An import computes nothing; on a cold disk torch takes a minute.
_IMPORT = Limits(time_s=120)

#: The stages that import the whole stack.
FORWARDS, BACKWARDS = "order-forwards", "order-backwards"


class Stage(Model, kw_only=True):
    """One experiment of the ladder."""

    id: str  # conv1d-k3-float16
    what: str  # the same in words
    rung: Literal["import", "together"] | Rung
    device: Device | None  # where it computes; None: it computes nothing
    steps: tuple[dict[str, Any], ...]
    after: tuple[str, ...] = ()  # stages that have to have passed
    each: tuple[str, ...] = ()  # the stage that makes each of `steps` alone: those that did not pass there are left out
    limits: Limits = PLAIN


def plan(facts: Facts) -> tuple[Stage, ...]:
    """All that can be tried with the libraries of this environment, from the ground up; what has to pass first comes first."""
    if isinstance(facts.python, Gap):
        return ()
    python = facts.python
    there = modules(python.packages)
    stages = [_import(name, python.packages[name], module) for name, module in there.items()]
    takeable = can_take(facts.gpus, facts.access)
    for operation in OPERATIONS:
        device: Device = "gpu" if takeable and on_rocm(python, operation.modules[0]) else "cpu"
        # Without a GPU there are none to count, and MIOpen is not there to be turned off.
        if all(module in there.values() for module in operation.modules) and not (device == "cpu" and _of_gpu(operation)):
            stages.append(_operation(operation, device, {stage.id for stage in stages}))
    by_id = {stage.id: stage for stage in stages}
    return (*stages, *_orders(by_id), *_pairs(by_id))


def can_take(gpus: tuple[Gpu, ...] | Gap, access: Access | Gap) -> bool:
    """Whether programs may be able to compute on an AMD GPU: the driver offers one, and nobody saw its door closed."""
    if isinstance(gpus, Gap) or not any(gpu.kfd_node is not None for gpu in gpus):
        return False
    return isinstance(access, Gap) or all(node.open == "ok" for node in access.nodes if node.path == "/dev/kfd")


def on_rocm(python: Python, module: str) -> bool:
    """Whether this build of a library computes with ROCm. What is not known to is tried on the processor alone."""
    if module == "torch" and isinstance(python.torch, TorchBuild) and python.torch.hip:
        return True
    if module == "onnxruntime" and {"onnxruntime-rocm", "onnxruntime-migraphx"} & set(python.packages):
        return True
    return any(lib.gpu_api == "hip" and (lib.package == module or lib.package.startswith(f"{module}-")) for lib in python.libraries)


def _of_gpu(operation: Operation) -> bool:
    return operation.gpu_only or operation.rung == "device"


def _import(name: str, version: str, module: str) -> Stage:
    words = f"import {module} ({name} {version})"
    return Stage(id=f"import-{module}", what=words, rung="import", device=None, steps=(import_step(module),), limits=_IMPORT)


def _operation(one: Operation, device: Device, there: set[str]) -> Stage:
    after = (*(f"import-{module}" for module in one.modules), *one.after)
    return Stage(
        id=one.id,
        what=one.what if device == "gpu" else one.what.removesuffix(", MIOpen on"),  # which is on a GPU alone
        rung=one.rung,
        device=device,
        steps=(one.step(device),),
        after=tuple(name for name in after if name in there),
    )


def stack(modules: Iterable[str]) -> list[str]:
    """The modules of the speech stack that are among these, in the order of its imports."""
    there = set(modules)
    return [module for module in STACK if module in there]


def _orders(by_id: Mapping[str, Stage]) -> Iterable[Stage]:
    """Everything imported in one process, in two orders that hold each ordered pair, and then put to work."""
    imports = [f"import-{module}" for module in stack(stage.id.removeprefix("import-") for stage in by_id.values())]
    if len(imports) < 2:
        return
    work = [name for name in ("jit", "matmul-float32") if name in by_id]
    orders = ((FORWARDS, "the speech stack, torch first", imports), (BACKWARDS, "the speech stack, torch last", imports[::-1]))
    for id, what, order in orders:
        yield _together(id, f"import {what}, then compute", [by_id[name] for name in (*order, *work)], needs_all=False)


def _pairs(by_id: Mapping[str, Stage]) -> Iterable[Stage]:
    """Numba's compiler and ROCm's in one process, each first; and other C++ and Fortran libraries loaded before torch."""
    conv = "conv1d-k3-float32"
    encoder = next((name for name in ("whisper-encoder-float16", "whisper-encoder-float32") if _on_gpu(by_id, name)), "")
    encoder = encoder or "whisper-encoder-float32"
    rows = (
        ("jit-before-conv1d", "Numba compiles, then conv1d", ("jit", conv)),
        ("conv1d-before-jit", "conv1d, then Numba compiles", (conv, "jit")),
        ("jit-before-encoder", "Numba compiles, then the encoder of a small Whisper", ("jit", encoder)),
        ("encoder-before-jit", "the encoder of a small Whisper, then Numba compiles", (encoder, "jit")),
        ("scipy-before-conv1d", "SciPy and resampy are imported, then conv1d", ("import-scipy.signal", "import-resampy", conv)),
    )
    for id, what, names in rows:
        if all(name in by_id for name in names):
            yield _together(id, what, [by_id[name] for name in names], needs_all=True)


def _on_gpu(by_id: Mapping[str, Stage], name: str) -> bool:
    return name in by_id and by_id[name].device == "gpu"


def _together(id: str, what: str, parts: list[Stage], *, needs_all: bool) -> Stage:
    names = tuple(part.id for part in parts)
    return Stage(
        id=id,
        what=what,
        rung="together",
        device=_where(part.device for part in parts),
        steps=tuple(step for part in parts for step in part.steps),
        after=names if needs_all else (),
        each=() if needs_all else names,
    )


def _where(devices: Iterable[Device | None]) -> Device | None:
    """The GPU where any part computes there, else the processor where any computes at all."""
    found = set(devices)
    return "gpu" if "gpu" in found else "cpu" if "cpu" in found else None


def ground(stage: Stage, trials: Iterable[Trial], *, budget_s: float = BUDGET_S) -> str | None:
    """Why a stage is not made, after these trials; None: its ground holds."""
    trials = tuple(trials)
    by_name = {trial.name: trial for trial in trials}
    for name in stage.after:
        before = by_name.get(name)
        if before is not None and before.outcome == "skipped":
            return before.because  # which names the one that everything here stands on
        if before is not None and before.outcome != "pass":
            return f"{name} {ENDED[before.outcome]}"
    hung = [trial.name for trial in trials if trial.outcome == "hang" and _kin(trial.name) == _kin(stage.id)]
    if len(hung) >= HANGS:  # each takes as long as an experiment may
        return f"{' and '.join(hung)} did not end"
    if sum(trial.seconds for trial in trials) >= budget_s:
        return f"the {budget_s / 60:.0f} minutes that all experiments may take are over"
    if stage.each and sum(step["do"] == "import" for step in fitted(stage, trials).steps) < 2:
        return "fewer than two of its libraries can be imported"
    return None


def _kin(name: str) -> tuple[str | None, bool]:
    """What two stages have in common of which one hangs where the other does: the rung, and whether MIOpen is kept out."""
    rung = rung_of(name)
    return name if rung in {"import", "together"} else rung, name.endswith("-without-miopen")


def fitted(stage: Stage, trials: Iterable[Trial]) -> Stage:
    """The stage without what died by itself already: together with others it would tell nothing new."""
    passed = {trial.name for trial in trials if trial.outcome == "pass"}
    if all(name in passed for name in stage.each):
        return stage
    left = [(step, name) for step, name in zip(stage.steps, stage.each, strict=True) if name in passed]
    return replace(
        stage,
        steps=tuple(step for step, _ in left),
        each=tuple(name for _, name in left),
        device=_where(step.get("device") for step, _ in left),
    )


_RUNGS: dict[str, str] = {one.id: one.rung for one in OPERATIONS}


def rung_of(name: str) -> str | None:
    """The rung of a stage by its id; None: it is no stage of the ladder."""
    if name.startswith("import-"):
        return "import"
    return "together" if name in {FORWARDS, BACKWARDS} or "-before-" in name else _RUNGS.get(name)
