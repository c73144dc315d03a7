"""The packages that bring what a build needs, for one toolchain and distribution. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from rocmkit import kb
from rocmkit.build.toolchain import Toolchain
from rocmkit.kb.build import Need
from rocmkit.kb.versions import series, within
from rocmkit.model import Model

_INSTALL: dict[str, tuple[str, ...]] = {
    "apt": ("apt-get", "install", "-y"),
    "dnf": ("dnf", "install", "-y"),
    "zypper": ("zypper", "--non-interactive", "install"),
    "pacman": ("pacman", "-S", "--needed", "--noconfirm"),
}


class Packages(Model, kw_only=True):
    """What to install."""

    system: tuple[str, ...]  # by the distribution's package manager
    pip: tuple[str, ...]  # into the environment that holds a ROCm of pip
    unnamed: tuple[str, ...]  # needs of which no package is known here


def applies(need: Need, toolchain: Toolchain) -> bool:
    """Whether the toolchain's ROCm has such a thing at all."""
    return not need.rocm or within(need.rocm, toolchain.version)


def packages(needs: Iterable[str], toolchain: Toolchain) -> Packages:
    """The packages of needs as recipes write them, each once, in their order. A need that is none is left out."""
    system: dict[str, None] = {}
    pip: dict[str, None] = {}
    unnamed: dict[str, None] = {}
    for wanted in needs:
        found = kb.build_need(wanted)
        if found is None or not applies(found[0], toolchain):
            continue
        by = found[0].packages.get("any") or found[0].packages.get(toolchain.layout, {})
        if own := by.get("pip"):
            pip |= dict.fromkeys(own)
            continue
        names = [_filled(name, toolchain) for name in _named(found[0], toolchain)]
        if names and all(names):
            system |= {name: None for name in names if name}
        else:
            unnamed[wanted.partition(">=")[0].strip()] = None
    return Packages(system=tuple(system), pip=tuple(pip), unnamed=tuple(unnamed))


def install_command(wanted: Packages, toolchain: Toolchain, *, root: bool) -> str | None:
    """One command line that installs them all; None where there is nothing to install, or nothing is known to install it with."""
    commands = []
    if wanted.system and (how := _INSTALL.get(toolchain.distribution.manager or "")):
        commands.append(shlex.join((*(() if root else ("sudo",)), *how, *wanted.system)))
    if wanted.pip:
        commands.append(shlex.join((toolchain.python.executable, "-m", "pip", "install", *wanted.pip)))
    return " && ".join(commands) or None


def _named(need: Need, toolchain: Toolchain) -> tuple[str, ...]:
    """The names that the distribution has; empty: none known."""
    system = toolchain.distribution
    if own := need.named.get(f"{system.id} {system.version}"):
        return own
    by = need.packages.get("any") or need.packages.get(toolchain.layout, {})
    return next((names for manager, names in by.items() if manager == system.manager), ())


def _filled(name: str, toolchain: Toolchain) -> str | None:
    """A name with its placeholders filled in; None where a version that it holds is not known."""
    clang = re.search(r"/llvm-([0-9]{1,3})/bin$", toolchain.llvm) or re.match(r"([0-9]{1,3})\.", toolchain.compiler or "")
    python = series(toolchain.python.version)
    if ("{clang}" in name and not clang) or ("{python}" in name and not python):
        return None
    return name.replace("{clang}", clang[1] if clang else "").replace("{python}", ".".join(map(str, python or ())))
