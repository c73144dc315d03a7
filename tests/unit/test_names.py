"""What names a person or a machine does not leave the host, and can still be asked about."""

from __future__ import annotations

import os
import pwd
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.host.live import LiveHost
from rocmkit.host.names import _GROUP, Names, of_this_machine
from rocmkit.host.secrets import secrets
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
        ("/net/box/alice-2", "/net/<host-1>/$USER-2"),
        ("/opt/boxes/palice", "/opt/boxes/palice"),
        ("gcc -I/home/alice/inc '-L/home/alice/lib'", "gcc -I~/inc '-L~/lib'"),
        ("file:///home/alice/x,/home/alice:/home/alice.", "file://~/x,~:~."),
        ("built by alice@box", "built by $USER@<host-1>"),
    ],
)
def test_what_is_shown_for_names(told: str, shown: str) -> None:
    assert NAMES.hide(told) == shown
    assert NAMES.hide(shown) == shown
    assert NAMES.hide_bytes(told.encode()) == shown.encode()


TOKENS = {
    "Hugging Face": "hf_" + "aB3" * 11,
    "GitHub": "ghp_" + "x1" * 18,
    "GitHub, fine-grained": "github_pat_" + "aB3" * 11,
    "GitLab": "glpat-" + "a_B3-" * 4,
    "AWS": "AKIA" + "ABCD" * 4,
    "Google": "AIza" + "aB3-_" * 7,
    "OpenAI": "sk-proj-" + "aB3" * 11 + "-x_y",
    "Anthropic": "sk-ant-api03-" + "aB_3-" * 8,
    "Slack": "xoxb-" + "123456789012-" * 2 + "aB3",
    "npm": "npm_" + "aB3" * 12,
    "package index": "pypi-AgEIcHlwaS5vcmc" + "aB3_-" * 8,
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + "aB3_-" * 4,
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_tokens_are_known_by_their_form(token: str) -> None:
    shown = Names().hide_text(f"token={token}, https://me:{token}@example.org/x and {token}")
    assert shown == "token=<token-1>, https://<token-2>@example.org/x and <token-1>"
    names = Names()
    hidden = names.hide(f"/data/hf_models_cache/{token}")
    assert hidden == "/data/hf_models_cache/<token-1>"
    assert names.reveal(hidden) == f"/data/hf_models_cache/{token}"  # and can be asked about


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("password=hunter22 x", "password=<token-1> x"),
        ("--api-key abcd1234", "--api-key <token-1>"),
        ('"client_secret": "abcd1234"', '"client_secret": "<token-1>"'),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer <token-1>"),
        ("Authorization: Token abcdefgh", "Authorization: Token <token-1>"),
        ("https://hooks.slack.com/services/T0000/B0000/aB3aB3", "https://hooks.slack.com/services/<token-1>"),
        ("https://example.org/api/webhooks/1234/aB3-_x y", "https://example.org/api/webhooks/<token-1> y"),
        ("(jane.doe@build.example.org), me@example.org.", "(<mail-1>), <mail-2>."),
        ("root=PARTUUID=0a1b2c3d-01 ro", "root=PARTUUID=<uuid-1> ro"),
        ("board_serial=AB12345 S/N: 12345678", "board_serial=<serial-1> S/N: <serial-2>"),
        ("?sv=2020&sig=ab%2Fcd%3D&x=1", "?sv=2020&sig=<token-1>&x=1"),
        ("AccountKey=ab/cd+ef==;X=1", "AccountKey=<token-1>;X=1"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nab\ncd\n-----END OPENSSH PRIVATE KEY-----\n", "<token-1>\n"),
        ("link aa:bb:cc:dd:ee:0f, AA-BB-CC-DD-EE-0F", "link <mac-1>, <mac-2>"),
        ("from 8.8.4.4:80 to 10.1.2.3.", "from <address-1>:80 to <address-2>."),
        ("fe80::1%eth0 [2001:db8::8a2e:370:7334]:80", "<address-1>%eth0 [<address-2>]:80"),
        ("root=UUID=01234567-89ab-cdef-0123-456789abcdef", "root=UUID=<uuid-1>"),
        ("SerialNumber: AB12345678", "SerialNumber: <serial-1>"),
        ("unique_id 1234567890123", "unique_id <serial-1>"),
    ],
)
def test_what_people_and_programs_write(told: str, shown: str) -> None:
    assert Names().hide_text(told) == shown
    assert Names().hide_bytes(told.encode()) == shown.encode()
    assert Names().hide_text(shown) == shown


