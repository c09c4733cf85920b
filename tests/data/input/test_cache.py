"""Decoded images on disk: the same pixels without decoding, whatever happens to the file or the process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from alexlab.data.images import FileImages, Split
from alexlab.data.input import cache
from alexlab.data.input.cache import cache_folder, default_budget
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.sources.files import open_files
from alexlab.errors import UserError
from tests.conftest import write_photographs

READY = Transform((3, 20, 20), "crop", (3, 20, 20))
ROOM = 1_000_000


@pytest.fixture
def split(tmp_path: Path) -> Split:
    return open_dataset(f"folder:{write_photographs(tmp_path / 'p')}", whole=True).train


def epoch(split: Split, disk: int = ROOM, epochs: int = 1) -> torch.Tensor:
    store = Store(split, READY, budget=0, disk=disk)
    for _ in range(epochs):
        images = torch.cat([images for images, _ in store.batches(np.arange(len(split)), 5)])
    return images


def files() -> list[Path]:
    return sorted(cache_folder().glob("*")) if cache_folder().exists() else []


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(Transform, "stored", refuse)


def test_a_second_epoch_and_a_second_run_decode_nothing(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = epoch(split, disk=0)
    assert not files()
    assert torch.equal(epoch(split, epochs=2), plain)
    assert [path.suffix for path in files()] == [".pixels"]
    no_decoding(monkeypatch)
    assert torch.equal(epoch(split), plain)


def test_a_changed_image_is_decoded_anew(split: Split, tmp_path: Path) -> None:
    before = epoch(split)
    first = tmp_path / "p" / str(split.images.names[0])
    first.write_bytes((tmp_path / "p" / str(split.images.names[1])).read_bytes())
    opened_again = Split(FileImages(open_files(tmp_path / "p"), split.images.names), split.labels)
    after = epoch(opened_again)
    assert not torch.equal(before[0], after[0]) and torch.equal(before[1:], after[1:])


@pytest.mark.parametrize("where", [0, 3 * 20 * 20 + 7, -70, -3])
def test_a_damaged_file_is_noticed_and_mended(split: Split, where: int) -> None:
    plain = epoch(split)
    (path,) = files()
    with path.open("r+b") as file:
        file.seek(where, 0 if where >= 0 else 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 4]))
    assert torch.equal(epoch(split), plain)
    assert torch.equal(epoch(split), plain)


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_file_that_was_cut_off_is_made_again(split: Split, size: int) -> None:
    plain = epoch(split)
    (path,) = files()
    os.truncate(path, size if size >= 0 else path.stat().st_size - 1)
    assert torch.equal(epoch(split), plain)


KILLED = """
import os, signal, sys
import numpy as np
from alexlab.data.opening import open_dataset
from alexlab.data.input.store import Store
from tests.data.input.test_cache import READY
split = open_dataset("folder:" + sys.argv[1], whole=True).train
for images, _ in Store(split, READY, budget=0, disk=10**6).batches(np.arange(len(split)), 2):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_nothing_that_looks_whole(split: Split, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "p")], env=environment, timeout=100)
    assert ended.returncode == -signal.SIGKILL
    assert [path for path in files() if ".part-" in path.name] and not [p for p in files() if p.suffix == ".pixels"]
    assert torch.equal(epoch(split), epoch(split, disk=0))
    assert [path.suffix for path in files()] == [".pixels"]  # and what was left over is gone


def test_an_epoch_that_breaks_off_leaves_nothing(split: Split) -> None:
    store = Store(split, READY, budget=0, disk=ROOM)
    next(iter(store.batches(np.arange(4), 2)))
    del store
    import gc

    gc.collect()
    assert not [path for path in files() if path.suffix == ".pixels"]


def test_the_budget_holds(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    row = 3 * 20 * 20 + 8
    plain = epoch(split, disk=0)
    assert torch.equal(epoch(split, disk=5 * row, epochs=2), plain)  # only five have a place
    assert sum(path.stat().st_size for path in files()) <= 5 * row + 64
    other = split.select(np.arange(6))
    assert torch.equal(epoch(other, disk=7 * row), plain[:6])
    assert len(files()) == 1  # the one used longest ago has gone


def test_its_size_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < default_budget() <= cache.MOST_BYTES
    for text, size in (("0", 0), ("100GB", 10**11), ("1.5 MB", 1_500_000)):
        monkeypatch.setenv("ALEXLAB_CACHE", text)
        assert default_budget() == size
    monkeypatch.setenv("ALEXLAB_CACHE", "much")
    with pytest.raises(UserError, match="expected a size such as 100GB"):
        default_budget()
