"""RK201, RK202: whether the device files that ROCm works through are there, and may be opened."""

from __future__ import annotations

from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _nodes
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Access, DeviceNode, Driver, Gap, Gpu, Kfd, System

#: What leaves a system without /dev/kfd.
_ROOTS = ("amdgpu-blacklisted", "secure-boot-blocks-dkms", "amdgpu-not-loaded", "docker-no-devices")
_LOG = 'sudo dmesg | grep -iE "amdgpu|kfd" | tail -n 40'


@check(
    "RK201",
    "kfd-permission",
    title="This user may not open the GPU's device files",
    severity="error",
    after=(*_ROOTS, "kfd-missing", "container-gid", "selinux"),
)
def permission(access: Access, gpus: tuple[Gpu, ...], system: System | Gap) -> Outcome:
    """`/dev/kfd` or the GPU's render node is there, and this user is not allowed to open it.

    ## What it looks at

    The result of opening `/dev/kfd` and the AMD GPUs' `/dev/dri/renderD*` for reading and writing, the number of the group that owns
    each, the groups that the kernel gives this process, and the groups that the group file promises the user.

    ## Why it matters

    ROCm needs both files. Refused, it does not say so: programs report no GPU, or HSA_STATUS_ERROR_OUT_OF_RESOURCES. Which group owns
    the files depends on the distribution (render, video or both), so this check goes by the owner's number and not by a name.

    ## Fix

    Become a member of the owning group, then log in anew: groups are given out at login only. If the group file already has you in the
    group, logging in anew is all that is missing.

    ## Safe to ignore when

    Another user runs the GPU programs: then check as that user.

    ## Sources

    - ROCm/rocminfo#34
    - ROCm/legacy-rocm-build#1211
    - viebrix/pytorch-gfx803-for-Whisper#1
    """
    nodes = _nodes.relevant(access, gpus)
    refused = [node for node in nodes if node.open == "EACCES"]
    unknown = [node.open for node in nodes if isinstance(node.open, Gap)]
    if not refused:
        if unknown:
            return skip("it is not known whether the device files open: {detail}", detail=unknown[0].detail)
        closed = [node for node in nodes if node.open != "ok" or node.kind != "character"]
        if closed:
            return skip("{path} is not a device that opens ({errno})", path=closed[0].path, errno=str(closed[0].open))
        if lacking := _nodes.unseen(nodes, gpus):
            return skip("{path} was not looked at", path=lacking)
        return judge([], *(_nodes.seen(node, access) for node in nodes))
    ways: dict[str, list[DeviceNode]] = {}
    for node in refused:
        ways.setdefault(_way(node, access, system), []).append(node)
    return judge([_refusal(way, group, access) for way, group in ways.items()])


def _way(node: DeviceNode, access: Access, system: System | Gap) -> str:
    """Which way out of EACCES is the one for this node."""
    mapped = isinstance(system, Gap) or system.user_namespace is not False
    if node.gid == _nodes.OVERFLOW or (access.uid == 0 and mapped):
        return "namespace"
    if access.uid == 0:
        return "root"
    if isinstance(access.groups, Gap) or node.gid is None:
        return "unknown"
    if not _nodes.group_may(node):
        return "mode"
    if node.gid in access.groups:
        return "confined"
    if not isinstance(access.promised, Gap) and node.gid in access.promised:
        return "login"
    if node.gid == 0:
        return "mode"
    return "join" if _nodes.group_name(access, node.gid) else "nameless"