@pytest.mark.parametrize(
    "evidence",
    [
        *("0000:03:00.0 10000:e1:00.0", "pci 0000:00:01.3: BAR 0 [mem 0x6000000000-0x63ffffffff 64bit pref]", "1002:66a1"),
        "python3[<pid>]: segfault at 34 ip 00007f1234567890 sp 00007ffd12345678 error 4 in libamdhip64.so.6[7f1234000000+1000]",
        "Code: 48 8b 47 34 c3 66 2e 0f 1f 84 00 00 00 00 00", "de:ad:be:ef:00:01:02:03",
        *("AMDSMI Library version: 24.6.3.0 | v1.2.3.4", "nvidia-cublas-cu12==12.4.5.8", "libcublas.so.12.4.5.8"),
        *("9.0.6", "127.0.0.1:80 0.0.0.0"),
        *("user@1000.service in init@x.scope", "torch@2.3.0 x@y", "(buildd@lcy02-amd64-109)", "dsn: 12345678"),
        *("c10::bad dead::x std::vector", "iommu.passthrough=1 max_tokens=1234 tokenizers=0.21.1", "TOKENIZERS_PARALLELISM=false"),
        *("token=$HF_TOKEN password=<set>", "serial console, 4 serial ports", "sk-learn", "hf_transfer", "GPU-XX GPU-0"),
        *("Version: 10.3.5.147", "nvidia_curand_cu12-10.3.5.147.dist-info", "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"),
        "2.6.0+rocm6.1 gitba5dcb0 6.1.40091-a8dbc0c19 gfx906:sramecc+:xnack-", "VM_L2_PROTECTION_FAULT_STATUS:0x00301031",
    ],
)  # fmt: skip
def test_evidence_is_left_alone(evidence: str) -> None:
    names = Names("/home/alice", user=["alice"], machine=["box"], others=True)
    assert names.hide_text(evidence) == names.hide(evidence) == evidence


def test_homes_of_others_are_hidden_and_can_be_asked_about() -> None:
    names = Names("/home/alice", user=["alice"], others=True)
    paths = "/home/alice/a:/home/bob/b:/var/home/carl/c:/run/media/alice/1234-ABCD/d:/home/user/e:/home/bob"
    shown = "~/a:/home/<user-1>/b:/var/home/<user-2>/c:/run/media/$USER/<uuid-1>/d:/home/user/e:/home/<user-1>"
    assert names.hide(paths) == names.hide(shown) == shown
    assert names.reveal("/home/<user-1>/b") == "/home/bob/b"
    assert names.reveal("/home/<user-9>/b") == "/home/<user-9>/b"  # nobody was called so
    own = Names("/home/ann@example.org", others=True)
    shown = "~/x:/data/<mail-1>:/home/<mail-2>/y:user@1000.service"
    assert own.hide("/home/ann@example.org/x:/data/ann@example.org:/home/bob@example.org/y:user@1000.service") == shown
    assert own.reveal("/home/<mail-2>/y") == "/home/bob@example.org/y"
    assert names.hide(r"/gpfs/users/carl/x C:\Users\bob\x") == r"/gpfs/users/<user-2>/x C:\Users\<user-1>\x"


@pytest.mark.parametrize(
    ("part", "own"),
    [
        ("docker-" + "a1" * 32 + ".scope", "a1" * 32),
        ("kubepods-burstable-pod12_34.slice", "pod12_34"),
        ("lxc.payload.web-alpha", "web-alpha"),
        ("app-gnome-code-123.scope", "app-gnome-code-123"),
        *(
            (known, None)
            for known in ("user@1000.service", "user-1000.slice", "session-c2.scope", "kubepods.slice", "docker", "init.scope")
        ),
    ],
)
def test_what_is_private_in_the_path_of_a_control_group(part: str, own: str | None) -> None:
    found = _GROUP.fullmatch(part)
    assert found is not None
    assert found["own"] == own


def test_many_threads_agree_on_what_stands_for_what() -> None:
    names = Names()
    paths = [f"/mnt/10.0.{number}.1/x" for number in range(100)]
    with ThreadPoolExecutor(16) as pool:
        shown = list(pool.map(names.hide, paths * 8))
    assert len(set(shown)) == 100
    assert [names.reveal(one) for one in shown] == paths * 8


