"""Another Python, another torch, other packages."""

from __future__ import annotations

import difflib
import re

from msgspec.structs import replace

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._stack import canonical, torch_of
from rocmkit.doctor.whatif.change import KEYS, PACKAGES
from rocmkit.doctor.whatif.made import hypothetical, known, seen, unknown
from rocmkit.doctor.whatif.torch_version import wheel_of
from rocmkit.doctor.whatif.user_space import kernel_files
from rocmkit.errors import UsageError
from rocmkit.facts import BundledRuntime, Facts, Gap, PackageKernels, Python, PythonLibrary, TorchBuild
from rocmkit.gpucode.values import GpuApi
from rocmkit.kb.providers import provider
from rocmkit.kb.values import TorchWheel
from rocmkit.kb.versions import numbers, within

_TRITONS = ("pytorch-triton-rocm", "triton-rocm")
_PARTNERS = ("torchaudio", "torchvision")
#: Triton that a release of torch, or else its series, asks for: pytorch/pytorch .ci/docker/triton_version.txt of each release.
_TRITON = {
    "2.4": "3.0.0",
    "2.5": "3.1.0",
    "2.6": "3.2.0",
    "2.7": "3.3.0",
    "2.8": "3.4.0",
    "2.9": "3.5.0",
    "2.10": "3.6.0",
    "2.7.1": "3.3.1",
    "2.9.1": "3.5.1",
}
#: Up to this one torchvision's second number is 15 more than torch's, and the third is the same (pytorch/vision README.md).
_LAST_VISION = 10


def with_python(facts: Facts, value: str) -> Facts:
    """A fresh environment of that Python with the same packages. A torch that has no wheel for it is not there."""
    python = known(facts.python, "python", "the Python environment")
    free, number = value.endswith("t"), value.removesuffix("t")
    minor = ".".join(number.split(".")[:2])

    def moved(path: str) -> str:
        return hypothetical(re.sub(r"python3\.[0-9]+t?", f"python{minor}{'t' if free else ''}", seen(path)))

    new = replace(
        python,
        executable=f"python{minor}{'t' if free else ''}",
        version=number,
        implementation="cpython",
        prefix=hypothetical(python.prefix),
        kind="venv",
        externally_managed=False,
        paths=tuple(map(moved, python.paths)),
        soabi=f"cpython-{minor.replace('.', '')}{'t' if free else ''}-x86_64-linux-gnu",
        duplicates={},
        broken=(),
        tags={},
        libraries=tuple(replace(lib, file=moved(lib.file)) for lib in python.libraries),
        kernels=tuple(
            item if isinstance(item.kernels, Gap) else replace(item, kernels=replace(item.kernels, path=moved(item.kernels.path)))
            for item in python.kernels
        ),
        runtimes=python.runtimes
        if isinstance(python.runtimes, Gap)
        else tuple(replace(row, file=moved(row.file)) for row in python.runtimes),
        libstdcxx=unknown("what Conda brings for another Python") if python.kind == "conda" else None,
    )
    torch = torch_of(python)
    if torch and torch.wheel and torch.wheel.python and advice.python_minor(new) not in torch.wheel.python:
        new = replace(_without(new, ("torch", *_PARTNERS, *_TRITONS)), torch=None)
    elif torch and torch.hip is not False and torch.wheel is None:  # a build of another origin: nobody knows for which Pythons
        kept = _without(new, ("torch",))
        new = replace(kept, packages=new.packages, torch=unknown(f"torch {torch.version} for Python {minor}"))
    return replace(facts, python=new)


