"""Distributions that install the same files, by their RECORD files, and which of them owns what lies there now.

pip does not look whether a file that it writes belongs to another distribution already. Only the RECORDs of distributions that are
known to share a folder are read, and only where two of them are installed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from rocmkit.facts import Overlap
from rocmkit.host.base import Host, Keep

#: A top-level folder of site-packages, and the distributions that bring it and overwrite each other's files in it.
FLAVOURS = {
    "onnxruntime": re.compile(r"onnxruntime(-gpu|-rocm|-migraphx|-directml|-openvino|-qnn|-training|-training-rocm)?"),
    "triton": re.compile(r"triton|pytorch-triton|pytorch-triton-rocm|triton-rocm"),
    "cv2": re.compile(r"opencv(-contrib)?-python(-headless)?"),  # opencv/opencv-python README.md
    "ffmpeg": re.compile(r"ffmpeg|ffmpeg-python|python-ffmpeg"),  # kkroening/ffmpeg-python#174
    "pyopenjtalk": re.compile(r"pyopenjtalk(-plus|-prebuilt|-mod)?"),  # tsukumijima/pyopenjtalk-plus README.md
}
#: So many files are looked for on the disk before none is said to be there.
MAX_STATS = 20


def overlaps(host: Host, metadata: Mapping[str, str]) -> tuple[Overlap, ...]:
    """The folders of which several distributions in `metadata` (normalised name to .dist-info) claim files. Raises OSError, NotAsked."""
    found = []
    for folder, pattern in FLAVOURS.items():
        members = {name: path for name, path in sorted(metadata.items()) if pattern.fullmatch(name) and path.endswith(".dist-info")}
        for site in sorted({posixpath.dirname(path) for path in members.values()}):
            here = {name: path for name, path in members.items() if posixpath.dirname(path) == site}
            claims = {name: _claims(host, path, folder) for name, path in here.items()} if len(here) > 1 else {}
            if one := _overlap(host, site, folder, {name: sizes for name, sizes in claims.items() if sizes}):
                found.append(one)
    return tuple(found)


def files_below(folder: str) -> Keep:
    """Keep of a RECORD the files below a top-level folder, each as `path,,size`. A last line without its end may be cut, and is dropped."""
    wanted = re.compile(rb"(" + re.escape(folder).encode() + rb"/[!-+\--~]+),[^,\n]*,([0-9]{1,15})\r?", re.ASCII)

    def keep(data: bytes) -> bytes:
        rows = (wanted.fullmatch(line) for line in data[: data.rfind(b"\n") + 1].split(b"\n"))
        return b"".join(b"%s,,%s\n" % (row[1], row[2]) for row in rows if row and b"/../" not in row[1])

    return keep


def _claims(host: Host, metadata: str, folder: str) -> dict[str, int]:
    """Path to size, of what one RECORD lists below `folder`; nothing where there is no RECORD, as in packages of a distribution."""
    try:
        lines = host.read(f"{metadata}/RECORD", files_below(folder)).decode("ascii").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {path: int(size) for path, _, size in (line.rpartition(",,") for line in lines)}


def _overlap(host: Host, site: str, folder: str, claims: Mapping[str, Mapping[str, int]]) -> Overlap | None:
    counted: dict[str, set[int]] = {}
    shared = set()
    for sizes in claims.values():
        for path, size in sizes.items():
            if path in counted:
                shared.add(path)
            counted.setdefault(path, set()).add(size)
    if not shared:
        return None
    # The largest first: a library says more of its owner than a line of Python.
    telling = sorted((path for path in shared if len(counted[path]) > 1), key=lambda path: (-max(counted[path]), path))
    for path in telling[:MAX_STATS]:
        try:
            size = host.stat(f"{site}/{path}").size_bytes
        except (FileNotFoundError, NotADirectoryError):
            continue
        owners = [name for name, sizes in claims.items() if sizes.get(path) == size]
        return _of(folder, claims, shared, path, owners[0] if len(owners) == 1 else None)
    return _of(folder, claims, shared, (telling or sorted(shared))[0], None)


def _of(folder: str, claims: Mapping[str, Mapping[str, int]], shared: set[str], example: str, owner: str | None) -> Overlap:
    packages = tuple(name for name, sizes in claims.items() if not shared.isdisjoint(sizes))
    return Overlap(folder=folder, packages=packages, files=len(shared), example=example, owner=owner)
