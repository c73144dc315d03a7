"""The form of a recording: one YAML file a machine.

A recording is data. Nothing in it is executed, and a file that is not one gives DataError.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from rocmkit.host.base import Identity, Limits
from rocmkit.model import DataError, Model, convert, load_yaml, to_builtins, to_json

FORMAT = 1
#: No recording of a machine comes near this.
MAX_BYTES = 16 << 20
#: Longer paths do not exist (PATH_MAX of linux/limits.h), and a whole machine has no more folders.
MAX_PATH = 4096
MAX_FOLDERS = 200_000


class Raw(Model):
    """Bytes that are not UTF-8 text, in base64."""

    base64: str


class Ended(Model, kw_only=True, omit_defaults=True):
    """How a command ended; see host.base.Run."""

    argv: tuple[str, ...]
    outcome: str = "exited"
    exit: int | None = None
    signal: str | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    error: str | None = None


class Recording(Model, kw_only=True, omit_defaults=True):
    """One machine. With `whole`, a path that is not listed does not exist; without, it was not asked about."""

    rocmkit_recording: int
    about: str
    whole: bool = False
    files: dict[str, Any] = {}
    folders: dict[str, Any] = {}
    links: dict[str, Any] = {}
    stats: dict[str, Any] = {}
    opens: dict[str, str] = {}
    which: dict[str, str | None] = {}
    commands: tuple[Ended, ...] = ()
    python: str | None = None  # what the user asked about, or rocmkit's own interpreter where that was taken
    environ: dict[str, str] | None = None
    identity: Identity | None = None
    machine: str | None = None
    gpu_code: dict[str, Any] = {}
    kernel_files: dict[str, Any] = {}
    space: dict[str, Any] = {}
    writable: dict[str, Any] = {}
    databases: dict[str, Any] = {}
    limits: Limits | None = None


def load(text: str, *, source: str) -> Recording:
    """A recording from YAML. Raises DataError."""
    if not text.strip():
        raise DataError(f"{source}: it is empty")
    try:
        document = load_yaml(text, source=source)
    except DataError as error:
        raise DataError(f"{error}{'' if text.endswith(chr(10)) else ' (is the file cut off?)'}") from None
    if not isinstance(document, dict) or "rocmkit_recording" not in document:
        raise DataError(f"{source}: it has no line `rocmkit_recording: {FORMAT}`")
    found = convert(document, Recording, source=source)
    try:
        to_json(found)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # half a letter, as PyYAML without libyaml lets through
        raise DataError(f"{source}: what no machine says: {error}") from None
    if found.rocmkit_recording != FORMAT:
        raise DataError(f"{source}: recording format {found.rocmkit_recording}; this rocmkit reads {FORMAT}")
    tree = (found.files, found.folders, found.links, found.stats, found.gpu_code, found.kernel_files)
    paths = [path for answers in tree for path in answers]
    others = (path for answers in (found.space, found.writable, found.databases) for path in answers)
    if any(len(path) > MAX_PATH for path in (*paths, *others, *filter(_is_text, found.links.values()))):
        raise DataError(f"{source}: a path is longer than {MAX_PATH} letters")
    if found.whole and sum(path.count("/") for path in paths) > MAX_FOLDERS:
        raise DataError(f"{source}: more than {MAX_FOLDERS} folders")
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def dump(recording: Recording) -> str:
    """A recording as YAML."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Text of several lines in block style: a recording is read by people and by diff."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return str(yaml.dump(to_builtins(recording), Dumper=Dumper, allow_unicode=True, sort_keys=False, width=1_000_000))


def load_file(path: Path) -> Recording:
    """The recording in a regular file, or, for "-", on standard input. Raises DataError, OSError."""
    return load(read_file(path), source=str(path))


def read_file(path: Path) -> str:
    """The text of a regular file of a recording's size, or, for "-", of standard input. Raises DataError, OSError."""
    with _opened(path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError(f"{path}: larger than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _opened(path: Path) -> BinaryIO:
    """The file to read. Opening what is none, such as a pipe that nobody writes to, would wait for ever. Raises DataError, OSError."""
    if str(path) in {"-", "/dev/stdin"}:
        return os.fdopen(os.dup(0), "rb")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise DataError(f"{path}: not a regular file")
    return os.fdopen(fd, "rb")
