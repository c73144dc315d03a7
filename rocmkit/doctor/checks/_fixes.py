"""Fixes that several checks on Python packages offer: another torch, and commands that show whether it works."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._stack import Target
from rocmkit.doctor.result import Fix, Text, say
from rocmkit.facts import Python
from rocmkit.kb.values import TorchWheel

_TORCH_FAMILY = ("torch", "torchvision", "torchaudio", "triton", "pytorch-triton", "pytorch-triton-rocm", "triton-rocm")
_NEW = "~/rocm-venv"


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


def torch_for(python: Python, kind: Target, kinds: tuple[Target, ...], serves: tuple[Target, ...]) -> Fix:
    """A torch for one GPU of several that leaves out none of those that the present one serves; else the way to keep to those."""
    also = tuple(other.gfx_itself for other in kinds if other is not kind)
    if not also or kb.best_torch(kind.gfx_itself, advice.python_minor(python), also):
        return torch_fix(python, kind.gfx_itself, also=also)
    numbers = sorted(number for other in serves for number in other.numbers)
    if not numbers:
        return torch_fix(python, kind.gfx_itself)
    return Fix(
        text=say(
            "No torch of pytorch.org serves all of these GPUs: keep {gfx} out of sight of programs, and give it an environment of its own.",
            gfx=kind.gfx_itself,
        ),
        commands=(f"export ROCR_VISIBLE_DEVICES={','.join(map(str, numbers))}",),
        verify=(torch_probe(python),),
    )


def torch_fix(python: Python, gfx: str, *, also: tuple[str, ...] = (), verify: tuple[str, ...] = (), note: Text | None = None) -> Fix:
    """The newest torch that runs on `gfx`, for this Python; another Python where none is made for it; else a build of another origin."""
    verify = verify or (torch_probe(python),)
    minor = advice.python_minor(python)
    best = kb.best_torch(gfx, minor, also)
    if best:
        text = say(
            "Install torch {torch} for ROCm {rocm}, the newest wheel of pytorch.org that works on {gfx} with Python {python}.",
            torch=newest(best),
            rocm=best.rocm,
            gfx=" and ".join(dict.fromkeys((gfx, *also))),
            python=minor,
        )
        return Fix(text=note or text, commands=replace(python, _install(python, best)), verify=verify)
    if elsewhere := torch_elsewhere(python, gfx, verify=verify):
        return elsewhere
    for build in kb.torch_builds(gfx):
        if build.install and build.install.startswith("pip "):
            text = say("No wheel of pytorch.org works on {gfx}. {what}: {note}", gfx=gfx, what=build.what, note=build.note or build.known)
            return Fix(text=text, commands=replace(python, build.install.removeprefix("pip ").replace("{gfx}", gfx)), verify=verify)
    return Fix(text=say("No torch that works on {gfx} is known: it has to be built from source for this GPU.", gfx=gfx))


def torch_elsewhere(python: Python, gfx: str, *, verify: tuple[str, ...] = ()) -> Fix | None:
    """The newest torch that runs on `gfx`, in a new environment with another Python; None where none is known."""
    other = next((name for name in ("3.12", "3.11", "3.13", "3.10", "3.14") if kb.best_torch(gfx, name)), None)
    wheel = kb.best_torch(gfx, other) if other else None
    if other is None or wheel is None:
        return None
    minor = advice.python_minor(python)
    words = {"gfx": gfx, "python": minor, "other": other, "torch": newest(wheel), "rocm": wheel.rocm}
    if kb.best_torch(gfx, minor):
        text = say(
            "Make an environment with Python {other} and put torch {torch} for ROCm {rocm} into it: the newest wheel of pytorch.org that "
            "works on {gfx} with Python {python} is older. That Python comes from the distribution, from uv or from Conda.",
            **words,
        )
    else:
        text = say(
            "Make an environment with Python {other} and put torch {torch} for ROCm {rocm} into it: no wheel of pytorch.org that works on "
            "{gfx} is made for Python {python}. That Python comes from the distribution, from uv or from Conda.",
            **words,
        )
    make = f"conda create -y -p {_NEW} python={other}" if python.kind == "conda" else f"python{other} -m venv {_NEW}"
    old = f"{advice.interpreter(python)} "
    return Fix(
        text=text,
        commands=(make, f"{_NEW}/bin/python -m pip {_install(python, wheel)}"),
        verify=tuple(line.replace(old, f"{_NEW}/bin/python ", 1) for line in verify),
    )


def _install(python: Python, wheel: TorchWheel) -> str:
    audio = newest(wheel) if wheel.torchaudio == wheel.torch else wheel.torchaudio
    wanted = [pin("torch", newest(wheel)), pin("torchaudio", audio)]
    if "torchvision" in python.packages:
        wanted.append("torchvision")
    return f"install {' '.join(wanted)} --index-url {wheel.index_url}"


def replace(python: Python, arguments: str) -> tuple[str, ...]:
    """pip commands that take the present torch out first: pip leaves alone what has the right version and the wrong build."""
    install = advice.pip(python, arguments)
    wrong = [name for name in _TORCH_FAMILY if name in python.packages]
    if not wrong or len(install) > 1:  # two commands: a fresh environment, with nothing to take out
        return install
    return (*advice.pip(python, f"uninstall -y {' '.join(wrong)}"), *install)
