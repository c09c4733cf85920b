"""A real service in a process of its own, and what the tests ask it with."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

import alexlab

START = 120  # seconds, on a machine with other work


class Service:
    """A process of `alexlab serve`, and its address."""

    def __init__(self, process: subprocess.Popen[str], address: str, log: Path) -> None:
        self.process, self.address, self.log = process, address, log
        self._pool = urllib3.PoolManager(retries=False, timeout=60)

    def ask(self, method: str, path: str, **how: Any) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, self.address + path, **how)

    def predict(self, body: bytes, query: str = "", **headers: str) -> tuple[int, Any]:
        kind = {"content-type": "application/octet-stream", **{k.replace("_", "-"): v for k, v in headers.items()}}
        answer = self.ask("POST", f"/predict{query}", body=body, headers=kind)
        return answer.status, json.loads(answer.data)

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line]


@contextmanager
def served(folder: Path, *arguments: str, **environment: str) -> Iterator[Service]:
    folder.mkdir(exist_ok=True)
    log = folder / "log.jsonl"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "alexlab", "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"http://[^/]+", line)
        assert found, line + log.read_text()
        yield Service(process, found[0].replace("localhost", "127.0.0.1"), log)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the embedded digits, and its name with it."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    alexlab.train("lenet-relu", "digits", epochs=2, out=folder)
    return folder


@pytest.fixture(scope="session")
def service(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("service"), str(digits_run), f"again={digits_run}") as found:
        yield found


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Any]:
    return lambda *arguments, **environment: served(tmp_path / "service", *arguments, **environment)