def _refusal(way: str, nodes: list[DeviceNode], access: Access) -> Finding:
    subject = ", ".join(node.path for node in nodes)
    gids = sorted({node.gid for node in nodes if node.gid is not None})
    groups = ",".join(sorted(name for gid in gids if (name := _nodes.group_name(access, gid))))
    numbers = ", ".join(map(str, gids))
    verify = _nodes.opens(nodes)
    cause: Text | None = None
    if way == "join":
        message = say("you may not open {paths}: the owner is group {groups}, and you are not in it", paths=subject, groups=groups)
        fix = _join(groups, verify)
    elif way == "nameless":
        made = ",".join(f"gpu{gid}" for gid in gids)
        message = say(
            "you may not open {paths}: it belongs to group {numbers}, which has no name in the group file", paths=subject, numbers=numbers
        )
        fix = Fix(
            text=say("give the group a name, join it, then log out and in again; for a service, name the service's user"),
            commands=(*(f"sudo groupadd --gid {gid} gpu{gid}" for gid in gids), f'sudo usermod -aG {made} "$USER"'),
            verify=verify,
            root=True,
            relogin=True,
        )
    elif way == "login":
        message = say(
            "you may not open {paths}: you were added to group {groups}, but this login began before that",
            paths=subject,
            groups=groups or numbers,
        )
        again = f"newgrp {groups}" if groups and "," not in groups else 'su - "$USER"'
        cause = say("groups are given out at login; tmux, a desktop session or a service keeps the old ones until it is started anew")
        text = say("log out of the whole session and in again, or go on in the new shell of this command; restart a service")
        fix = Fix(text=text, commands=(again,), verify=verify, relogin=True)
    elif way == "mode":
        message = say(
            "you may not open {paths}: mode {mode}, group {numbers} lets nobody but root",
            paths=subject,
            mode=str(nodes[0].mode),
            numbers=numbers,
        )
        cause = say("no udev rule gave the file to a group: the packages that bring one are not installed, or udev did not run")
        fix = _rule(nodes, access, verify)
    elif way in {"confined", "root"}:
        message = say("{paths} does not open, though this user is in group {groups} that owns it", paths=subject, groups=groups or numbers)
        if way == "root":
            message = say("{paths} does not open, not even for root", paths=subject)
        cause = say(
            "something besides the file's mode refuses it: SELinux, AppArmor, dropped capabilities, or a sandbox around this program"
        )
        fix = Fix(
            text=say("see what refused it"), commands=('sudo dmesg | grep -iE "apparmor|avc" | tail -n 20',), verify=verify, root=True
        )
    elif way == "namespace":
        message = say("{paths} does not open: this process lives in a user namespace where the owner's group means nothing", paths=subject)
        cause = say("in a user namespace (rootless container, sandbox) even root is nobody to files that belong to the host's groups")
        fix = Fix(
            text=say(
                "let the user who starts the container or sandbox into the owning group on the host, and let it keep that group inside"
            ),
            commands=('sudo usermod -aG "$(stat -c %G /dev/kfd)" "$USER"',),
            verify=verify,
            root=True,
            relogin=True,
            caution=say("run the command on the host, as the user who starts the container"),
        )
    else:
        message = say("you may not open {paths}; which groups this process has is not known", paths=subject)
        files = " ".join(node.path for node in nodes)
        fix = Fix(text=say("compare the group of the file with yours"), commands=(f"stat -c '%n %a %u %g' {files}", "id"), verify=verify)
    seen = [_nodes.seen(node, access) for node in nodes]
    if not isinstance(access.groups, Gap):
        seen.append(Seen("id -G", " ".join(map(str, access.groups))))
    return Finding(subject=subject, message=message, confidence="sure", seen=tuple(seen), cause=cause, fix=fix)


def _join(groups: str, verify: tuple[str, ...]) -> Fix:
    return Fix(
        text=say("join the group, then log out and in again; if a service runs the program, name the service's user and restart it"),
        commands=(f'sudo usermod -aG {groups} "$USER"',),
        verify=verify,
        root=True,
        relogin=True,
    )


def _rule(nodes: list[DeviceNode], access: Access, verify: tuple[str, ...]) -> Fix:
    name = "render" if "render" in access.group_names else "video" if "video" in access.group_names else "render"
    match = {True: 'SUBSYSTEM=="kfd", KERNEL=="kfd"', False: 'SUBSYSTEM=="drm", KERNEL=="renderD*"'}
    lines = [f'{match[node.path == "/dev/kfd"]}, GROUP="{name}", MODE="0660"' for node in nodes]
    create = () if name in access.group_names else (f"sudo groupadd --system {name}",)
    return Fix(
        text=say("give the files to group {name} with a udev rule, join it, then log out and in again", name=name),
        commands=(
            *create,
            *(f"echo '{line}' | sudo tee -a /etc/udev/rules.d/70-amdgpu.rules" for line in dict.fromkeys(lines)),
            "sudo udevadm control --reload-rules",
            "sudo udevadm trigger",
            f'sudo usermod -aG {name} "$USER"',
        ),
        verify=verify,
        root=True,
        relogin=True,
    )


