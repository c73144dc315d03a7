"""Where to go on from an answer: the checks whose pages explain it, and what has to be looked at besides. Pure: values in, words out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from rocmkit.inspect.values import InspectedFile, Runs

#: Libraries that keep kernels in files of their own, and the folder of those; `rocmkit.gpucode.kernels` names the sources.
_APART = {"rocblas": "rocblas/library", "hipblaslt": "hipblaslt/library", "MIOpen": "share/miopen/db"}
_LIBRARY = re.compile(r"lib(?P<stem>[A-Za-z]+)(?:-[0-9a-f]{8})?\.so(?:\.[0-9.]+)?", re.ASCII)

#: Package, or its libraries, to the checks for one that holds no GPU code, code for NVIDIA's GPUs, and code for other AMD GPUs.
PAGES: tuple[tuple[re.Pattern[str], dict[str, tuple[str, ...]]], ...] = (
    (re.compile(r"torch|lib(?:torch|c10)(?:_\w+)?\.so"), {"none": ("RK401",), "nvidia": ("RK401",), "amd": ("RK306",)}),
    (
        re.compile(r"ctranslate2|libctranslate2(?:-[0-9a-f]{8})?\.so(?:\.[0-9.]+)?"),
        {"none": ("RK403",), "nvidia": ("RK403",), "amd": ("RK404",)},
    ),
    (
        re.compile(r"onnxruntime(?:-\w+)*|libonnxruntime(?:_\w+)?\.so(?:\.[0-9.]+)?"),
        {"none": ("RK419",), "nvidia": ("RK406",), "amd": ("RK406",)},
    ),
)
#: Library to the check for a card that it has no kernel files for.
KERNEL_PAGES = {"rocblas": "RK307", "hipblaslt": "RK310", "miopen": "RK312"}


def pages(package: str | None, files: Sequence[InspectedFile], runs: Sequence[Runs]) -> tuple[str, ...]:
    """The checks whose pages say what to do about an answer that is no yes."""
    if all(run.answer == "yes" for run in runs):
        return ()
    names = [package.split()[0].lower().replace("_", "-")] if package else [posixpath.basename(file.file) for file in files]
    held = "amd" if any(file.gpu_api == "hip" for file in files) else "nvidia" if any(file.gpu_api == "cuda" for file in files) else "none"
    found = [codes[held] for pattern, codes in PAGES if any(map(pattern.fullmatch, names))]
    lacking = [file for file in files if file.kind == "kernel-folder" and any(run.answer != "yes" for run in file.runs)]
    found += [(KERNEL_PAGES[library],) for file in lacking for library in file.kernel_libraries if library in KERNEL_PAGES]
    return tuple(sorted({code for codes in found for code in codes}))


def apart(file: InspectedFile) -> Iterable[str]:
    """A word on the kernel files of a library that was named alone: code in the library itself is not all that it needs for a card."""
    match = _LIBRARY.fullmatch(posixpath.basename(file.file))
    folder = _APART.get(match["stem"]) if match else None
    if folder:
        yield f"its kernel files are judged apart: inspect the folder {folder} that belongs to it as well"
