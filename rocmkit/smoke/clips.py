"""The sounds that are transcribed: those that rocmkit brings, or a user's own."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from rocmkit.errors import UsageError
from rocmkit.gpucode.source import sha256
from rocmkit.model import DataError, Model, from_json
from rocmkit.smoke.cer import normal
from rocmkit.smoke.observed import Clip

FOLDER = Path(__file__).with_name("clips")
_AGAIN = "install rocmkit anew"
#: A reference is text: an hour of speech has a hundredth of that.
_MOST = 8 << 20
#: What nobody says: the name of a file.
_FILE = re.compile(r"(?:~|\.{0,2})/\S+|\S+\.(?:txt|text|md|srt|vtt|json|csv)", re.IGNORECASE)


class Shipped(Model, kw_only=True):
    """A row of the manifest."""

    file: Annotated[str, Meta(pattern=r"^[0-9a-z_]{1,40}\.wav\Z")]
    text: str
    kana: str
    voice: str  # of the synthesiser
    seconds: float
    rate: int
    bytes: int
    sha256: str


class Manifest(Model, kw_only=True):
    """What lies beside the sounds."""

    made: str  # how
    licence: str
    clips: tuple[Shipped, ...]


def manifest(folder: Path = FOLDER) -> Manifest:
    """The manifest of the sounds that rocmkit brings. Raises UsageError where it is damaged."""
    try:
        return from_json((folder / "manifest.json").read_bytes(), Manifest, source="manifest.json")
    except (OSError, DataError) as error:
        raise UsageError(f"the clips that belong to rocmkit cannot be read: {error}", _AGAIN) from None


def shipped(folder: Path = FOLDER) -> tuple[Clip, ...]:
    """The sounds that rocmkit brings. Raises UsageError where one is not what it was when it was packed."""
    found = []
    for row in manifest(folder).clips:
        clip = _clip(folder / row.file, row.text, row.kana)
        if clip.sha256 != row.sha256:
            raise UsageError(f"{folder / row.file} is not the clip that belongs to rocmkit: it was changed", _AGAIN)
        found.append(clip)
    return tuple(found)


def own(file: Path, reference: str | None) -> Clip:
    """A user's own sound, with what is said in it where that is known. Raises UsageError where there is none to be read."""
    if reference is not None and not _is_text(reference):
        raise UsageError("the reference is not UTF-8", "write what is said into a file as UTF-8, and name the file with --reference")
    if reference is not None and not normal(reference):
        raise UsageError(
            "the reference has no letter in it: nothing can be compared with it", "write what is said, or leave --reference out"
        )
    return _clip(file, reference, None)


def reference(word: str) -> str:
    """What --reference means: the text of the file of that name where there is one, else the word itself. Raises UsageError."""
    path, word = Path(word), _typed(word)
    try:
        if not path.is_file():
            if _FILE.fullmatch(word):
                raise UsageError(f"--reference {word}: there is no such file", "name the file, or write what is said")
            return word
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
        if len(data) > _MOST:
            raise UsageError(f"{word}: longer than {_MOST >> 20} MiB: that is no text of what is said", "name a file of text")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{word}: not UTF-8", "`iconv -f SHIFT_JIS -t UTF-8 FILE` writes a file of Windows as UTF-8") from None
    except ValueError:  # a name with a null character in it is none
        return word
    except OSError as error:
        if not os.path.lexists(word):  # too long for a name
            return word
        raise UsageError(f"{word}: {error.strerror or error}", "name a file that can be read") from None


def _typed(word: str) -> str:
    """A word of the command line as it was typed, where the locale knows no UTF-8 and the terminal does."""
    try:
        return word if _is_text(word) else os.fsencode(word).decode()
    except UnicodeError:
        return word


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:  # a word of the command line holds any bytes
        return False
    return True


def _clip(file: Path, text: str | None, kana: str | None) -> Clip:
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe may never say anything
            raise UsageError(f"{file}: it is no file", "name a file with sound in it")
        digest = sha256(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {getattr(error, 'strerror', None) or error}", "name a file with sound in it") from None
    return Clip(name=file.name, file=str(file.absolute()), sha256=digest, text=text, kana=kana)
