"""MIOpen's folders: where they are, who may write, and what SQLite says of the files; live, from a recording, and on whole machines."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rocmkit.facts import Cache, Gap
from rocmkit.gpucode import database
from rocmkit.gpucode.kernels import list_kernels
from rocmkit.host.base import NotAsked
from rocmkit.host.live import LiveHost
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import dump, load
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.model import to_json
from rocmkit.probe import collect
from rocmkit.probe.caches import MAX_DATABASES, caches
from rocmkit.probe.tools import tools
from tests.conftest import ROOT
from tests.unit.probe.hosts import Nonsense, whole


def filled(path: Path, rows: int = 40) -> Path:
    """A database as MIOpen makes it (kern_db.hpp), with some kernels in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE kern_db (id INTEGER PRIMARY KEY ASC, kernel_name TEXT, kernel_args TEXT, kernel_blob BLOB)")
    connection.execute("CREATE UNIQUE INDEX idx_kern_db ON kern_db (kernel_name, kernel_args)")
    connection.executemany("INSERT INTO kern_db VALUES (NULL, ?, '', ?)", [(f"k{row}.o", bytes(3000)) for row in range(rows)])
    connection.commit()
    connection.close()
    return path


def damage(path: Path) -> Path:
    data = bytearray(path.read_bytes())
    data[8192:16384] = b"\xff" * 8192
    path.write_bytes(data)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("MIOPEN_CUSTOM_CACHE_DIR", "MIOPEN_USER_DB_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return folder


def live() -> tuple[Cache, Cache]:
    """What is found here, and again from a recording of it."""
    recorder = RecordingHost(LiveHost())
    found = caches(recorder)
    assert caches(ReplayHost(load(dump(recorder.recording("test")), source="test"))) == found
    kernels, tuning = found
    assert (kernels.purpose, tuning.purpose) == ("kernels", "tuning")
    return kernels, tuning


# Where


def test_nothing_is_there_yet(home: Path) -> None:
    kernels, tuning = live()
    assert (kernels.path, kernels.nearest, kernels.variable, kernels.writable) == ("~/.cache/miopen", "~", None, True)
    assert (tuning.path, tuning.databases, tuning.damaged, tuning.refused) == ("~/.config/miopen", 0, (), {})
    assert kernels.uid == os.getuid()
    assert kernels.file_system == LiveHost().space(str(home)).file_system
    assert list(home.iterdir()) == []


def test_folders_of_versions_and_what_is_in_them(home: Path) -> None:
    filled(home / ".cache/miopen/3.2.0.ab12-dirty/gfx906_60.ukdb")
    damage(filled(home / ".cache/miopen/2.20.0.cd/gfx906_60.ukdb"))
    filled(home / ".config/miopen/gfx906_60.HIP.3_2_0.udb")
    (home / ".config/miopen/gfx906_60.HIP.3_2_0_ab.ufdb.txt").write_text("text, and no database")
    filled(home / ".cache/miopen/private/other.ukdb")
    kernels, tuning = live()
    assert (kernels.nearest, kernels.mode, kernels.databases) == ("~/.cache/miopen", "0755", 2)
    assert [line.partition(": ")[0] for line in kernels.damaged] == ["~/.cache/miopen/2.20.0.cd/gfx906_60.ukdb"]
    assert (tuning.databases, tuning.damaged) == (1, ())
    assert "private" not in to_json((kernels, tuning))


def test_variables_name_other_folders(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(filled(tmp_path / "mine/gfx906_60.ukdb"))
    monkeypatch.setenv("MIOPEN_CUSTOM_CACHE_DIR", f"{tmp_path}/mine/")
    monkeypatch.setenv("MIOPEN_USER_DB_PATH", "~/db")
    kernels, tuning = live()
    assert (kernels.path, kernels.variable, len(kernels.damaged)) == (f"{tmp_path}/mine", "MIOPEN_CUSTOM_CACHE_DIR", 1)
    assert (tuning.path, tuning.variable) == ("~/db", "MIOPEN_USER_DB_PATH")
    monkeypatch.setenv("MIOPEN_USER_DB_PATH", "relative/place")
    assert [cache.purpose for cache in caches(LiveHost())] == ["kernels"]


@pytest.mark.parametrize("value", [None, "", "/"])
def test_without_a_home_it_is_the_folder_for_temporary_files(
    value: str | None, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", value)
    kernels, tuning = live()
    assert (kernels.path, tuning.path) == (f"{tmp_path}/.cache/miopen", f"{tmp_path}/.config/miopen")
    monkeypatch.delenv("TMPDIR")
    assert caches(LiveHost())[0].path == "/tmp/.cache/miopen"


def test_a_home_that_was_never_made(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "never/made"))
    kernels, _ = live()
    assert (kernels.path, kernels.nearest, kernels.writable) == ("~/.cache/miopen", str(tmp_path), True)
    replayed, _ = caches(whole({}, environ={"HOME": "~"}))
    assert (replayed.path, replayed.nearest) == ("~/.cache/miopen", None)
    assert isinstance(replayed.writable, Gap)


def test_a_file_in_the_way(home: Path) -> None:
    (home / ".cache").write_text("in the way")
    kernels, _ = live()
    assert (kernels.nearest, kernels.writable) == ("~/.cache", False)


def test_many_versions_and_files_are_looked_at_in_part(home: Path) -> None:
    for number in range(12):
        for chip in range(6):
            filled(home / f".cache/miopen/3.{number}.0/gfx90{chip}.ukdb", rows=1)
    begin = time.perf_counter()
    kernels, _ = live()
    assert kernels.databases == MAX_DATABASES
    assert time.perf_counter() - begin < 3


# On other hosts


def test_a_folder_has_no_environment_but_its_databases_can_be_read(tmp_path: Path) -> None:
    damage(filled(tmp_path / "srv/gfx906_60.ukdb"))
    host = SysrootHost(tmp_path)
    assert "malformed" in host.database("/srv/gfx906_60.ukdb") or "database main" in host.database("/srv/gfx906_60.ukdb")
    with pytest.raises(FileNotFoundError):
        host.database("/srv/none.ukdb")
    for ask in (lambda: host.can_write("/srv"), lambda: caches(host)):
        with pytest.raises(NotAsked):
            ask()
    found = collect(host).caches
    assert isinstance(found, Gap)
    assert found.reason == "not-executed"


def test_a_whole_machine_tells_what_it_lists() -> None:
    file = "~/.cache/miopen/3.2.0/gfx906_60.ukdb"
    host = whole(
        {file: ""},
        environ={"HOME": "~"},
        writable={"~/.cache/miopen": False, "~/.cache/miopen/3.2.0": True, file: False},
        databases={file: "database disk image is malformed"},
        space={"~/.cache/miopen": {"free_bytes": 1, "total_bytes": 2, "file_system": "nfs4"}},
    )
    kernels, tuning = caches(host)
    assert (kernels.writable, kernels.file_system, kernels.refused) == (False, "nfs4", {file: 0})
    assert kernels.damaged == (f"{file}: database disk image is malformed",)
    assert isinstance(tuning.writable, Gap)
    assert tuning.writable.reason == "not-executed"
    with pytest.raises(FileNotFoundError):
        host.can_write("/nowhere")
    with pytest.raises(NotAsked):
        host.database("~/.cache")


def test_an_old_recording_still_loads_and_says_that_it_was_not_asked() -> None:
    old = ReplayHost(load("rocmkit_recording: 1\nabout: old\nenviron: {}\nspace: {/x: {free_bytes: 1, total_bytes: 2}}\n", source="old"))
    assert old.space("/x").file_system is None
    for ask in (lambda: old.can_write("/x"), lambda: old.database("/x"), lambda: caches(old)):
        with pytest.raises(NotAsked):
            ask()


@settings(deadline=None)
@given(data=st.text(max_size=80).map(str.encode), names=st.sets(st.sampled_from(["3.2.0", "9" * 300 + ".1.1", "a.ukdb", "x.udb", ".."])))
def test_nonsense_everywhere_is_gaps_at_worst(data: bytes, names: set[str]) -> None:
    to_json(caches(Nonsense(data, tuple(names))))


# Who may write


def test_it_is_the_effective_user_who_counts(tmp_path: Path) -> None:
    """As in a program with the set-user-id bit, or a shell under sudo -u."""
    tmp_path.chmod(0o755)
    place = tmp_path / "place"
    place.mkdir(mode=0o555)
    program = (
        "import os, sys\n"
        "from rocmkit.host.live import LiveHost\n"
        "host = LiveHost()\n"
        "fd = os.open(sys.argv[1], os.O_RDONLY)\n"
        "if os.getuid() == 0: os.seteuid(65534)\n"
        "print(host.can_write(f'/proc/self/fd/{fd}'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(place)], capture_output=True, text=True, timeout=20, cwd=ROOT, check=True)
    assert done.stdout == "False\n"
    place.chmod(0o755)
    assert LiveHost().can_write(str(place))
    with pytest.raises(FileNotFoundError):
        LiveHost().can_write(f"{place}/none")


def test_the_type_of_a_file_system_is_that_of_the_mount_table() -> None:
    table: dict[str, str] = {}
    for part in psutil.disk_partitions(all=True):
        table[part.mountpoint] = part.fstype
    host, compared = LiveHost(), 0
    for place, kind in table.items():
        try:
            found = host.space(place).file_system
        except OSError:
            continue
        if os.path.isdir(place) and os.path.realpath(place) == place:
            compared += 1
            assert found == kind, place
    assert compared
    assert host.space("/proc").file_system == "proc"


# What SQLite says


def test_words_of_sqlite(tmp_path: Path) -> None:
    sound, broken = filled(tmp_path / "a.ukdb"), damage(filled(tmp_path / "b.ukdb"))
    cut, other, empty = tmp_path / "c.ukdb", tmp_path / "d.ukdb", tmp_path / "e.ukdb"
    cut.write_bytes(sound.read_bytes()[:20000])
    other.write_bytes(b"no database at all, " * 500)
    empty.touch()
    before = sorted(tmp_path.iterdir())
    assert database.check(str(sound)) == database.check(str(empty)) == "ok"
    assert "database main" in database.check(str(broken)) or "malformed" in database.check(str(broken))
    assert "malformed" in database.check(str(cut))
    assert database.check(str(other)) == "file is not a database"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("end", ["-journal", "-wal"])
def test_a_file_in_use_is_not_called_damaged(tmp_path: Path, end: str) -> None:
    path = damage(filled(tmp_path / "a.ukdb"))
    (tmp_path / f"a.ukdb{end}").touch()
    assert database.check(str(path)) not in {"ok", database.NOT_FINISHED}  # an empty one is left over and means nothing
    (tmp_path / f"a.ukdb{end}").write_bytes(b"pages")
    assert database.check(str(path)) == database.NOT_FINISHED


def test_a_writer_at_work_is_left_alone(tmp_path: Path) -> None:
    path = filled(tmp_path / "a.ukdb")
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("INSERT INTO kern_db SELECT NULL, kernel_name || 'x', '', kernel_blob FROM kern_db")
    assert database.check(str(path)) == database.NOT_FINISHED
    writer.commit()
    writer.close()
    assert database.check(str(path)) == "ok"


def test_what_is_large_or_no_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large.ukdb").open("wb") as file:
        file.truncate(database.MAX_BYTES + 1)
    assert database.check(str(tmp_path / "large.ukdb")) == database.NOT_FINISHED
    os.mkfifo(tmp_path / "pipe.ukdb")
    for name in ("pipe.ukdb", "none.ukdb", "."):
        with pytest.raises(OSError):
            database.check(str(tmp_path / name))


def test_a_schema_computes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trap.ukdb"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE trap (a, CHECK (length(randomblob(a)) > 0))")
    connection.execute("CREATE INDEX costly ON trap (length(a))")
    connection.execute("INSERT INTO trap VALUES (1)")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE trap SET a = 900000000")
    connection.commit()
    connection.close()
    begin = time.perf_counter()
    database.check(str(path))
    assert time.perf_counter() - begin < 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=300), at=st.integers(0, 120_000))
