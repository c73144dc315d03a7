"""Take a folder away with all that programs left in it."""

from __future__ import annotations

import contextlib
import os
import stat


def sweep(folder: str) -> bool:
    """Remove `folder`, and say whether it is gone. Links in it are removed and never followed; folders without rights get them first.

    Folders are moved up into `folder` before they are emptied: however deep they lie, no path grows and nothing recurses.
    Only for a folder that nobody else may enter, of which all programs that wrote to it have ended.
    """
    moved, mark = 0, os.urandom(8).hex()  # no program can have a name of ours there already
    waiting = [folder]
    while waiting:
        inner = waiting.pop()
        with contextlib.suppress(OSError):
            os.chmod(inner, 0o700)
        try:
            names = os.listdir(inner)
        except OSError:
            names = []
        for name in names:
            path = os.path.join(inner, name)
            with contextlib.suppress(OSError):
                if not stat.S_ISDIR(os.lstat(path).st_mode):
                    os.unlink(path)
                    continue
                os.chmod(path, 0o700)
                if inner != folder:
                    moved += 1
                    top = os.path.join(folder, f"{mark}-{moved}")
                    os.rename(path, top)
                    path = top
                waiting.append(path)
        if inner != folder:
            with contextlib.suppress(OSError):
                os.rmdir(inner)
    with contextlib.suppress(OSError):
        os.rmdir(folder)
    return not os.path.lexists(folder)
