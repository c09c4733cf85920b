"""A real studio in a process of its own, with two runs that were really trained, and a real Chromium that looks at it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

import alexlab
from alexlab.web.studio.app import PAGE
from tests.web.studio.browser import Browser, Process, look

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def runs_folder(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studio") / "runs"
    folder.mkdir()
    shutil.copytree(digits_run, folder / "relu")
    alexlab.train("lenet5", "digits", epochs=1, out=folder / "sigmoid<b>")
    return folder


@pytest.fixture(scope="session")
def studio(runs_folder: Path) -> Iterator[Process]:
    with started(runs_folder) as found:
        yield found


class started:  # noqa: N801
    """A process of `alexlab studio`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "alexlab",
            "studio",
            str(folder),
            "--port",
            "0",
            *arguments,
        ]

    def __enter__(self) -> Process:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.match(r"(http://[^/]+)/(\S*)", line)
        assert found, line
        address = re.sub("localhost|0[.]0[.]0[.]0", "127.0.0.1", found[1])
        return Process(address, found[2], urllib3.PoolManager(retries=False, timeout=60))

    def __exit__(self, *error: Any) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser. Of one module: while it runs, no other test of this process could start an event loop."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt install chromium")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the studio's page is not built: make studio-page")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium: Any, studio: Process) -> Iterator[Browser]:
    with look(chromium, studio) as found:
        yield found


@pytest.fixture
def phone(chromium: Any, studio: Process) -> Iterator[Browser]:
    with look(chromium, studio, width=390, height=844, locale="zh-CN") as found:
        yield found
