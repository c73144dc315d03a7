"""What goes with what among the packages of speech systems, and the queries over it."""

from __future__ import annotations

from functools import cache

from rocmkit.kb._load import document
from rocmkit.kb.values import Row
from rocmkit.kb.versions import series, within
from rocmkit.model import Model


class TorchcodecRelease(Model, kw_only=True):
    """A release series of TorchCodec."""

    torchcodec: str
    """Series, `0.9`."""
    torch: str
    """Specifier on torch."""


class Torchcodec(Row, kw_only=True):
    """TorchCodec's own table of what goes with which torch."""

    index_url: str
    """For `pip install --index-url`: builds that need no CUDA."""
    releases: tuple[TorchcodecRelease, ...]
    """Oldest first."""


class WrongTag(Row, kw_only=True):
    """Wheels that need a newer glibc than they are tagged for."""

    distribution: str
    """Name on the package index."""
    releases: str
    """Specifier on its version."""
    promised: str
    """glibc in the tag of the wheel's file name."""
    needed: str
    """glibc that its libraries ask for."""
    sound: str
    """Specifier on the releases without that fault."""


class Gated(Row, kw_only=True):
    """Models behind a form that have to be asked for on the hub."""

    distribution: str
    """The package that loads them."""
    releases: str
    """Specifier on its version."""
    models: tuple[str, ...]
    """All that have to be agreed to."""


class _File(Model, kw_only=True):
    torchcodec: Torchcodec
    wrong_tags: tuple[WrongTag, ...]
    gated: tuple[Gated, ...]


@cache
def _file() -> _File:
    return document("packages", _File)


def torchcodec() -> Torchcodec:
    """The table of TorchCodec."""
    return _file().torchcodec


def torchcodec_for(torch: str) -> str | None:
    """The newest release series of TorchCodec for a torch (`2.9.1+rocm6.3`); None outside the table."""
    return next((row.torchcodec for row in reversed(torchcodec().releases) if within(row.torch, torch)), None)


def torchcodec_fits(release: str, torch: str) -> bool | None:
    """Whether a TorchCodec (`0.9.1`) goes with a torch; None for a release outside the table."""
    found = series(release)
    return next((within(row.torch, torch) for row in torchcodec().releases if found and series(row.torchcodec) == found), None)


def wrong_tag(distribution: str, version: str) -> WrongTag | None:
    """The row of a wheel that is tagged for an older glibc than it needs; None: none is known."""
    return next((row for row in _file().wrong_tags if row.distribution == distribution and within(row.releases, version)), None)


def gated(distribution: str, version: str) -> Gated | None:
    """The models that a package loads and that have to be asked for; None: none is known."""
    return next((row for row in _file().gated if row.distribution == distribution and within(row.releases, version)), None)
