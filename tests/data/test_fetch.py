"""Downloads, against a real server on this machine that stops, lies and redirects."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexlab.data.catalogue import File
from alexlab.data.fetch import fetch
from alexlab.errors import UserError

CONTENT = bytes(range(256)) * 4000


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; what it does wrong depends on the path. `asked` counts requests and keeps ranges."""

    asked: list[str | None]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved/", "/"))
            self.end_headers()
            return
        if self.path.startswith("/gone/"):
            self.send_error(404)
            return
        if self.path.startswith("/deaf/"):
            start, wanted = 0, None  # does not know ranges
        body = b"other bytes" * 93_091 if self.path.startswith("/wrong/") else CONTENT
        body = body[: len(CONTENT)][start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = len(body) // 2 if self.path.startswith(("/cut/", "/deaf/")) and len(self.asked) < 3 else len(body)
        self.wfile.write(body[:cut])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def file(url: str) -> File:
    return File("data.bin", len(CONTENT), f"md5:{hashlib.md5(CONTENT).hexdigest()}", url)


def test_whole_with_progress(server: str, tmp_path: Path) -> None:
    seen: list[int] = []
    path = fetch(file(f"{server}/"), tmp_path / "new", lambda name, done, total: seen.append(done))
    assert path.read_bytes() == CONTENT and seen[-1] == len(CONTENT)
    assert [p.name for p in path.parent.iterdir()] == ["data.bin"]


def test_a_cut_download_is_resumed(server: str, tmp_path: Path) -> None:
    assert fetch(file(f"{server}/cut/"), tmp_path).read_bytes() == CONTENT
    assert Server.asked[0] is None and Server.asked[1] is not None and Server.asked[1] != "bytes=0-"


def test_a_part_left_by_an_earlier_process_is_carried_on_with(server: str, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(file(f"{server}/"), tmp_path).read_bytes() == CONTENT
    assert Server.asked == ["bytes=1000-"]


def test_a_server_without_ranges_starts_over(server: str, tmp_path: Path) -> None:
    assert fetch(file(f"{server}/deaf/"), tmp_path).read_bytes() == CONTENT


def test_redirected(server: str, tmp_path: Path) -> None:
    assert fetch(file(f"{server}/moved/"), tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_deleted(server: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MD5 is"):
        fetch(file(f"{server}/wrong/"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there(server: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="failed after 5 tries .*404"):
        fetch(file(f"{server}/gone/"), tmp_path)
    with pytest.raises(UserError, match="failed after 5 tries"):
        fetch(file("http://127.0.0.1:9/"), tmp_path)
    assert not (tmp_path / "data.bin").exists()
