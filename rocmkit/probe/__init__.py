"""Look at a machine: `collect` asks a Host all that `facts` has words for, one function a section, and judges nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from rocmkit.facts import Facts, Gap, Python, Rocm
from rocmkit.host.base import Host
from rocmkit.probe.gaps import side_by_side

#: Function to the module of this package that holds it, those that wait for programs first. The modules are imported in the
#: threads, where nobody waits for them.
_SECTIONS = {
    "kernel_log": "kernel_log",
    "runtime": "runtime",
    "tools": "tools",
    "system": "system",
    "driver": "driver",
    "topology": "topology",
    "access": "access",
    "rocm": "rocm",
    "env": "env",
    "env_files": "env",
    "memory": "memory",
    "caches": "caches",
    "hub": "hub",
}


def collect(host: Host, *, python: str | None = None, deadline_s: float = 5.0, progress: Callable[[str], None] | None = None) -> Facts:
    """All that can be known of the machine, within `deadline_s` seconds. Raises nothing: what fails or hangs is a Gap.

    `python` is the interpreter or environment to look at (default: the one in use). `progress` gets the name of each section
    as it is done. Sections run side by side because some read only files and others wait for programs that may hang.
    """
    asks: dict[str, Callable[[], Any]] = {"python": lambda: _python(host, python)}
    asks |= {name: _section(host, name, module) for name, module in _SECTIONS.items()}
    found: dict[str, Any] = side_by_side(asks, timeout_s=deadline_s, progress=progress)
    topology, environment = found.pop("topology"), found.pop("python")
    found["kfd"], found["gpus"] = (topology, topology) if isinstance(topology, Gap) else topology
    found["python"], in_wheels = (environment, ()) if isinstance(environment, Gap) else environment
    if not isinstance(found["rocm"], Gap):
        found["rocm"] += in_wheels
    return Facts(**found)


def _section(host: Host, name: str, module: str) -> Callable[[], Any]:
    return lambda: getattr(importlib.import_module(f"rocmkit.probe.{module}"), name)(host)


def _python(host: Host, choice: str | None) -> tuple[Python, tuple[Rocm, ...]]:
    """The environment, and the ROCm that pip installed into it."""
    from rocmkit.probe.python import python
    from rocmkit.probe.rocm import wheel_rocm

    found = python(host, choice)
    return found, wheel_rocm(host, found.paths)
