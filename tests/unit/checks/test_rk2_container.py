"""RK204, RK205."""

from __future__ import annotations

import subprocess

import pytest

from rocmkit.facts import DeviceNode, Facts, gap
from tests.support.checks import fix, found, ok, run, skipped, system
from tests.support.facts import ACCESS, DRIVER, GPU, changed, machine, node

KFD_NODE, RENDER = "/dev/kfd", "/dev/dri/renderD128"
STAT = '--group-add "$(stat -c %g /dev/kfd)" --group-add "$(stat -c %g /dev/dri/renderD128)"'


def inside(container: str, *nodes: DeviceNode, user_namespace: bool = False, **access: object) -> Facts:
    values: dict[str, object] = {"groups": (1000,), "promised": (), "group_names": {}, **access}
    return machine(
        system=system(container=container, user_namespace=user_namespace),
        access=changed(ACCESS, nodes=nodes or (node(KFD_NODE, kind="missing", open="ENOENT"),), **values),
    )


@pytest.mark.parametrize(
    ("container", "commands"),
    [
        ("docker", (f'docker run -it --device=/dev/kfd --device=/dev/dri {STAT} "$IMAGE"',)),
        ("container", (f'docker run -it --device=/dev/kfd --device=/dev/dri {STAT} "$IMAGE"',)),
        ("podman", ('podman run -it --device=/dev/kfd --device=/dev/dri --group-add keep-groups "$IMAGE"',)),
        (
            "systemd-nspawn",
            (
                "sudo systemd-nspawn --bind=/dev/kfd --bind=/dev/dri"
                ' --property="DeviceAllow=char-kfd rw" --property="DeviceAllow=char-drm rw" -D "$IMAGE"',
            ),
        ),
        ("kubernetes", ()),
    ],
)
def test_no_devices(container: str, commands: tuple[str, ...]) -> None:
    one = found("RK204", inside(container))
    assert (one.subject, one.confidence) == ("/dev/kfd, /dev/dri", "sure")
    assert [seen.where for seen in one.seen] == ["/dev/kfd", "/dev/dri", "/sys/bus/pci/devices"]
    assert fix(one).commands == commands
    for command in commands:
        subprocess.run(["bash", "-n", "-c", command], check=True)


def test_kubernetes_is_told_of_resources() -> None:
    assert "amd.com/gpu" in str(fix(found("RK204", inside("kubernetes"))).text)


def test_one_of_two_devices() -> None:
    assert found("RK204", inside("docker", node(KFD_NODE))).subject == "/dev/dri"
    assert found("RK204", inside("docker", node(RENDER))).subject == "/dev/kfd"
    foreign = inside("docker", node(KFD_NODE), node("/dev/dri/renderD129"))  # another maker's
    assert found("RK204", foreign).subject == "/dev/dri"


def test_devices_given() -> None:
    assert [seen.where for seen in ok("RK204", inside("docker", node(KFD_NODE), node(RENDER))).seen] == [KFD_NODE, RENDER]
    ok("RK204", inside("docker", node(KFD_NODE, open="EACCES"), node(RENDER, open="EACCES")))  # given, and for RK205 to judge


def test_no_container() -> None:
    assert skipped("RK204", machine()) == "this is no container"
    assert skipped("RK205", machine()) == "this is no container"
    unknown = machine(system=system(container=gap("denied", "no /proc")))
    assert "no /proc" in skipped("RK204", unknown)
    assert "no /proc" in skipped("RK205", unknown)
    for code in ("RK204", "RK205"):
        assert "why" in skipped(code, machine(system=gap("crashed", "why")))
        assert "no AMD GPU" in skipped(code, changed(inside("docker"), gpus=()))


def test_without_the_host_s_driver_devices_do_not_help() -> None:
    down = changed(GPU, pci_driver=None, kfd_node=None)
    facts = changed(inside("docker"), driver=changed(DRIVER, loaded=False, kind=None), gpus=(down,))
    assert "RK101" in skipped("RK204", facts)
    assert "on the host" in str(fix(found("RK101", facts)).text)


def test_below_a_folder_a_file_may_be_a_device() -> None:
    kept = node(KFD_NODE, kind="other", open=gap("not-executed", "below a folder"))
    assert "/dev/kfd is a device" in skipped("RK204", inside("docker", kept))


def refused(gid: int | None = 992) -> tuple[DeviceNode, DeviceNode]:
    return node(KFD_NODE, open="EACCES", gid=gid), node(RENDER, open="EACCES", gid=gid)


def test_the_host_s_number() -> None:
    facts = inside("docker", *refused())
    one = found("RK205", facts)
    assert (one.subject, one.confidence) == ("/dev/kfd, /dev/dri/renderD128", "sure")
    assert fix(one).commands == ('docker run -it --device=/dev/kfd --device=/dev/dri --group-add 992 "$IMAGE"',)
    assert "group 992 of the host" in str(one.message)
    assert "RK205" in skipped("RK201", facts)
    two = inside("docker", node(KFD_NODE, open="EACCES", gid=992), node(RENDER, open="EACCES", gid=44))
    assert "--group-add 44 --group-add 992" in fix(found("RK205", two)).commands[0]


def test_rootful_podman_and_kubernetes() -> None:
    assert fix(found("RK205", inside("podman", *refused()))).commands == (
        'podman run -it --device=/dev/kfd --device=/dev/dri --group-add 992 "$IMAGE"',
    )
    one = found("RK205", inside("kubernetes", *refused()))
    assert "supplementalGroups: [992]" in str(fix(one).text)


def test_nobody_s_group() -> None:
    podman = found("RK205", inside("podman", *refused(65534), uid=0, user_namespace=True))
    assert fix(podman).commands == (
        'sudo usermod -aG "$(stat -c %G /dev/kfd)" "$USER"',
        'podman run -it --device=/dev/kfd --device=/dev/dri --group-add keep-groups "$IMAGE"',
    )
    assert fix(podman).root and fix(podman).relogin
    docker = found("RK205", inside("docker", *refused(65534), user_namespace=True))
    assert fix(docker).commands == ('sudo setfacl -m "u:$USER:rw" /dev/kfd /dev/dri/renderD128',)


def test_a_group_given_passes() -> None:
    assert len(ok("RK205", inside("docker", node(KFD_NODE, gid=992), node(RENDER, gid=992), groups=(992,))).seen) == 2


def test_refused_for_another_reason() -> None:
    confined = inside("docker", *refused(), groups=(992,))
    assert "kfd-permission" in skipped("RK205", confined)
    assert "SELinux" in str(found("RK201", confined).cause)
    root = inside("docker", *refused(), uid=0)
    assert "kfd-permission" in skipped("RK205", root)
    # A system container has logins of its own.
    logins = inside("lxc", *refused(104), group_names={"render": 104})
    assert "kfd-permission" in skipped("RK205", logins)
    assert fix(found("RK201", logins)).commands == ('sudo usermod -aG render "$USER"',)
    mode = inside("docker", node(KFD_NODE, open="EACCES", mode="0600"), node(RENDER))
    assert "kfd-permission" in skipped("RK205", mode)


def test_groups_or_opening_unknown() -> None:
    assert found("RK205", inside("docker", *refused(), groups=gap("denied", "no"))).seen[-1].where == RENDER
    kept = node(KFD_NODE, open=gap("not-executed", "nothing is opened"))
    assert "nothing is opened" in skipped("RK205", inside("docker", kept, node(RENDER)))
    assert run("RK205", inside("docker", node(KFD_NODE, open="EPERM"), node(RENDER, open="EPERM"))).outcome == "skipped"
