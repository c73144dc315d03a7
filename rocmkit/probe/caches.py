"""Where MIOpen keeps what it compiled and tuned for this user, and whether it can.

As MIOpen's sources do it (ROCm/rocm-libraries projects/miopen/src/binary_cache.cpp, db_path.cpp.in, expanduser.cpp; the defaults are in
ROCm/MIOpen CMakeLists.txt): ~/.cache/miopen with a folder for each version of MIOpen, or MIOPEN_CUSTOM_CACHE_DIR; ~/.config/miopen, or
MIOPEN_USER_DB_PATH. Variables of XDG are not asked. `~` is $HOME; where that is unset, empty or "/", it is the folder for temporary files.
"""

from __future__ import annotations

import posixpath
import re
from functools import partial
from typing import Literal

from rocmkit.facts import Cache, Gap, gap
from rocmkit.host.base import Host, Stat
from rocmkit.probe.gaps import field, names, side_by_side

_PLACES: tuple[tuple[Literal["kernels", "tuning"], str, str], ...] = (
    ("kernels", "MIOPEN_CUSTOM_CACHE_DIR", ".cache/miopen"),
    ("tuning", "MIOPEN_USER_DB_PATH", ".config/miopen"),
)
#: Folders of one MIOpen: 3.2.0.7a8f7878d-dirty.
_VERSION = re.compile(r"[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(\.[\w-]{1,60})?", re.ASCII)
#: Compiled kernels and tuning in SQLite; tuning and solutions as text.
_DATABASE = re.compile(r"[\w.+-]{1,100}\.u(?:k?db)", re.ASCII)
_FILE = re.compile(r"[\w.+-]{1,100}\.u(?:k?db|f?db\.txt)", re.ASCII)
#: The newest ones: a user with more has not used the others for long.
MAX_FOLDERS = 4
MAX_DATABASES = 8
#: All databases of one folder, which are looked at side by side, take no longer.
LIMIT_S = 1.5


def caches(host: Host) -> tuple[Cache, ...]:
    """Both places. Raises NotAsked where the environment, which may name others, is not known."""
    variables = host.environ(lambda name: name in {"HOME", "TMPDIR", *(variable for _, variable, _ in _PLACES)})
    temporary = variables.get("TMPDIR") or "/tmp"  # noqa: S108 - asked about, not written to
    home = "~" if variables.get("HOME", "") not in {"", "/"} else temporary
    found = []
    for purpose, variable, below in _PLACES:
        chosen = variables.get(variable, "")
        path = chosen.replace("~", home) if chosen else f"{home}/{below}"
        if path.startswith(("/", "~")):  # from another folder a relative path names another place
            found.append(_cache(host, purpose, path.rstrip("/") or "/", variable if chosen else None))
    return tuple(found)


def _cache(host: Host, purpose: Literal["kernels", "tuning"], path: str, variable: str | None) -> Cache:
    nearest, there = _nearest(host, path)
    folders = (path, *_versions(host, path)) if nearest == path else ()
    files = tuple(f"{folder}/{name}" for folder in folders for name in names(host, folder, _FILE.fullmatch))
    databases = [file for file in files if _DATABASE.fullmatch(posixpath.basename(file))][:MAX_DATABASES]
    said = side_by_side({file: partial(host.database, file) for file in databases}, timeout_s=LIMIT_S)
    words = {file: answer for file, answer in said.items() if isinstance(answer, str)}
    space = field(host.space, nearest) if nearest else gap("absent", f"nothing of {path} is there")
    return Cache(
        purpose=purpose,
        path=path,
        variable=variable,
        nearest=nearest,
        uid=there.uid if there else None,
        mode=there.mode if there else None,
        writable=_writable(host, nearest, there),
        file_system=space if isinstance(space, Gap) else space.file_system,
        databases=len(words),
        damaged=tuple(f"{file}: {why}" for file, why in words.items() if why not in {"ok", "not finished"}),
        refused=_refused(host, (*folders[1:], *files[: 4 * MAX_DATABASES])),
    )


def _nearest(host: Host, path: str) -> tuple[str | None, Stat | None]:
    """The folder, or the nearest one above it that this process can look at. Raises NotAsked."""
    place: str | None = path
    while place:
        try:
            return place, host.stat(place)
        except OSError:  # not there, or behind a folder that may not be entered
            place = _above(host, place)
    return None, None


def _above(host: Host, path: str) -> str | None:
    """The folder that `path` lies in; None where there is none. A container's user often has a home folder that was never made."""
    if path != "~":
        return posixpath.dirname(path) if path != "/" else None
    found = field(host.realpath, "~/..")
    return found if not isinstance(found, Gap) and found.startswith("/") else None


def _writable(host: Host, nearest: str | None, there: Stat | None) -> bool | Gap:
    if nearest is None or there is None:
        return gap("absent", "no folder above it is there")
    return there.kind == "folder" and field(host.can_write, nearest)


def _versions(host: Host, path: str) -> tuple[str, ...]:
    """The folders of single versions of MIOpen, the newest ones."""
    versions = sorted(names(host, path, _VERSION.fullmatch), key=_numbers, reverse=True)
    return tuple(f"{path}/{name}" for name in versions[:MAX_FOLDERS])


def _numbers(name: str) -> list[int]:
    return [int(number) for number in name.split(".")[:3]]


def _refused(host: Host, places: tuple[str, ...]) -> dict[str, int]:
    """Folders of versions and files that this process may not write to: left by a program that ran as another user."""
    found = {}
    for place in places:
        if field(host.can_write, place) is False and not isinstance(there := field(host.stat, place), Gap):
            found[place] = there.uid
    return found
