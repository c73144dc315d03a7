"""A proof bundle: a zip of the results, all that they rest on, and digests. It is written in one way only, and any file may be read."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Literal

from msgspec.structs import replace

from rocmkit import __version__
from rocmkit.errors import UsageError
from rocmkit.gpucode.source import sha256
from rocmkit.host.names import Names
from rocmkit.model import DataError, Model, from_json, to_json
from rocmkit.smoke.observed import Observed, UsedModel
from rocmkit.smoke.result import Smoke
from rocmkit.smoke.verified import Contents, Verified, check

MANIFEST, RESULTS, OBSERVED, FACTS = NAMES = ("manifest.json", "results.json", "observed.json", "facts.json")
#: All systems with what was seen of them come to a few.
MOST = 32 << 20
#: The oldest date that a zip can hold: a bundle's bytes depend on what is in it alone.
_DATE = (1980, 1, 1, 0, 0, 0)
_END, _END_BYTES = b"PK\x05\x06", 22
_DIRECTORY = 4096  # four names take three hundred bytes
_MODE = stat.S_IFREG | 0o644
_FILES, _MODEL = 5000, 1 << 36  # of a model, and their bytes
#: No machine has more GPUs, no run more cases and clips, and days of speech are fewer characters: what takes hours to judge is no bundle.
_GPUS, _CASES, _CLIPS, _LETTERS = 64, 256, 1024, 2_000_000
_BAD = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError)


class Member(Model, kw_only=True):
    """A file in it."""

    bytes: int
    sha256: str


class Manifest(Model, kw_only=True):
    """What is in it."""

    schema: Literal["rocmkit.smoke.bundle/1"] = "rocmkit.smoke.bundle/1"
    rocmkit: str  # version that wrote it
    members: dict[str, Member]


def write(path: Path, smoke: Smoke, observed: Sequence[Observed], facts_json: str, names: Names) -> None:
    """Write a bundle; all that is given has nothing private in it any more, by `names`. Raises UsageError where it cannot be written."""
    hashed = [replace(one, model=_hashed(one.model, names)) if one.main else one for one in observed]
    contents = {RESULTS: to_json(smoke), OBSERVED: to_json(hashed), FACTS: facts_json}
    data = packed({name: text.encode() for name, text in contents.items()})
    try:
        if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
            path.write_bytes(data)
            return
        path = path.resolve()
        half = path.with_name(f".rocmkit-{os.getpid()}.part")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(data)
            half.replace(path)
        except BaseException:
            half.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def packed(contents: Mapping[str, bytes]) -> bytes:
    """The bytes of a bundle with these contents, beside the manifest."""
    members = {name: Member(bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for name, data in contents.items()}
    told = to_json(Manifest(rocmkit=__version__, members=members)).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in ((MANIFEST, told), *contents.items()):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr, info.compress_type = 3, _MODE << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return made.getvalue()


def verify(path: Path) -> Verified:
    """Check a bundle against itself. Raises UsageError where it is none."""
    try:
        members, manifest = _read(path)
    except (OSError, DataError, *_BAD) as error:
        why = getattr(error, "strerror", None) or str(error) or "it ends too early"
        raise UsageError(f"{path}: no bundle of rocmkit smoke: {why}", "name a file that --bundle wrote") from None
    problems = []
    for name, member in manifest.members.items():
        data = members[name]
        if (len(data), hashlib.sha256(data).hexdigest()) != (member.bytes, member.sha256):
            problems.append(f"{name} was changed: its digest is not the one in {MANIFEST}")
    found: Contents | None = None
    try:
        contents = Contents(
            smoke=from_json(members[RESULTS], Smoke, source=RESULTS),
            observed=from_json(members[OBSERVED], tuple[Observed, ...], source=OBSERVED),
            facts=from_json(members[FACTS], dict[str, object], source=FACTS),
        )
        _ordinary(contents.observed)
        found = contents
    except DataError as error:
        problems.append(str(error))
    return check(found, manifest.rocmkit, problems)


def _ordinary(observed: Sequence[Observed]) -> None:
    """Raises DataError where there is more to judge than any run sees."""
    many = {"cases": [len(observed)], "GPUs": [0], "clips": [0], "characters": [0]}
    letters = 0
    for seen in observed:
        many["GPUs"].append(len(seen.cards))
        many["clips"].append(len(seen.clips))
        letters += sum(len(clip.text or "") + len(clip.kana or "") for clip in seen.clips)
        for ran in filter(None, (seen.main, seen.control, seen.cpu)):
            many["GPUs"] += map(len, (ran.watched.kfd, ran.watched.drm, ran.watched.cards, ran.hook.at_load, ran.hook.at_end))
            many["clips"] += map(len, (ran.heard, ran.again))
            letters += sum(len(heard.text) for heard in ran.heard)
    many["characters"].append(letters + sum(len(one) for seen in observed for one in seen.readings.values()))
    for (what, counts), most in zip(many.items(), (_CASES, _GPUS, _CLIPS, _LETTERS), strict=True):
        if max(counts) > most:
            raise DataError(f"{OBSERVED}: {max(counts)} {what}, where no run sees more than {most}")


def _read(path: Path) -> tuple[dict[str, bytes], Manifest]:
    """Its members. Raises OSError, DataError and what zipfile raises."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST:
            raise DataError("it is no file" if not stat.S_ISREG(status.st_mode) else f"it is longer than {MOST >> 20} MiB")
        _plain(file, status.st_size)
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            if sorted(info.filename for info in infos) != sorted(NAMES):
                raise DataError("other files are in it than those of a bundle")
            members = {info.filename: _member(archive, info) for info in infos}
    manifest = from_json(members[MANIFEST], Manifest, source=MANIFEST)
    if sorted(manifest.members) != sorted(set(NAMES) - {MANIFEST}):
        raise DataError(f"{MANIFEST} tells of other files")
    return members, manifest


def _plain(file: IO[bytes], size: int) -> None:
    """Nothing before the archive or behind it, and a directory of a few names: zipfile reads all of it into memory."""
    file.seek(max(0, size - _END_BYTES))
    end = file.read(_END_BYTES)
    if end[:4] != _END or len(end) < _END_BYTES:
        raise DataError("it is no zip, or something was put behind it")
    length, begin = struct.unpack("<II", end[12:20])
    if length > _DIRECTORY or begin + length + _END_BYTES != size:
        raise DataError("its directory is not that of a bundle")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & ~0x800 or info.compress_type != zipfile.ZIP_DEFLATED or kind not in (0, stat.S_IFREG):
        raise DataError(f"{info.filename}: packed in another way than rocmkit does")
    if info.file_size > MOST:
        raise DataError(f"{info.filename}: longer than {MOST >> 20} MiB")
    with archive.open(info) as member:
        data = member.read(MOST + 1)
    if len(data) != info.file_size:
        raise DataError(f"{info.filename}: not as long as it says")
    return data


def _hashed(model: UsedModel, names: Names) -> UsedModel:
    """With a digest of each of its files, as they are now; none where the library finds it by its name, or it is larger than any model."""
    if not model.path or (model.bytes or 0) > _MODEL:
        return model
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # no home, or it is gone
        return replace(model, files={names.hide(name): digest for name, digest in _digests(Path(names.reveal(model.path)))})
    return model


def _digests(path: Path) -> Iterator[tuple[str, str]]:
    files = [path] if path.is_file() else sorted(islice((found for found in path.rglob("*") if found.is_file()), _FILES))
    for file in files:
        yield file.relative_to(path.parent if file == path else path).as_posix(), sha256(file)
