"""What is built with: a ROCm, its compiler, and a Python. From a machine's facts, or supposed for another machine."""

from __future__ import annotations

from rocmkit.kb.when import Layout
from rocmkit.model import Model


class BuildPython(Model, kw_only=True):
    """The interpreter that a wheel is for."""

    executable: str  # /usr/bin/python3
    version: str  # 3.10.12; 3.10 where it is supposed
    tag: str  # cp310
    suffix: str  # of extension modules, without .so: cpython-310-x86_64-linux-gnu


class Distribution(Model, kw_only=True):
    """Whose package manager brings what is missing."""

    id: str | None  # ubuntu; None: not known
    version: str | None  # 22.04
    manager: str | None  # apt, dnf, zypper, pacman; None: none that we know


class Toolchain(Model, kw_only=True):
    """Where the ROCm to build with has its parts. Paths are those on the machine that builds."""

    layout: Layout
    version: str  # release of ROCm as precise as it is known: 6.3.4, 6.3
    root: str  # what ROCM_PATH says: /opt/rocm-6.3.4; /usr for a distribution's own
    lib: str  # its libraries: /opt/rocm-6.3.4/lib, /usr/lib/x86_64-linux-gnu
    llvm: str  # folder of its clang: /opt/rocm-6.3.4/llvm/bin
    openmp: str  # its OpenMP runtime, which a wheel brings along: /opt/rocm-6.3.4/llvm/lib/libomp.so
    device_lib: str | None  # HIP_DEVICE_LIB_PATH, where the compiler does not find its device libraries by itself
    compiler: str | None  # clang's version as it says, 18.0.0; None: not asked
    machine: str  # x86_64
    python: BuildPython
    distribution: Distribution
    container: bool = False  # whether it is that of a container image
    image: str = ""  # the image, with its digest where that is known
    supposed: bool  # planned for another machine: nothing of it was looked at
    kernels: dict[
        str, tuple[str, ...]
    ] = {}  # targets that a library's kernel files hold as seen here: {"rocblas": [...]}; else the kb says
