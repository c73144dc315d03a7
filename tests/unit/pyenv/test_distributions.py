from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.host.live import LiveHost
from rocmkit.host.names import Names
from rocmkit.host.recording import Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.model import to_json
from rocmkit.probe.distributions import Distributions, distributions, headers, plain_lines
from rocmkit.probe.python_libraries import WANTED

SITE = "/env/lib/python3.10/site-packages"


def look(names: list[str], files: dict[str, str | bytes] | None = None, *, root: Path) -> Distributions:
    """One folder of packages with these empty folders and these files."""
    site = root / SITE[1:]
    site.mkdir(parents=True)
    for name in names:
        (site / name).mkdir(parents=True)
    for name, text in (files or {}).items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return distributions(SysrootHost(root), [SITE], own="/env", wanted=WANTED)


def replay(names: list[str], files: dict[str, str] | None = None) -> Distributions:
    recording = Recording(rocmkit_recording=1, about="", whole=True, folders={SITE: names}, files=files or {})
    return distributions(ReplayHost(recording), [SITE], own="/env", wanted=WANTED)


@pytest.mark.parametrize(
    ("name", "project", "version"),
    [
        ("torch-2.9.1+rocm6.3.dist-info", "torch", "2.9.1+rocm6.3"),
        ("sherpa_onnx_core-1.12.40.dist-info", "sherpa-onnx-core", "1.12.40"),
        ("ruamel.yaml-0.18.6.dist-info", "ruamel-yaml", "0.18.6"),
        ("Some-Old-Name-1.0.dist-info", "some-old-name", "1.0"),
        ("pytz-1!2024.1.dist-info", "pytz", "1!2024.1"),
        ("onnxruntime_rocm-1.22.2.post3.dist-info", "onnxruntime-rocm", "1.22.2.post3"),
        ("torch-2.5.1-py3.10.egg-info", "torch", "2.5.1"),
        ("PyYAML-6.0-py3.11-linux-x86_64.egg-info", "pyyaml", "6.0"),
        ("six-1.16.0.egg-info", "six", "1.16.0"),
    ],
)
def test_the_name_alone_tells(name: str, project: str, version: str) -> None:
    assert replay([name]).packages == {project: version}


def test_metadata_is_read_where_the_name_does_not_tell(tmp_path: Path) -> None:
    found = look(
        [],
        {
            "editable.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: Editable_Thing\nVersion: 0.3.dev1+g12\n\nVersion: 9",
            "plain.egg-info": "Name: plain\r\nVersion: 1.1\r\n",
            "odd.dist-info/METADATA": "name: odd\nVERSION: 2-1\n",
            "escaped-1.0_1.dist-info/METADATA": "Name: escaped\nVersion: 1.0+1\n",
        },
        root=tmp_path,
    )
    assert found.packages == {"editable-thing": "0.3.dev1+g12", "plain": "1.1", "odd": "2-1", "escaped": "1.0+1"}
    assert found.broken == ()


def test_what_is_broken_is_named_and_not_guessed(tmp_path: Path) -> None:
    found = look(
        ["~orch-2.9.1.dist-info", "~orch", "empty.dist-info", "numpy-2.2.6.dist-info"],
        {"rubbish.dist-info/METADATA": bytes(range(256)) * 40, "nothing.egg-info": ""},
        root=tmp_path,
    )
    assert found.packages == {"numpy": "2.2.6"}
    assert [path.removeprefix(SITE + "/") for path in found.broken] == [
        "empty.dist-info",
        "nothing.egg-info",
        "rubbish.dist-info",
        "~orch",
        "~orch-2.9.1.dist-info",
    ]


def test_two_versions_in_one_folder_are_duplicates_the_same_twice_is_not() -> None:
    found = replay(["numpy-2.10.0.dist-info", "numpy-2.2.6.dist-info", "Six-1.0.dist-info", "six-1.0-py3.10.egg-info"])
    assert found.packages == {"numpy": "2.10.0", "six": "1.0"}
    assert found.duplicates == {"numpy": ("2.2.6", "2.10.0")}
    assert found.metadata["numpy"] == f"{SITE}/numpy-2.10.0.dist-info"


