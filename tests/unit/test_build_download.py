"""Fetching one file from a real server on this machine: whole, held to its digest, resumed."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rocmkit.build.download import DownloadError, download

DATA = os.urandom(900_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    asked: list[tuple[str, str | None]] = []
    who: list[str | None] = []


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        self.server.who.append(self.headers.get("Authorization"))
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        match self.path.split("?")[0]:
            case "/file" if begin > len(DATA):
                self.send_error(416)
            case "/file" | "/cut" | "/elsewhere":
                body = DATA[begin:]
                self.send_response(206 if begin else 200)
                if begin:
                    self.send_header("Content-Range", f"bytes {begin if self.path != '/elsewhere' else 0}-{len(DATA) - 1}/{len(DATA)}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                first = len(self.server.asked) == 1
                self.wfile.write(body[: len(body) // 2] if self.path == "/cut" and first else body)
            case "/busy" if len(self.server.asked) < 3:
                self.send_error(503)
            case "/busy" | "/plain":  # knows no ranges, tells no length
                self.send_response(200)
                self.end_headers()
                self.wfile.write(DATA)
            case "/to-a-file":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
            case "/round":
                self.send_response(302)
                self.send_header("Location", "/round")
                self.end_headers()
            case "/moved":
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{self.server.server_port}/file")
                self.end_headers()
            case _:
                self.send_error(404)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    one = Server(("127.0.0.1", 0), Answers)
    one.asked, one.who = [], []
    thread = threading.Thread(target=one.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield one
    finally:
        one.shutdown()
        thread.join()
        one.server_close()


def fetch(server: Server, path: str, to: Path, expected: str = DIGEST) -> tuple[list[str], list[tuple[int, int | None]]]:
    said: list[str] = []
    told: list[tuple[int, int | None]] = []
    url = f"http://127.0.0.1:{server.server_port}{path}"
    download(url, to, expected, told=lambda have, total: told.append((have, total)), log=said.append, wait_s=0.01)
    return said, told


@pytest.mark.parametrize("path", ["/file", "/plain", "/busy", "/cut"])
def test_a_file_comes_whole(server: Server, tmp_path: Path, path: str) -> None:
    _, told = fetch(server, path, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == DATA and os.listdir(tmp_path) == ["a"]
    assert told[-1][0] == len(DATA)


def test_what_was_cut_off_goes_on(server: Server, tmp_path: Path) -> None:
    fetch(server, "/cut", tmp_path / "a")
    assert server.asked == [("/cut", None), ("/cut", f"bytes={len(DATA) // 2}-")]


@pytest.mark.parametrize("path", ["/file", "/plain", "/elsewhere"])
@pytest.mark.parametrize("part", [DATA[:5000], b"of another file", DATA, DATA + b"more"], ids=["half", "other", "whole", "longer"])
def test_a_part_of_before(server: Server, tmp_path: Path, path: str, part: bytes) -> None:
    (tmp_path / "a.part").write_bytes(part)
    fetch(server, path, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == DATA and os.listdir(tmp_path) == ["a"]


def test_what_is_there_is_not_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(DATA)
    fetch(server, "/file", tmp_path / "a")
    assert server.asked == []


def test_another_file_than_expected(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"expected SHA-256 {'0' * 64}, got {DIGEST}") as caught:
        fetch(server, "/file", tmp_path / "a", "0" * 64)
    assert caught.value.wrong and os.listdir(tmp_path) == []


def test_without_a_digest_nothing_of_before_is_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"odd")
    said, _ = fetch(server, "/file", tmp_path / "a", "")
    assert (tmp_path / "a").read_bytes() == DATA and DIGEST in said[-1]


@pytest.mark.parametrize(("path", "why"), [("/none?token=secret", "404"), ("/to-a-file", "not allowed"), ("/round", "30[12]")])
def test_what_cannot_be_had(server: Server, tmp_path: Path, path: str, why: str) -> None:
    with pytest.raises(DownloadError, match=why) as caught:
        fetch(server, path, tmp_path / "a")
    assert "secret" not in str(caught.value) and not caught.value.wrong


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://nowhere.invalid/x", "ftp://127.0.0.1/x", "http://[/x", "file:///nothing", "file:///dev/zero"]
)
def test_addresses_that_lead_nowhere(tmp_path: Path, url: str, server: Server) -> None:
    with pytest.raises(DownloadError):
        download(url, tmp_path / "a", DIGEST, told=lambda *_: None, log=lambda _: None, wait_s=0.0)


def test_a_password_in_the_address_is_for_its_host_alone(server: Server, tmp_path: Path) -> None:
    said: list[str] = []
    url = f"http://me:a%40secret@127.0.0.1:{server.server_port}/moved"
    download(url, tmp_path / "a", DIGEST, told=lambda *_: None, log=said.append)
    assert (tmp_path / "a").read_bytes() == DATA
    assert server.who == ["Basic " + base64.b64encode(b"me:a@secret").decode(), None]
    assert "secret" not in " ".join(said)


def test_a_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "source file").write_bytes(DATA)
    download((tmp_path / "source file").as_uri(), tmp_path / "a", DIGEST, told=lambda *_: None, log=lambda _: None)
    assert (tmp_path / "a").read_bytes() == DATA
