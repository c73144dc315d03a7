"""What the checks on ROCm's user space and on Python packages share: which GPUs count, what a program sees of them, what torch is there."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.result import Confidence, Fix, Seen, Text, say
from rocmkit.facts import Gap, Gpu, KernelLog, Python, PythonLibrary, TorchBuild
from rocmkit.kb.values import TorchWheel
from rocmkit.kb.versions import series
from rocmkit.model import Model

_TORCH_FAMILY = ("torch", "torchvision", "torchaudio", "triton", "pytorch-triton", "pytorch-triton-rocm", "triton-rocm")


class Target(Model, kw_only=True):
    """One kind of GPU as programs see it, and the GPUs that it stands for."""

    gfx: str  # base name, after any override
    id: str  # target id, with features where they are known
    gpus: tuple[str, ...]  # PCI addresses or names
    physical: str
    forced: str | None  # NAME=VALUE of the override that is in force
    confidence: Confidence  # "likely" where the environment, and so an override, is not known

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Evidence: the GPU, and the override if there is one."""
        gpu = Seen("GPU " + ", ".join(self.gpus), self.physical)
        return (gpu, Seen("environment", self.forced)) if self.forced else (gpu,)


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
    """The kinds of GPU to judge. One built into the processor counts only where there is no other; one without a name cannot be judged."""
    counted = [gpu for gpu in gpus if gpu.integrated is not True] or list(gpus)
    found: dict[tuple[str, str, str], tuple[Target, list[str]]] = {}
    for gpu in counted:
        if gpu.gfx is None:
            continue
        forced = None if isinstance(env, Gap) else _override(env, gpu.kfd_node)
        gfx = forced[1] if forced else gpu.gfx
        target = Target(
            gfx=gfx,
            id=gpu.target_id if gpu.target_id and gfx == gpu.gfx else gfx,
            gpus=(),
            physical=gpu.target_id or gpu.gfx,
            forced=forced[0] if forced else None,
            confidence="likely" if isinstance(env, Gap) else "sure",
        )
        names = found.setdefault((target.id, target.physical, target.forced or ""), (target, []))[1]
        names.append(advice.place(gpu))
    return tuple(
        Target(gfx=t.gfx, id=t.id, gpus=tuple(names), physical=t.physical, forced=t.forced, confidence=t.confidence)
        for t, names in found.values()
    )


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
    hip: bool | None = known.hip is not None if known else (True if local.startswith("rocm") else None)
    rocm = found[1] if found else _dotted(series(known.hip)) if known and known.hip else None
    where = "torch/version.py" if known else "metadata of torch"
    what = f"{version}, hip = {known.hip}, cuda = {known.cuda}" if known else version
    return Torch(
        version=version,
        series=_dotted(series(version)),
        hip=hip,
        cuda=bool(known and known.cuda) or local.startswith("cu"),
        rocm=rocm,
        wheel=kb.torch_wheel(version, rocm) if rocm and hip and local.startswith("rocm") else None,
        seen=Seen(where, what),
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


def bundled(python: Python, torch: Torch) -> Seen | None:
    """Evidence that torch brings a ROCm of its own, as the wheels of pytorch.org do."""
    for prefix in ("libamdhip64", "libhsa-runtime64", "librocblas"):
        for lib in libraries(python, "torch", prefix):
            return Seen(lib.file, "torch's own")
    for item in python.kernels:
        if canonical(item.package) == "torch" and not isinstance(item.kernels, Gap):
            return Seen(item.kernels.path, "torch's own")
    return Seen("metadata of torch", f"{torch.version}: a wheel of pytorch.org, which brings ROCm with it") if torch.wheel else None


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


def newest(wheel: TorchWheel) -> str:
    """The newest patch of a family where it is known: 2.9.1 of 2.9."""
    return wheel.newest or wheel.torch


def pin(package: str, version: str) -> str:
    """A requirement quoted for the shell: "torch==2.9.1"; for a series, its newest patch: "torch==2.8.*"."""
    return f'"{package}=={version if version.count(".") > 1 else version + ".*"}"'


def one_line(python: Python, code: str, *options: str) -> str:
    """A command that runs a line of Python in the environment the fix leaves behind."""
    return " ".join((advice.interpreter(python), *options, "-c", f"'{code}'"))


def torch_probe(python: Python) -> str:
    """A command that multiplies two matrices on the GPU."""
    code = 'import torch; a = torch.randn(512, 512, device="cuda"); print(torch.__version__, torch.version.hip, (a @ a).norm())'
    return one_line(python, code, "-X faulthandler")


def torch_fix(python: Python, gfx: str, *, verify: tuple[str, ...] = (), note: Text | None = None) -> Fix:
    """The newest torch that runs on `gfx`, for this Python; another Python where none is made for it; else a build of another origin."""
    verify = verify or (torch_probe(python),)
    best = kb.best_torch(gfx, advice.python_minor(python))
    if best:
        return Fix(
            text=note
            or say(
                "Install torch {torch} for ROCm {rocm}, the newest wheel of pytorch.org that works on {gfx} with Python {python}.",
                torch=newest(best),
                rocm=best.rocm,
                gfx=gfx,
                python=advice.python_minor(python),
            ),
            commands=_replace(python, best),
            verify=verify,
        )
    other = next((minor for minor in ("3.12", "3.11", "3.13", "3.10", "3.14") if kb.best_torch(gfx, minor)), None)
    wheel = kb.best_torch(gfx, other) if other else None
    if other and wheel:
        return Fix(
            text=say(
                "No wheel of pytorch.org that works on {gfx} is made for Python {python}. Make an environment with Python {other} "
                "and put torch {torch} for ROCm {rocm} into it.",
                gfx=gfx,
                python=advice.python_minor(python),
                other=other,
                torch=newest(wheel),
                rocm=wheel.rocm,
            ),
            commands=(f"python{other} -m venv ~/rocm-venv", f"~/rocm-venv/bin/python -m pip {_install(python, wheel)}"),
            verify=tuple(command.replace(advice.interpreter(python), "~/rocm-venv/bin/python", 1) for command in verify),
        )
    for build in kb.torch_builds(gfx):
        if build.install and build.install.startswith("pip "):
            return Fix(
                text=say(
                    "No wheel of pytorch.org works on {gfx}. {what}: {note}", gfx=gfx, what=build.what, note=build.note or build.known
                ),
                commands=advice.pip(python, build.install.removeprefix("pip ").replace("{gfx}", gfx)),
                verify=verify,
            )
    return Fix(text=say("No torch that works on {gfx} is known: it has to be built from source for this GPU.", gfx=gfx))


def _install(python: Python, wheel: TorchWheel) -> str:
    audio = newest(wheel) if wheel.torchaudio == wheel.torch else wheel.torchaudio
    wanted = [pin("torch", newest(wheel)), pin("torchaudio", audio)]
    if "torchvision" in python.packages:
        wanted.append("torchvision")
    return f"install {' '.join(wanted)} --index-url {wheel.index_url}"


def _replace(python: Python, wheel: TorchWheel) -> tuple[str, ...]:
    install = advice.pip(python, _install(python, wheel))
    wrong = [name for name in _TORCH_FAMILY if name in python.packages]
    if not wrong or len(install) > 1:  # two commands: a fresh environment, with nothing to take out
        return install
    return (*advice.pip(python, f"uninstall -y {' '.join(wrong)}"), *install)