def test_the_first_folder_wins(tmp_path: Path) -> None:
    for folder, version in (("a", "1.0"), ("b", "2.0")):
        (tmp_path / folder / f"thing-{version}.dist-info").mkdir(parents=True)
    found = distributions(SysrootHost(tmp_path), ["/missing", "/a", "/b"], own="/env", wanted=WANTED)
    assert (found.packages, found.duplicates, found.paths) == ({"thing": "1.0"}, {}, ("/a", "/b"))
    assert found.metadata == {"thing": "/a/thing-1.0.dist-info"}


def test_a_link_to_the_same_folder_is_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "lib/x-1.dist-info").mkdir(parents=True)
    (tmp_path / "lib64").symlink_to("lib")
    assert distributions(SysrootHost(tmp_path), ["/lib", "/lib64"], own="/", wanted=WANTED).paths == ("/lib",)


def test_pth_files_add_folders_and_their_code_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "src/project.egg-info").mkdir(parents=True)
    (tmp_path / "src/project.egg-info/PKG-INFO").write_text("Name: project\nVersion: 1.5\n")
    (tmp_path / "src/torch").mkdir()
    pth = "# comment\nimport os; os.abort()\n/src\n../eggs/Thing-0.9-py3.10.egg\n/not/there\n"
    (tmp_path / "env/lib/python3.10/eggs/Thing-0.9-py3.10.egg/EGG-INFO").mkdir(parents=True)
    found = look([], {"easy-install.pth": pth, ".hidden.pth": "/hidden\n", "binary.pth": b"\xff\0\xfe\n\0\n"}, root=tmp_path)
    assert found.packages == {"project": "1.5", "thing": "0.9"}
    assert found.paths == (SITE, "/src", "/env/lib/python3.10/eggs/Thing-0.9-py3.10.egg")
    assert found.folders == {"torch": "/src/torch"}


def test_a_name_that_is_no_text_can_be_printed(tmp_path: Path) -> None:
    site = tmp_path / SITE[1:]
    site.mkdir(parents=True)
    (site / "~\udcffname").mkdir()
    found = distributions(LiveHost(), [str(site)], own="/", wanted=WANTED)
    assert "\\\\xffname" in to_json(found)


@given(names=st.lists(st.text() | st.from_regex(r"[~a-zA-Z0-9._+-]{0,12}\.(dist-info|egg-info|pth|egg)", fullmatch=True)), text=st.text())
def test_any_names_and_any_metadata_give_a_value(names: list[str], text: str) -> None:
    files = {f"{SITE}/{name}/METADATA": text for name in names} | {f"{SITE}/{name}": text for name in names if name.endswith(".pth")}
    found = replay(names, files)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) and version for name, version in found.packages.items())
    to_json(found)


@given(st.binary() | st.text().map(str.encode))
def test_what_is_kept_of_a_file_stays_the_same_when_it_is_kept_again(data: bytes) -> None:
    host = LiveHost()
    for keep in (headers, plain_lines(host)):
        assert keep(keep(data)) == keep(data)


def test_the_home_folder_does_not_leave_the_host() -> None:
    host = LiveHost()
    host.private = Names("/home/alice")
    assert plain_lines(host)(b"/home/alice/src\n") == b"~/src"
    assert host.private.hide("/home/alicia") == "/home/alicia"


def test_four_hundred_packages_are_quick(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"package_{number}-1.{number}.dist-info").mkdir()
        (tmp_path / f"package_{number}").mkdir()
    host = LiveHost()
    begin = time.perf_counter()
    found = distributions(host, [str(tmp_path)], own="/", wanted=WANTED)
    assert time.perf_counter() - begin < 0.2  # 0.005 here: room for a busy machine
    assert len(found.packages) == 400
