"""The library files of Python packages that bear on a GPU, read as bytes through the host; nothing is loaded."""

from __future__ import annotations

import re

from rocmkit.facts import Gap, PackageKernels, PythonLibrary, TorchBuild
from rocmkit.gpucode.values import KernelLibrary
from rocmkit.host.base import Host, NotAsked, lines_with
from rocmkit.model import Model
from rocmkit.probe.gaps import from_error
from rocmkit.probe.overlaps import FLAVOURS

#: A package with more library files than this is read no further: nothing known comes near.
MAX_FILES = 60

# ROCm's own libraries in the wheels of pytorch.org: those that decide which GPUs run, or that clash with a second copy.
# (pytorch/builder manywheel/build_rocm.sh lists all that are bundled.)
_TORCH = (
    r"lib(torch_hip|torch_cuda|torch_cpu|torch_python|c10_hip|c10_cuda|amdhip64|hsa-runtime64|amd_comgr|rocblas|hipblas|hipblaslt"
    r"|rocsolver|rocfft|MIOpen|aotriton_v2)(_linalg)?(-[0-9a-f]+)?\.so[0-9.]*"
)
_ANY = r".*\.so[0-9.]*"


class Place(Model):
    """Where a package keeps library files: a folder below site-packages, and a pattern for their names."""

    package: str  # the distribution that brings it, where that is not told by the metadata
    top: str  # top-level folder in site-packages
    below: str
    files: str


# Seen in the wheels of torch 2.13.0, torchaudio 2.11.0, torchvision 0.29.2, ctranslate2 4.6.1, onnxruntime 1.23.2,
# onnxruntime-rocm 1.22.2.post3, onnxruntime-migraphx 1.24.2, sherpa-onnx 1.12.40, llvmlite 0.45.1, triton 3.8.0, numpy 2.2.6.
PLACES = (
    Place("torch", "torch", "lib", _TORCH),
    Place("torchaudio", "torchaudio", "lib", _ANY),
    Place("torchvision", "torchvision", "", r"(_C|image).*\.so"),
    Place("torchcodec", "torchcodec", "", _ANY),
    Place("ctranslate2", "ctranslate2", "", _ANY),
    Place("ctranslate2", "ctranslate2", "lib", _ANY),
    Place("ctranslate2", "ctranslate2.libs", "", _ANY),
    Place("onnxruntime", "onnxruntime", "capi", _ANY),
    Place("sherpa-onnx", "sherpa_onnx", "lib", _ANY),
    Place("bitsandbytes", "bitsandbytes", "", r"libbitsandbytes_(rocm|cuda|hip|cpu).*\.so"),
    Place("llvmlite", "llvmlite", "binding", r"libllvmlite\.so"),
    Place("triton", "triton", "_C", r"libtriton.*\.so"),
    Place("numpy", "numpy", "_core", r"_multiarray_umath.*\.so"),
    Place("numpy", "numpy", "core", r"_multiarray_umath.*\.so"),
    Place("numpy", "numpy.libs", "", _ANY),
)

_SDK = r"_rocm_sdk_libraries[A-Za-z0-9_]*"
_KERNELS: tuple[tuple[str, str, KernelLibrary, str], ...] = (
    ("torch", r"torch", "rocblas", "lib/rocblas/library"),
    ("torch", r"torch", "hipblaslt", "lib/hipblaslt/library"),
    ("torch", r"torch", "miopen", "share/miopen/db"),
    ("", _SDK, "rocblas", "lib/rocblas/library"),
    ("", _SDK, "hipblaslt", "lib/hipblaslt/library"),
    ("", _SDK, "miopen", "share/miopen/db"),
)

#: Top-level folders of site-packages that are looked into.
WANTED = re.compile("|".join([*sorted({re.escape(place.top) for place in PLACES}), _SDK]))


def libraries(host: Host, folders: dict[str, str], packages: dict[str, str]) -> tuple[PythonLibrary, ...]:
    """The library files of the packages in `folders` (top-level name to path). What cannot be read is a Gap in its row."""
    found: list[PythonLibrary] = []
    for place in PLACES:
        if place.top not in folders:
            continue
        folder = f"{folders[place.top]}/{place.below}".rstrip("/")
        package = _flavour(place.package, packages)
        try:
            names = host.list(folder, re.compile(place.files).fullmatch)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, NotAsked) as error:
            found.append(_unread(package, folder, error))
            continue
        found += [_library(host, package, f"{folder}/{name}") for name in names[:MAX_FILES]]
    return tuple(sorted(found, key=lambda lib: (lib.package, lib.file)))


