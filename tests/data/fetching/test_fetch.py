"""Downloads, against a real server on this machine that stops, lies and redirects."""

import contextlib
import hashlib
import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

import alexlab.data.fetching.fetch as fetching
from alexlab.data.catalogue import File
from alexlab.data.fetching.fetch import fetch
from alexlab.errors import UserError

CONTENT = bytes(range(256)) * 4000


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; what it does wrong depends on the path. `asked` counts requests and keeps ranges."""

    asked: list[str | None]
    proxied: str | None = None

    def do_GET(self) -> None:
        Server.proxied = self.headers.get("Proxy-Authorization")
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved/", "/"))
            self.end_headers()
            return
        if self.path.startswith("/round/"):
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
            return
        if self.path.startswith("/busy/") and len(self.asked) < 3:
            self.send_error(503)
            return
        if self.path.startswith("/gone/"):
            self.send_error(404)
            return
        if self.path.startswith("/deaf/"):
            start, wanted = 0, None  # does not know ranges
        body = b"other bytes" * 93_091 if self.path.startswith("/wrong/") else CONTENT
        body = body[: len(CONTENT)][start:]
        self.send_response(206 if wanted else 200)
        length = str(len(body))
        if self.path.startswith("/lies/") and len(self.asked) < 3:
            length = str(len(body) + 5 if len(self.asked) == 1 else len(body) - 5)
        if not self.path.startswith("/chunked/"):
            self.send_header("Content-Length", "many" if self.path.startswith("/nonsense/") else length)
        if wanted:
            first = 0 if self.path.startswith("/another/") and len(self.asked) < 3 else start
            self.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        cut = len(body) // 2 if self.path.startswith(("/cut/", "/deaf/")) and len(self.asked) < 3 else len(body)
        if self.path.startswith("/bits/"):
            cut = 100_000  # each time a little more
        if self.path.startswith("/drips/"):
            with contextlib.suppress(OSError):
                for i in range(100):
                    self.wfile.write(body[i : i + 1])
                    time.sleep(0.05)  # noqa: TID251
            return
        if self.path.startswith("/stalls/") and len(self.asked) < 3:
            self.wfile.write(body[:1000])
            self.wfile.flush()
            self.connection.recv(1)  # nothing, once whoever asked has given up
            return
        if self.path.startswith("/slow/"):
            time.sleep(0.5)  # noqa: TID251  # the other process comes meanwhile, or later
        self.wfile.write(body[:cut])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds."""
    monkeypatch.setattr(fetching, "PAUSE", 0.001)


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
    with pytest.raises(UserError, match=r"failed after 1 try \(the server answered 404"):
        fetch(file(f"{server}/gone/"), tmp_path)
    with pytest.raises(UserError, match="failed after 2 tries"):  # nobody listens
        fetch(file("http://127.0.0.1:9/"), tmp_path)
    assert not (tmp_path / "data.bin").exists()


@pytest.mark.parametrize("how", ["stalls", "lies", "another", "busy", "nonsense", "chunked", "bits"])
def test_a_server_that_fails_now_and_then(
    server: str, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stalls, tells other lengths, sends another part than asked for, is busy, announces nonsense or nothing, cuts off every time."""
    if how == "stalls":
        monkeypatch.setattr(fetching, "TIMEOUT", urllib3.Timeout(connect=5, read=0.3))
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:500])
    assert fetch(file(f"{server}/{how}/"), tmp_path).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


def test_tries_that_bring_something_are_not_counted_but_bounded(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_TRIES", 7)
    with pytest.raises(UserError, match="failed after 7 tries"):
        fetch(file(f"{server}/bits/"), tmp_path)
    assert (tmp_path / "data.bin.part").stat().st_size == 700_000
    assert fetch(file(f"{server}/bits/"), tmp_path).read_bytes() == CONTENT


def test_a_server_that_drips_is_given_up(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENCE", 0.2)
    with pytest.raises(UserError, match=r"failed after 5 tries \(the server sent \d+ bytes in"):
        fetch(file(f"{server}/drips/"), tmp_path)


def test_through_the_proxy_that_the_environment_names(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://publisher.invalid/whole/"
    monkeypatch.setenv("http_proxy", f"http://me:a%40b@{server.removeprefix('http://').rstrip('/')}")
    assert fetch(file(address), tmp_path).read_bytes() == CONTENT
    assert Server.proxied == "Basic bWU6YUBi", "me:a@b"
    monkeypatch.setenv("no_proxy", "publisher.invalid")
    with pytest.raises(UserError, match="publisher.invalid"):
        fetch(file(address), tmp_path / "directly")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(UserError, match=r"after 1 try .*HTTP_PROXY"):
        fetch(file(address), tmp_path / "by socks")


def test_redirections_without_end(server: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="failed after 5 tries .*redirects"):
        fetch(file(f"{server}/round/"), tmp_path)


def test_a_part_of_something_else_is_fetched_anew(server: str, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"other" * 100)
    assert fetch(file(f"{server}/"), tmp_path).read_bytes() == CONTENT
    assert Server.asked == ["bytes=500-", None]


def test_a_size_that_the_catalogue_does_not_know(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = File("data.bin", None, f"md5:{hashlib.md5(CONTENT).hexdigest()}", f"{server}/chunked/")
    assert fetch(unknown, tmp_path).read_bytes() == CONTENT
    (tmp_path / "data.bin").unlink()
    monkeypatch.setattr(fetching, "MOST_UNKNOWN", 1000)
    with pytest.raises(UserError, match="more than 1,000"):
        fetch(File("data.bin", None, unknown.digest, f"{server}/"), tmp_path)
    with pytest.raises(UserError, match="sent more than 1,000 bytes"):
        fetch(unknown, tmp_path)


def test_two_processes_at_once_fetch_once(server: str, tmp_path: Path) -> None:
    wanted = file(f"{server}/slow/")
    code = (
        "import sys; from pathlib import Path; from alexlab.data.catalogue import File; from alexlab.data.fetching.fetch import fetch\n"
        f"print(len(fetch(File({wanted.name!r}, {wanted.size}, {wanted.digest!r}, {wanted.url!r}), Path(sys.argv[1])).read_bytes()))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [str(len(CONTENT))] * 2
    assert len(Server.asked) == 1 and [path.name for path in tmp_path.iterdir()] == ["data.bin"]


def test_a_folder_deleted_before_it_is_locked_is_made_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another thread does that makes room in the cache of shards."""
    made: list[Path] = []
    mkdir = Path.mkdir

    def made_and_deleted(path: Path, *arguments: Any, **options: Any) -> None:
        mkdir(path, *arguments, **options)
        if path.name == "shard" and not made:
            made.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", made_and_deleted)
    assert fetch(file(f"{server}/"), tmp_path / "shard").read_bytes() == CONTENT
    assert made
