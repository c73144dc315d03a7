"""The files of a wheel as pip would lay them out, and what a wheel says of itself. Nothing of it is run."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from rocmkit.gpucode.source import Source
from rocmkit.gpucode.wheel import About, Wheel

_PIECE = 1 << 20
#: What the archive is to blame for: damaged data, names that are too long, and a file where there should be a folder.
_ITS_FAULT = {errno.EIO, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
#: What lies below them goes where packages lie: the binary distribution format, "The .data directory".
_DATA = re.compile(r"[^/]+\.data/(?:purelib|platlib)/(.+)", re.DOTALL)


def wheels(dist: Path) -> tuple[Path, ...]:
    """The wheels in a folder, links left out. Empty where it is not there."""
    return tuple(sorted(path for path in dist.glob("*.whl") if path.is_file() and not path.is_symlink()))


def unpack(wheel: Path, into: Path) -> About:
    """Write every file of a wheel below `into`, and say what it says of itself.

    Raises OSError, and ValueError where it is no wheel, a damaged or a hostile one.
    """
    with Wheel(wheel) as archive:
        for member in archive.members:
            inside = _DATA.fullmatch(member.name)
            place = into / (inside[1] if inside else member.name)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                _copy(archive.open(member.name), place)
            except OSError as error:
                if error.errno in _ITS_FAULT:
                    raise ValueError(f"{member.name}: {error.strerror}") from None
                raise
        return archive.about()


def _copy(source: Source, place: Path) -> None:
    with place.open("xb") as file:
        for at in range(0, source.size, _PIECE):
            file.write(source.read(at, _PIECE))
