"""Shards: how fast a dataset is packed and read, and what of a server's latency is left.

    ALEXLAB_DATA=... python benchmarks/shards.py > benchmarks/shards.md

The 2,500 photographs of imagenette-sample (JPEG, about 160x120), unpacked into a folder. Rates are those of the bytes alone (not
decoded) and of batches decoded at 128x128; the files lie in the system's cache of pages. Fashion-MNIST is an array, and packed as PNG.
Latency: shards of 1 MB from a server on this machine that waits before each answer, read by a loop that computes (sleeps) 50 ms for each
batch of 32; the share of its time that it waits.
"""

import http.server
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Split
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.shards import remote
from alexlab.data.shards.packing import pack
from alexlab.training.seeds import epoch_order
from measuring import heading, in_turn, spread, table

ROUNDS = 3
STORE = (3, 128, 128)
READY = Transform(store=STORE, fit="crop", input=STORE)
LATENCY, WORK, BATCH = 0.05, 0.05, 32


def rate(split: Split, work: Callable[[Split], None]) -> float:
    began = time.perf_counter()
    work(split)
    return len(split) / (time.perf_counter() - began)


def bytes_of(split: Split) -> None:
    assert isinstance(split.images, FileImages)
    for row in np.random.default_rng(0).permutation(len(split)).tolist():
        split.images.read(row)


def batches_of(split: Split) -> None:
    for _ in Store(split, READY, budget=0, disk=0).batches(epoch_order(0, 0, len(split)), BATCH):
        pass


def waiting(address: str) -> float:
    """The share of the time that a loop waits for its next batch, after the first."""
    split = open_dataset(address).train
    store = Store(split, READY, budget=0)
    batches = store.batches(epoch_order(0, 0, len(split), store.shards, BATCH), BATCH)
    next(batches)
    began, waited = time.perf_counter(), 0.0
    while True:
        time.sleep(WORK)
        asked = time.perf_counter()
        if next(batches, None) is None:
            return waited / (asked - began)
        waited += time.perf_counter() - asked


class Late(http.server.SimpleHTTPRequestHandler):
    latency = 0.0

    def do_GET(self) -> None:
        time.sleep(self.latency)
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


def unpacked(root: Path) -> str:
    dataset = open_dataset("folder:imagenette-sample")
    for split in (dataset.train, dataset.validation):
        assert split is not None and isinstance(split.images, FileImages)
        for name in split.images.names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(split.images.files.read(name))
    return f"folder:{root}"


def packing(name: str, title: str, root: Path, megabytes: int) -> list[list[str]]:
    def run(processes: int) -> float:
        with tempfile.TemporaryDirectory(dir=root) as out:
            began = time.perf_counter()
            index = pack(name, Path(out) / "out", megabytes=megabytes, processes=processes)
            return index.images / (time.perf_counter() - began)

    found = in_turn({str(n): partial(run, n) for n in (1, 2)}, ROUNDS)
    return [
        [f"packing {title}, {n} process{'es' * (n != '1')}, start included", spread(values, 0)]
        for n, values in found.items()
    ]


def hidden(packed: Path, root: Path) -> list[list[str]]:
    upcoming = remote._Reader.upcoming
    handler = partial(Late, directory=str(packed))
    rows = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for latency in (0.0, LATENCY):
            for ahead in (True, False):
                Late.latency = latency
                remote._Reader.upcoming = upcoming if ahead else lambda self: []  # type: ignore[method-assign]
                values = []
                for number in range(ROUNDS):
                    remote.cache_folder = partial(Path, root / f"cache-{latency}-{ahead}-{number}")
                    values.append(100 * waiting(f"http://127.0.0.1:{server.server_port}"))
                rows.append([f"{1000 * latency:.0f} ms", "yes" if ahead else "no", spread(values)])
        server.shutdown()
    return rows


def main() -> None:
    print(heading("Shards", "python benchmarks/shards.py"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        name = unpacked(root / "photos")
        rows = packing(name, "2,500 photographs", root, 5) + packing("fashion-mnist", "Fashion-MNIST", root, 20)
        pack(name, root / "packed", megabytes=1, processes=1)
        splits = {"folder": open_dataset(name).train, "shards": open_dataset(str(root / "packed")).train}
        for what, work in (("bytes read at random", bytes_of), ("batches decoded", batches_of)):
            found = in_turn({where: partial(rate, split, work) for where, split in splits.items()}, ROUNDS)
            rows += [[f"{what}, {where}", spread(values, 0)] for where, values in found.items()]
        print(table(("what", "images/s: median (lowest to highest)"), rows))
        print(
            table(("latency of the server", "fetched ahead", "waiting, % of the time"), hidden(root / "packed", root))
        )


if __name__ == "__main__":
    main()
