"""The page on what rocmkit knows of releases and packages: the rows of `rocmkit/kb`, each with how it is known and from where."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit import kb
from rocmkit.kb._load import document
from rocmkit.kb.build import _File as Builds
from rocmkit.kb.packages import _File as Packages
from rocmkit.kb.releases import _OrtFile, _RocmFile
from rocmkit.kb.systems import _File as Systems
from rocmkit.kb.toggles import toggles
from rocmkit.kb.values import System, TorchWheel
from tools.sources import Footnotes
from tools.tables import code, names, notes, range_of, table

_INTRODUCTION = f"""\
# What rocmkit knows

The rows of `rocmkit/kb`, as of {kb.date()}, that answers are made of. To add to them takes no Python:
[Adding what you know](../guide/knowledge.md).

| known | how |
|---|---|
| documented | its makers publish so |
| reported | somebody saw it on a machine |
| measured | read out of the file itself |
| inferred | follows from the sources, none of which says so in as many words |

The numbers behind that word lead to the sources, at the end of the page. What is known of other things has pages of its own:
[GPU architectures](architectures.md), [speech systems and their models](systems.md), [recipes](recipes.md), and the
[error texts and failures](../checks/README.md). Versions are ranges as Python packaging writes them.
"""


def page() -> str:
    """The page."""
    of = Footnotes()
    parts = (
        _torch,
        _reports,
        _rocm,
        _drivers,
        _libraries,
        _ctranslate2,
        _onnxruntime,
        _numba,
        _packages,
        _compilers,
        _images,
        _needs,
        _toggles,
    )
    return "\n".join([_INTRODUCTION, *(line for part in parts for line in part(of)), *of.lines()]) + "\n"


def _torch(of: Footnotes) -> Iterator[str]:
    wheels = kb.torch_wheels()
    yield from (
        "## PyTorch",
        "",
        "The wheels of pytorch.org for ROCm. Torch itself is compiled for more cards than the rocBLAS in its wheel has",
    )
    yield from ("kernels for: on those it dies at the first matrix product ([RK307](../checks/RK307.md)).", "")
    heads = ("torch", "ROCm", "since", "Python", "torchaudio", "no rocBLAS kernels for", "known")
    yield from table(heads, (_wheel(one, of) for one in wheels))
    yield from notes((f"torch {one.torch} for ROCm {one.rocm}", one.note) for one in wheels)
    yield from ("What torch itself is compiled for:", "")
    together: dict[tuple[str, ...], list[str]] = {}
    for one in wheels:
        together.setdefault(one.archs, []).append(f"{one.torch} for {one.rocm}")
    yield from table(("torch for ROCm", "compiled for"), ((", ".join(which), names(archs)) for archs, which in together.items()))
    yield from ("### Other builds of PyTorch", "")
    columns = ("name", "what", "for", "install", "beware", "known")
    rows = (
        (one.id, one.what, names(one.archs), code(one.install or one.index_url or ""), one.note, of.known(one.known, one.sources))
        for one in kb.torch_builds()
    )
    yield from table(columns, rows)


def _wheel(one: TorchWheel, of: Footnotes) -> tuple[str, ...]:
    since = one.since if one.stable else f"{one.since} (no release yet)"
    missing = names(one.rocblas_missing) + (f" ({one.rocblas_known})" if one.rocblas_known else "")
    torch = one.torch + (f" (newest {one.newest})" if one.newest else "")
    return (torch, one.rocm, since, " ".join(one.python), one.torchaudio, missing, of.known(one.known, one.sources))


def _reports(of: Footnotes) -> Iterator[str]:
    yield from (
        "### Wheels that people saw crash",
        "",
        "*Suspected* are GPUs that run the same libraries, and of which nobody reported.",
        "",
    )
    rows = (
        (range_of(one.torch), range_of(one.rocm), names(one.reported), names(one.suspected), one.what, of.known(one.known, one.sources))
        for one in kb.all_torch_reports()
    )
    yield from table(("torch", "ROCm", "reported", "suspected", "what", "known"), rows)


def _rocm(of: Footnotes) -> Iterator[str]:
    file = document("rocm", _RocmFile)
    yield from ("## ROCm", "", "### Operating systems", "", "What AMD documents for each release, with the kernels that it names.", "")
    rows = (
        (range_of(one.releases), ", ".join(map(_system, one.systems)), one.note, of.known(one.known, one.sources))
        for one in file.os_support
    )
    yield from table(("ROCm", "systems", "note", "known"), rows)
    yield from ("### Where it lies", "")
    places = (
        (one.id, range_of(one.releases), one.prefix, code(one.version_file or ""), one.packages, of.known(one.known, one.sources))
        for one in file.layouts
    )
    yield from table(("layout", "ROCm", "place", "version", "packages", "known"), places)


def _system(one: System) -> str:
    kernels = f" ({', '.join(one.kernels)})" if one.kernels else ""
    return f"{one.os} {one.version}{kernels}{', a preview' if one.preview else ''}"


def _drivers(of: Footnotes) -> Iterator[str]:
    file = document("rocm", _RocmFile)
    yield from ("### Kernel drivers", "", "Which drivers AMD tested a ROCm with, each named by the ROCm that it came with.", "")
    windows = ((one.rocm, one.lowest, one.highest, one.note, of.known(one.known, one.sources)) for one in file.kmd_windows)
    yield from table(("ROCm", "oldest driver", "newest driver", "note", "known"), windows)
    yield from ("The packages `amdgpu-dkms`, and the kernels that they were seen with:", "")
    drivers = (
        (
            one.dkms,
            one.rocm,
            range_of(one.fails_on) if one.fails_on else "",
            range_of(one.builds_on) if one.builds_on else "",
            of.known(one.known, one.sources),
        )
        for one in file.drivers
    )
    yield from table(("amdgpu-dkms", "came with ROCm", "does not build on", "builds on", "known"), drivers)


def _libraries(of: Footnotes) -> Iterator[str]:
    yield from ("### What its libraries hold code for", "")
    rows = (
        (one.library, range_of(one.releases), names(one.archs), one.note, of.known(one.known, one.sources))
        for one in document("rocm", _RocmFile).libraries
    )
    yield from table(("library", "ROCm", "compiled for", "note", "known"), rows)


def _ctranslate2(of: Footnotes) -> Iterator[str]:
    one = kb.ctranslate2_wheels()
    yield from (
        "## CTranslate2",
        "",
        f"From {one.since} on, the [releases on GitHub]({one.url}) have wheels for ROCm in `{one.asset}`.",
        "",
    )
    yield from table(
        ("built on ROCm", "loads", "Python", "compiled for", "known"),
        [(one.rocm, f"`{one.soname}`", " ".join(one.python), names(one.archs), of.known(one.known, one.sources))],
    )
    yield from (one.note, "")


def _onnxruntime(of: Footnotes) -> Iterator[str]:
    yield from ("## ONNX Runtime", "", "The distributions that install the package `onnxruntime`, each over the others.", "")
    flavours = kb.onnxruntime_flavours()
    rows = (
        (
            one.distribution,
            range_of(one.releases),
            names(one.gpu_providers),
            one.rocm or "",
            names(one.archs) or "none",
            " ".join(one.python),
            of.known(one.known, one.sources),
        )
        for one in flavours
    )
    yield from table(("distribution", "releases", "providers for GPUs", "ROCm", "GPU code for", "Python", "known"), rows)
    yield from notes((f"{one.distribution} {range_of(one.releases)}", one.note) for one in flavours)
    yield from ("### MIGraphX", "", "The cards that AMD makes ONNX Runtime with MIGraphX's provider for.", "")
    cards = ((range_of(one.rocm), names(one.archs), of.known(one.known, one.sources)) for one in document("onnxruntime", _OrtFile).migraphx)
    yield from table(("ROCm", "cards", "known"), cards)


def _numba(of: Footnotes) -> Iterator[str]:
    yield from ("## numba", "", "What each release accepts; one that is not listed is as the one before it.", "")
    rows = (
        (one.numba, one.released, range_of(one.python), range_of(one.numpy), one.llvmlite, one.llvm, of.known(one.known, one.sources))
        for one in kb.numba_rows()
    )
    yield from table(("numba", "released", "Python", "NumPy", "llvmlite", "LLVM inside", "known"), rows)


def _packages(of: Footnotes) -> Iterator[str]:
    file = document("packages", Packages)
    yield from (
        "## Other packages",
        "",
        f"torchcodec goes with one release of torch each ({of.known(file.torchcodec.known, file.torchcodec.sources)}).",
        "",
    )
    yield from table(("torchcodec", "torch"), ((one.torchcodec, range_of(one.torch)) for one in file.torchcodec.releases))
    yield from ("Wheels whose libraries need a newer glibc than the name of their file promises:", "")
    tags = (
        (one.distribution, range_of(one.releases), one.promised, one.needed, range_of(one.sound), of.known(one.known, one.sources))
        for one in file.wrong_tags
    )
    yield from table(("distribution", "releases", "promised", "needed", "sound", "known"), tags)
    yield from ("Models that the hub hands out only to those who agreed to their conditions, and what loads them:", "")
    models = ((one.distribution, range_of(one.releases), names(one.models), of.known(one.known, one.sources)) for one in file.gated)
    yield from table(("distribution", "releases", "models", "known"), models)


def _compilers(of: Footnotes) -> Iterator[str]:
    file = document("build", Builds)
    yield from ("## Compilers", "", "From which ROCm on AMD's clang compiles for an architecture.", "")
    rows = (
        (names(one.archs), range_of(one.knows), range_of(one.lacks) if one.lacks else "", of.known(one.known, one.sources))
        for one in file.compilers
    )
    yield from table(("architecture", "compiles in", "does not in", "known"), rows)
    yield from ("Debian's own ROCm:", "")
    debian = (
        (range_of(one.rocm), one.clang, names(one.compiles), names(one.rocblas) or "not known", of.known(one.known, one.sources))
        for one in file.distributions
    )
    yield from table(("ROCm", "clang", "compiles too for", "rocBLAS kernels for", "known"), debian)


def _images(of: Footnotes) -> Iterator[str]:
    yield from ("## Container images", "", "To build in:", "")
    builds = (
        (one.rocm, code(one.name), one.os, one.python, "yes" if one.digest else "no", of.known(one.known, one.sources))
        for one in kb.build_images()
    )
    yield from table(("ROCm", "image", "system", "Python", "pinned", "known"), builds)
    yield from ("To run in:", "")
    ready = (
        (
            code(one.image),
            one.engine,
            one.rocm,
            one.torch,
            names(one.archs) or "those of AMD's packages",
            one.note,
            of.known(one.known, one.sources),
        )
        for one in document("systems", Systems).images
    )
    yield from table(("image", "engine", "ROCm", "torch", "made for", "note", "known"), ready)


def _needs(of: Footnotes) -> Iterator[str]:
    yield from (
        "## What builds need",
        "",
        "As recipes name it, with the packages for apt: a distribution's own, or those of AMD's repository.",
        "",
    )
    rows = []
    for name, one in kb.build_needs().items():
        apt = dict.fromkeys(package for layout in ("any", "amd") for package in one.packages.get(layout, {}).get("apt", ()))
        rows.append((f"`{name}`", one.what, names(apt), range_of(one.rocm) if one.rocm else "", of.known(one.known, one.sources)))
    yield from table(("name", "what for", "packages", "ROCm", "known"), rows)


def _toggles(of: Footnotes) -> Iterator[str]:
    yield from ("## What `bisect` changes", "", "What a cure says of a crash: [My transcription segfaults](../guide/segfault.md).", "")
    rows = ((f"`{one.id}`", one.does, one.means, one.fix, of.known(one.known, one.sources)) for one in toggles())
    yield from table(("name", "does", "a cure means", "to make it last", "known"), rows)
