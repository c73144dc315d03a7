"""What to say of a TARGET that cannot be looked at, and what to do instead."""

from __future__ import annotations

import re
import shlex

from rocmkit.errors import UsageError

MAY = "name a library, program, object file, code object, archive, wheel or ONNX model, a folder, or an installed package"

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_FILE = re.compile(r".+\.(?:whl|onnx|so(?:\.[0-9.]+)?|co|hsaco|a|o|dat|kdb|db|zip|tar\.[a-z0-9]+|tgz)", re.DOTALL | re.ASCII)
_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9._]+)-(?P<version>[A-Za-z0-9.!+_]+)-.+\.whl", re.ASCII)

#: How archives begin that are not opened: what they are, and what to do with them.
_ARCHIVES = (
    (b"PK\x03\x04", "a zip archive", "if it is a wheel, give it back its name, which ends in .whl; else unpack it and inspect the folder"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it (tar -xzf) and inspect the folder; an sdist holds sources: its wheel has the code"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it (tar -xJf) and inspect the folder"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it (tar --zstd -xf) and inspect the folder"),
    (b"!<arch>\ndebian-binary", "a Debian package", "unpack it (dpkg-deb -x FILE FOLDER) and inspect the folder"),
    (b"\xed\xab\xee\xdb", "an RPM package", "unpack it (rpm2cpio FILE | cpio -id) and inspect the folder"),
)


def not_there(typed: str) -> UsageError | None:
    """What looks like a file and is none; None: it may be the name of a package."""
    if _ADDRESS.match(typed):
        return UsageError(f"{typed}: an address, and nothing is downloaded here", f"download it first: {download(typed)}")
    if "*" in typed or "?" in typed:
        return UsageError(f"{typed}: no such file here: the shell found none that matches")
    if "/" in typed or not typed or _FILE.fullmatch(typed):
        name = typed.rpartition("/")[2]
        return UsageError(f"{typed!r}: no such file or folder", f"download it first: {download(name)}" if name.endswith(".whl") else MAY)
    return None


def archive(head: bytes) -> tuple[str, str] | None:
    """What an archive that begins with `head` is, and what to do with it; None: it is none that has to be unpacked first."""
    return next(((words, hint) for magic, words, hint in _ARCHIVES if head.startswith(magic)), None)


def damaged_wheel(typed: str, head: bytes, error: ValueError) -> UsageError:
    """A file whose name is that of a wheel, and that cannot be read as one."""
    if head.startswith(b"PK"):
        why = "" if f"{error}".startswith("no zip archive") else f": {error}"
        return UsageError(f"{typed}: damaged or cut off{why}", f"download it again: {download(typed.rpartition('/')[2])}")
    return UsageError(f"{typed}: {error}", MAY)


def not_installed(typed: str, name: str, near: list[str], prefix: str, *, chosen: bool) -> UsageError:
    """No package of that name."""
    there = "another environment: --python ~/venv" if chosen else "the environment it is in: --python ~/venv"
    hint = f"did you mean {' or '.join(near)}?" if near else f"name {there}"
    return UsageError(f"{typed}: no such file or folder here, and {name} is not installed in {prefix}", hint)


def unreadable(typed: str, error: OSError) -> UsageError:
    """What the system does not let us look at."""
    if isinstance(error, PermissionError):
        return UsageError(f"{typed} may not be read by this user", "run it as a user who may, or inspect a copy")
    return UsageError(f"{typed}: {error.strerror or error}", MAY)


def download(name: str) -> str:
    """The pip command that gets a wheel of that name, an address too."""
    wheel = _WHEEL.fullmatch(name)
    what = f"{wheel['name']}=={wheel['version']}" if wheel else name if _ADDRESS.match(name) else "NAME"
    return f"pip download --no-deps {shlex.quote(what)}"
