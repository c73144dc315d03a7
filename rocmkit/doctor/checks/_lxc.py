"""The lines that give the GPU to a container of Proxmox VE, Incus, LXD or plain LXC."""

from __future__ import annotations

import re

from rocmkit.doctor.checks import _idmap, _nodes
from rocmkit.doctor.result import Fix, Text, say
from rocmkit.facts import Access, Gap, Gpu, IdRange, System

#: Where plain LXC and Proxmox VE keep a container's settings.
_PLAIN, _PROXMOX = '"/var/lib/lxc/$CT/config"', '"/etc/pve/lxc/$CTID.conf"'
_GID = 'GID="$(stat -c %g /dev/kfd)"'


def give(system: System, access: Access, gpus: tuple[Gpu, ...], verify: tuple[str, ...]) -> Fix:
    """How the host of this container hands out the GPU. A kernel of Proxmox VE has -pve in its name; 8.1 came with 6.5."""
    kernel = "" if isinstance(system.kernel, Gap) else system.kernel
    version = re.match(r"([0-9]{1,4})\.([0-9]{1,4})", kernel, re.ASCII)
    if not kernel.endswith("-pve"):
        commands = (*_incus(access, gpus), *_classic(access, gpus, _PLAIN, " = "))
        text = say(
            "on the host, set CT to the container's name, run the lines that begin with incus (with LXD: lxc instead of incus),"
            " or, where plain LXC runs it, the other ones, and restart it"
        )
        caution = _beware(access)
    elif version and (int(version[1]), int(version[2])) < (6, 5):
        commands = _classic(access, gpus, _PROXMOX, ": ")
        text = say(
            "on the host, set CTID to the container's number (pct list shows it), put these lines into its configuration, instead of "
            "other lxc.idmap lines, and restart it"
        )
        caution = _beware(access)
    else:
        commands = _proxmox(access, gpus)
        text = say(
            "on the host, set CTID to the container's number (pct list shows it) and run these lines; gid is the number of the group "
            "inside the container"
        )
        caution = _rootly(access) or say("this overwrites dev0 and those after it: take free numbers if the container has such devices")
    return Fix(text=text, commands=commands, verify=verify, root=True, caution=caution)


def _files(gpus: tuple[Gpu, ...]) -> list[str]:
    return ["/dev/kfd", *_nodes.render(gpus)]


def _proxmox(access: Access, gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    devices = " ".join(f"-dev{index} {path},gid={_nodes.inside(access)}" for index, path in enumerate(_files(gpus)))
    return (f'sudo pct set "$CTID" {devices}', 'sudo pct reboot "$CTID"')


def _incus(access: Access, gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    gid = _nodes.inside(access)
    return tuple(
        f'incus config device add "$CT" {path.rpartition("/")[2]} unix-char source={path} path={path} gid={gid}' for path in _files(gpus)
    )


def _classic(access: Access, gpus: tuple[Gpu, ...], file: str, equals: str) -> tuple[str, ...]:
    """Lines of lxc.container.conf(5). In an unprivileged container the host's group needs a place in the map of groups."""
    lines = [f"lxc.cgroup2.devices.allow{equals}c {_number(access, path)} rwm" for path in _files(gpus)]
    lines += [f"lxc.mount.entry{equals}{path} {path[1:]} none bind,optional,create=file 0 0" for path in _files(gpus)]
    before: tuple[str, ...] = ()
    maps = _maps(access)
    if maps:
        users, groups, own = maps
        lines += [f"lxc.idmap{equals}u {r.inside} {r.outside} {r.count}" for r in users]
        every = sorted((*groups, IdRange(inside=own, outside=-1, count=1)), key=lambda r: r.inside)
        lines += [f"lxc.idmap{equals}g {r.inside} {'$GID' if r.outside < 0 else r.outside} {r.count}" for r in every]
        before = (
            _GID,
            'grep -qx "root:$GID:1" /etc/subgid || echo "root:$GID:1" | sudo tee -a /etc/subgid',
            *([f"sudo sed -i.bak '/^lxc\\.idmap/d' {file}"] if file == _PLAIN else []),
        )
    words = " ".join(f'"{line}"' for line in lines)
    return (*before, f"printf '%s\\n' {words} | sudo tee -a {file}")


def _maps(access: Access) -> tuple[tuple[IdRange, ...], tuple[IdRange, ...], int] | None:
    """The users' map, the groups' map with a hole, and the id that fills it; None where nothing is mapped or that is not known.

    The true number of the host's group is not visible in here, where it shows as nogroup: the host's shell puts it in for `$GID`.
    """
    users, groups, own = access.uid_map, access.gid_map, int(_nodes.inside(access))
    if isinstance(users, Gap) or isinstance(groups, Gap) or not own:
        return None
    if not _idmap.sound(users) or not _idmap.sound(groups) or _idmap.identity(groups) or _idmap.outside(groups, own) is None:
        return None
    return users, _idmap.without(groups, own), own


def _number(access: Access, path: str) -> str:
    """MAJOR:MINOR of a device file; the major number of /dev/kfd is given out anew at each start."""
    if re.fullmatch(r"[0-9]{1,10}:[0-9]{1,10}", known := access.numbers.get(path, ""), re.ASCII):
        return known
    minor = re.fullmatch(r"/dev/dri/renderD([0-9]{1,7})", path, re.ASCII)
    return f"226:{minor[1]}" if minor else "$(cat /sys/class/kfd/kfd/dev)"


def _rootly(access: Access) -> Text | None:
    """What it means that the container has no group for the GPU."""
    if _nodes.inside(access) != "0":
        return None
    return say(
        "the container has no group render: with gid 0 only its root may use the GPU (sudo groupadd --system render makes the group)"
    )


def _beware(access: Access) -> Text:
    maps = _maps(access)
    if rootly := _rootly(access):
        return rootly
    if maps is None:
        return say("the number of /dev/kfd can change when the host starts anew: look at /sys/class/kfd/kfd/dev there")
    return say(
        "with these lines of lxc.idmap group {gid} of the container becomes the host's own group, and files that it has there now"
        " turn to nogroup; the number of /dev/kfd can change when the host starts anew",
        gid=maps[2],
    )
