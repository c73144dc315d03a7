"""Wheels for tests: real ones by the standard library's zipfile, and ones with lies in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

METADATA = "x-1.0.dist-info/METADATA"
WHEEL = "x-1.0.dist-info/WHEEL"
ABOUT = {
    METADATA: b"Metadata-Version: 2.1\nName: x\nVersion: 1.0\n\nName: in the description\n",
    WHEEL: b"Wheel-Version: 1.0\nTag: py3-none-any\nTag: cp310-cp310-linux_x86_64\n",
}


def build(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"", force_zip64: bool = False) -> bytes:
    """A zip archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.comment = comment
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=force_zip64) as file:
                file.write(content)
    return out.getvalue()


def lying(data: bytes, name: str, change: Callable[[zipfile.ZipInfo], None]) -> bytes:
    """The same archive with the directory's entry of one member changed, and nothing else of it."""
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        change(archive.getinfo(name))
        archive._didModify = True  # type: ignore[attr-defined]
    return out.getvalue()