def with_torch(facts: Facts, version: str | None) -> Facts:
    """That torch, and what its index brings along: torchaudio and torchvision where they are here, Triton."""
    python = known(facts.python, "torch", "the Python environment")
    if version is None:
        if "torch" not in python.packages and python.torch is None:
            raise UsageError("--what-if torch=none: torch is not installed here")
        return replace(facts, python=replace(_without(python, ("torch",)), torch=None))
    number, _, ending = version.partition("+")
    wheel = wheel_of(version)
    minor = advice.python_minor(python)
    if wheel and wheel.python and minor not in wheel.python:
        made = ", ".join(wheel.python)
        raise UsageError(
            f"--what-if torch={version}: pytorch.org has no such wheel for Python {minor}", f"it is made for Python {made}: add python=…"
        )
    tritons = tuple(name for name in _TRITONS if name in python.packages)
    new = _without(python, ("torch", *_PARTNERS, *_TRITONS), replaced=True)
    packages = {**new.packages, "torch": version}
    for name in _PARTNERS:
        if name in python.packages:
            packages[name] = _partner(python, name, number) + (f"+{ending}" if ending else "")
    triton = _TRITON.get(number) or _TRITON.get(".".join(number.split(".")[:2]))
    if wheel and (tritons or triton):
        name = tritons[0] if tritons else _TRITONS[0]
        packages[name] = triton or python.packages[name]
    cuda = None if ending.startswith(("rocm", "cpu")) else f"{ending[2:-1]}.{ending[-1]}" if ending else "?"
    build = TorchBuild(version=version, hip=wheel.rocm if wheel else None, cuda=cuda)
    new = replace(new, packages=dict(sorted(packages.items())), torch=build)
    return replace(facts, python=_with_wheel(new, wheel) if wheel else new)


def _partner(python: Python, name: str, torch: str) -> str:
    """The release of torchaudio or torchvision that goes with a release of torch; where that is not known, the number that is here."""
    major, minor, patch = (*(numbers(torch) or ()), 0, 0, 0)[:3]
    if name == "torchvision":
        here = python.packages[name].partition("+")[0]
        return f"0.{minor + 15}.{patch}" if major == 2 and 1 <= minor <= _LAST_VISION else here
    audio = kb.torchaudio_for(f"{major}.{minor}")
    return torch if audio in (None, f"{major}.{minor}") else f"{audio}.0"


def _with_wheel(python: Python, wheel: TorchWheel) -> Python:
    """The environment with what a wheel of pytorch.org holds, as far as the knowledge base tells."""
    place = f"{_site(python)}/torch/lib"
    held = tuple(name for name in wheel.archs if name not in wheel.rocblas_missing)
    folders = [PackageKernels(package="torch", kernels=kernel_files("rocblas", f"{place}/rocblas/library", held))]
    if (archs := kb.hipblaslt_archs(wheel.rocm)) is not None:
        folders.append(PackageKernels(package="torch", kernels=kernel_files("hipblaslt", f"{place}/hipblaslt/library", archs)))
    libraries = (
        _library("torch", f"{place}/libtorch_hip.so", "hip", wheel.archs, ("libamdhip64.so", "librocblas.so")),
        _library("torch", f"{place}/libamdhip64.so", "hip", (), ()),
    )
    runtimes = python.runtimes
    if not isinstance(runtimes, Gap):
        # What the file calls itself is not known; that it is there is.
        kinds = (("hip", "libamdhip64.so"), ("hsa", "libhsa-runtime64.so"))
        runtimes += tuple(BundledRuntime(kind=kind, package="torch", file=f"{place}/{file}", soname=None) for kind, file in kinds)  # type: ignore[arg-type]
    return replace(python, libraries=(*python.libraries, *libraries), kernels=(*python.kernels, *folders), runtimes=runtimes)


def with_package(facts: Facts, name: str, version: str | None, named: frozenset[str]) -> Facts:
    """A package in that version, or taken away. What its files hold is known of few; `named` are changed by the user's own word."""
    python = known(facts.python, name, "the Python environment")
    if name not in python.packages:
        _refuse(name, version, python)
    new = _without(python, (name,), replaced=version is not None)
    if version is None:
        return replace(facts, python=new)
    ctranslate2 = name == "ctranslate2"
    packages = {**new.packages, name: version.partition("+")[0] if ctranslate2 else version}
    row = kb.numba(version) if name == "numba" else None
    if row and "llvmlite" not in named:  # pip takes the one that numba asks for
        new = _without(new, ("llvmlite",), replaced=True)
        packages["llvmlite"] = row.llvmlite
    libraries = _of_ctranslate2(new, version) if ctranslate2 else _of_onnxruntime(new, name, version)
    return replace(facts, python=replace(new, packages=dict(sorted(packages.items())), libraries=(*new.libraries, *libraries)))


