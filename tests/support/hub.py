"""A small hub for models over HTTP: as much as huggingface_hub needs to list and download one (huggingface.co/docs/hub/api).

It can ask for a login, break off in the middle, be slow, and end one day.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PIECE = 1 << 18


class Hub:
    """Models by name, each with files by name; and what it was asked."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, bytes]] = {}
        self.gated: set[str] = set()
        #: Name of a file to how many bytes of it go out before the connection breaks, once.
        self.breaks: dict[str, int] = {}
        self.bytes_per_s: float | None = None
        #: (method, path, range asked for)
        self.asked: list[tuple[str, str, str]] = []
        self.sent = 0
        self.address = ""

    def sha(self, model: str) -> str:
        """The commit of a model: another one as soon as a file is another one."""
        files = self.models[model]
        return hashlib.sha1(b"".join(name.encode() + hashlib.sha1(files[name]).digest() for name in sorted(files))).hexdigest()

    def downloads(self, name: str) -> list[str]:
        """The ranges in which a file was asked for; empty: all of it."""
        return [asked for method, path, asked in self.asked if method == "GET" and path.endswith(f"/{name}")]


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """Serve it; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield hub.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    def _answer(self, *, body: bool) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._told("/".join(parts[2:4]), parts[4:])
        elif parts[2:3] == ["resolve"]:
            self._file("/".join(parts[:2]), "/".join(parts[4:]), body=body)
        else:
            self._send(404, b"{}")

    def _told(self, model: str, rest: list[str]) -> None:
        if model not in self.hub.models:
            self._send(401, b'{"error": "Invalid username or password."}', {"X-Error-Code": "RepoNotFound"})
            return
        files = self.hub.models[model]
        if rest[:1] == ["tree"]:
            listed = [{"type": "file", "oid": _etag(data), "size": len(data), "path": name} for name, data in files.items()]
            self._send(200, json.dumps(listed).encode())
            return
        siblings = [{"rfilename": name, "size": len(data), "blobId": _etag(data)} for name, data in files.items()]
        told = {"_id": "0", "id": model, "modelId": model, "sha": self.hub.sha(model), "siblings": siblings, "private": False, "tags": []}
        self._send(200, json.dumps({**told, "downloads": 0, "likes": 0, "gated": "manual" if model in self.hub.gated else False}).encode())

    def _file(self, model: str, name: str, *, body: bool) -> None:
        data = self.hub.models.get(model, {}).get(name)
        if model in self.hub.gated:
            self._send(401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."})
            return
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        begin, headers = 0, {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": self.hub.sha(model), "Accept-Ranges": "bytes"}
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and asked.endswith("-"):
            begin = int(asked[6:-1])
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self.send_response(206 if asked else 200)
        for key, value in {**headers, "Content-Length": str(len(data) - begin)}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self._pour(data[begin:], self.hub.breaks.pop(name, None))

    def _pour(self, data: bytes, at_most: int | None) -> None:
        for begin in range(0, len(data), _PIECE):
            piece = data[begin : begin + _PIECE]
            if at_most is not None and begin + len(piece) > at_most:
                self.close_connection = True
                return
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(piece)
            self.hub.sent += len(piece)
            if self.hub.bytes_per_s:
                time.sleep(len(piece) / self.hub.bytes_per_s)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _etag(data: bytes) -> str:
    """As git names a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
