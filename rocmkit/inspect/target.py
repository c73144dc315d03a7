"""What a TARGET of the command line names: a file, a wheel, a folder, or an installed package."""

from __future__ import annotations

import csv
import difflib
import io
import json
import os
import posixpath
import re
import shlex
import stat
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal
from urllib.parse import unquote, urlsplit

from rocmkit.errors import UsageError
from rocmkit.gpucode.source import File
from rocmkit.gpucode.wheel import Wheel
from rocmkit.host.base import Host, NotAsked, ProcessDied
from rocmkit.inspect import mistyped, scan
from rocmkit.inspect.loader import glibc_of_tags
from rocmkit.inspect.scan import Entry, Scan
from rocmkit.inspect.values import WheelFacts
from rocmkit.probe import interpreter
from rocmkit.probe.distributions import distributions, normalise

#: A RECORD longer than this is read no further; torch's has two megabytes.
MAX_RECORD = 64 << 20
_NO_PACKAGE = re.compile(r"(?!)")
#: How alike a name has to be to one that was typed: demmo is to demo (0.89), torch is to rich not (0.44), to torchaudio not (0.67).
CLOSE = 0.8


@dataclass
class Target:
    """A TARGET, opened: what it is, and its files."""

    typed: str
    kind: Literal["file", "wheel", "folder", "package"]
    path: str
    scan: Scan
    package: str | None = None
    wheel: WheelFacts | None = None

    archive: Wheel | None = None

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        if self.archive:
            self.archive.close()

    @property
    def where(self) -> str:
        """Words for "found here", where a needed library is one of its own."""
        return f"in the {self.kind}"


