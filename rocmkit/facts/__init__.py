"""The vocabulary: every section and field that can be known about a machine.

A section, or a field typed `… | Gap`, that could not be read is a `Gap`. `None` in a field means that the place was read and
the thing is not there, or that the machine has no such notion. Paths below the user's home start with `~/`; no user name,
host name or serial number is kept in any field. Sizes are bytes, times seconds.
"""

from __future__ import annotations

from rocmkit.facts.gaps import NOT_ASKED, Gap, GapBody, GapReason, gap
from rocmkit.facts.gpus import Gpu, Kfd, KfdNode, Link, Partition, Ras
from rocmkit.facts.machine import (
    Access,
    Agent,
    Blacklist,
    Cache,
    DeviceNode,
    Disk,
    Driver,
    EnvLine,
    Hub,
    IdRange,
    KernelLog,
    KernelPackage,
    Library,
    LogLine,
    Memory,
    Os,
    Rocm,
    Runtime,
    System,
    Tool,
)
from rocmkit.facts.python import BundledRuntime, Overlap, PackageKernels, Python, PythonLibrary, TorchBuild
from rocmkit.model import Model

__all__ = [
    "NOT_ASKED",
    "Access",
    "Agent",
    "Blacklist",
    "BundledRuntime",
    "Cache",
    "DeviceNode",
    "Disk",
    "Driver",
    "EnvLine",
    "Facts",
    "Gap",
    "GapBody",
    "GapReason",
    "Gpu",
    "Hub",
    "IdRange",
    "KernelLog",
    "KernelPackage",
    "Kfd",
    "KfdNode",
    "Library",
    "Link",
    "LogLine",
    "Memory",
    "Os",
    "Overlap",
    "PackageKernels",
    "Partition",
    "Python",
    "PythonLibrary",
    "Ras",
    "Rocm",
    "Runtime",
    "System",
    "Tool",
    "TorchBuild",
    "gap",
]


class Facts(Model, kw_only=True):
    """All that is known about one machine."""

    system: System | Gap  # kernel, distribution, container
    driver: Driver | Gap  # amdgpu
    kfd: Kfd | Gap  # what the kernel offers for computing
    gpus: tuple[Gpu, ...] | Gap  # every AMD GPU, with or without a driver
    access: Access | Gap  # device files and groups
    kernel_log: KernelLog | Gap  # what the kernel said of the GPU
    runtime: Runtime | Gap  # what rocminfo says
    rocm: tuple[Rocm, ...] | Gap  # every ROCm on the machine
    python: Python | Gap  # the environment that was asked about
    env: dict[str, str] | Gap  # environment variables that matter
    env_files: tuple[EnvLine, ...] | Gap  # start-up files that set such variables
    memory: Memory | Gap  # memory, limits, room on disks
    tools: tuple[Tool, ...] | Gap  # programs that matter
    caches: tuple[Cache, ...] | Gap = NOT_ASKED  # MIOpen's folders
    hub: Hub | Gap  # models and access to them
