"""Shards at an address, from real servers on this machine that are slow, fail, and lose things."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import alexlab.data.fetching.fetch as fetching
from alexlab.data.images import FileImages
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.shards.index import Index
from alexlab.data.shards.order import WINDOW
from alexlab.data.shards.packing import pack
from alexlab.data.shards.remote import cache_folder
from alexlab.errors import UserError
from alexlab.runs import saving
from alexlab.runs.checkpoint import checkpoints, step_of
from alexlab.training.callbacks import Silent
from alexlab.training.seeds import epoch_order
from alexlab.training.train import resume, train
from tests.data.serving import Served, serving
from tests.faults.campaign import die, ended
from tests.forking import begun
from tests.waiting import until

SIZE = (3, 8, 8)
READY = Transform(store=SIZE, fit="stretch", input=SIZE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSE", 0.001)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Index]:
    """600 images in 30 shards."""
    folder, random = tmp_path_factory.mktemp("packed"), np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(200):
            Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(
                folder / "photos" / name / f"{i:03}.png"
            )
    return folder / "out", pack(f"folder:{folder / 'photos'}", folder / "out", images=20, processes=1)


@pytest.fixture
def served(packed: tuple[Path, Index]) -> Iterator[Served]:
    with serving(packed[0]) as served:
        yield served


def everything(address: str) -> dict[str, bytes]:
    images = open_dataset(address, whole=True).train.images
    assert isinstance(images, FileImages)
    with images.ahead(np.arange(len(images.names))):
        return {name: images.read(row) for row, name in enumerate(images.names)}


def test_what_comes_is_what_was_packed(served: Served, packed: tuple[Path, Index]) -> None:
    assert everything(served.address) == everything(str(packed[0]))
    assert everything(served.address + "/index.json") and served.asked["all-000003.tar"] == 1  # from the cache


def test_servers_that_fail_now_and_then(served: Served, packed: tuple[Path, Index]) -> None:
    for number, how in enumerate(("busy", "reset", "cut")):
        served.wrong[f"all-{number:06}.tar"] = [how, how]
    served.wrong["index.json"] = ["busy"]
    assert everything(served.address) == everything(str(packed[0]))
    assert all(served.asked[f"all-{number:06}.tar"] == 3 for number in range(3))


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_a_shard_that_is_missing_or_damaged_there_is_named(
    packed: tuple[Path, Index], how: str, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    for path in packed[0].iterdir():
        os.link(path, tmp_path / "there" / path.name)
    bad = packed[1].shards[5]
    (tmp_path / "there" / bad.name).unlink()
    if how == "changed":
        (tmp_path / "there" / bad.name).write_bytes(bytes(bad.bytes))
    with serving(tmp_path / "there") as served, pytest.raises(UserError, match=f"{bad.name}.*SHA-256 {bad.sha256}"):
        train("lenet-relu", served.address, epochs=1, device="cpu", memory=0)


def test_no_dataset_there(served: Served) -> None:
    served.folder = served.folder.parent
    with pytest.raises(UserError, match=r"expected a dataset in shards there, with an index.json.*404"):
        open_dataset(served.address)
    for address in ("nonsense://x/y", "s9://x"):
        with pytest.raises(UserError, match="Expected an address such as"):
            open_dataset(address)


def test_a_cached_shard_that_is_damaged_is_fetched_again(served: Served, packed: tuple[Path, Index]) -> None:
    everything(served.address)
    bad = packed[1].shards[7]
    path = cache_folder() / bad.sha256 / bad.name
    data = bytearray(path.read_bytes())
    data[bad.offsets[3]] ^= 1
    path.write_bytes(data)
    assert everything(served.address) == everything(str(packed[0])) and served.asked[bad.name] == 2


def test_the_cache_keeps_its_bound(served: Served, packed: tuple[Path, Index], monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for fourteen shards of thirty; with no room, what is read now and next is there all the same, and no more."""
    for bound, most in ((14, 14), (0, 3 * WINDOW)):
        monkeypatch.setenv("ALEXLAB_CACHE", str(bound * packed[1].shards[0].bytes))
        store = Store(open_dataset(served.address, whole=True).train, READY, budget=0)
        held = []
        for _ in store.batches(epoch_order(0, 0, 600, store.shards, 10), 10):
            held.append(sum(name.endswith(".tar") for _, _, names in os.walk(cache_folder()) for name in names))
        assert WINDOW <= max(held) <= most, held


