"""RK204, RK205: what a container was not given."""

from __future__ import annotations

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _idmap, _lxc, _nodes
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
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

    Start the container again with both devices, and with the numbers of the groups that own them on the host. On LXC hosts, add the
    devices to the container's configuration: Proxmox VE from 8.1 on takes `dev0: /dev/kfd,gid=104`, Incus and LXD a `unix-char` device
    with `gid=104`, where 104 is the number of `render` inside the container. Plain LXC wants `lxc.cgroup2.devices.allow` with the
    numbers of the device, and `lxc.mount.entry`. In Kubernetes, ask for `amd.com/gpu` through AMD's device plugin.

    ## Safe to ignore when

    The container is not meant to use the GPU.

    ## Sources

    - ROCm/legacy-rocm-build#1798
    - ROCm/ROCm-docker#116
    - ROCm/ROCm-docker#93
    - https://pve.proxmox.com/pve-docs/pct.conf.5.html
    - https://linuxcontainers.org/lxc/manpages/man5/lxc.container.conf.5.html
    - https://linuxcontainers.org/incus/docs/main/reference/devices_unix_char/
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
    # What may not even be looked at is there: SELinux keeps it back.
    odd = [node for node in access.nodes if node.kind == "other" and (node.mode is None or isinstance(node.open, Gap))]
    if not (kfd and render) and odd:
        return skip("it is not known whether {path} is a device", path=odd[0].path)
    lacking = [name for name, nodes in (("/dev/kfd", kfd), ("/dev/dri", render)) if not nodes]
    if not lacking:
        return judge([], *(_nodes.seen(node, access) for node in (*kfd, *render)))
    paths = " and ".join(lacking)
    host = system.container
    if host == "kubernetes":
        text = say("ask for the GPU in the pod's resources (limits: amd.com/gpu: 1); the node needs AMD's device plugin")
    else:
        text = say(
            "on the host, start the container again with these options beside your own (IMAGE: your image; compose: devices, group_add)"
        )
    verify = ("ls -ln /dev/kfd /dev/dri",)
    fix = Fix(text=text, commands=_nodes.start(host, gpus), verify=verify)
    finding = Finding(
        subject=", ".join(lacking),
        message=say("this {container} container was started without {paths}", container=host, paths=paths),
        confidence="sure",
        seen=(*(Seen(name, "not in the container") for name in lacking), Seen("/sys/bus/pci/devices", f"AMD GPU {advice.place(gpus[0])}")),
        fix=_lxc.give(system, access, gpus, verify) if host == "lxc" else fix,
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
    have: `--group-add keep-groups`. Rootless Docker passes on none: give its user the devices with `setfacl`. In an unprivileged
    container of Proxmox VE, Incus or LXD, hand the devices out with `gid=` and the number of the container's own group. Plain LXC
    binds the host's file: split `lxc.idmap` so that the container's `render` stands for the host's number, and allow root that number
    in `/etc/subgid` (`root:992:1`). Read it on the host: in the container it shows as 65534.

    ## Safe to ignore when

    Another user of the container runs the GPU programs.

    ## Sources

    - ollama/ollama#6685
    - ROCm/legacy-rocm-build#1549
    - Firstbober/rocm-pytorch-gfx803-docker#4
    - ROCm/k8s-device-plugin#39
    - https://pve.proxmox.com/wiki/Unprivileged_LXC_containers
    - https://linuxcontainers.org/lxc/manpages/man5/lxc.container.conf.5.html
    - https://docs.podman.io/en/latest/markdown/podman-run.1.html
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
    return judge([_stranger(foreign, access, gpus, system, host)])


def _foreign(node: DeviceNode, access: Access, host: str) -> bool:
    if node.gid == _nodes.OVERFLOW:
        return True
    # A system container has logins of its own: there its user joins the group as on any machine.
    if host in {"lxc", "systemd-nspawn"} or access.uid == 0 or node.gid in {None, 0} or not _nodes.group_may(node):
        return False
    return isinstance(access.groups, Gap) or node.gid not in access.groups


def _stranger(nodes: list[DeviceNode], access: Access, gpus: tuple[Gpu, ...], system: System, host: str) -> Finding:
    gids = tuple(str(gid) for gid in sorted({node.gid for node in nodes if node.gid is not None}))
    paths = ", ".join(node.path for node in nodes)
    files = " ".join(node.path for node in nodes)
    seen = [_nodes.seen(node, access) for node in nodes]
    if not isinstance(access.groups, Gap):
        seen.append(Seen("id -G", " ".join(map(str, access.groups))))
    caution: Text | None = None
    if str(_nodes.OVERFLOW) in gids:
        message = say("you may not open {paths}: its group on the host has no counterpart in this user namespace", paths=paths)
        if host == "podman":
            text = say("on the host, be in the owning group, log in anew, and let the container keep your groups (set IMAGE first)")
            commands = ('sudo usermod -aG "$(stat -c %G /dev/kfd)" "$USER"', *_nodes.start(host, gpus))
        elif host == "docker" and _remapped(access):
            text = say("Docker remaps users here (userns-remap): on the host, start the container without that, with your image for IMAGE")
            commands = _nodes.start(host, gpus, options="--userns=host")
            caution = say("root in this container is then the host's root")
        else:
            text = say("on the host, allow the user who starts the container to use the devices; this lasts until the host's next start")
            commands = (f'sudo setfacl -m "u:{_starter(access)}:rw" {files}',)
    else:
        message = say(
            "you may not open {paths}: it belongs to group {gids} of the host, and the container was not given that group",
            paths=paths,
            gids=", ".join(gids),
        )
        text = say("on the host, start the container again with the number of the group beside your own options, with your image for IMAGE")
        if host == "kubernetes":
            text = say("add the numbers to the pod's securityContext: supplementalGroups: [{gids}]", gids=", ".join(gids))
        commands = _nodes.start(host, gpus, gids)
    fix = Fix(
        text=text,
        commands=commands,
        verify=_nodes.opens(nodes),
        root=any("sudo" in command for command in commands),
        relogin=any("usermod" in command for command in commands),
        caution=caution,
    )
    return Finding(
        subject=paths,
        message=message,
        confidence="sure",
        seen=tuple(seen),
        cause=say("groups are numbers to the kernel, and the host's numbers are not the image's"),
        fix=_lxc.give(system, access, gpus, _nodes.opens(nodes)) if host == "lxc" else fix,
    )


def _remapped(access: Access) -> bool:
    """Whether root in here stands at the head of a whole range of ids, as with userns-remap. Rootless engines map root alone."""
    first = None if isinstance(access.uid_map, Gap) else next((r for r in access.uid_map if r.inside == 0), None)
    return first is not None and first.count > 1 and first.outside > 0


def _starter(access: Access) -> str:
    """The user that runs a rootless engine: root in here is that user outside."""
    outside = None if isinstance(access.uid_map, Gap) else _idmap.outside(access.uid_map, 0)
    return str(outside) if outside else "$USER"