def test_any_bytes_give_words(tmp_path: Path, data: bytes, at: int) -> None:
    path = tmp_path / "any.ukdb"
    if not path.exists():
        filled(path)
        (tmp_path / "sound").write_bytes(path.read_bytes())
    sound = (tmp_path / "sound").read_bytes()
    path.write_bytes(sound[:at] + data + sound[at + len(data) :])
    words = database.check(str(path))
    assert words and "\n" not in words and len(words) <= 200
    path.write_bytes(data)
    assert database.check(str(path))


# PATH, and MIOpen's compiled kernels


def test_tools_say_whether_path_leads_to_them() -> None:
    host = whole(
        {"/opt/rocm/bin/rocminfo": "", "/usr/bin/git": "", "/opt/rocm/bin/hipcc": ""},
        which={"git": "/usr/bin/git", "hipcc": "/opt/rocm/bin/hipcc"},
    )
    found = {tool.name: (tool.path, tool.on_path) for tool in tools(host)}
    assert found["rocminfo"] == ("/opt/rocm/bin/rocminfo", False)
    assert (found["git"][1], found["hipcc"][1]) == (True, True)
    assert found["cmake"] == (None, None)


def test_below_a_folder_path_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "opt/rocm/bin").mkdir(parents=True)
    (tmp_path / "opt/rocm/bin/rocminfo").touch()
    (rocminfo,) = (tool for tool in tools(SysrootHost(tmp_path)) if tool.name == "rocminfo")
    assert (rocminfo.path, rocminfo.on_path) == ("/opt/rocm/bin/rocminfo", None)


def test_below_a_folder_without_programs_nothing_is_known_of_them(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    unknown = {tool.name: tool.version for tool in tools(SysrootHost(tmp_path))}
    assert all(isinstance(version, Gap) and version.reason == "not-executed" for version in unknown.values())
    (tmp_path / "usr/bin").mkdir(parents=True)
    assert {(tool.path, tool.version) for tool in tools(SysrootHost(tmp_path))} == {(None, None)}


def test_compiled_kernels_are_told_from_tuning(tmp_path: Path) -> None:
    for name in ("gfx906_60.kdb", "gfx906_60.HIP.fdb.txt", "gfx90a68.db.txt", "gfx90a68.kdb", "readme.kdb"):
        (tmp_path / name).touch()
    assert list_kernels("miopen", tmp_path).compiled == ("gfx906_60.kdb", "gfx90a68.kdb")
    assert list_kernels("rocblas", tmp_path).compiled is None
