"""Programs that matter, and what they say of their versions."""

from __future__ import annotations

from rocmkit.probe.tools import VERSIONS
from tools.machine_parts.builder import Builder
from tools.machine_parts.system import Release

_CMAKE = {"20.04": "3.16.3", "22.04": "3.22.1", "24.04": "3.28.3"}


def _says(b: Builder, path: str, text: str) -> None:
    """The program at `path` answers when it is asked for its version."""
    name = path.rpartition("/")[2]
    b.tool(path)
    asked = VERSIONS[name]
    if asked:
        b.says(path, *asked[0], out=f"{text}\n")


def build_tools(b: Builder, os: Release) -> None:
    """What the distribution's packages bring."""
    _says(b, "/usr/bin/cmake", f"cmake version {_CMAKE[os.version]}")
    _says(b, "/usr/bin/ninja", "1.11.1")
    _says(b, "/usr/bin/git", "git version 2.43.0")
    _says(b, "/usr/bin/ffmpeg", "ffmpeg version 6.1.1 Copyright (c) the FFmpeg developers")


def rocm_tools(b: Builder, top: str, version: str) -> None:
    """What ROCm's packages bring beside rocminfo."""
    _says(b, f"{top}/bin/hipcc", f"HIP version: {version}")
    _says(b, f"{top}/bin/rocm-smi", "ROCM-SMI version: 3.0.0\nROCM-SMI-LIB version: 7.0.0")
    if version.startswith(("6", "7")):
        _says(b, f"{top}/bin/amd-smi", f"AMDSMI Tool: 24.6.2 | AMDSMI Library version: 24.6.2 | ROCm version: {version}")