FLOOD = 1 << 19


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "-hf_a",
            "-eyJaaaaaaaaaa",
            "sk-a-",
            "version",
            "1",
            "::",
            "fe80:",
            "aa:",
            "serial ",
            "serial=a-",
            "/home/",
            "a@",
            "://a",
            "1.1.1.",
        ),
        *("-----BEGIN PRIVATE KEY-----", "password=x", "password ", "--a-", "a-", "_token", "eyJ", "SG.a", "aa-", "01234567-", "bearer "),
    ],
)
def test_no_text_takes_for_ever(piece: str) -> None:
    names = Names("/home/alice", user=["alice"], machine=["box"], others=True)
    begin = time.process_time()
    names.hide_text(piece * (FLOOD // len(piece)))
    names.hide_text(piece + "a" * FLOOD)
    assert time.process_time() - begin < 10  # 2 here


@given(st.text(st.sampled_from("/alice.box~$USER-_ \n:,\udcff\udc80é"), max_size=60))
def test_a_hidden_path_is_found_again_and_prints(tail: str) -> None:
    path = "/" + tail
    if not any(word in path for word in ("$USER", "$HOSTNAME", "\\x")):
        assert NAMES.reveal(NAMES.hide(path)) == path
    NAMES.hide(path).encode()


def test_a_gpu_s_uuid_is_its_serial_number() -> None:
    assert Names().hide_text("GPU-2490210172fc1a88,GPU-c88e588172fd62d5") == "GPU-<serial-1>,GPU-<serial-2>"
    assert Names().hide_bytes(b"export ROCR_VISIBLE_DEVICES=gpu-2490210172FC1A88") == b"export ROCR_VISIBLE_DEVICES=gpu-<serial-1>"
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
    for name, value in {"HOME": f"{tmp_path}/home/ann", "USER": "ann", "LOGNAME": "ann"}.items():
        monkeypatch.setenv(name, value)
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


def test_names_that_stand_for_one_thing_are_told_apart_again() -> None:
    names = Names("/home/ann", user=("ann", "a.long"), machine=("box.example.org", "box"))
    for path in ("/net/box/a", "/net/box.example.org/a", "/srv/ann/x", "/srv/a.long/x", "/home/ann/b"):
        hidden = names.hide(path)
        assert "ann" not in hidden and "a.long" not in hidden and "box" not in hidden
        assert names.reveal(hidden) == path


@pytest.mark.parametrize("option", ["--token", "--hf_token", "--use-auth-token", "--password", "--my-api-key", "--auth"])
def test_a_password_is_a_word_of_its_own_behind_its_option(option: str) -> None:
    assert NAMES.hide_words(("x.py", option, "abcd1234", "/home/alice")) == ("x.py", option, "<token-1>", "~")
    assert NAMES.hide_words((f"{option}=abcd1234", "a")) != (f"{option}=abcd1234", "a")
    assert NAMES.hide_words(("--model", "tiny", option, "/home/alice/file")) == ("--model", "tiny", option, "~/file")


def test_what_this_process_was_told_in_secret_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "Xq7-in-the-environment")
    monkeypatch.setattr(
        sys, "argv", ["rocmkit", "bisect", "--", "x", "--hf_token", "Xq7-behind", "--password=Xq7-after", "A_SECRET=Xq7-set"]
    )
    names = of_this_machine()
    told = "['--hf_token', 'Xq7-behind'] Xq7-after,Xq7-set;Xq7-in-the-environment"
    for hide in (names.hide, names.hide_text):
        assert "Xq7" not in hide(told)
    assert names.reveal(names.hide("/x/Xq7-behind")) == "/x/Xq7-behind"


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("--tokens", "50257"), {"TOKENIZERS_PARALLELISM": "falsetto"}),
        (("--use_auth_token", "True"), {"HF_TOKEN_PATH": "abcdefgh"}),
        (("token", "abcdefgh"), {"SSH_AUTH_SOCK": "abcdefgh"}),
        (("--token", "--verbose"), {"GOOGLE_APPLICATION_CREDENTIALS": "/home/alice/key.json"}),
        (("--token",), {"PWD": "abcdefgh", "HF_TOKEN": ""}),
    ],
)
def test_what_only_sounds_secret_is_none(words: tuple[str, ...], environ: dict[str, str]) -> None:
    assert secrets(words, environ) == ()
