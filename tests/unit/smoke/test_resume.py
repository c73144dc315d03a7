"""The file of --resume: what was seen is there again, whatever happened to the file, and no other file is touched."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit import __version__
from rocmkit.errors import UsageError
from rocmkit.host.names import Names
from rocmkit.kb.backends import backend
from rocmkit.smoke.hook import Hooked
from rocmkit.smoke.observed import Card, Clip, Observed, Ran, Skip, UsedModel, Wanted
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.progress import Progress, key
from rocmkit.smoke.run import Room
from rocmkit.smoke.series import series
from rocmkit.trial.values import Trial
from tests.support.command import ROOT

WANTED = Wanted(cer_pass=0.5)


def observed(name: str = "faster-whisper", **more: Any) -> Observed:
    ran = Ran(device="gpu", trial=Trial(name=name, outcome="crash", signal="SIGSEGV", log="日本語\n\u2028"))
    return Observed(
        **{"backend": name, "engine": "torch", "model": UsedModel(id="a/b"), "python": "~/py", "device": "gpu", "main": ran, **more}
    )


def names(path: Path) -> list[str]:
    with Progress.open(path) as progress:
        return sorted(progress._done)


def test_a_later_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "smoke.progress"
    with Progress.open(path) as progress:
        assert progress.found("a", WANTED) is None
        progress.add("a", observed())
        assert progress.found("a", WANTED) == observed(wanted=WANTED)
    with Progress.open(path) as progress:
        assert progress.found("a", WANTED) == observed(wanted=WANTED)
        assert progress.found("b", WANTED) is None
        progress.add("b", observed("mms"))
    assert names(path) == ["a", "b"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(b'{"schema":"rocmkit.smoke.progress/1","rocmkit":"' + __version__.encode())


def test_what_was_skipped_is_tried_again(tmp_path: Path) -> None:
    with Progress.open(tmp_path / "p") as progress:
        progress.add("a", observed(main=None, skip=Skip(code="RK709", because="not installed")))
        assert progress.found("a", WANTED) is None
    assert names(tmp_path / "p") == []


def test_the_last_line_was_not_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with Progress.open(path) as progress:
        progress.add("a", observed())
        one = path.stat().st_size
        progress.add("b", observed("mms"))
    whole = path.read_bytes()
    for end in {one, one + 1, (one + len(whole)) // 2, len(whole) - 1}:
        path.write_bytes(whole[:end])
        with Progress.open(path) as progress:
            assert progress.found("a", WANTED) and not progress.found("b", WANTED)
            progress.add("b", observed("mms"))
        assert path.read_bytes() == whole


def test_the_first_line_was_not_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with Progress.open(path):
        header = path.read_bytes()
    for end in (0, 1, len(header) - 1):
        path.write_bytes(header[:end])
        assert names(path) == [] and path.read_bytes() == header


def test_a_line_that_is_none_costs_its_case_alone(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with Progress.open(path) as progress:
        for name in "abc":
            progress.add(name, observed(name))
    lines = path.read_bytes().split(b"\n")
    for broken in (b"", b"{", b"\xff\0", lines[2].replace(b'"engine"', b'"engines"'), b"[" * 5000, lines[2][:-30]):
        path.write_bytes(b"\n".join([*lines[:2], broken, *lines[3:]]))
        assert names(path) == ["a", "c"]


FOREIGN = [
    b"mine\n",
    b"{}\n",
    b'{"schema":"rocmkit.smoke/1","rocmkit":"1"}\n',
    b'{"schema":"rocmkit.smoke.progress/1","rocmkit":"0.0.0"}\n{"key":"a"}\n',
    b"\0" * 100,
    b"\x89PNG\r\n\x1a\n",
    b"[" * 100_000,
]


@pytest.mark.parametrize("data", FOREIGN)
def test_a_foreign_file_is_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "p"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"no file of rocmkit smoke's|wrote it"):
        Progress.open(path)
    assert path.read_bytes() == data


@given(st.binary(max_size=200), st.booleans())
def test_any_file_is_read_or_left_alone(tmp_path_factory: pytest.TempPathFactory, data: bytes, begun: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any.progress"
    path.unlink(missing_ok=True)
    with Progress.open(path):
        header = path.read_bytes()
    before = header + data if begun else data
    path.write_bytes(before)
    try:
        with Progress.open(path) as progress:
            progress.add("a", observed())
    except UsageError:
        assert path.read_bytes() == before and not begun
        return
    assert names(path) == ["a"] and (begun or header.startswith(before))


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in ((".", "directory"), ("pipe", "it is no file"), ("nowhere/p", "No such"), ("a\0b", "null"), ("x" * 300, "too long")):
        with pytest.raises(UsageError, match=words):
            Progress.open(tmp_path / name)
    with pytest.raises(UsageError, match="it is no file"):
        Progress.open(Path("/dev/null"))
    with (tmp_path / "long").open("wb") as file:
        file.truncate(257 << 20)
    with pytest.raises(UsageError, match="longer than 256 MiB"):
        Progress.open(tmp_path / "long")


def test_two_runs_do_not_write_the_same(tmp_path: Path) -> None:
    with Progress.open(tmp_path / "p"), pytest.raises(UsageError, match="another run is writing it"):
        Progress.open(tmp_path / "p")
    assert names(tmp_path / "p") == []
    with (tmp_path / "q").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another run"):
            Progress.open(tmp_path / "q")


def test_no_room_on_the_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: half a line does not stay."""
    path = tmp_path / "p"
    with Progress.open(path) as progress:
        progress.add("a", observed())
        size = path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
        try:
            with pytest.raises(OSError):
                progress.add("b", observed("mms"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        assert path.stat().st_size == size and progress.found("b", WANTED) is None
        progress.add("b", observed("mms"))
    assert names(path) == ["a", "b"]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rocmkit.smoke.progress import Progress
from tests.unit.smoke.test_resume import observed
progress = Progress.open(Path(sys.argv[2]))
for number in range(100_000):
    progress.add(str(number), observed())
    print(number, flush=True)
"""


def test_a_run_that_is_killed_has_kept_all_that_it_told(tmp_path: Path) -> None:
    command = (sys.executable, "-c", WRITER, str(ROOT), str(tmp_path / "p"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        for line in writer.stdout:
            if int(line) == 20:
                writer.kill()
        last = 20
    with Progress.open(tmp_path / "p") as progress:
        assert all(progress.found(str(number), WANTED) == observed(wanted=WANTED) for number in range(last + 1))


BACKEND = replace(backend("faster-whisper"), options={"beam": 1})
PLANNED = Planned(backend=BACKEND, model=UsedModel(id="base", path="~/m", bytes=5), argument="/m", python="/py")
CLIP = Clip(name="a.wav", file="/a.wav", sha256="00", text="本", kana="ホン")
CARD = Card(gfx="gfx906", name="x", pci="0000:03:00.0", node=1, gpu_id=7, render_node=None, vram_bytes=None, integrated=False)


def named(**more: Any) -> str:
    values: dict[str, Any] = {
        "planned": PLANNED,
        "clips": [CLIP],
        "cards": [CARD],
        "environment": {"A": "1"},
        "control": True,
        "timeout_s": 9.0,
    }
    return key(**{**values, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"planned": replace(PLANNED, backend=replace(BACKEND, id="x"))},
        {"planned": replace(PLANNED, backend=replace(BACKEND, options={"beam": 5}))},
        {"planned": replace(PLANNED, model=UsedModel(id="small", path="~/m", bytes=5))},
        {"planned": replace(PLANNED, argument="/n")},
        {"planned": replace(PLANNED, python="/other")},
        {"planned": replace(PLANNED, device="cpu")},
        {"planned": replace(PLANNED, compute_type="float16")},
        {"clips": [replace(CLIP, sha256="01")]},
        {"clips": [replace(CLIP, text="木")]},
        {"clips": [CLIP, CLIP]},
        {"cards": []},
        {"cards": [replace(CARD, pci="0000:04:00.0")]},
        {"environment": {"A": "2"}},
        {"control": False},
        {"timeout_s": 10.0},
    ],
)
def test_another_case_has_another_key(more: dict[str, Any]) -> None:
    assert named(**more) != named()


def test_names_that_are_no_utf_8_have_a_key_too() -> None:
    assert named(planned=replace(PLANNED, argument="/\udcff"), environment={"A": "\udcfe"}) != named()


def test_what_is_kept_of_another_system_is_not_taken_for_this_one(tmp_path: Path) -> None:
    planned = replace(PLANNED, python="/nowhere/python")
    room = Room(Names(), (), WANTED, Hooked(None, "no"), "absent", 9.0, environ={})
    with Progress.open(tmp_path / "p") as progress:
        progress.add(key(planned, (CLIP,), (), {}, control=True, timeout_s=9.0), observed("nobody-knows-it"))
        (seen,) = series([planned], (CLIP,), room, warn=print, progress=progress)
    assert seen.backend == "faster-whisper"


def test_what_only_judges_does_not_change_the_key() -> None:
    for planned in (replace(PLANNED, cer_pass=0.1), replace(PLANNED, backend=replace(BACKEND, title="other", notes=("new",)))):
        assert named(planned=planned) == named()
    assert named(clips=[replace(CLIP, file="/elsewhere/a.wav")]) == named()
    assert named(environment={"B": "2", "A": "1"}) == named(environment={"A": "1", "B": "2"})