def test_shards_come_while_somebody_computes(served: Served, packed: tuple[Path, Index]) -> None:
    """Whoever holds a batch, and asks for nothing more, finds the shards that come next on their way."""
    served.delay = 0.05
    store = Store(open_dataset(served.address, whole=True).train, READY, budget=0)
    assert store.shards is not None
    order = epoch_order(0, 0, 600, store.shards, 10)
    names = [shard.name for shard in packed[1].shards]
    sequence = list(dict.fromkeys(store.shards[order].tolist()))

    def came(shards: list[int]) -> bool:
        return all(served.asked[names[shard]] for shard in shards)

    for number, _ in enumerate(store.batches(order, 10), 1):
        seen = len(set(store.shards[order[: 10 * number]].tolist()))
        until(partial(came, sequence[: seen + WINDOW]))
    assert all(served.asked[name] == 1 for name in names)


def test_processes_fetch_shards_of_their_own(served: Served, packed: tuple[Path, Index]) -> None:
    """Three processes: together each image once, each shard once but for those at the cuts; the same number of batches for all."""
    split = open_dataset(served.address, whole=True).train
    store = Store(split, READY, budget=0)
    order = epoch_order(1, 0, 600, store.shards, 48, processes=3)
    seen: list[list[int]] = []
    counts = []
    for rank in range(3):
        parts = [order[at : at + 48] for at in range(0, 600, 48)]
        mine = [part[rank * len(part) // 3 : (rank + 1) * len(part) // 3] for part in parts]
        labels = [label for _, label in store.batches(np.concatenate(mine), 16)]
        counts.append(len(labels))
        seen.append(np.concatenate(mine).tolist())
    assert sorted(image for each in seen for image in each) == list(range(600)) and len(set(counts)) == 1
    assert store.shards is not None
    assert sum(len(set(store.shards[each].tolist())) for each in seen) <= 30 + 2


def test_a_training_goes_on_inside_an_epoch_to_the_same_bytes(served: Served) -> None:
    how: dict[str, Any] = {"epochs": 2, "device": "cpu", "memory": 0, "batch": 50}
    whole = train("lenet-relu", served.address, out="whole", **how)
    stopped = train("lenet-relu", served.address, out="half", steps=5, **how)
    assert stopped.result["state"] == "stopped"
    served.wrong["all-000011.tar"] = ["busy"]
    resumed = resume("half", device="cpu", memory=0)
    for name in ("last.safetensors", "metrics.jsonl", "evaluation.json", "predictions.csv"):
        assert (whole.folder / name).read_bytes() == (resumed.folder / name).read_bytes(), name


class Killed(Silent):
    """Ends the process by kill -9 at the first update after a checkpoint."""

    def stepped(self, facts: dict[str, Any]) -> None:
        if checkpoints(Path("killed")):
            die()


def _trained_until_killed(address: str, how: dict[str, Any]) -> None:
    saving.SHARE = 1e12  # checkpoints are written as often as is asked for
    train("lenet-relu", address, out="killed", checkpoint_every=1e-9, callback=Killed(), **how)


def test_a_killed_training_goes_on_to_the_same_bytes(served: Served) -> None:
    """kill -9 in the middle of an epoch."""
    how: dict[str, Any] = {"epochs": 2, "batch": 50, "memory": 0, "device": "cpu"}
    assert ended(begun(_trained_until_killed, served.address, how)) == -signal.SIGKILL
    assert 0 < step_of(checkpoints(Path("killed"))[0]) < 12
    again = train("lenet-relu", served.address, out="killed", carry_on=True, **how)
    whole = train("lenet-relu", served.address, out="whole", **how)
    for name in ("last.safetensors", "evaluation.json"):
        assert (whole.folder / name).read_bytes() == (again.folder / name).read_bytes(), name


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def moto() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: answers(port), alive=lambda: process.poll() is None)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_an_object_store(packed: tuple[Path, Index]) -> None:
    """S3 as moto has it: put there, trained on, and a shard that is missing. In a process, as its libraries have warnings of their own."""
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    code = f"""
import fsspec, json
from alexlab.data.opening import open_dataset
from alexlab.training.train import train
from alexlab.errors import UserError
import alexlab.data.fetching.fetch as fetching
store = fsspec.filesystem("s3")
store.mkdir("bucket")
store.put({str(packed[0])!r} + "/", "bucket/data/", recursive=True)
run = train("lenet-relu", "s3://bucket/data", epochs=1, device="cpu", memory=0, out="run")
store.rm("bucket/data/all-000004.tar")
import shutil; shutil.rmtree("cache/alexlab")
try:
    train("lenet-relu", "s3://bucket/data", epochs=1, device="cpu", memory=0)
except UserError as error:
    print(json.dumps([run.result["state"], run.final["images"], str(error)]))
"""
    with moto() as address:
        environment = {
            **os.environ, "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1", "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(Path("cache").resolve()),
        }  # fmt: skip
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    state, images, error = json.loads(ended.stdout.splitlines()[-1])
    assert state == "finished" and images == 120
    assert "s3://bucket/data/all-000004.tar" in error and packed[1].shards[4].sha256 in error
