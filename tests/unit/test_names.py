"""What names a person or a machine does not leave the host, and can still be asked about."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.host.live import LiveHost
from rocmkit.host.names import Names, of_this_machine
from rocmkit.host.sysroot import SysrootHost

NAMES = Names("/home/alice", user=["alice"], machine=["box.example.org", "box"])


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("/home/alice", "~"),
        ("/home/alice/venv/bin/python", "~/venv/bin/python"),
        ("/home/alicia/x", "/home/alicia/x"),
        ("/data/alice/venv", "/data/$USER/venv"),
        ("/mnt/home/alice/x", "/mnt/home/$USER/x"),
        ("/net/box/alice-2", "/net/$HOSTNAME/$USER-2"),
        ("/opt/boxes/palice", "/opt/boxes/palice"),
        ("gcc -I/home/alice/inc '-L/home/alice/lib'", "gcc -I~/inc '-L~/lib'"),
        ("file:///home/alice/x,/home/alice:/home/alice.", "file://~/x,~:~."),
        ("built by alice@box.example.org", "built by $USER@$HOSTNAME"),
    ],
)
def test_what_is_shown_for_names(told: str, shown: str) -> None:
    assert NAMES.hide(told) == shown
    assert NAMES.hide(shown) == shown
    assert NAMES.hide_bytes(told.encode()) == shown.encode()


@pytest.mark.parametrize("token", ["hf_" + "aB3" * 11, "ghp_" + "x1" * 18, "AKIA" + "ABCD" * 4, "sk-proj-" + "aB3" * 11 + "-x_y"])
def test_tokens_are_known_by_their_form(token: str) -> None:
    assert NAMES.hide_text(f"token={token}, https://me:{token}@example.org/x") == "token=<set>, https://<set>@example.org/x"
    assert NAMES.hide(f"/data/hf_models_cache/{token}") == f"/data/hf_models_cache/{token}"  # a path stays one


@given(st.text(st.sampled_from("/alice.box~$USER-_ \n:,\udcff\udc80é"), max_size=60))
def test_a_hidden_path_is_found_again_and_prints(tail: str) -> None:
    path = "/" + tail
    if not any(word in path for word in ("$USER", "$HOSTNAME", "\\x")):
        assert NAMES.reveal(NAMES.hide(path)) == path
    NAMES.hide(path).encode()


def test_a_gpu_s_uuid_is_its_serial_number() -> None:
    assert NAMES.hide_text("GPU-2490210172fc1a88,GPU-c88e588172fd62d5") == "GPU-<set>,GPU-<set>"
    assert NAMES.hide_bytes(b"export ROCR_VISIBLE_DEVICES=gpu-2490210172FC1A88") == b"export ROCR_VISIBLE_DEVICES=gpu-<set>"
    assert NAMES.hide_text("GPU-XX, GPU-0") == "GPU-XX, GPU-0"


def test_a_container_s_id_is_hidden_and_can_be_asked_about() -> None:
    one, two = "306bce8a825e7b56c6a53ca4f07c1ab5" * 2, "web-alpha"
    names = Names(containers=[one, two])
    path = f"/sys/fs/cgroup/memory/docker-{one}.scope/lxc/{two}/memory.limit_in_bytes"
    hidden = "/sys/fs/cgroup/memory/docker-<container-1>.scope/lxc/<container-2>/memory.limit_in_bytes"
    assert names.hide(path) == hidden
    assert names.reveal(hidden) == path


def test_a_home_that_is_a_link_has_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real/ann/venv").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/ann").symlink_to(tmp_path / "real/ann")
    monkeypatch.setenv("HOME", f"{tmp_path}/home/ann")
    host = LiveHost()
    assert host.realpath("~/venv") == "~/venv"
    assert host.asked_python(f"{tmp_path}/home/ann/venv") == host.asked_python(f"{tmp_path}/real/ann/venv") == "~/venv"
    (tmp_path / "ann").mkdir()
    assert host.realpath(str(tmp_path / "ann")) == f"{host.private.hide(str(tmp_path))}/$USER"
    assert host.stat(f"{tmp_path}/$USER").kind == "folder"


def test_under_sudo_the_home_is_the_caller_s(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {"root": "/root", "ann": "/home/ann"}

    def entry(name: object) -> pwd.struct_passwd:
        name = "root" if isinstance(name, int) else str(name)
        return pwd.struct_passwd((name, "x", 0, 0, "", entries[name], "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwuid", entry)
    monkeypatch.setattr(pwd, "getpwnam", entry)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    for name, value in {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SUDO_USER": "ann"}.items():
        monkeypatch.setenv(name, value)
    names = of_this_machine()
    own = entries["root"] + "/x"
    assert names.hide(f"/home/ann/venv:{own}:/data/ann") == f"~/venv:{own}:/data/$USER"


@pytest.mark.parametrize("name", ["root", "gpu", "usr", "opt", "python", "123", "x", "a b", "", "gfx906", "MI50", "vega20"])
def test_names_that_stand_for_something_else_are_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in ("USER", "LOGNAME"):
        monkeypatch.setenv(variable, name)
    path = f"/opt/rocm/{name}/usr/lib/python3"
    assert of_this_machine().hide(path) == path


@pytest.mark.parametrize("live", [True, False])
def test_a_name_that_is_no_utf8_prints_and_can_be_asked_about(tmp_path: Path, live: bool) -> None:
    (tmp_path / "x\udcff.conf").touch()
    host, folder = (LiveHost(), str(tmp_path)) if live else (SysrootHost(tmp_path), "/")
    assert host.list(folder) == ("x\\xff.conf",)
    assert host.stat(f"{folder}/x\\xff.conf").kind == "file"
