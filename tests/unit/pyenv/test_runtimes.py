from __future__ import annotations

from pathlib import Path

import pytest

from rocmkit.facts import BundledRuntime, gap
from rocmkit.host.base import NotAsked
from rocmkit.host.live import LiveHost
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe.runtimes import MAX_LIBS, WANTED, runtimes
from tests.support.elf import build
from tests.support.facts import changed, library

FILES = {
    "torch/lib/libamdhip64.so": ("hip", "torch", "libamdhip64.so.6"),
    "torch/lib/libhsa-runtime64.so": ("hsa", "torch", "libhsa-runtime64.so.1"),
    "torch/lib/libgomp-a34b3233.so.1": ("openmp", "torch", "libgomp-a34b3233.so.1"),
    "torch/lib/libtorch_cpu.so": None,
    "ctranslate2.libs/libiomp5-9d2f.so": ("openmp", "ctranslate2", "libiomp5-9d2f.so"),
    "scikit_learn.libs/libgomp-a34b3233.so.1.0.0": ("openmp", "scikit-learn", "libgomp-a34b3233.so.1.0.0"),
    "numpy.libs/libscipy_openblas64_-ff651d7f.so": None,
    "sherpa_onnx/lib/libonnxruntime.so": None,
    "_rocm_sdk_core/lib/libamdhip64.so.7": ("hip", "rocm-sdk-core", "libamdhip64.so.7"),
    "_rocm_sdk_core/lib/libomp.so": None,  # for programs that its compiler builds
    "bitsandbytes/libomp.so": ("openmp", "bitsandbytes", "libomp.so"),
    "bitsandbytes/libompt.so": None,
}


def environment(root: Path) -> dict[str, str]:
    """These files below a folder; returns the top-level folders."""
    for name, row in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(build(soname=row[2] if row else name.rpartition("/")[2]))
    return folders(root)


def folders(root: Path) -> dict[str, str]:
    return {path.name: str(path) for path in root.iterdir() if WANTED.fullmatch(path.name)}


def told(rows: tuple[BundledRuntime, ...], root: Path) -> dict[str, tuple[str, str, str | None]]:
    return {row.file.removeprefix(f"{root}/"): (row.kind, row.package, row.soname) for row in rows}


def test_which_copies_are_seen_and_whose_they_are(tmp_path: Path) -> None:
    rows = runtimes(LiveHost(), environment(tmp_path), {}, str(tmp_path), ())
    assert told(rows, tmp_path) == {name: row for name, row in FILES.items() if row}
    assert [row.kind for row in rows] == sorted(row.kind for row in rows)


def test_intel_openmp_is_outside_of_site_packages(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libiomp5.so").write_bytes(build(soname="libiomp5.so"))
    assert runtimes(LiveHost(), {}, {}, str(tmp_path), ()) == ()
    (row,) = runtimes(LiveHost(), {}, {"intel-openmp": "2026.1"}, str(tmp_path), ())
    assert (row.kind, row.package, row.soname) == ("openmp", "intel-openmp", "libiomp5.so")


def test_what_was_read_already_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "torch/lib").mkdir(parents=True)
    for name in ("libamdhip64.so", "libhsa-runtime64.so"):
        (tmp_path / f"torch/lib/{name}").write_bytes(b"no library")
    read = library("torch", f"{tmp_path}/torch/lib/libamdhip64.so", soname="libamdhip64.so.6")
    refused = changed(library("torch", f"{tmp_path}/torch/lib/libhsa-runtime64.so"), code=gap("denied", "why"))
    rows = runtimes(LiveHost(), folders(tmp_path), {}, "/", (read, refused))
    assert {row.kind: row.soname for row in rows} == {"hip": "libamdhip64.so.6", "hsa": None}


def test_links_to_one_library_are_one_copy_and_unreadable_ones_are_not_lost(tmp_path: Path) -> None:
    lib = tmp_path / "_rocm_sdk_core/lib"
    lib.mkdir(parents=True)
    (lib / "libamdhip64.so.7.2.0").write_bytes(build(soname="libamdhip64.so.7"))
    (lib / "libamdhip64.so.7").symlink_to("libamdhip64.so.7.2.0")
    (lib / "libhsa-runtime64.so.1").write_bytes(b"version https://git-lfs")
    (lib / "libhsa-runtime64.so").symlink_to("nowhere")
    rows = runtimes(LiveHost(), folders(tmp_path), {}, "/", ())
    assert [(row.kind, row.soname) for row in rows] == [("hip", "libamdhip64.so.7"), ("hsa", None), ("hsa", None)]


def test_a_replay_tells_the_same_and_one_without_it_nothing(tmp_path: Path) -> None:
    found = environment(tmp_path)
    host = RecordingHost(LiveHost())
    live = runtimes(host, found, {}, "/", ())
    assert runtimes(ReplayHost(host.recording("")), found, {}, "/", ()) == live
    with pytest.raises(NotAsked):
        runtimes(ReplayHost(Recording(rocmkit_recording=1, about="")), found, {}, "/", ())
    inside = {name: path.removeprefix(str(tmp_path)) for name, path in found.items()}
    assert len(runtimes(SysrootHost(tmp_path), inside, {}, "/", ())) == len(live)


def test_an_environment_without_end_is_not_looked_through(tmp_path: Path) -> None:
    for number in range(MAX_LIBS + 50):
        (tmp_path / f"package_{number}.libs").mkdir()
    host = RecordingHost(LiveHost())
    assert runtimes(host, folders(tmp_path), {}, "/", ()) == ()
    assert len(host.recording("").folders) == MAX_LIBS
