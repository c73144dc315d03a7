"""RK206 to RK209, the arithmetic of user namespaces, and the lines for LXC."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.checks import _idmap, _lxc
from rocmkit.doctor.examine import examine
from rocmkit.facts import Access, DeviceNode, Facts, IdRange, Runtime, gap
from tests.support.checks import fix, found, log, ok, run, skipped, system
from tests.support.facts import ACCESS, DRIVER, GPU, ROCM, changed, machine, node
from tests.unit.checks.cases.containers import DOCKER, HIDDEN, TWO_SOCKETS
from tests.unit.checks.rk4_support import NEW_ARCHS, with_torch

KFD_NODE, RENDER = "/dev/kfd", "/dev/dri/renderD128"
SHIFTED = (IdRange(inside=0, outside=100000, count=65536),)
NOBODY = (node(KFD_NODE, open="EACCES", gid=65534), node(RENDER, open="EACCES", gid=65534))


def rows(*numbers: tuple[int, int, int]) -> tuple[IdRange, ...]:
    return tuple(IdRange(inside=first, outside=outside, count=count) for first, outside, count in numbers)


def test_a_hole_in_a_map() -> None:
    assert _idmap.without(SHIFTED, 104) == rows((0, 100000, 104), (105, 100105, 65431))
    assert _idmap.without(SHIFTED, 0) == rows((1, 100001, 65535))
    assert _idmap.without(SHIFTED, 65535) == rows((0, 100000, 65535))
    assert _idmap.without(SHIFTED, 70000) == SHIFTED
    assert _idmap.outside(SHIFTED, 104) == 100104
    assert _idmap.outside(SHIFTED, 65536) is None


def test_what_can_be_a_map() -> None:
    assert _idmap.sound(SHIFTED)
    assert _idmap.identity(rows((0, 0, 4294967295)))
    assert not _idmap.identity(SHIFTED)
    for wrong in (
        (),
        rows((0, 0, 0)),
        rows((0, 5, 10), (9, 100, 1)),
        rows((0, 5, 10), (10, 14, 1)),
        rows((-1, 0, 2)),
        rows((1, 1, 4294967295)),
    ):
        assert not _idmap.sound(wrong)
        assert not _idmap.identity(wrong)


@st.composite
def maps(draw: st.DrawFn) -> tuple[IdRange, ...]:
    """Maps that are complete for 0 to 65535, as container managers write them."""
    cuts = sorted(draw(st.sets(st.integers(1, 65535), max_size=5)))
    starts = [0, *cuts]
    sizes = [end - start for start, end in zip(starts, [*cuts, 65536], strict=True)]
    order = draw(st.permutations(range(len(sizes))))
    outside, at = {}, draw(st.integers(1000, 1 << 20))
    for index in order:
        outside[index] = at
        at += sizes[index] + draw(st.integers(0, 3))
    return tuple(IdRange(inside=start, outside=outside[i], count=sizes[i]) for i, start in enumerate(starts))


@given(ranges=maps(), own=st.integers(1, 65535), real=st.integers(1, 999))
def test_the_map_with_the_host_s_group_is_complete_and_maps_each_id_once(ranges: tuple[IdRange, ...], own: int, real: int) -> None:
    assert _idmap.sound(ranges)
    rest = _idmap.without(ranges, own)
    done = (*rest, IdRange(inside=own, outside=real, count=1))
    assert _idmap.sound(done)
    assert sum(r.count for r in done) == 65536
    assert _idmap.outside(done, own) == real
    for number in {0, 1, own - 1, own + 1, 65535} - {own, 65536}:
        assert _idmap.outside(rest, number) == _idmap.outside(ranges, number)
    assert _idmap.outside(rest, own) is None


@given(ranges=st.lists(st.builds(IdRange, inside=st.integers(-5, 99), outside=st.integers(-5, 99), count=st.integers(-2, 99)), max_size=4))
def test_a_sound_map_has_no_id_twice(ranges: list[IdRange]) -> None:
    ids = [(r.inside + n, r.outside + n) for r in ranges for n in range(r.count)]
    once = len({a for a, _ in ids}) == len({b for _, b in ids}) == len(ids)
    fair = bool(ranges) and all(r.count > 0 and r.inside >= 0 and r.outside >= 0 for r in ranges)
    assert _idmap.sound(tuple(ranges)) == (once and fair)


def lxc(*nodes: DeviceNode, kernel: str = "6.8.0-87-generic", groups: dict[str, int] | None = None, **access: object) -> Facts:
    """An LXC container; unprivileged unless its maps say otherwise."""
    values: dict[str, object] = {"uid": 0, "groups": (0,), "promised": (), "uid_map": SHIFTED, "gid_map": SHIFTED, **access}
    return machine(
        system=system(container="lxc", user_namespace=True, kernel=kernel),
        access=changed(
            ACCESS,
            nodes=nodes or (node(KFD_NODE, kind="missing", open="ENOENT"),),
            group_names={"render": 104, "video": 44} if groups is None else groups,
            **values,
        ),
    )


INCUS = (
    'incus config device add "$CT" kfd unix-char source=/dev/kfd path=/dev/kfd gid=104',
    'incus config device add "$CT" renderD128 unix-char source=/dev/dri/renderD128 path=/dev/dri/renderD128 gid=104',
)
DEVICES = (
    '"lxc.cgroup2.devices.allow = c 235:0 rwm" "lxc.cgroup2.devices.allow = c 226:128 rwm" '
    '"lxc.mount.entry = /dev/kfd dev/kfd none bind,optional,create=file 0 0" '
    '"lxc.mount.entry = /dev/dri/renderD128 dev/dri/renderD128 none bind,optional,create=file 0 0"'
)


@pytest.mark.parametrize("code", ["RK204", "RK205"])
def test_lxc_that_is_not_proxmox(code: str) -> None:
    one = found(code, lxc(*(NOBODY if code == "RK205" else ())))
    assert fix(one).commands == (
        *INCUS,
        'GID="$(stat -c %g /dev/kfd)"',
        'grep -qx "root:$GID:1" /etc/subgid || echo "root:$GID:1" | sudo tee -a /etc/subgid',
        "sudo sed -i.bak '/^lxc\\.idmap/d' \"/var/lib/lxc/$CT/config\"",
        f'printf \'%s\\n\' {DEVICES} "lxc.idmap = u 0 100000 65536" "lxc.idmap = g 0 100000 104" "lxc.idmap = g 104 $GID 1"'
        ' "lxc.idmap = g 105 100105 65431" | sudo tee -a "/var/lib/lxc/$CT/config"',
    )
    assert "group 104" in str(fix(one).caution)
    assert fix(one).root


def test_the_shell_writes_the_lines_that_lxc_reads(tmp_path: Path) -> None:
    (command,) = [one for one in fix(found("RK205", lxc(*NOBODY))).commands if one.startswith("printf")]
    done = subprocess.run(["bash", "-c", command.partition(" | ")[0]], env={"GID": "992"}, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["lxc.cgroup2.devices.allow = c 235:0 rwm", "lxc.cgroup2.devices.allow = c 226:128 rwm"]
    idmap = [re.fullmatch(r"lxc\.idmap = g (\d+) (\d+) (\d+)", line) for line in lines[5:]]
    groups = rows(*((int(m[1]), int(m[2]), int(m[3])) for m in idmap if m))
    assert _idmap.sound(groups)
    assert sum(r.count for r in groups) == 65536
    assert [_idmap.outside(groups, number) for number in (0, 44, 104, 105)] == [100000, 100044, 992, 100105]


def test_a_privileged_container_needs_no_map() -> None:
    one = found("RK204", lxc(uid_map=ACCESS.uid_map, gid_map=ACCESS.gid_map))
    assert fix(one).commands == (*INCUS, f"printf '%s\\n' {DEVICES} | sudo tee -a \"/var/lib/lxc/$CT/config\"")
    unknown = found("RK204", lxc(gid_map=gap("denied", "no")))
    assert not any("idmap" in command for command in fix(unknown).commands)
    broken = found("RK204", lxc(gid_map=rows((0, 5, 10), (3, 99, 10))))
    assert not any("idmap" in command for command in fix(broken).commands)


def test_proxmox() -> None:
    new = found("RK205", lxc(*NOBODY, kernel="6.8.12-4-pve"))
    assert fix(new).commands == (
        'sudo pct set "$CTID" -dev0 /dev/kfd,gid=104 -dev1 /dev/dri/renderD128,gid=104',
        'sudo pct reboot "$CTID"',
    )
    assert "overwrites dev0" in str(fix(new).caution)
    old = fix(found("RK205", lxc(*NOBODY, kernel="6.2.16-20-pve"))).commands
    assert old[:2] == ('GID="$(stat -c %g /dev/kfd)"', 'grep -qx "root:$GID:1" /etc/subgid || echo "root:$GID:1" | sudo tee -a /etc/subgid')
    assert len(old) == 3
    assert '"lxc.idmap: g 104 $GID 1"' in old[-1]
    assert old[-1].endswith('| sudo tee -a "/etc/pve/lxc/$CTID.conf"')


def test_every_gpu_and_unknown_numbers() -> None:
    two = changed(lxc(kernel="6.8.12-4-pve"), gpus=(GPU, changed(GPU, pci="0000:08:00.0", render_node="/dev/dri/renderD129")))
    assert fix(found("RK204", two)).commands[0].endswith("-dev2 /dev/dri/renderD129,gid=104")
    blind = fix(found("RK204", lxc(numbers={"/dev/kfd": "$(reboot)"}))).commands[-1]
    assert '"lxc.cgroup2.devices.allow = c $(cat /sys/class/kfd/kfd/dev) rwm" "lxc.cgroup2.devices.allow = c 226:128 rwm"' in blind


def test_no_group_in_the_container() -> None:
    for kernel in ("6.8.0-87-generic", "6.8.12-4-pve"):
        one = found("RK204", lxc(groups={}, kernel=kernel))
        assert "groupadd" in str(fix(one).caution)
        assert not any("idmap" in command for command in fix(one).commands)


def test_a_cgroup_that_forbids_the_file_is_told_the_same() -> None:
    facts = lxc(node(KFD_NODE, open="EPERM"), node(RENDER), kernel="6.8.12-4-pve")
    assert fix(found("RK203", facts)).commands[0].startswith('sudo pct set "$CTID" -dev0 /dev/kfd,gid=104')


def docker(**access: object) -> Facts:
    return machine(system=system(container="docker", user_namespace=True), access=changed(ACCESS, nodes=NOBODY, uid=0, **access))


def test_docker_s_own_user_namespaces() -> None:
    remapped = fix(found("RK205", docker(uid_map=SHIFTED, gid_map=SHIFTED)))
    assert remapped.commands[0].endswith('--userns=host "$IMAGE"')
    assert "host's root" in str(remapped.caution)
    rootless = fix(found("RK205", docker(uid_map=rows((0, 1001, 1), (1, 100000, 65536)))))
    assert rootless.commands == ('sudo setfacl -m "u:1001:rw" /dev/kfd /dev/dri/renderD128',)
    unknown = fix(found("RK205", docker(uid_map=gap("denied", "no"))))
    assert unknown.commands == ('sudo setfacl -m "u:$USER:rw" /dev/kfd /dev/dri/renderD128',)


# --- RK206


def test_docker_desktop() -> None:
    one = found("RK206", machine(system=system(docker_context="desktop-linux")))
    assert fix(one).commands[-1] == "docker context use default"
    assert "fetch or build" in str(fix(one).caution)
    for context in ("default", "other"):
        ok("RK206", machine(system=system(docker_context=context)))
    assert "no setting" in skipped("RK206", machine(system=system(docker_context=None)))
    assert "why" in skipped("RK206", machine(system=system(docker_context=gap("denied", "why"))))
    assert "container" in skipped("RK206", machine(system=system(docker_context="desktop-linux", container="docker")))
    assert "WSL" in skipped("RK206", machine(system=system(docker_context="desktop-linux", wsl=True)))


# --- RK207

AVC = (
    'audit: type=1400 audit(1.1:2): avc:  denied  { read write } for  pid=1 comm="python3" path="/dev/kfd" dev="devtmpfs" ino=1'
    " scontext=system_u:system_r:%s:s0:c1,c2 tcontext=system_u:object_r:hsa_device_t:s0 tclass=chr_file permissive=%d"
)


def confined(access: Access = HIDDEN, **changes: Any) -> Facts:
    values: dict[str, Any] = {"container": "podman", "selinux": "enforcing", "selinux_type": "container_t", **changes}
    return machine(system=system("fedora", **values), access=access)


def test_selinux_hides_the_files_from_root_in_a_container() -> None:
    one = found("RK207", confined())
    assert (one.subject, one.confidence) == ("/dev/kfd, /dev/dri/renderD128", "sure")
    assert fix(one).commands == ("sudo setsebool -P container_use_devices=1",)
    assert "every container" in str(fix(one).caution)
    results = {result.code: result for result in examine(confined(), all_checks())}
    assert results["RK204"].outcome == "skipped"
    assert "RK207" in str(results["RK201"].because)


def test_the_mode_is_not_shown_in_containers() -> None:
    assert found("RK207", confined(selinux=gap("absent", "/sys/fs/selinux/enforce"))).confidence == "sure"


def test_selinux_where_the_mode_of_the_file_would_do() -> None:
    member = changed(ACCESS, nodes=(node(KFD_NODE, open="EACCES"), node(RENDER)))
    one = found("RK207", confined(member))
    assert (one.subject, one.confidence) == (KFD_NODE, "likely")
    assert found("RK207", changed(confined(member), kernel_log=log(AVC % ("container_t", 0)))).confidence == "sure"


def test_selinux_is_not_blamed_for_the_mode() -> None:
    stranger = changed(ACCESS, groups=(1000,), nodes=(node(KFD_NODE, open="EACCES"), node(RENDER)))
    assert "container-gid" in skipped("RK207", confined(stranger))
    nobody = changed(ACCESS, uid=0, nodes=NOBODY)
    assert "container-gid" in skipped("RK207", confined(nobody))
    for type in ("spc_t", "unconfined_t", "container_runtime_t", "container_device_t"):
        assert run("RK207", confined(selinux_type=type)).outcome == "skipped", type
    assert run("RK207", confined(selinux="permissive")).outcome == "ok"
    assert run("RK207", confined(selinux=None)).outcome == "ok"
    ok("RK207", confined(ACCESS))


def test_files_that_open_and_may_not_be_mapped() -> None:
    fails = Runtime(agents=(), error="Call returned HSA_STATUS_ERROR_OUT_OF_RESOURCES")
    one = found("RK207", changed(confined(ACCESS), runtime=fails))
    assert (one.confidence, "map /dev/kfd" in str(one.message)) == ("likely", True)
    assert fix(one).commands == ("sudo setsebool -P container_use_devices=1",)
    assert "RK207" in skipped("RK116", changed(confined(ACCESS), runtime=fails))
    assert run("RK207", changed(confined(ACCESS, selinux_type="spc_t"), runtime=fails)).outcome == "ok"
    ok("RK207", changed(confined(ACCESS), runtime=Runtime(agents=(), error="ROCk module is NOT loaded")))


def test_selinux_in_the_log_of_the_host() -> None:
    host = machine(system=system("fedora", selinux="enforcing", selinux_type="unconfined_t"), kernel_log=log(AVC % ("container_t", 0)))
    one = found("RK207", host)
    assert (one.confidence, "container_t" in str(one.message)) == ("likely", True)
    service = fix(found("RK207", changed(host, kernel_log=log(AVC % ("init_t", 0)))))
    assert service.commands == ("sudo ausearch -m avc -ts boot | audit2why",)
    ok("RK207", changed(host, kernel_log=log(AVC % ("container_t", 1))))
    ok("RK207", changed(host, kernel_log=log((AVC % ("container_t", 0)).replace("/dev/kfd", "/dev/video0").replace("hsa_", "v4l_"))))


def test_selinux_not_known() -> None:
    blind = machine(system=system(selinux=gap("denied", "why"), selinux_type=None))
    assert "why" in skipped("RK207", blind)
    kept = changed(ACCESS, nodes=(node(KFD_NODE, open=gap("not-executed", "below a folder")), node(RENDER)))
    assert "below a folder" in skipped("RK207", confined(kept))


# --- RK208


def test_seccomp_is_a_note_with_its_price() -> None:
    one = found("RK208", machine(system=changed(DOCKER, seccomp="filter"), kfd=TWO_SOCKETS))
    assert (one.confidence, one.subject) == ("likely", "seccomp")
    assert "--cap-add=SYS_PTRACE --security-opt seccomp=unconfined" in fix(one).commands[0]
    assert "whole kernel" in str(fix(one).caution)
    ok("RK208", machine(system=DOCKER))
    ok("RK208", machine(system=changed(DOCKER, seccomp="filter")))  # one NUMA node: nothing to place
    assert "why" in skipped("RK208", machine(system=changed(DOCKER, seccomp="filter"), kfd=gap("absent", "why")))
    pod = machine(system=system(container="kubernetes", seccomp="filter"), kfd=TWO_SOCKETS)
    assert fix(found("RK208", pod)).commands == ()
    for elsewhere in (None, "lxc", "systemd-nspawn"):
        skipped("RK208", machine(system=system(container=elsewhere, seccomp="filter")))
    assert "why" in skipped("RK208", machine(system=changed(DOCKER, seccomp=gap("denied", "why"))))


# --- RK209


def inside(version: str | None, **sections: object) -> Facts:
    kind = "dkms" if version else "in-tree"
    return machine(**{"system": DOCKER, "driver": changed(DRIVER, kind=kind, version=version), "rocm": (), **sections})


def test_a_driver_older_than_the_image() -> None:
    one = found("RK209", inside("6.3.6"))
    assert one.confidence == "sure"
    assert fix(one).reboot
    both = inside("6.3.6", rocm=(ROCM,))
    assert "torch 2.9.1+rocm6.3 and /opt/rocm-6.3.4" in str(found("RK209", both).message)
    newer = inside("6.3.6", rocm=(changed(ROCM, path="/opt/rocm-6.4.3", version="6.4.3"),))
    assert len(run("RK209", newer).findings) == 2
    assert "RK209" in skipped("RK304", both)
    ok("RK209", inside("6.10.5"))


def test_outside_of_containers_the_other_check_speaks() -> None:
    facts = inside("6.3.6", system=system())
    skipped("RK209", facts)
    assert run("RK304", facts).outcome == "found"


def test_a_kernel_older_than_the_list() -> None:
    seven = with_torch("2.13.0+rocm7.14.0", "7.14.1", archs=NEW_ARCHS)
    one = found("RK209", inside(None, python=seven, system=system(container="docker", kernel="5.4.0-42-generic")))
    assert (one.confidence, "5.15" in str(one.message)) == ("likely", True)
    ok("RK209", inside(None, python=seven, system=system(container="docker", kernel="5.15.0-1-generic")))
    ok("RK209", inside(None, python=seven, system=system(container="docker", kernel="4.18.0-1-generic")))  # listed for RHEL 8
    rhel = inside(None, python=seven, system=system(container="docker", kernel="5.10.0-1.el9.x86_64"))
    assert run("RK209", rhel).outcome == "skipped"


def test_nothing_to_compare() -> None:
    assert "why" in skipped("RK209", inside(None, driver=changed(DRIVER, version=gap("denied", "why"))))
    assert "no ROCm" in skipped("RK209", inside("6.3.6", python=gap("absent", "no"), rocm=gap("denied", "no")))
    assert run("RK209", inside("99.1", python=with_torch("2.9.1+rocm6.3", "6.3.1"))).outcome == "skipped"


def test_every_command_is_shell() -> None:
    machines = [lxc(), lxc(*NOBODY), lxc(kernel="6.2.16-20-pve"), lxc(*NOBODY, kernel="6.8.12-4-pve"), docker(uid_map=SHIFTED), confined()]
    for facts in machines:
        for code in ("RK203", "RK204", "RK205", "RK206", "RK207", "RK208"):
            for one in run(code, facts).findings:
                for command in (*fix(one).commands, *fix(one).verify):
                    assert "\n" not in command
                    subprocess.run(["bash", "-n", "-c", command], check=True)


def test_give_is_told_of_kernels_it_cannot_read() -> None:
    facts = lxc()
    given = _lxc.give(changed(facts.system, kernel=gap("denied", "no")), facts.access, (GPU,), ())  # type: ignore[arg-type]
    assert given.commands[:2] == INCUS
