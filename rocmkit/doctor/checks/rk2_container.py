"""RK204, RK205: what a container was not given."""

from __future__ import annotations

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _nodes
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Access, DeviceNode, Gap, Gpu, System


@check(
    "RK204",
    "docker-no-devices",
    title="The container was started without the GPU's devices",
    severity="error",
    after=("amdgpu-blacklisted", "amdgpu-not-loaded"),
)
def no_devices(system: System, access: Access, gpus: tuple[Gpu, ...]) -> Outcome:
    """This is a container, the GPU is on the PCI bus, and its device files are not in the container.

    ## What it looks at

    Whether this is a container, and whether `/dev/kfd` and a `/dev/dri/renderD*` are in it.

    ## Why it matters

    A container shows the host's PCI bus and kernel modules, but only those devices that it was started with. Everything then looks
    installed, and programs say "no ROCm-capable device is detected".

    ## Fix

    Start the container again with both devices, and with the numbers of the groups that own them on the host. On Proxmox and other LXC
    hosts, add the devices to the container's configuration. In Kubernetes, ask for `amd.com/gpu` through AMD's device plugin.

    ## Safe to ignore when

    The container is not meant to use the GPU.

    ## Sources

    - ROCm/legacy-rocm-build#1798
    - ROCm/ROCm-docker#116
    - ROCm/ROCm-docker#93
    """
    if isinstance(system.container, Gap):
        return skip("it is not known whether this is a container: {detail}", detail=system.container.detail)
    if system.container is None:
        return skip("this is no container")
    if system.wsl is True:
        return skip("this is WSL: containers are given /dev/dxg there")
    there = [node for node in access.nodes if node.kind == "character"]
    kfd = [node for node in there if node.path == "/dev/kfd"]
    ours = {gpu.render_node for gpu in gpus if gpu.render_node}
    render = [node for node in there if node.path.startswith("/dev/dri/renderD") and (not ours or node.path in ours)]
    odd = [node for node in access.nodes if node.kind == "other" and isinstance(node.open, Gap)]
    if not (kfd and render) and odd:
        return skip("it is not known whether {path} is a device", path=odd[0].path)
    lacking = [name for name, nodes in (("/dev/kfd", kfd), ("/dev/dri", render)) if not nodes]
    if not lacking:
        return judge([], *(_nodes.seen(node, access) for node in (*kfd, *render)))
    paths = " and ".join(lacking)
    host = system.container
    if host == "kubernetes":
        text = say("ask for the GPU in the pod's resources (limits: amd.com/gpu: 1); the node needs AMD's device plugin")
    elif host == "lxc":
        text = say(
            "on the host, give the devices to the container and restart it (Proxmox: set CTID first; Incus: add them as unix-char devices)"
        )
    else:
        text = say(
            "on the host, start the container again with these options beside your own (IMAGE: your image; compose: devices, group_add)"
        )
    finding = Finding(
        subject=", ".join(lacking),
        message=say("this {container} container was started without {paths}", container=host, paths=paths),
        confidence="sure",
        seen=(*(Seen(name, "not in the container") for name in lacking), Seen("/sys/bus/pci/devices", f"AMD GPU {advice.place(gpus[0])}")),
        fix=Fix(text=text, commands=_nodes.start(host, access, gpus), verify=("ls -ln /dev/kfd /dev/dri",)),
    )
    return judge([finding])


