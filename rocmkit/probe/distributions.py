"""The Python distributions in folders, by the names of their metadata; the file itself is read only where the name does not tell.

One question a folder: an environment of 400 packages is told by one listing.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable

from rocmkit.host.base import Host, Keep
from rocmkit.model import Model

#: More metadata files than this are not opened, nor more .pth files.
MAX_READS = 200
MAX_PATHS = 200

_METADATA = (".dist-info", ".egg-info")
_NAME = r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
# A version as it stands in a file name. What is escaped there ("_" for a "-" or "+") is looked up in the file.
_NAMED = re.compile(_NAME + r"-(?P<version>v?[0-9][A-Za-z0-9.!+]*)", re.ASCII)
_PY_TAG = re.compile(r"-py[0-9]\.[0-9]+(?:-.+)?$", re.ASCII)  # Python and platform of an egg
_HEADER = re.compile(rb"(Name|Version)[ \t]*:[ \t]*([!-~]{1,200})[ \t]*", re.IGNORECASE)


class Distributions(Model, kw_only=True):
    """What is installed. Names are normalised as PEP 503 has it."""

    paths: tuple[str, ...]  # the folders looked at: those asked about, and those that .pth files add
    packages: dict[str, str]  # the first folder on the path wins, as for `import`
    duplicates: dict[str, tuple[str, ...]]
    broken: tuple[str, ...]
    folders: dict[str, str]  # top-level packages that the caller wanted: name to path, first on the path
    metadata: dict[str, str]  # normalised name to the metadata of the version in `packages`


def distributions(host: Host, paths: Iterable[str], *, own: str, wanted: re.Pattern[str]) -> Distributions:
    """Look through `paths` in their order; `own` is the environment's prefix, `wanted` matches names of top-level packages.

    A folder that cannot be read is empty to Python too and goes to `broken`, but one below `own` raises OSError: then nothing
    can be said of the environment. Raises NotAsked.
    """
    found = _Found(host, wanted)
    extra: list[str] = []
    for path in paths:
        extra += found.look(path, must=path == own or path.startswith(own.rstrip("/") + "/"))
    for path in extra[:MAX_PATHS]:
        found.look(path, must=False)  # .pth files of a folder that another .pth file adds are not read by Python either
    return Distributions(
        paths=tuple(found.paths),
        packages=dict(sorted(found.packages.items())),
        duplicates=dict(sorted(found.duplicates.items())),
        broken=tuple(sorted(found.broken)),
        folders=found.folders,
        metadata=found.metadata,
    )


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Found:
    """What was found so far."""

    def __init__(self, host: Host, wanted: re.Pattern[str]) -> None:
        self.host = host
        self.wanted = wanted
        self.reads = 0
        self.real: set[str] = set()
        self.paths: list[str] = []
        self.packages: dict[str, str] = {}
        self.duplicates: dict[str, tuple[str, ...]] = {}
        self.broken: set[str] = set()
        self.folders: dict[str, str] = {}
        self.metadata: dict[str, str] = {}

    def look(self, path: str, *, must: bool) -> list[str]:
        """Take in one folder. Returns the folders that its .pth files add."""
        try:
            real = self.host.realpath(path)
            if real in self.real:  # lib64 is often a link to lib
                return []
            self.real.add(real)
            names = self.host.list(path, self._matters)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            if must:
                raise
            self.broken.add(f"{path}: {error.strerror}")
            return []
        self.paths.append(path)
        versions: dict[str, dict[str, str]] = defaultdict(dict)
        for name in names:
            if name.startswith("~"):  # pip renames a folder so before it removes it
                self.broken.add(f"{path}/{name}")
            elif name.endswith(_METADATA):
                self._take(path, name, versions)
            elif self.wanted.fullmatch(name):
                self.folders.setdefault(name, f"{path}/{name}")
        if path.endswith(".egg"):
            self._take(posixpath.dirname(path), posixpath.basename(path), versions)
        for project, known in versions.items():
            ordered = _ordered(known)
            if len(ordered) > 1:
                self.duplicates.setdefault(project, ordered)
            if project not in self.packages:
                self.packages[project] = ordered[-1]
                self.metadata[project] = known[ordered[-1]]
        return [entry for name in names if name.endswith(".pth") for entry in self._pth(path, name)]

    def _matters(self, name: str) -> bool:
        return (
            name.endswith(_METADATA)
            or (name.endswith(".pth") and not name.startswith("."))
            or name.startswith("~")
            or self.wanted.fullmatch(name) is not None
        )

    def _take(self, path: str, name: str, versions: dict[str, dict[str, str]]) -> None:
        stem, _, kind = name.rpartition(".")
        match = _NAMED.fullmatch(stem if kind == "dist-info" else _PY_TAG.sub("", stem))
        found = (match["name"], match["version"]) if match else self._read(path, name, kind)
        if found is None:
            self.broken.add(f"{path}/{name}")
        else:
            versions[normalise(found[0])][found[1]] = f"{path}/{name}"

    def _read(self, path: str, name: str, kind: str) -> tuple[str, str] | None:
        """Name and version of a metadata file; None where they cannot be had."""
        self.reads += 1
        if self.reads > MAX_READS:
            return None
        inner = {"dist-info": ("METADATA",), "egg": ("EGG-INFO/PKG-INFO",)}.get(kind, ("PKG-INFO", ""))
        for file in inner:
            try:
                data = self.host.read(f"{path}/{name}/{file}".rstrip("/"), headers)
            except (OSError, ValueError):  # ValueError: a name with a zero byte in a recording
                continue
            fields = dict(line.split(": ", 1) for line in data.decode("ascii", "replace").splitlines() if ": " in line)
            if re.fullmatch(_NAME, fields.get("Name", ""), re.ASCII) and fields.get("Version"):
                return fields["Name"], fields["Version"]
        return None

    def _pth(self, path: str, name: str) -> list[str]:
        """The folders that the plain lines of a .pth file name (site.addpackage); lines of code are not looked at."""
        self.reads += 1
        if self.reads > MAX_READS:
            return []
        try:
            text = self.host.read_text(f"{path}/{name}", plain_lines(self.host))
        except (OSError, ValueError):
            return []
        return [posixpath.normpath(line if line.startswith(("/", "~/")) else posixpath.join(path, line)) for line in text.splitlines()]


def headers(data: bytes) -> bytes:
    """Keep the first name and the first version of a metadata file's headers."""
    found: dict[bytes, bytes] = {}
    for line in data[: 1 << 16].splitlines():
        if not line.strip():
            break
        match = _HEADER.fullmatch(line)
        if match:
            found.setdefault(match[1].title(), match[2])
    return b"\n".join(key + b": " + value for key, value in sorted(found.items()))


def plain_lines(host: Host) -> Keep:
    """Keep the lines of a .pth file that name a folder."""

    def keep(data: bytes) -> bytes:
        lines = [line.strip() for line in data[: 1 << 16].splitlines()]
        kept = [
            line for line in lines if line and not line.startswith((b"#", b"import ", b"import\t")) and line.isascii() and b"\0" not in line
        ]
        return b"\n".join(host.private.hide(line.decode("ascii")).encode() for line in kept[:MAX_PATHS])

    return keep


def _ordered(versions: Iterable[str]) -> tuple[str, ...]:
    """Oldest first; what is no version at all comes before."""
    found = tuple(versions)
    if len(found) < 2:
        return found
    from packaging.version import InvalidVersion, Version

    def key(text: str) -> tuple[Version, str]:
        try:
            return Version(text), text
        except InvalidVersion:
            return Version("0.dev0"), text

    return tuple(sorted(found, key=key))
