"""For which builds something is: what recipes, and the routes that offer them, say of some builds alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rocmkit.kb.targets import base
from rocmkit.kb.versions import within
from rocmkit.model import Model

#: Where a ROCm has its parts. amd: AMD's packages below /opt/rocm*. core: the ROCm Core SDK, /opt/rocm/core. debian: a distribution's own
#: packages below /usr. wheel: pip's ROCm SDK.
Layout = Literal["amd", "core", "debian", "wheel"]
LAYOUTS: tuple[Layout, ...] = ("amd", "core", "debian", "wheel")


class When(Model, kw_only=True):
    """For which builds something is: all that is named has to hold."""

    arch: tuple[str, ...] = ()  # base names, gfx906; it holds where any of the build's architectures is among them. Empty: any
    rocm: str = ""  # specifier on the ROCm that is built with, <7. Empty: any
    layout: tuple[Layout, ...] = ()  # where that ROCm's parts lie. Empty: any


ALWAYS = When()


class Note(Model, kw_only=True):
    """A sentence that is true of some builds alone."""

    when: When
    text: str


def holds(when: When, *, archs: Iterable[str], rocm: str, layouts: Iterable[str]) -> bool:
    """Whether something is for builds for these targets, with that release of ROCm in one of these layouts."""
    return (
        (not when.arch or bool({*when.arch} & {base(one) for one in archs}))
        and (not when.rocm or within(when.rocm, rocm))
        and (not when.layout or bool({*when.layout} & {*layouts}))
    )


def said(texts: Iterable[str | Note], *, archs: Iterable[str], rocm: str, layouts: Iterable[str]) -> tuple[str, ...]:
    """The sentences that are true of such builds, in their order."""
    targets, places = tuple(archs), tuple(layouts)
    return tuple(
        one if isinstance(one, str) else one.text
        for one in texts
        if isinstance(one, str) or holds(one.when, archs=targets, rocm=rocm, layouts=places)
    )
