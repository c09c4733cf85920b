"""Published weights are fetched by name, from a real server: once, checked, and again where they were damaged."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexlab.data.catalogue import File
from alexlab.errors import UserError
from alexlab.weights import published as weights

CONTENT = b"weights" * 50_000


@pytest.fixture
def server() -> Iterator[str]:
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            self.end_headers()
            self.wfile.write(CONTENT[start : start + 100_000] if "cut" in self.path else CONTENT[start:])

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("how", ["", "cut/"])
def test_the_published_file_is_fetched_once_and_checked(
    server: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size is not known before; cut off, it is carried on with; the digest is the one in its name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    digest = hashlib.sha256(CONTENT).hexdigest()[:8]
    file = File(f"alexnet-owt-{digest}.pth", None, f"sha256:{digest}", f"{server}/{how}")
    monkeypatch.setitem(weights.PUBLISHED, "torchvision", file)
    path = weights.published("torchvision")
    assert path.read_bytes() == CONTENT and path.name == file.name
    monkeypatch.setitem(weights.PUBLISHED, "torchvision", File(file.name, None, file.digest, "http://127.0.0.1:9/"))
    assert weights.published("torchvision") == path  # not asked for again


def test_other_bytes_than_published_are_refused(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(weights.PUBLISHED, "torchvision", File("a.pth", None, "sha256:00000000", f"{server}/"))
    with pytest.raises(UserError, match="whose SHA256 is .*, expected 00000000; it was deleted"):
        weights.published("torchvision")
    assert not list(tmp_path.rglob("a.pth*"))


def test_a_download_that_was_damaged_later_is_fetched_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    digest = hashlib.sha256(CONTENT).hexdigest()[:8]
    monkeypatch.setitem(weights.PUBLISHED, "torchvision", File("a.pth", None, f"sha256:{digest}", f"{server}/"))
    weights.published("torchvision").write_bytes(b"damaged")
    assert weights.published("torchvision").read_bytes() == CONTENT
