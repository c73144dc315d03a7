"""Commands fitted to the machine that was looked at: its distribution, its Python environment."""

from __future__ import annotations

import shlex

from rocmkit.facts import Gap, Python, System

_FAMILIES = {
    "debian": ("debian", "ubuntu", "linuxmint", "pop", "raspbian"),
    "rhel": ("rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn"),
    "suse": ("suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles"),
    "arch": ("arch", "manjaro", "endeavouros", "cachyos"),
}


def family(system: System | Gap) -> str | None:
    """debian, rhel, suse or arch; None where os-release names none of them."""
    if isinstance(system, Gap) or isinstance(system.os, Gap):
        return None
    names = (system.os.id or "", *system.os.like)
    return next((name for name, members in _FAMILIES.items() if any(n in members for n in names)), None)


def distribution(system: System | Gap) -> tuple[str, str] | None:
    """(id, version) of os-release: ("ubuntu", "22.04")."""
    if isinstance(system, Gap) or isinstance(system.os, Gap) or not system.os.id:
        return None
    return system.os.id, system.os.version or ""


def install(system: System | Gap, **packages: str) -> tuple[str, ...]:
    """The command that installs a package: install(system, debian="ffmpeg", rhel="ffmpeg-free"). Empty where the family has none."""
    here = family(system)
    names = packages.get(here or "")
    if not names:
        return ()
    tool = {"debian": "apt-get install -y", "rhel": "dnf install -y", "suse": "zypper install -y", "arch": "pacman -S --needed"}[here or ""]
    return (f"sudo {tool} {names}",)


def rebuild_initramfs(system: System | Gap) -> tuple[str, ...]:
    """The command that writes the boot image anew; empty where the family is not known."""
    command = {"debian": "sudo update-initramfs -u", "rhel": "sudo dracut -f", "suse": "sudo dracut -f", "arch": "sudo mkinitcpio -P"}
    here = family(system)
    return (command[here],) if here else ()


def quote(path: str) -> str:
    """`path` as one word of a shell command; a leading `~/` stays outside the quotes so that the shell expands it."""
    return "~/" + shlex.quote(path[2:]) if path.startswith("~/") and len(path) > 2 else shlex.quote(path)


def pip(python: Python, arguments: str) -> tuple[str, ...]:
    """pip commands for the environment that was asked about; a venv first where its own pip refuses to install (PEP 668)."""
    if python.externally_managed and python.kind == "system":
        return (f"{quote(python.executable)} -m venv ~/rocm-venv", f"~/rocm-venv/bin/python -m pip {arguments}")
    return (f"{quote(python.executable)} -m pip {arguments}",)


def python_minor(python: Python) -> str:
    """ "3.10" of "3.10.12"."""
    return ".".join(python.version.split(".")[:2])
