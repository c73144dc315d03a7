"""Ranges of versions in the knowledge base: every specifier parses, and rows that exclude each other share no version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from rocmkit.kb import build, gpus, packages, reports, systems, values
from rocmkit.kb.issues import Issue
from tools.kb_files import Files, structs

#: Fields that hold a specifier; one that is empty stands for every version, but for those of _NONE.
SPECIFIERS: dict[type, tuple[str, ...]] = {
    build.Need: ("rocm",),
    build.Compiler: ("knows", "lacks"),
    build.DistributionClang: ("rocm",),
    gpus.SupportStep: ("rocm",),
    gpus.Prebuilt: ("holds", "lacks"),
    values.OsSupport: ("releases",),
    values.LibraryArchs: ("releases",),
    values.InstallLayout: ("releases",),
    values.OrtFlavour: ("releases",),
    values.MigraphxArchs: ("rocm",),
    values.NumbaRow: ("python", "numpy"),
    values.DriverRelease: ("fails_on", "builds_on"),
    packages.TorchcodecRelease: ("torch",),
    packages.WrongTag: ("releases", "sound"),
    packages.Gated: ("releases",),
    reports.TorchReport: ("torch", "rocm"),
    systems.SpeechSystem: ("torch",),
}
#: Where an empty specifier stands for no version at all.
_NONE = {"holds", "lacks", "fails_on", "builds_on"}
#: Fields that hold a plain version.
_VERSIONS = {"dkms", "numba", "newest", "lowest", "highest", "promised", "needed"}


def faults(files: Files) -> Iterator[str]:
    """What is wrong with the ranges of all files."""
    unsound = False
    for file, value in files.items():
        for struct in structs(value):
            if isinstance(struct, Issue):
                continue
            for field in getattr(struct, "__struct_fields__", ()):
                text = getattr(struct, field)
                specifier = field in SPECIFIERS.get(type(struct), ())
                if isinstance(text, str) and (specifier or text.startswith((">", "<", "=", "!=", "~="))) and not _parses(text):
                    unsound = True
                    yield f"{file}: {field}: no version specifier: {text!r}"
                if field in _VERSIONS and isinstance(text, str) and not _is_version(text):
                    yield f"{file}: {field}: no version: {text!r}"
    if unsound:  # nothing can be compared with what is none
        return
    for where, rows in _apart(files):
        for one, other in combinations(rows, 2):
            shared = [overlap(*pair) for pair in zip(one, other, strict=True)]
            if all(shared):
                yield f"{where}: {', '.join(one)} and {', '.join(other)} share {', '.join(filter(None, shared))}"


def overlap(one: str, other: str) -> str | None:
    """A version that satisfies both specifiers, or None.

    Every part of a specifier begins or ends at a version that it names, or next to it, so these few are enough to try.
    """
    both = SpecifierSet(one) & SpecifierSet(other)
    edges = [Version("0"), *(edge for part in both for edge in _edges(part.version))]
    return next((str(edge) for edge in sorted(edges) if both.contains(edge, prereleases=True)), None)


def _edges(text: str) -> Iterator[Version]:
    """A version, its neighbours, and the end of the series that it may stand for."""
    version = Version(text.removesuffix(".*"))
    base = ".".join(map(str, version.release))
    yield version
    yield Version(f"{base}.0.0.0.1")
    if version.post is not None:
        yield from (Version(f"{base}.post{version.post + step}") for step in (-1, 1) if version.post + step >= 0)
    for place in range(len(version.release)):
        head = (*version.release[:place], version.release[place] + 1)
        yield Version(".".join(map(str, head)))


def _apart(files: Files) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """(where, rows) of which a query takes the one that holds: no two may hold for one version.

    Not among them, since they overlap on purpose: `layouts` of ROCm (several kinds can be installed beside each other), releases of
    TorchCodec (several go with one torch), and the Python and NumPy of numba's releases.
    """
    for file, value in files.items():
        if isinstance(value, gpus.Arch):
            for publisher in sorted({step.publisher for step in value.support}):
                yield f"{file}: support by {publisher}", [(step.rocm,) for step in value.support if step.publisher == publisher]
            for name in ("rocblas", "hipblaslt"):
                if built := getattr(value, name):
                    yield f"{file}: {name}", _both(built.holds, built.lacks)
    if made := files.get("build"):
        for row in made.compilers:
            yield f"build: compilers {row.archs[0]}", _both(row.knows, row.lacks)
        yield "build: distributions", [(row.rocm,) for row in made.distributions]
    if rocm := files.get("rocm"):
        yield "rocm: os_support", [(row.releases,) for row in rocm.os_support]
        yield from _named("rocm: libraries", [(row.library, (row.releases,)) for row in rocm.libraries])
        for row in rocm.drivers:
            yield f"rocm: drivers {row.dkms}", _both(row.fails_on, row.builds_on)
    if ort := files.get("onnxruntime"):
        yield from _named("onnxruntime: flavours", [(row.distribution, (row.releases,)) for row in ort.flavours])
        yield "onnxruntime: migraphx", [(row.rocm,) for row in ort.migraphx]
    if bundle := files.get("packages"):
        yield from _named("packages: wrong_tags", [(row.distribution, (row.releases,)) for row in bundle.wrong_tags])
        yield from _named("packages: gated", [(row.distribution, (row.releases,)) for row in bundle.gated])
    if told := files.get("reports"):
        rows = [(f"{row.shows} on {gfx}", (row.torch, row.rocm)) for row in told.reports for gfx in row.reported + row.suspected]
        yield from _named("reports:", rows)


def _both(one: str, other: str) -> list[tuple[str, ...]]:
    """Two specifiers of which an empty one stands for no version."""
    return [(text,) for text in (one, other) if text]


def _named(where: str, rows: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    for name in dict.fromkeys(name for name, _ in rows):
        yield f"{where} {name}", [specifiers for other, specifiers in rows if other == name]


def _parses(text: str) -> bool:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def _is_version(text: Any) -> bool:
    try:
        Version(text)
    except ValueError:
        return False
    return True
