"""What tests share. Datasets come from ALEXLAB_DATA; tests that need them skip where it is not set."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.typed import Command

ROOT = Path(__file__).parent.parent
os.environ["no_proxy"] = "127.0.0.1,localhost"  # where the tests' servers are
if "ALEXLAB_DATA" in os.environ:  # relative to where pytest was started; tests change their folder
    os.environ["ALEXLAB_DATA"] = str(Path(os.environ["ALEXLAB_DATA"]).resolve())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also the long forms of tests/faults: an hour and more")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs with --long alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="long: give --long"))


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of real datasets."""
    if not os.environ.get("ALEXLAB_DATA"):
        pytest.skip("ALEXLAB_DATA is not set: no real datasets")
    return Path(os.environ["ALEXLAB_DATA"])


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def alexlab() -> Command:
    """Run the command line in a process of its own."""

    def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [sys.executable, "-W", "error", "-m", "alexlab", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100", **environment},
            timeout=240,
            cwd=cwd,
        )
        return done

    return run


def write_photographs(folder: Path, classes: tuple[str, ...] = ("red", "blue"), each: int = 6, size: int = 24) -> Path:
    """An image folder of small pictures of mixed sizes whose class shows in their colour."""
    random = np.random.default_rng(0)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            height, width = size + 3 * i, size + 5 * (i % 2)
            pixels = random.integers(0, 60, (height, width, 3), dtype=np.uint8)
            pixels[..., label % 3] += 150
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder
