"""Walking a folder: links, loops, pipes, folders that may not be listed, and which files are opened at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rocmkit.inspect.scan import Scan, folder, kernel_library, kind_of, listed
from tests.support.elf import build, bundle, compressed


def names(found: Scan) -> list[str]:
    return [entry.name for entry in found.entries]


def test_what_begins_as_gpu_code_is_found_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/data.bin").write_bytes(build())
    (tmp_path / "a.co").write_bytes(bundle("gfx906"))
    (tmp_path / "b").write_bytes(compressed(bundle("gfx906")))
    (tmp_path / "c.a").write_bytes(b"!<arch>\n" + bytes(40))
    (tmp_path / "text.so").write_text("GROUP ( /lib/libc.so.6 ) and so on, as linkers read it")
    (tmp_path / "empty.so").touch()
    found = folder(str(tmp_path))
    assert names(found) == ["a.co", "b", "c.a", "deep/er/data.bin"]
    assert (found.seen, dict(found.left_out)) == (6, {"other files": 2})


def test_links_are_not_followed_and_a_file_is_counted_once(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / "below").mkdir(parents=True)
    outside.mkdir()
    (outside / "far.so").write_bytes(build())
    (top / "liba.so.1.2").write_bytes(build())
    (top / "liba.so.1").symlink_to("liba.so.1.2")
    (top / "loop").symlink_to(".")
    (top / "below/up").symlink_to("..")
    (top / "far.so").symlink_to(outside / "far.so")
    (top / "folder").symlink_to(outside)
    (top / "gone").symlink_to("nothing")
    os.link(top / "liba.so.1.2", top / "twin.so")
    found = folder(str(top))
    assert len(names(found)) == 1
    assert dict(found.left_out) == {
        "links to what is there anyway": 3,
        "links that lead out, not followed": 2,
        "links that lead nowhere": 1,
        "further names of a file": 1,
    }
    assert sorted(note.partition(":")[0] for note in found.notes) == ["far.so", "folder"]  # what may hold GPU code
    assert {"liba.so.1", "liba.so.1.2"} & found.shared_names
    # Of many links that lead out two are told, and how many more.
    for number in range(3):
        (top / f"more{number}.so").symlink_to(outside / "far.so")
    assert [note.partition(":")[0] for note in folder(str(top)).notes] == [
        "far.so",
        "folder",
        "3 more libraries and folders are links that lead out",
    ]
    # A link that was typed is the user's own choice.
    (tmp_path / "typed").symlink_to(top)
    assert len(names(folder(str(tmp_path / "typed")))) == 1


def test_pipes_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "libpipe.so")  # opening it for reading would wait for ever
    (tmp_path / "zero").symlink_to("/dev/zero")
    found = folder(str(tmp_path))
    assert (names(found), found.left_out["devices, pipes and sockets"]) == ([], 1)
    assert names(listed(str(tmp_path), ["libpipe.so", "zero"])) == []


def test_what_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "libsecret.so").write_bytes(build())
    (tmp_path / "libsecret.so").chmod(0)
    monkeypatch.chdir(tmp_path)
    root = os.geteuid() == 0
    if root:  # may read everything, so be nobody for a moment
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        found = folder(".")
    finally:
        if root:
            os.seteuid(0)
        (tmp_path / "closed").chmod(0o700)
    assert (found.notes, found.unread) == (["closed: cannot be listed: Permission denied"], 2)
    assert found.left_out["files that may not be read"] == 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        folder(str(tmp_path / "nothing"))


ROOT_OF_PROCESS = "/proc/self/root"


@pytest.mark.parametrize("place", ["/proc", "/proc/self/task", "/sys", f"{ROOT_OF_PROCESS}/sys/class"])
def test_what_the_kernel_makes_up_is_not_walked(place: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="made up by the kernel"):
        folder(place)
    (tmp_path / "a.so").write_bytes(build())
    assert names(folder(f"{ROOT_OF_PROCESS}{tmp_path}")) == ["a.so"]


def test_a_list_of_files_cannot_lead_out(tmp_path: Path) -> None:
    top = tmp_path / "site"
    top.mkdir()
    (tmp_path / "out.so").write_bytes(build())
    (top / "in.so").write_bytes(build())
    found = listed(str(top), ["in.so", "in.so", "../out.so", str(tmp_path / "out.so"), "a/../../out.so", "gone.so", "bad\0name"])
    assert names(found) == ["in.so"]
    assert dict(found.left_out) == {"files outside of the folder of packages": 3, "files that are not there": 2}


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/lib\xff.so", "wb") as file:
        file.write(build())
    (name,) = names(folder(str(tmp_path)))
    assert name == "lib\N{REPLACEMENT CHARACTER}.so"


@pytest.mark.parametrize(
    ("place", "library"),
    [
        ("torch/lib/rocblas/library/TensileLibrary_lazy_gfx906.dat", ("rocblas", "torch/lib/rocblas/library")),
        (
            "/usr/lib/x86_64-linux-gnu/rocblas/4.4.1/library/Kernels.so-000-gfx906.hsaco",
            ("rocblas", "/usr/lib/x86_64-linux-gnu/rocblas/4.4.1/library"),
        ),
        ("/opt/rocm/lib/hipblaslt/library/gfx950/x_gfx950.co", ("hipblaslt", "/opt/rocm/lib/hipblaslt/library")),
        ("share/miopen/db/gfx906_60.kdb", ("miopen", "share/miopen/db")),
        ("gfx90a68.HIP.fdb.txt", ("miopen", "")),
        ("lib/rocfft/rocfft_kernel_cache.db", ("rocfft", "lib/rocfft")),
        ("home/rocblas/mine.co", None),
        ("library/a_gfx906.co", None),
        ("torch/lib/libtorch_hip.so", None),
    ],
)
def test_kernel_files_are_told_by_their_place(place: str, library: tuple[str, str] | None) -> None:
    assert kernel_library(place) == library


def test_kernel_files_of_the_folder_itself(tmp_path: Path) -> None:
    library = tmp_path / "rocblas/library"
    (library / "gfx950").mkdir(parents=True)
    (library / "TensileLibrary_gfx906.dat").write_bytes(b"\x80")
    (library / "gfx950/TensileLibrary_gfx950.dat").write_bytes(b"\x80")
    assert {key: len(files) for key, files in folder(str(library)).kernels.items()} == {("rocblas", ""): 2}
    assert {key: len(files) for key, files in folder(str(library / "gfx950")).kernels.items()} == {("rocblas", ""): 1}
    assert {key: len(files) for key, files in folder(str(tmp_path)).kernels.items()} == {("rocblas", "rocblas/library"): 2}


def test_heads() -> None:
    assert kind_of(b"CCOB\x02\0") == "bundle"
    assert kind_of(b"\x7fEL") is None
    assert kind_of(b"") is None
