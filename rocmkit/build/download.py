"""Fetch one file: whole, of the digest that it is held to, or not at all."""

from __future__ import annotations

import base64
import contextlib
import errno
import http.client
import os
import re
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from rocmkit import __version__
from rocmkit.build.integrity import digest

#: Told how many bytes there are, and of how many; None: the server does not say.
Told = Callable[[int, int | None], None]

TIMEOUT_S = 30.0
TRIES = 4
#: No source of ours has a hundredth of it.
LIMIT_BYTES = 16 << 30
_PIECE = 1 << 18
_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/(?:[0-9]+|\*)")


class DownloadError(Exception):
    """The file could not be had. `wrong`: it is there, and is another one."""

    def __init__(self, message: str, *, wrong: bool = False) -> None:
        super().__init__(message)
        self.wrong = wrong


class _Again(Exception):
    """It may go better the next time."""


def download(url: str, to: Path, expected: str, *, told: Told, log: Callable[[str], None], wait_s: float = 2.0) -> None:
    """Have the bytes of `url` in the file `to`. A file of the digest `expected` is not fetched again; what was begun goes on.

    `expected` empty: whatever comes is taken. Raises DownloadError, and OSError where the file cannot be written.
    """
    try:
        urllib.parse.urlsplit(url)
    except ValueError as error:
        raise DownloadError(f"{url!r} is no address: {error}") from None
    if expected and digest(to) == expected:
        log(f"{to} is there already, with SHA-256 {expected}")
        return
    part = part_of(to)
    if not expected:  # of a part that nothing is known of
        part.unlink(missing_ok=True)
    for attempt in range(1, TRIES + 1):
        resumed = part.exists()
        try:
            _fetch(url, part, told, log)
        except _Again as error:
            log(f"attempt {attempt} of {TRIES}: {error}")
            if attempt == TRIES:
                raise DownloadError(f"{_shown(url)}: {error}") from None
            time.sleep(wait_s * attempt)
            continue
        got = digest(part)
        if expected and got != expected:
            part.unlink(missing_ok=True)
            if resumed:  # the part that was there may be of another file
                log(f"the part that was there does not fit: SHA-256 {got}; once more from the beginning")
                continue
            raise DownloadError(f"{_shown(url)}: expected SHA-256 {expected}, got {got}", wrong=True)
        log(f"{to}: {part.stat().st_size} bytes, SHA-256 {got}")
        part.replace(to)
        return
    raise DownloadError(f"{_shown(url)}: it could not be fetched whole")


def part_of(to: Path) -> Path:
    """Where a file is until it is whole."""
    return to.with_name(f"{to.name}.part")


def _fetch(url: str, part: Path, told: Told, log: Callable[[str], None]) -> None:
    """Fetch what is missing of the part."""
    if urllib.parse.urlsplit(url).scheme == "file":
        with _own(url) as source, part.open("wb") as file:
            _copy(source.read, file, 0, os.fstat(source.fileno()).st_size, told)
        return
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"rocmkit/{__version__}", "Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        with _opener().open(_request(url, headers), timeout=TIMEOUT_S) as answer:
            if answer.status == 206:
                begin = _RANGE.match(answer.headers.get("Content-Range", ""))
                if begin is None or int(begin[1]) != have:
                    part.unlink(missing_ok=True)
                    raise _Again("the server goes on at another place")
            else:
                have = 0
            length = answer.headers.get("Content-Length", "")
            total = have + int(length) if re.fullmatch("[0-9]{1,15}", length) else None
            log(f"{_shown(url)}: {answer.status}, {'?' if total is None else total} bytes" + (f", from {have} on" if have else ""))
            with part.open("ab" if have else "wb") as file:
                _copy(answer.read1, file, have, total, told)
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            if error.code == 416:  # there is no more than is there already
                part.unlink(missing_ok=True)
                raise _Again("the server has less than was fetched already") from None
            if error.code in {408, 425, 429} or error.code >= 500:
                raise _Again(f"the server answers {error.code} {error.reason}") from None
            raise DownloadError(f"{_shown(url)}: the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _Again(str(error.reason)) from None
    except (http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        raise _Again(f"{type(error).__name__}: {error}") from None


def _request(url: str, headers: Mapping[str, str]) -> urllib.request.Request:
    """What asks for a file, as who the address says. Where a server sends us on to, nobody is told of that."""
    request = urllib.request.Request(_plain(url), headers=dict(headers))  # noqa: S310 - http(s) alone
    who, sign, _ = urllib.parse.urlsplit(url).netloc.rpartition("@")
    if sign:  # RFC 7617
        words = base64.b64encode(urllib.parse.unquote_to_bytes(who)).decode()
        request.add_unredirected_header("Authorization", f"Basic {words}")
    return request


def _copy(read: Callable[[int], bytes], file: IO[bytes], have: int, total: int | None, told: Told) -> None:
    while True:
        told(have, total)
        try:
            piece = read(_PIECE)
        except OSError as error:  # of the network; writing has its own
            raise _Again(f"{error.strerror or error}") from None
        if not piece:
            break
        have += len(piece)
        if have > LIMIT_BYTES:
            raise DownloadError(f"it is longer than {LIMIT_BYTES >> 30} GiB")
        file.write(piece)
    if total is not None and have != total:
        raise _Again(f"it ended after {have} of {total} bytes")
    file.flush()
    os.fsync(file.fileno())


def _own(url: str) -> IO[bytes]:
    """A file of this machine."""
    path = urllib.request.url2pathname(urllib.parse.urlsplit(url).path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no file")
    except (OSError, ValueError) as error:
        raise DownloadError(f"{url}: {getattr(error, 'strerror', None) or error}") from None
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor, which the caller closes


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to another address, and never from one that nobody can listen to to one that anybody can."""

    def redirect_request(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        schemes = ("https",) if req.type == "https" else ("http", "https")
        if urllib.parse.urlsplit(newurl).scheme not in schemes:
            raise DownloadError(f"{_shown(req.full_url)}: the server sends us on to {_shown(newurl)}, which is less safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _plain(url: str) -> str:
    """An address without who asks."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _shown(url: str) -> str:
    """An address without who asks and with what right."""
    return urllib.parse.urlunsplit(urllib.parse.urlsplit(_plain(url))._replace(query="", fragment=""))
