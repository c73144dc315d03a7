"""The Python environment that programs use: what is installed there, for which GPUs it was built. Nothing of it is imported."""

from __future__ import annotations

import posixpath
import re

from rocmkit.facts import Gap, Python
from rocmkit.host.base import Host, NotAsked
from rocmkit.probe import interpreter, python_libraries
from rocmkit.probe.distributions import distributions
from rocmkit.probe.gaps import field, from_error
from rocmkit.probe.interpreter import Interpreter
from rocmkit.probe.overlaps import overlaps
from rocmkit.probe.runtimes import WANTED, runtimes

_LOOKED_INTO = re.compile(f"{python_libraries.WANTED.pattern}|{WANTED.pattern}")


def python(host: Host, choice: str | None = None) -> Python:
    """The environment at `choice`, or the one in use: see `interpreter.find` for what that is.

    `choice` is an interpreter, an environment's folder or a folder of packages. Raises FileNotFoundError where it is not there,
    TimeoutError and ProcessDied where the interpreter hangs or dies, ValueError where it gives no answer, OSError where its
    packages cannot be read, NotAsked.
    """
    place = interpreter.find(host, choice)
    files_only = not host.executes or posixpath.basename(place.rstrip("/")) in {"site-packages", "dist-packages"}
    found = interpreter.from_files(host, place) if files_only else interpreter.ask(host, interpreter.program(host, place))
    installed = distributions(host, found.paths, own=found.prefix, wanted=_LOOKED_INTO)
    libraries = python_libraries.libraries(host, installed.folders, installed.packages)
    return Python(
        executable=found.executable,
        version=found.version,
        implementation=found.implementation,
        prefix=found.prefix,
        kind="venv" if found.venv else "conda" if found.conda else "system",
        externally_managed=found.externally_managed,
        soabi=found.soabi,
        bits=found.bits,
        paths=installed.paths,
        packages=installed.packages,
        duplicates=installed.duplicates,
        broken=installed.broken,
        torch=python_libraries.torch_build(host, installed.folders, installed.packages),
        libraries=libraries,
        kernels=python_libraries.kernels(host, installed.folders),
        libstdcxx=_libstdcxx(host, found),
        overlaps=field(overlaps, host, installed.metadata),
        tags=python_libraries.tags(host, libraries, installed.metadata),
        runtimes=field(runtimes, host, installed.folders, installed.packages, found.prefix, libraries),
    )


def _libstdcxx(host: Host, found: Interpreter) -> str | None | Gap:
    """The highest GLIBCXX_ of conda's own libstdc++: its interpreter finds that before the system's, in a venv made of it too."""
    if not found.conda:
        return None
    try:
        return host.gpu_code(f"{found.base_prefix}/lib/libstdc++.so.6").glibcxx_provided
    except FileNotFoundError:
        return None
    except (OSError, ValueError, NotAsked) as error:
        return from_error(error)
