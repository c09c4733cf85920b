"""A server of a folder on this machine that answers late, and wrongly at first."""

import http.server
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Served:
    """What a server does, and what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, ""
        self.delay = 0.0
        self.wrong: dict[str, list[str]] = {}  # by a file's name, what goes wrong with its first answers
        self.asked: Counter[str] = Counter()


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    served = Served(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            served.asked[name] += 1
            time.sleep(served.delay)  # noqa: TID251  # a slow server
            left = served.wrong.get(name, [])
            how = left.pop(0) if left else ""
            path = served.folder / name
            if how == "busy":
                return self.send_error(503)
            if how == "reset":
                self.connection.close()
                return None
            if not path.exists():
                return self.send_error(404)
            wanted = self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            data = path.read_bytes()
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(data) - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            self.wfile.write(data[start : start + (len(data) - start) // 2 if how == "cut" else None])
            return None

        def log_message(self, *arguments: object) -> None:
            pass

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):  # of a connection that was closed on purpose
                pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as running:
        served.address = f"http://127.0.0.1:{running.server_port}/data"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield served
        finally:
            running.shutdown()
            thread.join()