@check("RK202", "kfd-missing", title="/dev/kfd is missing", severity="error", after=_ROOTS)
def missing(access: Access, driver: Driver | Gap, kfd: Kfd | Gap, system: System | Gap) -> Outcome:
    """amdgpu is there, and yet there is no `/dev/kfd`, the one file that every ROCm program opens first.

    ## What it looks at

    `/dev/kfd`, and whether the kernel shows its compute half in `/sys/class/kfd`.

    ## Why it matters

    Without it there is no ROCm: "Unable to open /dev/kfd read-write: No such file or directory". The screen may work all the same, since
    it does not go through this file.

    ## Fix

    Where `/sys/class/kfd` is there, only the device file is lacking: udev, or the chroot or sandbox around this program, did not make it.
    Where it is not, the kernel was built without CONFIG_HSA_AMD: start the distribution's own kernel.

    ## Safe to ignore when

    The GPU is not meant to compute.

    ## Sources

    - ROCm/legacy-rocm-build#1798
    - l1na-forever/stable-diffusion-rocm-docker#8
    """
    if not isinstance(system, Gap) and system.wsl is True:
        return skip("this is WSL: ROCm goes through /dev/dxg there")
    node = next((node for node in access.nodes if node.path == "/dev/kfd"), None)
    if node is None:
        return skip("/dev/kfd was not looked at")
    if node.kind == "character":
        return judge([], _nodes.seen(node, access))
    if node.kind == "other" and (isinstance(node.open, Gap) or node.mode is None):
        detail = node.open.detail if isinstance(node.open, Gap) else node.open
        return skip("it is not known whether /dev/kfd is a device: {detail}", detail=detail)
    seen = [Seen("/dev/kfd", "does not exist" if node.kind == "missing" else "exists, but is no device file")]
    cause: Text | None = None
    commands: tuple[str, ...] = (_LOG,)
    root = True
    if node.kind == "other":
        text = say(
            "take the thing at /dev/kfd away; a container that was started with a volume instead of --device=/dev/kfd makes such a folder"
        )
        commands = ("ls -ld /dev/kfd",)
        root = False
    elif not isinstance(kfd, Gap):
        seen.append(Seen("/sys/class/kfd", f"is there, with {len(kfd.gpu_nodes)} GPU node(s)"))
        cause = say(
            "the kernel offers it, and the device file was not made: udev did not run, or this is a chroot or a sandbox with its own /dev"
        )
        text = say("let udev make the file; in a chroot or a sandbox, bind the host's /dev/kfd and /dev/dri into it")
        commands = ("sudo udevadm trigger --subsystem-match=kfd",)
    elif not isinstance(driver, Gap) and driver.loaded is True and kfd.reason == "absent":
        seen += [Seen("/sys/module/amdgpu", "the module is loaded"), Seen("/sys/class/kfd", kfd.detail)]
        cause = say("this kernel was built without its compute half (CONFIG_HSA_AMD)")
        text = say("see whether the kernel has it, and start the distribution's own kernel if not")
        commands = ('grep HSA_AMD "/boot/config-$(uname -r)" || zgrep HSA_AMD /proc/config.gz',)
        root = False
    else:
        text = say("read what the kernel says of the GPU")
    finding = Finding(
        subject="/dev/kfd",
        message=say("/dev/kfd does not exist") if node.kind == "missing" else say("/dev/kfd is not a device file"),
        confidence="sure",
        seen=tuple(seen),
        cause=cause,
        fix=Fix(text=text, commands=commands, verify=("ls -l /dev/kfd",), root=root),
    )
    return judge([finding])
