"""Paths of the work folder that were left in what was built there: they lead nowhere on another machine, and tell who built it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from rocmkit.build.holding import some
from rocmkit.build.values import Proven
from rocmkit.gpucode.source import File

#: The folders below the work folder. A work folder with a name as plain as /build is told from other people's by them.
FOLDERS = ("files", "src", "build", "prefix", "dist", "downloads", "logs", "steps")
_PIECE = 4 << 20
#: How far a match can see behind its beginning: -I of a compiler's option and one letter more.
_BEHIND = 3


def paths(*works: str) -> re.Pattern[bytes]:
    """What a path in one of these work folders looks like inside a file."""
    forms = []
    for work in dict.fromkeys(form for place in works for form in (place.rstrip("/"), os.path.realpath(place))):
        name = re.escape(os.fsencode(work))
        if work.count("/") > 1:
            forms.append(name + rb"(?![\w.-])")
        else:
            forms.append(rb"(?:(?<![\w.-])|(?<=-[IL]))" + name + b"/(?:" + "|".join(FOLDERS).encode() + rb")(?![\w.-])")
    return re.compile(b"|".join(forms))


def no_build_paths(top: Path, *works: str) -> Proven:
    """Whether no file and no link below `top` names one of the folders that it was built in."""
    pattern = paths(*works)
    found, unread, seen = [], [], 0
    for path, name in _below(top):
        seen += 1
        try:
            if path.is_symlink():
                if pattern.search(os.fsencode(path.readlink())):
                    found.append(f"{name} is a link into the folder that it was built in")
            elif inside := _in_file(path, pattern):
                found.append(f"{name} names {inside}")
        except (OSError, ValueError) as error:
            unread.append(f"{name}: {getattr(error, 'strerror', None) or error}")
    if found:
        return Proven(name="no-build-paths", outcome="found", text=some(found))
    if unread:
        return Proven(name="no-build-paths", outcome="unknown", text=some(unread))
    return Proven(name="no-build-paths", outcome="ok", text=f"no file names the folder that it was built in ({seen} looked at)")


def _below(top: Path) -> Iterator[tuple[Path, str]]:
    for folder, folders, files in os.walk(top):
        folders.sort()
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted([*files, *links]):
            path = Path(folder, name)
            yield path, str(path.relative_to(top))


def _in_file(path: Path, pattern: re.Pattern[bytes]) -> str | None:
    """The path that a file holds, as far as it can be printed; None: it holds none."""
    overlap = len(pattern.pattern)
    with File(path) as source:
        at, kept = 0, b""
        while at < source.size:
            kept += source.read(at, _PIECE)
            at += _PIECE
            # What lies at the very end is looked at again with the next piece, when more of it is there.
            end = len(kept) if at >= source.size else len(kept) - overlap
            start = 0 if at == _PIECE else _BEHIND
            found = next((match for match in pattern.finditer(kept, start) if match.start() < end), None)
            if found:
                tail = re.match(rb"[!-~]{0,120}", kept[found.start() :])
                return tail[0].decode() if tail and tail[0] else "it"
            kept = kept[max(0, end - _BEHIND) :]
    return None
