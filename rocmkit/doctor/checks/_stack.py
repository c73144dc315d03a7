"""What the checks on ROCm's user space and on Python packages share: which GPUs count, what a program sees of them, what torch is there."""

from __future__ import annotations

import re
from typing import Literal

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks import _masks
from rocmkit.doctor.result import Confidence, Seen
from rocmkit.facts import Gap, Gpu, KernelLog, Python, PythonLibrary, Rocm, TorchBuild
from rocmkit.kb.values import TorchWheel
from rocmkit.kb.versions import series
from rocmkit.model import Model

#: The distributions that install the package onnxruntime, each over the others.
ONNXRUNTIMES = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-rocm", "onnxruntime-migraphx", "onnxruntime-directml", "onnxruntime-openvino"),
    *("onnxruntime-training", "onnxruntime-qnn"),
)


class Target(Model, kw_only=True):
    """One kind of GPU as programs see it, and the GPUs that it stands for."""

    gfx: str  # base name, after any override
    id: str  # target id, with features where they are known
    gpus: tuple[str, ...]  # PCI addresses or names
    physical: str
    forced: str | None  # NAME=VALUE of the override that is in force
    confidence: Confidence  # "likely" where the environment, and so an override, is not known
    numbers: tuple[int, ...]  # their numbers for ROCR_VISIBLE_DEVICES; empty: not known
    first: bool  # programs take one of these unless they are told otherwise

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Evidence: the GPU, and the override if there is one."""
        gpu = Seen("GPU " + ", ".join(self.gpus), self.physical)
        return (gpu, Seen("environment", self.forced)) if self.forced else (gpu,)

    @property
    def gfx_itself(self) -> str:
        """What the GPU really is: gfx1031, even where it is passed off as gfx1030."""
        return self.physical.partition(":")[0]


class Torch(Model, kw_only=True):
    """The torch of the environment."""

    version: str
    series: str | None  # "2.6"
    hip: bool | None  # None: not known
    cuda: bool
    rocm: str | None  # "6.1", as the wheel's name or its HIP version says
    wheel: TorchWheel | None  # its family on pytorch.org, if it is one of those
    seen: Seen


def targets(gpus: tuple[Gpu, ...], env: dict[str, str] | Gap) -> tuple[Target, ...]:
    """The kinds of GPU to judge, that of the first GPU first. One without a name cannot be judged.

    A GPU that a variable hides does not count, nor one built into the processor beside a card, nor one that KFD does not have
    beside one that it has: programs do not see these, or should not use them.
    """
    counted = _counted(gpus, env)
    found: dict[tuple[str, str, str, str], list[tuple[Gpu, int | None]]] = {}
    for gpu, number in counted:
        if gpu.gfx is None:
            continue
        forced = None if isinstance(env, Gap) else _override(env, gpu.kfd_node)
        gfx = forced[1] if forced else gpu.gfx
        seen_as = gpu.target_id if gpu.target_id and gfx == gpu.gfx else gfx
        found.setdefault((gfx, seen_as, gpu.target_id or gpu.gfx, forced[0] if forced else ""), []).append((gpu, number))
    return tuple(
        Target(
            gfx=gfx,
            id=seen_as,
            gpus=tuple(advice.place(gpu) for gpu, _ in members),
            physical=physical,
            forced=forced_by or None,
            confidence="likely" if isinstance(env, Gap) else "sure",
            numbers=tuple(number for _, number in members if number is not None),
            first=counted[0] in members,
        )
        for (gfx, seen_as, physical, forced_by), members in found.items()
    )


def user_spaces(python: Python | Gap, rocm: tuple[Rocm, ...] | Gap) -> tuple[tuple[str, str], ...]:
    """Each ROCm that programs use, and its release: that inside torch, and the one that /opt/rocm leads to."""
    found: list[tuple[str, str]] = []
    if not isinstance(python, Gap) and (torch := torch_of(python)) and torch.rocm:
        found.append((f"torch {torch.version}", torch.rocm))
    if not isinstance(rocm, Gap):
        found += [(one.path, one.version) for one in rocm if one.default and one.kind != "wheel" and one.version]
    return tuple(found)


def _counted(gpus: tuple[Gpu, ...], env: dict[str, str] | Gap) -> list[tuple[Gpu, int | None]]:
    """The GPUs that programs compute on, in the programs' order, each with its number before any variable."""
    in_kfd = sorted((gpu for gpu in gpus if gpu.kfd_node is not None), key=lambda gpu: gpu.kfd_node or 0)
    numbered: list[tuple[Gpu, int | None]] = [(gpu, number) for number, gpu in enumerate(in_kfd)]
    shown = None if isinstance(env, Gap) else _masks.visible(env, len(in_kfd))
    everything = [*numbered, *((gpu, None) for gpu in gpus if gpu.kfd_node is None)]
    left = [numbered[index] for index in shown] if shown else everything
    cards = [item for item in left if not advice.integrated(item[0])] or [item for item in everything if not advice.integrated(item[0])]
    left = cards or left
    return [item for item in left if item[1] is not None] or left


def _override(env: dict[str, str], node: int | None) -> tuple[str, str] | None:
    for name in (f"HSA_OVERRIDE_GFX_VERSION_{node}", "HSA_OVERRIDE_GFX_VERSION"):
        parts = re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,3})\.([0-9]{1,3})", env.get(name, ""), re.ASCII)
        if parts:
            major, minor, stepping = (int(part) for part in parts.groups())
            return f"{name}={env[name]}", f"gfx{major}{minor:x}{stepping:x}"
    return None


