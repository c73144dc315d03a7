"""Which libraries the loader does not find for a provider's own, by reading files: nothing is loaded."""

from __future__ import annotations

import posixpath
from collections import deque

from rocmkit.gpucode.elf import read_elf
from rocmkit.gpucode.found import Found
from rocmkit.gpucode.read import file_code
from rocmkit.gpucode.source import File
from rocmkit.gpucode.values import FileCode
from rocmkit.inspect.loader import Loader, Made, made_for
from rocmkit.placement.values import Missing

#: Files that are followed; a provider's libraries come to a few dozen.
_MOST = 200


def missing(library: str, loader: Loader) -> tuple[Missing, ...]:
    """What is not found for `library` and for what it needs, nearest first. Raises OSError, ValueError where it cannot be read itself.

    Where the program has loaded a library of that name from elsewhere before, it is not looked for: then more is named here than lacks.
    """
    seen, found = {posixpath.basename(library)}, []
    waiting = deque([(library, *_read(library))])
    while waiting:
        path, code, made = waiting.popleft()
        here, lacking = loader.needed(code, made, posixpath.dirname(path), beside=seen)
        seen.update(here, lacking)
        found += [Missing(library=name, needed_by=posixpath.basename(path)) for name in lacking]
        for other in here.values():
            if len(seen) < _MOST:
                try:
                    waiting.append((other, *_read(other)))
                except (OSError, ValueError):
                    continue  # what it needs is not known; the loader's own words are in the log
    return tuple(found)


def _read(path: str) -> tuple[FileCode, Made]:
    """What an ELF file needs; its GPU code, which may be a gigabyte, is not looked at."""
    with File(path) as source:
        made = made_for(source.read(0, 20))
        if made is None:
            raise ValueError(f"{path}: no ELF file")
        return file_code(source, read_elf(source), Found()), made
