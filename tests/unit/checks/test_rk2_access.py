"""RK201-RK203."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.facts import DeviceNode, Facts, Gap, gap
from tests.support.checks import fix, found, log, ok, run, skipped, system
from tests.support.facts import ACCESS, DRIVER, GPU, KFD, SYSTEM, changed, machine, node

KFD_NODE, RENDER = "/dev/kfd", "/dev/dri/renderD128"


def opens(path: str) -> str:
    return f"test -r {path} && test -w {path} && echo {path} opens"


def refused(*nodes: DeviceNode, **access: object) -> Facts:
    values: dict[str, object] = {"groups": (1000,), "promised": (), **access}
    return machine(access=changed(ACCESS, nodes=nodes or (node(KFD_NODE, open="EACCES"), node(RENDER, open="EACCES")), **values))


def test_open_passes_with_evidence() -> None:
    seen = ok("RK201", machine()).seen
    assert [one.where for one in seen] == [KFD_NODE, RENDER]
    assert seen[0].what == "opens; mode 0660, group 109 (render)"
    ok("RK201", refused(node(KFD_NODE, mode="0666"), node(RENDER, mode="0666")))


def test_join_the_group_that_owns_both() -> None:
    one = found("RK201", refused())
    assert (one.subject, one.confidence) == ("/dev/kfd, /dev/dri/renderD128", "sure")
    assert fix(one).commands == ('sudo usermod -aG render "$USER"',)
    assert fix(one).verify == (opens(KFD_NODE), opens(RENDER))
    assert (fix(one).root, fix(one).relogin, fix(one).reboot) == (True, True, False)
    assert one.seen[-1].where == "id -G"
    assert one.seen[-1].what == "1000"


def test_only_groups_that_own_a_file_are_named() -> None:
    both = refused(node(KFD_NODE, open="EACCES"), node(RENDER, open="EACCES", gid=44))
    assert fix(found("RK201", both)).commands == ('sudo usermod -aG render,video "$USER"',)
    video = refused(node(KFD_NODE, open="EACCES", gid=44), node(RENDER, open="EACCES", gid=44))
    assert fix(found("RK201", video)).commands == ('sudo usermod -aG video "$USER"',)
    half = refused(node(KFD_NODE), node(RENDER, open="EACCES", gid=44), groups=(109,))
    assert (found("RK201", half).subject, fix(found("RK201", half)).commands) == (RENDER, ('sudo usermod -aG video "$USER"',))


def test_promised_means_a_new_login_and_no_usermod() -> None:
    one = found("RK201", refused(promised=(44, 109)))
    assert fix(one).commands == ("newgrp render",)
    assert (fix(one).root, fix(one).relogin) == (False, True)
    assert "this login began before that" in str(one.message)
    two = refused(node(KFD_NODE, open="EACCES"), node(RENDER, open="EACCES", gid=44), promised=(44, 109))
    assert fix(found("RK201", two)).commands == ('su - "$USER"',)


def test_half_promised_is_two_findings() -> None:
    facts = refused(node(KFD_NODE, open="EACCES"), node(RENDER, open="EACCES", gid=44), promised=(109,))
    findings = run("RK201", facts).findings
    assert [(one.subject, fix(one).commands[0]) for one in findings] == [
        (KFD_NODE, "newgrp render"),
        (RENDER, 'sudo usermod -aG video "$USER"'),
    ]


def test_a_group_without_a_name() -> None:
    one = found("RK201", refused(node(KFD_NODE, open="EACCES", gid=992), node(RENDER, open="EACCES", gid=992)))
    assert fix(one).commands == ("sudo groupadd --gid 992 gpu992", 'sudo usermod -aG gpu992 "$USER"')
    assert "which has no name" in str(one.message)


@pytest.mark.parametrize("changes", [{"gid": 0, "mode": "0660"}, {"gid": 0, "mode": "0600"}, {"mode": "0600"}, {"mode": "0640"}])
def test_a_mode_that_no_group_helps(changes: dict[str, object]) -> None:
    one = found("RK201", refused(node(KFD_NODE, open="EACCES", **changes), node(RENDER)))
    assert fix(one).commands == (
        'echo \'SUBSYSTEM=="kfd", KERNEL=="kfd", GROUP="render", MODE="0660"\' | sudo tee -a /etc/udev/rules.d/70-amdgpu.rules',
        "sudo udevadm control --reload-rules",
        "sudo udevadm trigger",
        'sudo usermod -aG render "$USER"',
    )
    bare = refused(node(KFD_NODE, open="EACCES", gid=0), node(RENDER), group_names={})
    assert fix(found("RK201", bare)).commands[0] == "sudo groupadd --system render"


def test_in_the_group_and_refused_is_something_else() -> None:
    one = found("RK201", refused(groups=(109, 1000)))
    assert "SELinux" in str(one.cause)
    assert not any("usermod" in command for command in fix(one).commands)


def test_root_refused() -> None:
    facts = refused(uid=0, groups=(0,))
    one = found("RK201", facts)
    assert "not even for root" in str(one.message)
    inside = changed(facts, system=changed(SYSTEM, user_namespace=True))
    one = found("RK201", inside)
    assert "user namespace" in str(one.message)
    assert fix(one).commands == ('sudo usermod -aG "$(stat -c %G /dev/kfd)" "$USER"',)
    assert fix(one).caution is not None


def test_nobody_s_group_is_a_namespace() -> None:
    one = found("RK201", refused(node(KFD_NODE, open="EACCES", gid=65534), node(RENDER)))
    assert "user namespace" in str(one.message)


def test_groups_unknown() -> None:
    one = found("RK201", refused(groups=gap("denied", "no")))
    assert fix(one).commands == ("stat -c '%n %a %u %g' /dev/kfd /dev/dri/renderD128", "id")
    assert one.confidence == "sure"


def test_another_maker_s_render_node_does_not_matter() -> None:
    ok("RK201", refused(node(KFD_NODE), node(RENDER), node("/dev/dri/renderD129", open="EACCES")))


def test_not_opened_is_never_ok() -> None:
    unknown = gap("not-executed", "nothing is opened below a folder")
    assert "nothing is opened" in skipped("RK201", refused(node(KFD_NODE), node(RENDER, open=unknown)))
    assert "EPERM" in skipped("RK201", refused(node(KFD_NODE, open="EPERM"), node(RENDER)))
    assert "/dev/dri/renderD128 was not looked at" in skipped("RK201", refused(node(KFD_NODE)))
    assert "/dev/kfd was not looked at" in skipped("RK201", refused(node(RENDER)))
    assert "not a device" in skipped("RK201", refused(node(KFD_NODE), node(RENDER, kind="other")))
    assert "why" in skipped("RK201", machine(access=gap("crashed", "why")))
    assert "no AMD GPU" in skipped("RK201", machine(gpus=()))


@given(
    errno=st.sampled_from(["ok", "EACCES", "EPERM", "ENOENT"]),
    mode=st.one_of(st.none(), st.text(max_size=5)),
    gid=st.one_of(st.none(), st.integers(0, 70000)),
    uid=st.integers(0, 3),
    groups=st.lists(st.integers(0, 70000), max_size=4),
)
def test_any_owner_gives_an_outcome(errno: str, mode: str | None, gid: int | None, uid: int, groups: list[int]) -> None:
    facts = refused(node(KFD_NODE, open=errno, mode=mode, gid=gid), node(RENDER), uid=uid, groups=tuple(groups))
    result = run("RK201", facts)
    assert result.outcome == ("found" if errno == "EACCES" else "ok" if errno == "ok" else "skipped")


def missing(**sections: object) -> Facts:
    return machine(**{"access": changed(ACCESS, nodes=(node(KFD_NODE, kind="missing", open="ENOENT"), node(RENDER))), **sections})


def test_kfd_there_passes() -> None:
    assert ok("RK202", machine()).seen[0].where == KFD_NODE
    ok("RK202", refused())


def test_kernel_without_compute() -> None:
    one = found("RK202", missing(kfd=gap("absent", "/sys/class/kfd: No such file or directory")))
    assert (one.subject, one.confidence) == (KFD_NODE, "sure")
    assert "CONFIG_HSA_AMD" in str(one.cause)
    assert fix(one).commands == ('grep HSA_AMD "/boot/config-$(uname -r)" || zgrep HSA_AMD /proc/config.gz',)
    assert fix(one).verify == ("ls -l /dev/kfd",)


def test_device_file_not_made() -> None:
    one = found("RK202", missing())
    assert "device file was not made" in str(one.cause)
    assert fix(one).commands == ("sudo udevadm trigger --subsystem-match=kfd",)
    assert fix(one).root


def test_cause_not_known() -> None:
    one = found("RK202", missing(kfd=gap("denied", "no"), driver=changed(DRIVER, loaded=gap("denied", "no"))))
    assert one.cause is None
    assert fix(one).commands == ('sudo dmesg | grep -iE "amdgpu|kfd" | tail -n 40',)


def test_something_else_at_dev_kfd() -> None:
    one = found("RK202", machine(access=changed(ACCESS, nodes=(node(KFD_NODE, kind="other", open="EISDIR"),))))
    assert "is not a device file" in str(one.message)
    hidden = node(KFD_NODE, kind="other", mode=None, gid=None, uid=None, open="EACCES")
    assert "not known" in skipped("RK202", machine(access=changed(ACCESS, nodes=(hidden,))))
    folder = node(KFD_NODE, kind="other", open=gap("not-executed", "below a folder"))
    assert "below a folder" in skipped("RK202", machine(access=changed(ACCESS, nodes=(folder,))))


def test_the_root_cause_comes_first() -> None:
    down = changed(GPU, pci_driver=None, kfd_node=None)
    no_driver = missing(driver=changed(DRIVER, loaded=False, kind=None), gpus=(down,), kfd=gap("absent", "no"))
    assert "RK101" in skipped("RK202", no_driver)
    assert "RK101" in skipped("RK201", no_driver)
    assert "RK204" in skipped("RK202", missing(system=system(container="docker")))
    assert "RK202" in skipped("RK201", missing())
    assert "RK202" in skipped("RK203", missing())


def test_kfd_missing_is_skipped_elsewhere() -> None:
    assert "/dev/dxg" in skipped("RK202", missing(system=system(wsl=True)))
    assert "not looked at" in skipped("RK202", machine(access=changed(ACCESS, nodes=())))
    assert "why" in skipped("RK202", machine(access=gap("timeout", "why")))
    assert "no AMD GPU" in skipped("RK202", missing(gpus=()))


def failed(errno: str | Gap, **sections: object) -> Facts:
    return machine(**{"access": changed(ACCESS, nodes=(node(KFD_NODE, open=errno), node(RENDER))), **sections})


NO_GPU = changed(KFD, gpu_nodes=())


def test_kfd_opens_and_has_gpus() -> None:
    seen = ok("RK203", machine()).seen
    assert seen[-1].what == "1 GPU node(s), 0 hidden"
    ok("RK203", machine(kfd=changed(KFD, masked_nodes=(2,))))  # some GPUs of the host are not this container's


@pytest.mark.parametrize(
    ("container", "command"),
    [
        (
            "docker",
            'docker run -it --device=/dev/kfd --device=/dev/dri --group-add "$(stat -c %g /dev/kfd)"'
            ' --group-add "$(stat -c %g /dev/dri/renderD128)" "$IMAGE"',
        ),
        ("podman", 'podman run -it --device=/dev/kfd --device=/dev/dri --group-add keep-groups "$IMAGE"'),
        ("lxc", 'incus config device add "$CT" kfd unix-char source=/dev/kfd path=/dev/kfd gid=109'),
        (None, "cat /proc/self/cgroup"),
    ],
)
def test_eperm_is_the_device_cgroup(container: str | None, command: str) -> None:
    one = found("RK203", failed("EPERM", system=system(container=container)))
    assert (one.subject, one.confidence) == (KFD_NODE, "sure")
    assert "cgroup" in str(one.cause)
    assert fix(one).commands[0] == command


def test_eperm_on_the_render_node() -> None:
    facts = machine(access=changed(ACCESS, nodes=(node(KFD_NODE), node(RENDER, open="EPERM"))))
    assert found("RK203", facts).subject == RENDER


@pytest.mark.parametrize("errno", ["EINVAL", "EAGAIN"])
def test_einval_is_a_lock(errno: str) -> None:
    one = found("RK203", failed(errno))
    assert (one.confidence, "locked" in str(one.message)) == ("sure", True)
    assert fix(one).reboot and fix(one).caution is not None


def test_enomem_is_no_gpu() -> None:
    line = "[    3.5] kfd kfd: amdgpu: PITCAIRN  not supported in kfd"
    one = found("RK203", failed("ENOMEM", kfd=NO_GPU, kernel_log=log(line)))
    assert "ROCm cannot use it" in str(one.cause)
    assert [seen.what for seen in one.seen] == ["open: ENOMEM", "no GPU node", line]
    assert "HSAKMT_DEBUG_LEVEL=7 rocminfo" in fix(one).commands
    assert "left every GPU out" in str(found("RK203", failed("ENOMEM", kfd=NO_GPU)).cause)


def test_no_gpu_for_a_known_reason() -> None:
    atomics = log("kfd kfd: amdgpu: skipped device 1002:66a1, PCI rejects atomics 0<0")
    assert "pcie-atomics" in skipped("RK203", failed("ENOMEM", kfd=NO_GPU, kernel_log=atomics))
    two = (changed(GPU, pci_driver="radeon", kfd_node=None), changed(GPU, pci_driver="vfio-pci", kfd_node=None))
    assert "RK101" in skipped("RK203", failed("ENOMEM", kfd=NO_GPU, gpus=two))


@pytest.mark.parametrize(("errno", "stale"), [("ENODEV", True), ("ENXIO", True), ("EIO", False)])
def test_any_other_number(errno: str, stale: bool) -> None:
    one = found("RK203", failed(errno))
    assert (one.confidence, one.cause is not None) == ("likely", stale)
    assert errno in str(one.message)


def test_masked_gpus() -> None:
    one = found("RK203", failed("ok", kfd=changed(NO_GPU, masked_nodes=(1, 2)), system=system(container="docker")))
    assert (one.subject, one.confidence) == ("/dev/dri", "sure")
    assert [seen.where for seen in one.seen] == [f"/sys/class/kfd/kfd/topology/nodes/{n}/properties" for n in (1, 2)]
    assert fix(one).commands[0].startswith("docker run")
    both = failed("EPERM", kfd=changed(NO_GPU, masked_nodes=(1,)))
    assert found("RK203", both).subject == KFD_NODE


def test_a_chip_that_kfd_does_not_know() -> None:
    line = "[    3.5] kfd kfd: amdgpu: GC IP 0b0004  not supported in kfd"
    assert "supports none" in str(found("RK203", failed("ok", kfd=NO_GPU, kernel_log=log(line))).message)


def test_open_unknown_or_refused() -> None:
    assert "below a folder" in skipped("RK203", failed(gap("not-executed", "below a folder")))
    assert "kfd-permission" in skipped("RK203", failed("EACCES"))
    assert "not looked at" in skipped("RK203", machine(access=changed(ACCESS, nodes=())))
    assert "why" in skipped("RK203", machine(access=gap("denied", "why")))
    assert "no AMD GPU" in skipped("RK203", machine(gpus=()))


@pytest.mark.parametrize("code", ["RK201", "RK202", "RK203"])
def test_every_command_is_shell(code: str) -> None:
    machines = [refused(), refused(node(KFD_NODE, open="EACCES", gid=0)), missing(), failed("EPERM"), failed("ENOMEM"), failed("EINVAL")]
    for facts in machines:
        for one in run(code, facts).findings:
            for command in (*fix(one).commands, *fix(one).verify):
                assert "\n" not in command
                subprocess.run(["bash", "-n", "-c", command], check=True)
