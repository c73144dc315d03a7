"""A terminal of its own for a program, as in a window."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Iterator, Sequence

from tests.support.command import ROOT

_INHERITED = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
ENVIRONMENT = {**_INHERITED, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LC_ALL": "C.UTF-8"}


@contextlib.contextmanager
def terminal(
    command: Sequence[str], *, columns: int = 80, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A program in it, and the other end of it. Ctrl-C there is a signal to all that the program started."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    own = {**ENVIRONMENT, **(env or {})}
    process = subprocess.Popen(["setsid", "--ctty", *command], stdin=follower, stdout=follower, stderr=follower, env=own)
    os.close(follower)
    try:
        yield process, leader
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def shown(leader: int) -> bytes:
    """All that a program shows until it ends."""
    got = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # on Linux a terminal that nobody writes to any more gives EIO
            return got
        if not chunk:
            return got
        got += chunk
