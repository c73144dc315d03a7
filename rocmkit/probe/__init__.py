"""Look at a machine: `collect` asks a Host all that `facts` has words for, one function a section, and judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rocmkit.facts import Facts, Gap
from rocmkit.host.base import Host
from rocmkit.probe.gaps import side_by_side


def collect(host: Host, *, python: str | None = None, deadline_s: float = 5.0, progress: Callable[[str], None] | None = None) -> Facts:
    """All that can be known of the machine, within `deadline_s` seconds. Raises nothing: what fails or hangs is a Gap.

    `python` is the interpreter or environment to look at (default: the one in use). `progress` gets the name of each section
    as it is done. Sections run side by side because some read only files and others wait for programs that may hang.
    """
    asks = {name: _asked(ask, host) for name, ask in _SECTIONS.items()}
    asks["python"] = lambda: _python(host, python)
    found = side_by_side(asks, timeout_s=deadline_s, progress=progress)
    topology = found.pop("topology")
    kfd, gpus = (topology, topology) if isinstance(topology, Gap) else topology
    return Facts(kfd=kfd, gpus=gpus, **found)


def _asked(ask: Callable[[Host], Any], host: Host) -> Callable[[], Any]:
    return lambda: ask(host)


# Imported where they are used: that keeps `rocmkit.probe.system` the module's name, and the start of other commands quick.


def _system(host: Host) -> Any:
    from rocmkit.probe.system import system

    return system(host)


def _driver(host: Host) -> Any:
    from rocmkit.probe.driver import driver

    return driver(host)


def _topology(host: Host) -> Any:
    from rocmkit.probe.topology import topology

    return topology(host)


def _access(host: Host) -> Any:
    from rocmkit.probe.access import access

    return access(host)


def _kernel_log(host: Host) -> Any:
    from rocmkit.probe.kernel_log import kernel_log

    return kernel_log(host)


def _runtime(host: Host) -> Any:
    from rocmkit.probe.runtime import runtime

    return runtime(host)


def _rocm(host: Host) -> Any:
    from rocmkit.probe.rocm import rocm

    return rocm(host)


def _python(host: Host, choice: str | None) -> Any:
    from rocmkit.probe.python import python

    return python(host, choice)


def _env(host: Host) -> Any:
    from rocmkit.probe.env import env

    return env(host)


def _env_files(host: Host) -> Any:
    from rocmkit.probe.env import env_files

    return env_files(host)


def _memory(host: Host) -> Any:
    from rocmkit.probe.memory import memory

    return memory(host)


def _tools(host: Host) -> Any:
    from rocmkit.probe.tools import tools

    return tools(host)


_SECTIONS: dict[str, Callable[[Host], Any]] = {
    "system": _system,
    "driver": _driver,
    "topology": _topology,
    "access": _access,
    "kernel_log": _kernel_log,
    "runtime": _runtime,
    "rocm": _rocm,
    "env": _env,
    "env_files": _env_files,
    "memory": _memory,
    "tools": _tools,
}
