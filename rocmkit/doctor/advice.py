"""Commands fitted to the machine that was looked at: its distribution, its Python environment, its user, its container."""

from __future__ import annotations

import re
import shlex

import msgspec

from rocmkit.doctor.result import Fix, Text, say
from rocmkit.facts import EnvLine, Facts, Gap, Gpu, Python, System

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
    """`path` as one word of a shell command. What stands for a name, `~/`, `$USER` and `$HOSTNAME`, is left for the shell to expand."""
    if "$USER" in path or "$HOSTNAME" in path:
        head, rest = ("~/", path[2:]) if path.startswith("~/") else ("", path)
        return head + '"' + re.sub(r'(["\\`]|\$(?!USER\b|HOSTNAME\b))', r"\\\1", rest) + '"'
    return "~/" + shlex.quote(path[2:]) if path.startswith("~/") and len(path) > 2 else shlex.quote(path)


def pip(python: Python, arguments: str) -> tuple[str, ...]:
    """pip commands for the environment that was asked about; a venv first where its own pip refuses to install (PEP 668).

    A venv without pip is one of uv's, whose own command takes the same words, but asks nothing that `-y` could answer.
    """
    if python.externally_managed and python.kind == "system":
        return (f"{quote(python.executable)} -m venv ~/rocm-venv", f"~/rocm-venv/bin/python -m pip {arguments}")
    if python.kind == "venv" and "pip" not in python.packages:
        verb, _, rest = arguments.partition(" ")
        return (f"uv pip {verb} --python {quote(python.executable)} {rest.removeprefix('-y ')}".rstrip(),)
    return (f"{quote(python.executable)} -m pip {arguments}",)


def interpreter(python: Python) -> str:
    """The interpreter that `pip` installs for, as a word of a shell command."""
    return "~/rocm-venv/bin/python" if python.externally_managed and python.kind == "system" else quote(python.executable)


def python_minor(python: Python) -> str:
    """ "3.10" of "3.10.12", and "3.13t" where that Python is free-threaded: as wheels name it."""
    free = re.match(r"cpython-[0-9]+t(?![a-z])", python.soabi or "")
    return ".".join(python.version.split(".")[:2]) + ("t" if free else "")


def container(system: System | Gap) -> str | None:
    """docker, podman, lxc, …; None where the machine was not looked at from inside a container, or where that is not known."""
    return None if isinstance(system, Gap) or isinstance(system.container, Gap) else system.container


def place(gpu: Gpu) -> str:
    """The name of one GPU in a finding: its PCI address, else its render node, else its KFD node."""
    return gpu.pci or gpu.render_node or (f"KFD node {gpu.kfd_node}" if gpu.kfd_node is not None else gpu.gfx or "GPU")


def integrated(gpu: Gpu) -> bool:
    """Whether this is a processor's small companion. An MI300A shares its package with a processor too, and is none."""
    return gpu.integrated is True and not (gpu.gfx or "").startswith(("gfx94", "gfx95"))


def set_boot_parameter(system: System | Gap, parameter: str) -> tuple[str, ...]:
    """Commands that add a kernel parameter for the next boot; empty where the family is not known. All but rhel assume GRUB."""
    here = family(system)
    if here == "rhel":
        return (f"sudo grubby --update-kernel=ALL --args={shlex.quote(parameter)}",)
    if (distribution(system) or ("",))[0] == "pop":
        return (f"sudo kernelstub --add-options {shlex.quote(parameter)}",)
    script = f's/^GRUB_CMDLINE_LINUX="/&{_replacement(parameter)} /'
    return (f"sudo sed -i.bak {shlex.quote(script)} /etc/default/grub", _GRUB[here]) if here in _GRUB else ()


def drop_boot_parameter(system: System | Gap, parameter: str, *, instead: str = "") -> tuple[str, ...]:
    """Commands that take a kernel parameter away (or put another in its place) for the next boot."""
    here = family(system)
    if here == "rhel":
        more = f" --args={shlex.quote(instead)}" if instead else ""
        return (f"sudo grubby --update-kernel=ALL --remove-args={shlex.quote(parameter)}{more}",)
    if (distribution(system) or ("",))[0] == "pop":
        add = (f"sudo kernelstub --add-options {shlex.quote(instead)}",) if instead else ()
        return (f"sudo kernelstub --delete-options {shlex.quote(parameter)}", *add)
    script = f"s/{_pattern(parameter)}/{_replacement(instead)}/g"
    return (f"sudo sed -i.bak {shlex.quote(script)} /etc/default/grub", _GRUB[here]) if here in _GRUB else ()


def comment_out(line: EnvLine) -> tuple[str, ...]:
    """Commands that comment out the lines of a start-up file that name a variable; the old file stays beside it with `.bak`."""
    sudo = "" if line.file.startswith("~/") else "sudo "
    script = f"/\\b{_pattern(line.name)}\\b/s/^/# /"
    reload = ("sudo systemctl daemon-reload",) if "/systemd/" in line.file and sudo else ()
    return (f"{sudo}sed -i.bak {shlex.quote(script)} {quote(line.file)}", *reload)


#: Kinds of containers that are thrown away, and what was installed inside with them.
_FLEETING = frozenset({"docker", "podman", "kubernetes", "container"})
_SUDO = re.compile(r"(?:(?<=\| )|^)sudo ")
_PIP = re.compile(r" -m (pip|venv) |^conda install ")


def fitted(fix: Fix, facts: Facts) -> Fix:
    """The fix as this user on this machine carries it out: without sudo for root, and with what a container or Conda makes of it."""
    host = container(facts.system)
    commands, caution = fix.commands, fix.caution
    if _is_root(facts) and host is None:
        commands = tuple(_SUDO.sub("", command) for command in commands)
    if caution is None and any(_PIP.search(command) for command in commands):
        caution = _lasts(host, facts.python)
    return msgspec.structs.replace(fix, commands=commands, caution=caution)


def _is_root(facts: Facts) -> bool:
    """Whether this process is the machine's root, who may lack sudo. In a user namespace its root is somebody else outside."""
    system, access = facts.system, facts.access
    if isinstance(system, Gap) or isinstance(access, Gap):
        return False
    return access.uid == 0 and system.user_namespace is False


def _lasts(host: str | None, python: Python | Gap) -> Text | None:
    """What to beware of when packages are changed here."""
    if host in _FLEETING:
        return say("this changes the container and is gone with it: put it into the recipe of its image as well")
    if not isinstance(python, Gap) and python.kind == "conda":
        return say("conda does not see what pip changes: what conda itself installed (conda list names it) is taken out with conda remove")
    return None


_GRUB = {
    "debian": "sudo update-grub",
    "suse": "sudo grub2-mkconfig -o /boot/grub2/grub.cfg",
    "arch": "sudo grub-mkconfig -o /boot/grub/grub.cfg",
}


def _pattern(text: str) -> str:
    """`text` as itself in a basic regular expression of sed."""
    return re.sub(r"[].*^$/\\[]", r"\\\g<0>", text)


def _replacement(text: str) -> str:
    """`text` as itself in the replacement of sed's s command."""
    return re.sub(r"[\\/&]", r"\\\g<0>", text)