def _refuse(name: str, version: str | None, python: Python) -> None:
    """Raise UsageError where a package is not here and cannot sensibly be supposed."""
    near = difflib.get_close_matches(name, [*python.packages, *PACKAGES, *KEYS], n=1, cutoff=0.75)
    hint = f"did you mean {near[0]}?" if near and near[0] != name else None
    if version is None:
        raise UsageError(f"--what-if {name}=none: {name} is not installed here", hint)
    if name not in PACKAGES:
        message = f"--what-if {name}: it is not installed here, and no check speaks of it"
        raise UsageError(message, hint or f"the keys are {', '.join(KEYS)}, a package that is installed, or a variable in capitals")


def _of_onnxruntime(python: Python, name: str, version: str) -> tuple[PythonLibrary, ...]:
    """The GPU providers in a published build of ONNX Runtime, where the knowledge base has that build."""
    rows = kb.onnxruntime_flavours(name)
    row = next((row for row in rows if not row.releases or within(row.releases, version)), None)
    if row is None:
        return ()
    place = f"{_site(python)}/onnxruntime/capi"
    kinds = [kind for kind in map(provider, row.gpu_providers) if kind]
    return tuple(
        _library(name, f"{place}/libonnxruntime_providers_{kind}.so", "hip", row.archs if kind == "rocm" else (), row.sonames)
        for kind in kinds
    )


def _of_ctranslate2(python: Python, version: str) -> tuple[PythonLibrary, ...]:
    """The library in CTranslate2's own ROCm wheels (4.8.1+rocm); the package index has the CUDA build alone."""
    number, _, ending = version.partition("+")
    row = kb.ctranslate2_wheels()
    file = f"{_site(python)}/ctranslate2.libs/libctranslate2.so.{number}"
    if not ending.startswith("rocm"):
        return (_library("ctranslate2", file, "cuda", (), ()),)
    if not within(f">={row.since}", number) or advice.python_minor(python) not in row.python:
        raise UsageError(
            f"--what-if ctranslate2={version}: there is no ROCm wheel of it for Python {advice.python_minor(python)}",
            f"there is one since {row.since}, for Python {', '.join(row.python)}",
        )
    return (_library("ctranslate2", file, "hip", row.archs, (row.soname,)),)


def _library(package: str, file: str, api: GpuApi, gfx: tuple[str, ...], needs: tuple[str, ...]) -> PythonLibrary:
    return PythonLibrary(package=package, file=file, gpu_api=api, gfx=gfx, needs=needs, code=unknown("what else the file says of itself"))


def _site(python: Python) -> str:
    """Where packages would be put."""
    minor = ".".join(python.version.split(".")[:2])
    return hypothetical(python.paths[0] if python.paths else f"{python.prefix}/lib/python{minor}/site-packages")


def _without(python: Python, names: tuple[str, ...], *, replaced: bool = False) -> Python:
    """The environment without these packages and all that was read of them. `replaced`: another version is put over their files."""

    def other(package: str) -> bool:
        return canonical(package) not in names

    overlaps = python.overlaps
    if not isinstance(overlaps, Gap):
        if replaced:
            overlaps = tuple(replace(one, owner=next((name for name in one.packages if not other(name)), one.owner)) for one in overlaps)
        else:
            left = [replace(one, packages=tuple(filter(other, one.packages))) for one in overlaps]
            overlaps = tuple(one for one in left if len(one.packages) > 1)
    return replace(
        python,
        packages={name: version for name, version in python.packages.items() if other(name)},
        duplicates={name: versions for name, versions in python.duplicates.items() if other(name)},
        tags={name: tags for name, tags in python.tags.items() if other(name)},
        libraries=tuple(lib for lib in python.libraries if other(lib.package)),
        kernels=tuple(item for item in python.kernels if other(item.package)),
        runtimes=python.runtimes if isinstance(python.runtimes, Gap) else tuple(row for row in python.runtimes if other(row.package)),
        overlaps=overlaps,
    )