def fits(codes: tuple[str, ...] | dict[str, int], target: Target) -> bool:
    """Whether any of these code objects runs on the GPU."""
    return any(kb.compatible(code, target.id) for code in codes)


def confidence(kind: Target, *, others_served: bool) -> Confidence:
    """How sure it is that a lack for this GPU stops programs: where another GPU lacks nothing, only if this one comes first."""
    return kind.confidence if kind.first or not others_served else "likely"


def torch_of(python: Python) -> Torch | None:
    """The torch that is installed; None where there is none. Nothing is imported: its version file and its metadata say all this."""
    build = python.torch
    named = python.packages.get("torch")
    known = build if isinstance(build, TorchBuild) else None
    version = (known.version if known else None) or named or ("unknown" if known else None)
    if version is None:
        return None
    found = re.search(r"\+rocm([0-9]+\.[0-9]+(?:\.[0-9]+)?)", version, re.ASCII)
    local = version.partition("+")[2]
    linked = None if local.startswith(("cu", "cpu")) else next(iter(libraries(python, "torch", "libtorch_hip")), None)
    hip: bool | None = known.hip is not None if known else (True if local.startswith("rocm") or linked else None)
    rocm = found[1] if found else _dotted(series(known.hip)) if known and known.hip else None
    seen = Seen("metadata of torch", version)
    if known:
        seen = Seen("torch/version.py", f"{version}, hip = {known.hip}, cuda = {known.cuda}")
    elif linked and not local.startswith("rocm"):
        seen = Seen(linked.file, f"is there: torch {version} is built for ROCm")
    return Torch(
        version=version,
        series=_dotted(series(version)),
        hip=hip,
        cuda=bool(known and known.cuda) or local.startswith("cu"),
        rocm=rocm,
        wheel=kb.torch_wheel(version, rocm) if rocm and hip and local.startswith("rocm") else None,
        seen=seen,
    )


def _dotted(found: tuple[int, ...] | None) -> str | None:
    return ".".join(map(str, found)) if found else None


def release(version: str | None) -> str | None:
    """The first two numbers of a release: "6.1" of "6.1.5-98"."""
    return _dotted(series(version)) if version else None


def older(version: str, than: str) -> bool | None:
    """Whether a release series comes before another one; None where either is not a version."""
    left, right = series(version), series(than)
    return None if left is None or right is None else left < right


def canonical(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def libraries(python: Python, package: str, prefix: str = "") -> tuple[PythonLibrary, ...]:
    """The library files of a package whose file names begin with `prefix`."""
    return tuple(lib for lib in python.libraries if canonical(lib.package) == package and lib.file.rpartition("/")[2].startswith(prefix))


def on_hip(python: Python) -> tuple[PythonLibrary, ...]:
    """Libraries linked with HIP of the packages, torch apart, that speech programs compute with."""
    computing = re.compile(r"ctranslate2|onnxruntime(-\w+)?|sherpa-onnx(-\w+)?")
    return tuple(lib for lib in python.libraries if lib.gpu_api == "hip" and computing.fullmatch(canonical(lib.package)))


def lying(python: Python, folder: str) -> Seen | None:
    """Evidence whose files lie in a folder that several packages bring; None where their lists of files name none in common."""
    rows = () if isinstance(python.overlaps, Gap) else python.overlaps
    one = next((row for row in rows if row.folder == folder), None)
    if one is None:
        return None
    whose = f"this is the file of {one.owner}" if one.owner else "whose file this is cannot be told"
    return Seen(one.example, f"one of {one.files} files that {' and '.join(one.packages)} list; {whose}")


def ct2_elsewhere(python: Python) -> str | None:
    """The libctranslate2 that the package asks for and does not hold: deleted, or that of a build from source in /usr/local."""
    libs = libraries(python, "ctranslate2")
    here = {lib.file.rpartition("/")[2] for lib in libs} | {lib.code.soname for lib in libs if not isinstance(lib.code, Gap)}
    return next((need for lib in libs for need in lib.needs if need.startswith("libctranslate2") and need not in here), None)


def bundled(python: Python, torch: Torch) -> Seen | None:
    """Evidence that torch brings a ROCm of its own, as the wheels of pytorch.org do."""
    for prefix in ("libamdhip64", "libhsa-runtime64", "librocblas"):
        for lib in libraries(python, "torch", prefix):
            return Seen(lib.file, "torch's own")
    for item in python.kernels:
        if canonical(item.package) == "torch" and not isinstance(item.kernels, Gap):
            return Seen(item.kernels.path, "torch's own")
    return Seen("metadata of torch", f"{torch.version}: a wheel of pytorch.org, which brings ROCm with it") if torch.wheel else None


def lookup_of_torch(python: Python) -> Literal["rpath", "runpath"] | None:
    """How torch's libraries find each other, where that could be read."""
    for lib in (*libraries(python, "torch", "libtorch_hip"), *libraries(python, "torch", "libamdhip64"), *libraries(python, "torch")):
        if not isinstance(lib.code, Gap) and lib.code.rpath_kind:
            return lib.code.rpath_kind
    return None


def crashes(log: KernelLog | Gap, names: str) -> tuple[Seen, ...]:
    """Lines of the kernel's log in which a program died inside a library whose name matches `names`."""
    if isinstance(log, Gap):
        return ()
    found = []
    for line in log.lines:
        place = re.search(r"(?:segfault|general protection).* in ([^\s\[]+)(?:\[|$)", line.text)
        if place and re.match(names, place[1]):
            found.append(Seen(log.source, line.text))
    return tuple(found)
