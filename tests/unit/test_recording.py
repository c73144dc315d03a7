"""Recordings: the same answers again, nothing else, and hostile files refused."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.host.base import Host, NotAsked, Stat, lines_with, whole
from rocmkit.host.live import LiveHost
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import Recording, dump, load, load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.model import DataError


def again(recorder: RecordingHost) -> ReplayHost:
    return ReplayHost(load(dump(recorder.recording("test")), source="test"))


def answers(host: Host, folder: Path) -> list[object]:
    def ask(question: object) -> object:
        try:
            return question()  # type: ignore[operator]
        except (OSError, ValueError) as error:
            return type(error), getattr(error, "errno", None)

    return [
        ask(question)
        for question in (
            lambda: host.read(f"{folder}/text", whole),
            lambda: host.read(f"{folder}/bytes", whole),
            lambda: host.read(f"{folder}/text", lines_with("keep")),
            lambda: host.read(f"{folder}/none", whole),
            lambda: host.list(str(folder)),
            lambda: host.stat(f"{folder}/text").kind,
            lambda: host.stat(f"{folder}/none"),
            lambda: host.readlink(f"{folder}/link"),
            lambda: host.readlink(f"{folder}/text"),
            lambda: host.realpath(f"{folder}/link"),
            lambda: host.run(("/bin/sh", "-c", "echo out; echo err >&2; exit 3"), whole, timeout_s=5),
            lambda: host.run(("/nowhere",), whole, timeout_s=5),
            lambda: host.which("sh"),
            lambda: host.which("no-such-program"),
            lambda: host.gpu_code(f"{folder}/text"),
            lambda: host.try_open(f"{folder}/none"),
            host.identity,
            host.machine,
            host.limits,
            lambda: host.space(str(folder)).total_bytes,
        )
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text").write_text("keep this\ndrop that\n")
    (tmp_path / "bytes").write_bytes(b"\xff\x00\x1b[31m")
    (tmp_path / "link").symlink_to("text")
    return tmp_path


def test_a_replay_gives_the_same_answers(folder: Path) -> None:
    recorder = RecordingHost(LiveHost())
    live = answers(recorder, folder)
    # The last reading of a file wins: the same question with another keep is the same question.
    replayed = answers(again(recorder), folder)
    assert replayed[1:] == live[1:]
    assert replayed[2] == b"keep this"


def test_what_was_not_asked_is_not_known() -> None:
    host = again(RecordingHost(LiveHost()))
    for ask in (
        lambda: host.read("/etc/hostname", whole),
        lambda: host.list("/"),
        lambda: host.exists("/etc"),
        lambda: host.which("sh"),
        lambda: host.run(("sh",), whole, timeout_s=1),
        host.identity,
    ):
        with pytest.raises(NotAsked):
            ask()


def test_a_whole_machine_lacks_what_is_not_listed_and_implies_folders() -> None:
    host = ReplayHost(
        Recording(
            rocmkit_recording=1,
            about="test",
            whole=True,
            files={"/sys/class/kfd/kfd/topology/nodes/1/gpu_id": "51887\n", "/masked": {"error": "EPERM"}},
            links={"/opt/rocm": "rocm-6.3.4"},
            stats={"/dev/kfd": {"kind": "character", "mode": "0660", "uid": 0, "gid": 109}},
            gpu_code={},
        )
    )
    assert host.list("/sys/class/kfd/kfd/topology/nodes") == ("1",)
    assert host.stat("/sys/class").kind == "folder"
    assert host.stat("/dev/kfd").gid == 109
    assert host.list("/dev") == ("kfd",)
    with pytest.raises(FileNotFoundError):
        host.read("/etc/os-release", whole)
    with pytest.raises(PermissionError) as denied:
        host.read("/masked", whole)
    assert denied.value.errno == errno.EPERM
    assert host.which("rocminfo") is None


def test_recorded_values_name_neither_the_home_folder_nor_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".cache").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path}/lib:/opt/rocm/lib")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    recorder = RecordingHost(LiveHost())
    recorder.list("~/.cache")
    recorder.environ(lambda name: name == "LD_LIBRARY_PATH")
    recorder.realpath("~/.cache")
    assert str(tmp_path) not in dump(recorder.recording("test"))
    assert recorder.environ(lambda name: name == "LD_LIBRARY_PATH") == {"LD_LIBRARY_PATH": "~/lib:/opt/rocm/lib"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it is empty"),
        ("[]", "no line `rocmkit_recording"),
        ("notes: mine\n", "no line `rocmkit_recording"),
        ('rocmkit_recording: 1\nabout: "x', "cut off"),
        ("rocmkit_recording: 99\nabout: x\n", "recording format 99"),
        ("rocmkit_recording: 1\nabout: x\nexec: rm\n", "unknown field `exec`"),
        ("rocmkit_recording: 1\nabout: x\ncommands: [{argv: 1}]\n", "argv"),
        ("rocmkit_recording: 1\nabout: &a x\nwhich: {a: *a}\n", "aliases are not allowed"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=complaint):
        load_file(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        load_file(path)


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "base64", "kind", "x"]), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["/a", "/a/b", "rocblas /a", "=/a"]), _JUNK),
    st.sampled_from(["files", "folders", "links", "stats", "opens", "gpu_code", "kernel_files", "space"]),
    st.booleans(),
)
def test_junk_in_a_recording_is_an_answer_or_an_expected_error(junk: dict[str, object], verb: str, whole_machine: bool) -> None:
    import yaml

    try:
        host = ReplayHost(load(yaml.safe_dump({"rocmkit_recording": 1, "about": "x", "whole": whole_machine, verb: junk}), source="t"))
    except DataError:
        return
    for ask in (
        lambda: host.read("/a", whole),
        lambda: host.list("/a"),
        lambda: host.stat("/a/b"),
        lambda: host.readlink("/a"),
        lambda: host.realpath("/a"),
        lambda: host.try_open("/a"),
        lambda: host.gpu_code("/a"),
        lambda: host.kernel_files("rocblas", "/a"),
        lambda: host.space("/a"),
    ):
        try:
            ask()
        except (OSError, ValueError, NotAsked):
            continue


def test_a_refusal_keeps_its_words_and_what_never_came_back_is_a_timeout(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_text("junk")
    release = threading.Event()

    class Stuck(LiveHost):
        def stat(self, path: str) -> Stat:
            release.wait(10)
            raise FileNotFoundError(path)

    recorder = RecordingHost(Stuck())
    with pytest.raises(ValueError, match="not an ELF file") as live:
        recorder.gpu_code(f"{tmp_path}/lib.so")
    threading.Thread(target=recorder.exists, args=("/stuck",), daemon=True).start()
    while "stats" not in recorder._maps:
        time.sleep(0.01)
    replay = ReplayHost(load(dump(recorder.recording("")), source=""))
    release.set()
    with pytest.raises(ValueError, match="ELF") as again:
        replay.gpu_code(f"{tmp_path}/lib.so")
    assert str(again.value) == str(live.value)
    with pytest.raises(TimeoutError):
        replay.stat("/stuck")


HEAD = "rocmkit_recording: 1\nabout: x\nwhole: true\nfiles:\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEAD + "  /x: 1" + ":59" * 1_000_000, "a number that is too long"),
        (HEAD + "  /x: " + "9" * 1_000_000, "a number that is too long"),
        (HEAD + "".join(f"  /a/{i}: x\n" for i in range(130_000)), "more than 250000 entries"),
        (HEAD + "  ? " + "/a" * 3000 + "\n  : x\n", "a path is longer"),
        (HEAD + "  /a: x\nlinks: {/a: " + "/a" * 3000 + "}\n", "a path is longer"),
        (HEAD + "".join(f"  ? /{i}" + "/b" * 1000 + "\n  : x\n" for i in range(300)), "more than 200000 folders"),
    ],
)
def test_a_recording_made_to_take_for_ever_is_refused_at_once(text: str, complaint: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(DataError, match=complaint):
        load(text, source="x")
    assert time.perf_counter() - begin < 5  # 1 here


def test_a_link_that_makes_paths_longer_and_longer_ends() -> None:
    host = ReplayHost(Recording(rocmkit_recording=1, about="x", whole=True, links={"/a": "/a" + "/b" * 2000}))
    begin = time.perf_counter()
    with pytest.raises(OSError, match="too long") as error:
        host.read("/a/c", whole)
    assert error.value.errno == errno.ENAMETOOLONG
    assert time.perf_counter() - begin < 1


def test_a_name_that_a_keep_leaves_in_is_hidden_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "zaphod")
    (tmp_path / "x").write_text("by zaphod, version 10.1.2.3, hf_" + "aB3" * 11)
    host = LiveHost()
    assert host.read(f"{tmp_path}/x", whole) == b"by $USER, version 10.1.2.3, <token-1>"
    assert host.run(("/bin/cat", f"{tmp_path}/x"), whole, timeout_s=5).text.startswith("by $USER, version 10.1.2.3, ")
