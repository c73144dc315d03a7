from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.facts import Overlap
from rocmkit.host.base import NotAsked
from rocmkit.host.live import LiveHost
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe.overlaps import files_below, overlaps

HASH = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def install(site: Path, name: str, files: dict[str, int], *, record: bool = True) -> str:
    """A distribution whose RECORD lists these files with these sizes. Returns the folder of its metadata."""
    metadata = site / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    rows = [f"{path},{HASH},{size}" for path, size in files.items()]
    rows += ["../../../bin/thing,,10", f"{metadata.name}/RECORD,,", "onnxruntime/__pycache__/x.pyc,,"]
    if record:
        (metadata / "RECORD").write_text("\n".join(rows) + "\n")
    return str(metadata)


def write(site: Path, path: str, size: int) -> None:
    (site / path).parent.mkdir(parents=True, exist_ok=True)
    (site / path).write_bytes(bytes(size))


def test_the_size_on_the_disk_tells_the_owner(tmp_path: Path) -> None:
    metadata = {
        "onnxruntime": install(
            tmp_path, "onnxruntime", {"onnxruntime/__init__.py": 5, "onnxruntime/capi/x.so": 100, "onnxruntime/a.py": 7}
        ),
        "onnxruntime-rocm": install(tmp_path, "onnxruntime-rocm", {"onnxruntime/__init__.py": 6, "onnxruntime/capi/x.so": 200}),
        "numpy": install(tmp_path, "numpy", {"numpy/__init__.py": 1, "onnxruntime/__init__.py": 1}),
    }
    write(tmp_path, "onnxruntime/__init__.py", 5)
    write(tmp_path, "onnxruntime/capi/x.so", 200)
    packages = ("onnxruntime", "onnxruntime-rocm")
    expected = Overlap(folder="onnxruntime", packages=packages, files=2, example="onnxruntime/capi/x.so", owner="onnxruntime-rocm")
    assert overlaps(LiveHost(), metadata) == (expected,)
    write(tmp_path, "onnxruntime/capi/x.so", 300)  # of neither
    assert overlaps(LiveHost(), metadata)[0].owner is None
    (tmp_path / "onnxruntime/capi/x.so").unlink()  # the next largest that is there
    (one,) = overlaps(LiveHost(), metadata)
    assert (one.example, one.owner) == ("onnxruntime/__init__.py", "onnxruntime")
    (tmp_path / "onnxruntime/__init__.py").unlink()
    (one,) = overlaps(LiveHost(), metadata)
    assert (one.example, one.owner) == ("onnxruntime/capi/x.so", None)


def test_the_same_size_tells_no_owner(tmp_path: Path) -> None:
    metadata = {name: install(tmp_path, name, {"cv2/cv2.so": 9}) for name in ("opencv-python", "opencv-python-headless")}
    write(tmp_path, "cv2/cv2.so", 9)
    (one,) = overlaps(LiveHost(), metadata)
    assert (one.files, one.example, one.owner) == (1, "cv2/cv2.so", None)


def test_what_does_not_overlap(tmp_path: Path) -> None:
    other = tmp_path / "other"
    alone = {"onnxruntime": install(tmp_path, "onnxruntime", {"onnxruntime/x": 1})}
    assert overlaps(LiveHost(), alone) == ()
    # In another folder of packages, of a distribution's package without a RECORD, without a common file, or an egg.
    for more in (
        {"onnxruntime-gpu": install(other, "onnxruntime-gpu", {"onnxruntime/x": 2})},
        {"onnxruntime-rocm": install(tmp_path, "onnxruntime-rocm", {"onnxruntime/x": 2}, record=False)},
        {"onnxruntime-qnn": install(tmp_path, "onnxruntime-qnn", {"onnxruntime/y": 2})},
        {"onnxruntime-directml": str(tmp_path / "onnxruntime_directml-1.0.egg-info")},
    ):
        assert overlaps(LiveHost(), alone | more) == ()


def test_only_the_records_of_a_family_with_two_members_are_read(tmp_path: Path) -> None:
    metadata = {name: install(tmp_path, name, {f"{name}/x": 1}) for name in ("torch", "onnxruntime", "opencv-python", "triton")}
    host = RecordingHost(LiveHost())
    assert overlaps(host, metadata) == ()
    assert host.recording("").files == {}


def test_a_replay_tells_the_same_and_keeps_nothing_else(tmp_path: Path) -> None:
    metadata = {
        "triton": install(tmp_path, "triton", {"triton/__init__.py": 5, "secret/name.py": 3}),
        "triton-rocm": install(tmp_path, "triton-rocm", {"triton/__init__.py": 6}),
    }
    write(tmp_path, "triton/__init__.py", 6)
    host = RecordingHost(LiveHost())
    live = overlaps(host, metadata)
    recording = host.recording("")
    assert recording.files[f"{metadata['triton']}/RECORD"] == "triton/__init__.py,,5\n"
    assert overlaps(ReplayHost(recording), metadata) == live
    with pytest.raises(NotAsked):
        overlaps(ReplayHost(Recording(rocmkit_recording=1, about="")), metadata)
    with pytest.raises(PermissionError):
        overlaps(
            ReplayHost(Recording(rocmkit_recording=1, about="", files={f"{metadata['triton']}/RECORD": {"error": "EACCES"}})), metadata
        )


def test_a_folder_of_files_is_enough(tmp_path: Path) -> None:
    for name, size in (("triton", 5), ("triton-rocm", 6)):
        install(tmp_path / "s", name, {"triton/__init__.py": size})
    write(tmp_path / "s", "triton/__init__.py", 5)
    metadata = {"triton": "/s/triton-1.0.dist-info", "triton-rocm": "/s/triton_rocm-1.0.dist-info"}
    assert overlaps(SysrootHost(tmp_path), metadata)[0].owner == "triton"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"cv2/a.so,sha256=x,12\r\n", b"cv2/a.so,,12\n"),
        (b"cv2/a.so,sha256=x,12", b""),  # may be cut off
        (b"cv2/../../etc/passwd,sha256=x,12\n", b""),
        (b"cv2.libs/a.so,sha256=x,12\n", b""),
        (b'"cv2/a,b.so",sha256=x,12\n', b""),
        (b"cv2/a.so,sha256=x,\n", b""),
        (b"cv2/\xff.so,sha256=x,12\n", b""),
        (b"cv2/a.so,sha256=x,1e3\n", b""),
    ],
)
def test_which_lines_of_a_record_are_kept(line: bytes, kept: bytes) -> None:
    assert files_below("cv2")(line) == kept


@given(st.binary() | st.lists(st.tuples(st.text(), st.integers(0))).map(lambda rows: "".join(f"cv2/{a},h,{b}\n" for a, b in rows).encode()))
def test_any_record_gives_a_value_and_stays_the_same_when_kept_again(data: bytes) -> None:
    keep = files_below("cv2")
    assert keep(keep(data)) == keep(data)
    files = {f"/s/{name}-1.dist-info/RECORD": keep(data).decode() for name in ("opencv_python", "opencv_contrib_python")}
    host = ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, files=files))
    metadata = {"opencv-python": "/s/opencv_python-1.dist-info", "opencv-contrib-python": "/s/opencv_contrib_python-1.dist-info"}
    found = overlaps(host, metadata)
    assert len(found) == (1 if keep(data) else 0)
    assert all(one.owner is None for one in found)