class Resolver:
    """Finds out what each TARGET is. The environment of packages is asked once, and only where a package is named."""

    def __init__(self, host: Host, python: str | None, tell: Callable[[str], None] | None) -> None:
        self.host = host
        self.python = python
        self.tell = tell
        self._installed: tuple[dict[str, str], dict[str, str], str] | None = None

    def open(self, typed: str) -> Target:
        """The target. Raises UsageError that says why it cannot be one."""
        path = os.path.expanduser(typed)
        try:
            if stat.S_ISDIR(os.stat(path).st_mode):
                return Target(typed=typed, kind="folder", path=path, scan=scan.folder(path.rstrip("/") or "/", self.tell))
            return self._wheel(typed, path) if path.endswith(".whl") else self._file(typed, path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise mistyped.unreadable(typed, error) from None
        except ValueError as error:  # a zero byte in a name
            raise UsageError(f"{typed}: {error}", mistyped.MAY) from None
        if os.path.islink(path):
            raise UsageError(f"{typed} is a link to {os.readlink(path)}, which is not there", mistyped.MAY)
        if problem := mistyped.not_there(typed):
            raise problem
        return self._package(typed)

    def _file(self, typed: str, path: str) -> Target:
        with File(path) as source:  # raises where it is no regular file or may not be read
            head, size = source.read(0, 64), source.size
        found = Scan(seen=1)
        entry = Entry(name=scan.printable(posixpath.basename(path)), size=size, open=lambda: File(path), path=path)
        library = scan.kernel_library(os.path.abspath(path))
        packed = mistyped.archive(head)
        if packed:
            raise UsageError(f"{typed}: {packed[0]}, which is not opened here", packed[1])
        if scan.kind_of(head):
            found.entries.append(entry)
        elif library:
            found.kernels[library[0], entry.name] = [entry]
        else:
            words = "it is empty" if not size else "it begins like no file that can hold GPU code"
            raise UsageError(f"{typed}: {words}", mistyped.MAY)
        return Target(typed=typed, kind="file", path=path, scan=found)

    def _wheel(self, typed: str, path: str) -> Target:
        try:
            wheel = Wheel(path)
        except ValueError as error:
            with File(path) as source:
                raise mistyped.damaged_wheel(typed, source.read(0, 4), error) from None
        try:
            about = wheel.about()
            found = Scan()
            for member in wheel.members:
                scan.take(found, _member(wheel, member.name, member.size_bytes), member.name)
        except BaseException:
            wheel.close()
            raise
        found.sort()
        tags = _tags(posixpath.basename(path), about.tags)
        facts = WheelFacts(
            name=about.name, version=about.version, tags=tags, inner_tags=tuple(sorted(about.tags)), glibc_of_tags=glibc_of_tags(tags)
        )
        return Target(typed=typed, kind="wheel", path=path, scan=found, wheel=facts, archive=wheel)

    def _package(self, typed: str) -> Target:
        packages, metadata, prefix = self._environment(typed)
        name = normalise(re.sub(r"\[[^\]]*\]$", "", typed))  # extras, as pip takes them, bring other packages
        if name not in packages:
            near = difflib.get_close_matches(name, packages, n=2, cutoff=CLOSE)
            raise mistyped.not_installed(typed, name, near, prefix, chosen=self.python is not None)
        about = self.host.private.reveal(metadata[name])
        top, _, folder = about.rpartition("/")
        files = _record(about)
        if files is None:
            places = [folder] if folder.endswith(".egg") else _top_levels(about, name)
            files = [file for place in places for file in _below(top, place)]
        found = scan.listed(top, files, self.tell)
        if not found.entries and not found.kernels and (source := _editable(about)):
            raise UsageError(f"{typed} is installed in editable mode: its files are elsewhere", f"rocmkit inspect {shlex.quote(source)}")
        if not found.seen:
            raise UsageError(f"{typed}: none of its files is where {metadata[name]} says", "name the folder that it is in")
        return Target(typed=typed, kind="package", path=top, scan=found, package=f"{name} {packages[name]}")

    def _environment(self, typed: str) -> tuple[dict[str, str], dict[str, str], str]:
        """(package to version, package to its metadata, prefix) of the environment that is meant."""
        if self._installed is None:
            try:
                place = interpreter.find(self.host, self.python)
                if posixpath.basename(place.rstrip("/")) in {"site-packages", "dist-packages"}:
                    found = interpreter.from_files(self.host, place)
                else:
                    found = interpreter.ask(self.host, interpreter.program(self.host, place))
                installed = distributions(self.host, found.paths, own=found.prefix, wanted=_NO_PACKAGE)
            except (OSError, ValueError, NotAsked, ProcessDied) as error:
                why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.strerror else error
                raise UsageError(
                    f"{typed}: no such file or folder, and no Python environment could be asked: {why}", mistyped.MAY
                ) from None
            self._installed = installed.packages, installed.metadata, found.prefix
        return self._installed


def _member(wheel: Wheel, name: str, size: int) -> Entry:
    return Entry(name=name, size=size, open=lambda: nullcontext(wheel.open(name)))


def _tags(name: str, inner: tuple[str, ...]) -> tuple[str, ...]:
    """The tags that pip goes by: those of the file's name. Those inside, where the name has none."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return tuple(sorted(map(str, parse_wheel_filename(name)[3])))
    except InvalidWheelFilename:
        return inner


def _record(metadata: str) -> list[str] | None:
    """The files that RECORD names; None where there is none that can be read."""
    text = _text(f"{metadata}/RECORD")
    if text is None:
        return None
    try:
        return [row[0] for row in csv.reader(io.StringIO(text)) if row and row[0]]
    except csv.Error:
        return None


def _top_levels(metadata: str, name: str) -> list[str]:
    """The top-level folders of a distribution without RECORD: those of top_level.txt, else the one of its name."""
    lines = (_text(f"{metadata}/top_level.txt") or "").split()
    return [line for line in lines if re.fullmatch(r"\w+", line)] or [name.replace("-", "_")]


def _below(top: str, place: str) -> list[str]:
    """The files of one top-level folder, or of a module that is one library, as paths below `top`."""
    found = []
    with suppress(OSError):
        found += [entry.path[len(top) + 1 :] for entry, _ in islice(scan.files(f"{top}/{place}", Scan()), scan.MAX_FILES)]
    with suppress(OSError):
        found += [name for name in os.listdir(top) if name.startswith(f"{place}.") and name.endswith((".so", ".py"))]
    return found


def _editable(metadata: str) -> str | None:
    """The folder that a package was installed from, where its files stayed there; None for any other package.

    https://packaging.python.org/en/latest/specifications/direct-url-data-structure/
    """
    try:
        said = json.loads(_text(f"{metadata}/direct_url.json") or "null")
        url = urlsplit(said["url"])
        return unquote(url.path) if said["dir_info"]["editable"] is True and url.scheme == "file" else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _text(path: str) -> str | None:
    try:
        with File(path) as source:
            return source.read(0, MAX_RECORD).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None
