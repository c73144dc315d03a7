"""A stand-in for the Python of a machine that was not looked at, so that commands can be written for it."""

from __future__ import annotations

from rocmkit.facts import Python, gap

#: What commands are written for where nothing else is known: all that matters has wheels for it.
_VERSION = "3.12"


def some_python(version: str | None = None) -> Python:
    """A Python of which nothing is known but perhaps its version."""
    unknown = gap("not-executed", "no Python was looked at")
    return Python(
        executable="python3",
        version=version or _VERSION,
        implementation="cpython",
        prefix="",
        kind=None,
        externally_managed=None,
        paths=(),
        packages={},
        duplicates={},
        broken=(),
        torch=unknown,
        libraries=(),
        kernels=(),
        libstdcxx=unknown,
        overlaps=unknown,
        tags={},
        runtimes=unknown,
    )
