"""User namespaces, SELinux, seccomp, Docker's context, device numbers, from the files they are read of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.facts import Gap, IdRange
from rocmkit.host.base import Identity
from rocmkit.host.live import LiveHost
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import Recording, dump
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe.access import access
from rocmkit.probe.confinement import ALL_IDS, docker_context, id_map, security_type
from rocmkit.probe.env import assignments, wanted
from rocmkit.probe.gaps import field
from rocmkit.probe.system import system
from tests.unit.probe.hosts import whole

ME = Identity(uid=1000, groups=(1000,), promised=(), group_names={})
CONTEXT = "system_u:system_r:container_t:s0:c17,c28\x00"
STATUS = "Name:\tpython3\nState:\tR (running)\nSeccomp:\t%s\nSeccomp_filters:\t1\n"


def live(files: dict[str, str] | None = None, **more: Any) -> ReplayHost:
    """A machine that was asked itself, so that a file which is not there is an answer."""
    return whole(files, **{"identity": ME, "environ": {}, **more})


def test_selinux() -> None:
    found = system(live({"/sys/fs/selinux/enforce": "1", "/proc/self/attr/current": CONTEXT}))
    assert (found.selinux, found.selinux_type) == ("enforcing", "container_t")
    assert system(live({"/sys/fs/selinux/enforce": "0"})).selinux == "permissive"
    plain = system(live({"/proc/self/attr/current": "docker-default (enforce)\n"}))
    assert (plain.selinux, plain.selinux_type) == (None, None)
    wrong = system(live({"/sys/fs/selinux/enforce": "2"})).selinux
    assert isinstance(wrong, Gap)
    assert wrong.reason == "unparsable"


def test_a_container_does_not_see_whether_selinux_enforces() -> None:
    hidden = system(
        live(folders={"/sys/fs/selinux": []}, stats={"/sys/fs/selinux": {"kind": "folder", "mode": "0755", "uid": 0, "gid": 0}})
    )
    assert isinstance(hidden.selinux, Gap)
    assert hidden.selinux.reason == "absent"


def test_no_security_module_answers_with_einval() -> None:
    assert system(live({"/proc/self/attr/current": {"error": "EINVAL"}})).selinux_type is None  # type: ignore[dict-item]
    denied = system(live({"/proc/self/attr/current": {"error": "EACCES"}})).selinux_type  # type: ignore[dict-item]
    assert isinstance(denied, Gap)
    assert denied.reason == "denied"


@pytest.mark.parametrize(("number", "mode"), [("0", "off"), ("1", "strict"), ("2", "filter")])
def test_seccomp(number: str, mode: str) -> None:
    assert system(live({"/proc/self/status": STATUS % number})).seccomp == mode


def test_seccomp_that_is_not_there_or_is_nonsense() -> None:
    assert system(live({"/proc/self/status": "Name:\tx\nState:\tR\n"})).seccomp == "off"
    for text in ("", "Seccomp: 2", STATUS % "7"):
        found = system(live({"/proc/self/status": text})).seccomp
        assert isinstance(found, Gap), text
        assert found.reason == "unparsable"


CONFIG = "~/.docker/config.json"


@pytest.mark.parametrize(
    ("variables", "config", "expected"),
    [
        ({}, None, None),
        ({}, {}, "default"),
        ({}, {"currentContext": ""}, "default"),
        ({}, {"currentContext": "desktop-linux", "auths": {"x": {"auth": "c2VjcmV0"}}}, "desktop-linux"),
        ({}, {"currentContext": "colima"}, "other"),
        ({"DOCKER_CONTEXT": "default"}, {"currentContext": "desktop-linux"}, "default"),
        ({"DOCKER_CONTEXT": "<set>"}, {"currentContext": "desktop-linux"}, "other"),
        ({"DOCKER_HOST": "unix:///var/run/docker.sock"}, {"currentContext": "desktop-linux"}, "default"),
        ({"DOCKER_HOST": "unix://~/.docker/desktop/docker.sock", "DOCKER_CONTEXT": "default"}, None, "desktop-linux"),
        ({"DOCKER_HOST": "<set>"}, None, "other"),
    ],
)
def test_where_docker_leads(variables: dict[str, str], config: dict[str, Any] | None, expected: str | None) -> None:
    files = {} if config is None else {CONFIG: json.dumps(config)}
    assert system(live(files, environ=variables)).docker_context == expected


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"currentContext": 1}', '{"currentContext": null}', "[" * 100_000, "9" * 100_000])
def test_docker_settings_that_are_none(text: str) -> None:
    found = system(live({CONFIG: text})).docker_context
    assert isinstance(found, Gap)
    assert found.reason == "unparsable"


def test_no_credential_and_no_address_leaves_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".docker").mkdir()
    settings = {"auths": {"registry.example": {"auth": "c2VjcmV0"}}, "credsStore": "pass", "currentContext": "prod-of-acme"}
    (tmp_path / ".docker" / "config.json").write_text(json.dumps(settings))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "staging-of-acme")
    recorder = RecordingHost(LiveHost())
    assert system(recorder).docker_context == "other"
    monkeypatch.setenv("DOCKER_HOST", "ssh://igor@build.example:2222")
    assert system(recorder).docker_context == "other"
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.delenv("DOCKER_CONTEXT")
    assert system(recorder).docker_context == "other"
    text = dump(recorder.recording("test"))
    for secret in ("c2VjcmV0", "registry.example", "acme", "build.example", "credsStore"):
        assert secret not in text


def test_id_maps() -> None:
    files = {
        "/proc/self/uid_map": "         0       1000          1\n         1     100000      65536\n",
        "/proc/self/gid_map": "0 0 4294967295\n",
    }
    found = access(live(files))
    assert found.uid_map == (IdRange(inside=0, outside=1000, count=1), IdRange(inside=1, outside=100000, count=65536))
    assert found.gid_map == ALL_IDS
    assert system(live(files)).user_namespace is True
    none = access(live())
    assert (none.uid_map, none.gid_map, system(live()).user_namespace) == (ALL_IDS, ALL_IDS, False)
    assert access(live({"/proc/self/uid_map": ""})).uid_map == ()
    assert system(live({"/proc/self/uid_map": ""})).user_namespace is True
    for text in ("0 0", "a b c", "0 0 4294967295 1", "-1 0 1", "²  0 1"):
        wrong = access(live({"/proc/self/gid_map": text})).gid_map
        assert isinstance(wrong, Gap), text


def test_a_long_map_is_cut() -> None:
    text = "".join(f"{n} {n + 100000} 1\n" for n in range(5000))
    found = access(live({"/proc/self/uid_map": text})).uid_map
    assert not isinstance(found, Gap)
    assert len(found) == 400


def test_numbers_of_devices() -> None:
    files = {
        "/sys/class/kfd/kfd/dev": "235:0\n",
        "/sys/class/drm/renderD128/dev": "226:128\n",
        "/sys/class/drm/renderD129/dev": "226",
        "/sys/class/drm/card0/dev": "226:0\n",
    }
    assert access(live(files)).numbers == {"/dev/kfd": "235:0", "/dev/dri/renderD128": "226:128"}
    assert access(live()).numbers == {}


def test_what_a_folder_or_a_recording_does_not_hold_is_a_gap(tmp_path: Path) -> None:
    for host, reason in ((SysrootHost(tmp_path), "absent"), (ReplayHost(Recording(rocmkit_recording=1, about="test")), "not-executed")):
        found = system(host)
        for value in (found.selinux, found.selinux_type, found.seccomp, field(id_map, host, "uid"), field(id_map, host, "gid")):
            assert isinstance(value, Gap)
            assert value.reason == reason
        assert isinstance(found.docker_context, Gap)
        assert found.docker_context.reason == "not-executed"


def test_the_numbers_of_a_real_machine(shared_machines: Path) -> None:
    found = access(SysrootHost(shared_machines / "gfx906-mi50-single")).numbers
    assert all(number.partition(":")[2].isdecimal() for number in found.values())
    assert all(path.startswith("/dev/") for path in found)


@given(
    data=st.binary(max_size=80) | st.sampled_from([b"a:b:c_t:d", b"a:b:c_t", b"unconfined", b":root://x:unconfined", b"c_t", b"default"])
)
def test_what_is_kept_is_kept_again(data: bytes) -> None:
    for keep in (security_type, docker_context):
        assert keep(keep(data)) == keep(data)
    assert len(security_type(data)) <= 82
    assert docker_context(data) in {b"", b"default", b"desktop-linux", b"other"}


@given(user=st.text("abc:_", max_size=5), kind=st.text("abc_.", min_size=1, max_size=8))
def test_of_a_context_only_the_type_is_kept(user: str, kind: str) -> None:
    assert security_type(f"{user.replace(':', '')}:role_r:{kind}_t:s0:c1,c2".encode()) == f"{kind}_t".encode()


def test_variables_that_the_checks_ask_for() -> None:
    for name in (
        "PYTORCH_HIP_ALLOC_CONF",
        "PYTORCH_CUDA_ALLOC_CONF",
        "PYTORCH_ALLOC_CONF",
        "TORCH_BLAS_PREFER_HIPBLASLT",
        "MIOPEN_FIND_MODE",
    ):
        assert wanted(name)
    assert not wanted("DOCKER_HOST")
    script = 'export PYTORCH_HIP_ALLOC_CONF="expandable_segments:True,max_split_size_mb:128"\nexport ROCBLAS_USE_HIPBLASLT=1\n'
    assert [name for name, _ in assignments(script)] == ["PYTORCH_HIP_ALLOC_CONF", "ROCBLAS_USE_HIPBLASLT"]
