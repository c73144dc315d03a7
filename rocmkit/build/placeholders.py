"""The closed set of names that a recipe can leave to the plan, and what they stand for.

`{rocm}` in a recipe is a placeholder. `${NAME}`, as CMake and shells write it, is not, and stays as it is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from rocmkit.build.toolchain import Toolchain
from rocmkit.kb.targets import parse_target
from rocmkit.kb.versions import series
from rocmkit.model import DataError

NAMES: dict[str, str] = {
    "work": "the folder that everything is done in",
    "files": "where the recipe's own small files lie",
    "src": "where the sources lie, each in a folder of its name",
    "build": "where is compiled",
    "prefix": "where the result is installed",
    "dist": "where the wheel is found",
    "arch": "the targets, joined by `;` as CMake takes them: gfx906;gfx90a",
    "arch_commas": "the targets, joined by commas",
    "arch_dots": "the targets, as a local version can hold them: gfx906.xnackoff",
    "rocm": "the root of ROCm",
    "rocm_lib": "the folder of ROCm's libraries",
    "rocm_link": "the same by the link that an update moves on: /opt/rocm/lib; where there is none, as rocm_lib",
    "rocm_version": "the release of ROCm, as precise as it is known: 6.3.4",
    "rocm_series": "its first two numbers: 6.3",
    "llvm": "the folder of ROCm's clang",
    "clang": "ROCm's C compiler",
    "clangxx": "ROCm's C++ compiler",
    "openmp": "the OpenMP runtime of that compiler",
    "openmp_name": "the file name of that runtime",
    "python": "the interpreter that the wheel is for",
    "python_tag": "its tag: cp310",
    "python_suffix": "how its extension modules end: cpython-310-x86_64-linux-gnu",
    "machine": "the processor: x86_64",
    "version": "upstream's version",
    "local_version": "the version that says what was built: 4.8.1+rocm6.3.gfx906",
}
#: `{value.NAME}` is one of the recipe's own.
VALUE = "value."
#: `{from.NAME}` is the folder that the result of another recipe is installed in: its include/ and lib/.
FROM = "from."
_FOUND = re.compile(r"(?<!\$)\{([A-Za-z_][\w.-]*)\}")
_STATES = {"+": "on", "-": "off"}


def named(text: str) -> tuple[str, ...]:
    """The placeholders of a text, known or not, in their order."""
    return tuple(match[1] for match in _FOUND.finditer(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every placeholder filled in. Raises DataError for one that has no value."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise DataError(f"unknown placeholder {match[0]} in {text!r}")
        return values[match[1]]

    return _FOUND.sub(value, text)


def local_version(version: str, rocm: str, archs: Iterable[str]) -> str:
    """The version of a build: what it is, and what it was built for."""
    return f"{version}{'.' if '+' in version else '+'}rocm{rocm_series(rocm)}.{dotted(archs)}"


def rocm_series(version: str) -> str:
    """`6.3` of 6.3.4; the whole where it does not begin with two numbers."""
    pair = series(version)
    return ".".join(map(str, pair)) if pair else version


def dotted(archs: Iterable[str]) -> str:
    """Target ids as a local version can hold them: `gfx906.xnackoff.gfx90a`."""
    words = []
    for target in archs:
        base, features = parse_target(target) or (target, {})
        # A local version is normalised to dots: gfx9-generic would be another file name than the one that is looked for.
        words += [base.replace("-", "."), *(name + _STATES[state] for name, state in features.items())]
    return ".".join(words)


def standing(toolchain: Toolchain, archs: tuple[str, ...], version: str, work: str) -> dict[str, str]:
    """What every placeholder but the recipe's own values stands for."""
    folders = {name: f"{work}/{name}" for name in ("files", "src", "build", "prefix", "dist")}
    return {
        "work": work,
        **folders,
        "arch": ";".join(archs),
        "arch_commas": ",".join(archs),
        "arch_dots": dotted(archs),
        "rocm": toolchain.root,
        "rocm_lib": toolchain.lib,
        "rocm_link": "/opt/rocm/lib" if toolchain.layout == "amd" else toolchain.lib,
        "rocm_version": toolchain.version,
        "rocm_series": rocm_series(toolchain.version),
        "llvm": toolchain.llvm,
        "clang": f"{toolchain.llvm}/clang",
        "clangxx": f"{toolchain.llvm}/clang++",
        "openmp": toolchain.openmp,
        "openmp_name": posixpath.basename(toolchain.openmp),
        "python": toolchain.python.executable,
        "python_tag": toolchain.python.tag,
        "python_suffix": toolchain.python.suffix,
        "machine": toolchain.machine,
        "version": version,
        "local_version": local_version(version, toolchain.version, archs),
    }
