"""Who this process is, and whether it may use the GPU's device nodes."""

from __future__ import annotations

import errno
import re
from typing import Literal

from rocmkit.facts import Access, DeviceNode, Gap
from rocmkit.host.base import Host
from rocmkit.probe.confinement import id_map
from rocmkit.probe.gaps import field, from_error, names, text


def access(host: Host) -> Access:
    """The process's groups, and each of /dev/kfd and /dev/dri/renderD* opened for reading and writing and closed again.

    Nothing but an open tells: modes and groups say nothing of device cgroups, SELinux or a driver in reset. Raises NotAsked.
    `promised` holds all that the group file gives, whether the kernel has it already or not.
    """
    who = field(host.identity)
    render = names(host, "/dev/dri", re.compile(r"renderD[0-9]+").fullmatch)
    # A folder that holds no /dev tells nothing of the machine's device nodes.
    tells = host.executes or field(host.exists, "/dev") is True
    paths = ["/dev/kfd", *(f"/dev/dri/{name}" for name in render)]
    return Access(
        uid=who if isinstance(who, Gap) else who.uid,
        groups=who if isinstance(who, Gap) else who.groups,
        promised=who if isinstance(who, Gap) else who.promised,
        group_names={} if isinstance(who, Gap) else who.group_names,
        nodes=tuple(_node(host, path) for path in paths if tells),
        uid_map=field(id_map, host, "uid"),
        gid_map=field(id_map, host, "gid"),
        numbers=_numbers(host),
    )


def _numbers(host: Host) -> dict[str, str]:
    """Major and minor number of each device file. sysfs tells them also where the files themselves were not given to a container."""
    render = names(host, "/sys/class/drm", re.compile(r"renderD[0-9]+").fullmatch)
    files = {"/dev/kfd": "/sys/class/kfd/kfd/dev"} | {f"/dev/dri/{name}": f"/sys/class/drm/{name}/dev" for name in render}
    found = {path: text(host, file) for path, file in files.items()}
    return {path: number for path, number in found.items() if re.fullmatch(r"[0-9]{1,10}:[0-9]{1,10}", number, re.ASCII)}


def _node(host: Host, path: str) -> DeviceNode:
    kind: Literal["character", "other", "missing"] = "other"
    mode, uid, gid = None, None, None
    try:
        found = host.stat(path)
        kind = "character" if found.kind == "character" else "other"
        mode, uid, gid = found.mode, found.uid, found.gid
    except (FileNotFoundError, NotADirectoryError):
        kind = "missing"
    except OSError:  # such as EACCES from SELinux: it is there, and opening it below says why not
        pass
    return DeviceNode(path=path, kind=kind, mode=mode, uid=uid, gid=gid, open=_open(host, path))


def _open(host: Host, path: str) -> str | Gap:
    try:
        host.try_open(path)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "EIO")
    except Exception as error:
        return from_error(error)
    return "ok"