def kernels(host: Host, folders: dict[str, str]) -> tuple[PackageKernels, ...]:
    """The GPU kernel files that packages bring."""
    found: list[PackageKernels] = []
    for top, path in sorted(folders.items()):
        for package, pattern, library, below in _KERNELS:
            if not re.fullmatch(pattern, top):
                continue
            name = package or top.strip("_").replace("_", "-")
            try:
                found.append(PackageKernels(package=name, kernels=host.kernel_files(library, f"{path}/{below}")))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError, NotAsked) as error:
                found.append(PackageKernels(package=name, kernels=from_error(error)))
    return tuple(found)


def tags(host: Host, libraries: tuple[PythonLibrary, ...], metadata: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """The tags in the WHEEL files of the packages that `libraries` names; without a row where there is no such file."""
    found = {}
    for name in sorted({lib.package for lib in libraries} & metadata.keys()):
        try:
            lines = host.read_text(f"{metadata[name]}/WHEEL", TAG_LINES).splitlines()
        except (OSError, NotAsked):
            continue
        found[name] = tuple(line.partition(":")[2].strip() for line in lines)
    return found


#: Keeps the tags of a WHEEL file.
TAG_LINES = lines_with(r"^Tag: *[!-~]{1,200}$", count=100)


def torch_build(host: Host, folders: dict[str, str], packages: dict[str, str]) -> TorchBuild | None | Gap:
    """What torch/version.py says; None where there is no torch."""
    if "torch" not in folders:
        return None
    path = f"{folders['torch']}/version.py"
    try:
        return parse_version(host.read(path, VERSION_LINES), path)
    except (FileNotFoundError, NotADirectoryError) as error:
        return from_error(error) if "torch" in packages else None  # pip leaves empty folders behind
    except (OSError, ValueError, NotAsked) as error:
        return from_error(error)


#: Keeps the lines of torch/version.py that are looked at.
VERSION_LINES = lines_with(r"^(__version__|hip|cuda)[ \t]*[:=].{0,200}$", count=100)
# NAME = 'text', NAME: Optional[str] = None. A whole parser would add nothing but its own ways to fail on rubbish.
_ASSIGNMENT = re.compile(r"""(\w+)[ \t]*(?::[^='"]*)?=[ \t]*(?:(None)|'([^'\\]*)'|"([^"\\]*)")[ \t]*(?:#.*)?""", re.ASCII)


def parse_version(data: bytes, source: str) -> TorchBuild:
    """The assignments of torch/version.py, which is never run. Raises ValueError where they are missing or compute something."""
    values: dict[str, str | None] = {}
    for line in VERSION_LINES(data).decode("utf-8", "replace").splitlines():
        found = _ASSIGNMENT.fullmatch(line)
        if found is None:
            raise ValueError(f"{source}: not the assignment of a plain text: {line[:80]!r}")
        values[found[1]] = None if found[2] else found[3] or found[4] or ""
    if not values.get("__version__"):
        raise ValueError(f"{source}: __version__ is not set")
    return TorchBuild(version=values["__version__"], hip=values.get("hip") or None, cuda=values.get("cuda") or None)


def _flavour(package: str, packages: dict[str, str]) -> str:
    """The distribution that brought a top-level folder, where exactly one that may have is installed."""
    pattern = FLAVOURS.get(package)
    known = [name for name in packages if pattern.fullmatch(name)] if pattern else []
    return known[0] if len(known) == 1 else package


def _library(host: Host, package: str, file: str) -> PythonLibrary:
    try:
        code = host.gpu_code(file)
    except (OSError, ValueError, NotAsked) as error:
        return _unread(package, file, error)
    return PythonLibrary(package=package, file=file, gpu_api=code.gpu_api, gfx=code.gfx, needs=code.needs, code=code)


def _unread(package: str, file: str, error: Exception) -> PythonLibrary:
    return PythonLibrary(package=package, file=file, gpu_api="unknown", gfx=None, needs=(), code=from_error(error))
