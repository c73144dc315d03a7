"""What several checks ask of the device files: which matter, who owns them."""

from __future__ import annotations

from rocmkit.doctor.result import Seen
from rocmkit.facts import Access, DeviceNode, Gap, Gpu

#: The number that stands for every group without a counterpart in this user namespace (nogroup).
OVERFLOW = 65534


def relevant(access: Access, gpus: tuple[Gpu, ...]) -> list[DeviceNode]:
    """/dev/kfd and the AMD GPUs' render nodes, as far as they exist; another maker's GPU has a render node too."""
    ours = {gpu.render_node for gpu in gpus}
    return [node for node in access.nodes if node.kind != "missing" and (node.path == "/dev/kfd" or node.path in ours)]


def unseen(nodes: list[DeviceNode], gpus: tuple[Gpu, ...]) -> str | None:
    """A file that ROCm needs and that is not among `nodes`."""
    needed = ["/dev/kfd", *(gpu.render_node for gpu in gpus if gpu.render_node and gpu.kfd_node is not None)]
    paths = {node.path for node in nodes}
    return next((path for path in needed if path not in paths), None)


def group_name(access: Access, gid: int) -> str | None:
    """The name that the group file has for a number."""
    return next((name for name, number in sorted(access.group_names.items()) if number == gid), None)


def group_may(node: DeviceNode) -> bool:
    """Whether the mode lets the owning group read and write; not known counts as yes."""
    try:
        return node.mode is None or int(node.mode, 8) & 0o060 == 0o060
    except ValueError:
        return True


def seen(node: DeviceNode, access: Access) -> Seen:
    """How opening went, and who owns the file."""
    name = group_name(access, node.gid) if node.gid is not None else None
    owner = f"mode {node.mode}, group {node.gid}" + (f" ({name})" if name else "")
    went = "" if isinstance(node.open, Gap) else "opens; " if node.open == "ok" else f"open: {node.open}; "
    return Seen(node.path, went + owner)


def inside(access: Access) -> str:
    """The number of a group of this container that its users join for the GPU; 0, which is root's, where it has none."""
    return str(access.group_names.get("render", access.group_names.get("video", 0)))


def render(gpus: tuple[Gpu, ...]) -> list[str]:
    """The GPUs' render nodes; where none is known, the first that a kernel makes."""
    return list(dict.fromkeys(gpu.render_node for gpu in gpus if gpu.render_node)) or ["/dev/dri/renderD128"]


def start(host: str, gpus: tuple[Gpu, ...], groups: tuple[str, ...] = (), options: str = "") -> tuple[str, ...]:
    """The command that starts a container of this kind with the GPU; LXC's are configured instead, see _lxc.

    `groups`: numbers of the host; without, the shell asks there. `options`: more of them for docker and podman.
    """
    if host in {"kubernetes", "lxc"}:
        return ()
    if host == "systemd-nspawn":
        allow = '--property="DeviceAllow=char-kfd rw" --property="DeviceAllow=char-drm rw"'
        return (f'sudo systemd-nspawn --bind=/dev/kfd --bind=/dev/dri {allow} -D "$IMAGE"',)
    tool = "podman" if host == "podman" else "docker"
    asked = ('"$(stat -c %g /dev/kfd)"', f'"$(stat -c %g {render(gpus)[0]})"')
    named = groups or (("keep-groups",) if tool == "podman" else asked)
    added = " ".join([*(f"--group-add {group}" for group in named), *([options] if options else [])])
    return (f'{tool} run -it --device=/dev/kfd --device=/dev/dri {added} "$IMAGE"',)


def opens(nodes: list[DeviceNode]) -> tuple[str, ...]:
    """Commands that show whether files open."""
    return tuple(f"test -r {node.path} && test -w {node.path} && echo {node.path} opens" for node in nodes)