@check(
    "RK205",
    "container-gid",
    title="The container's user is not in the group that owns the devices",
    severity="error",
    after=("docker-no-devices", "kfd-missing"),
)
def gid(access: Access, gpus: tuple[Gpu, ...], system: System) -> Outcome:
    """The devices are in the container, and belong to a group of the host that the container's user is not in.

    ## What it looks at

    In a container: which of `/dev/kfd` and the GPU's render node refuse to open (EACCES), the number of the group that owns them, and the
    groups of this process. 65534 (nogroup) stands for any group of the host that has no counterpart in a user namespace.

    ## Why it matters

    Groups are numbers to the kernel. The host's `render` may be 992 where the image's `render` is 109, so `--group-add render` gives the
    wrong one. Root in the container works, and everybody else is refused.

    ## Fix

    Start the container with the host's number: `--group-add 992`. Rootless Podman cannot name foreign groups and passes on the ones you
    have: `--group-add keep-groups`.

    ## Safe to ignore when

    Another user of the container runs the GPU programs.

    ## Sources

    - ollama/ollama#6685
    - ROCm/legacy-rocm-build#1549
    - Firstbober/rocm-pytorch-gfx803-docker#4
    """
    if isinstance(system.container, Gap):
        return skip("it is not known whether this is a container: {detail}", detail=system.container.detail)
    host = system.container
    if host is None:
        return skip("this is no container")
    nodes = _nodes.relevant(access, gpus)
    refused = [node for node in nodes if node.open == "EACCES"]
    foreign = [node for node in refused if _foreign(node, access, host)]
    if not foreign:
        unknown = [node.open for node in nodes if isinstance(node.open, Gap)]
        if unknown:
            return skip("it is not known whether the device files open: {detail}", detail=unknown[0].detail)
        if refused:
            return skip("{path} is refused, but not for its group's number: see kfd-permission", path=refused[0].path)
        return judge([], *(_nodes.seen(node, access) for node in nodes if node.open == "ok"))
    return judge([_stranger(foreign, access, gpus, host)])


def _foreign(node: DeviceNode, access: Access, host: str) -> bool:
    if node.gid == _nodes.OVERFLOW:
        return True
    # A system container has logins of its own: there its user joins the group as on any machine.
    if host in {"lxc", "systemd-nspawn"} or access.uid == 0 or node.gid in {None, 0} or not _nodes.group_may(node):
        return False
    return isinstance(access.groups, Gap) or node.gid not in access.groups


def _stranger(nodes: list[DeviceNode], access: Access, gpus: tuple[Gpu, ...], host: str) -> Finding:
    gids = tuple(str(gid) for gid in sorted({node.gid for node in nodes if node.gid is not None}))
    paths = ", ".join(node.path for node in nodes)
    files = " ".join(node.path for node in nodes)
    seen = [_nodes.seen(node, access) for node in nodes]
    if not isinstance(access.groups, Gap):
        seen.append(Seen("id -G", " ".join(map(str, access.groups))))
    if str(_nodes.OVERFLOW) in gids:
        message = say("you may not open {paths}: its group on the host has no counterpart in this user namespace", paths=paths)
        if host == "podman":
            text = say("on the host, be in the owning group, log in anew, and let the container keep your groups (set IMAGE first)")
            commands = ('sudo usermod -aG "$(stat -c %G /dev/kfd)" "$USER"', *_nodes.start(host, access, gpus))
        elif host == "lxc":
            text = say("on the host, pass the devices with a group of the container, and restart it (Proxmox: set CTID first)")
            commands = _nodes.start(host, access, gpus)
        else:
            text = say("on the host, allow the user who starts the container to use the devices; this lasts until the host's next start")
            commands = (f'sudo setfacl -m "u:$USER:rw" {files}',)
    else:
        message = say(
            "you may not open {paths}: it belongs to group {gids} of the host, and the container was not given that group",
            paths=paths,
            gids=", ".join(gids),
        )
        text = say("on the host, start the container again with the number of the group beside your own options, with your image for IMAGE")
        if host == "kubernetes":
            text = say("add the numbers to the pod's securityContext: supplementalGroups: [{gids}]", gids=", ".join(gids))
        commands = _nodes.start(host, access, gpus, gids)
    return Finding(
        subject=paths,
        message=message,
        confidence="sure",
        seen=tuple(seen),
        cause=say("groups are numbers to the kernel, and the host's numbers are not the image's"),
        fix=Fix(
            text=text,
            commands=commands,
            verify=_nodes.opens(nodes),
            root=any("sudo" in command for command in commands),
            relogin=any("usermod" in command for command in commands),
        ),
    )
