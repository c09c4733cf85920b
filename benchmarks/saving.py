"""What saving costs: python benchmarks/saving.py

For each network: the size of a checkpoint (weights and momentum of SGD), how long the training stops for it (its bytes are put
together), how long the thread beside it takes (SHA-256, writing, syncing, renaming), the share of the training's time that
this is at the default of a checkpoint every five minutes, counted as if both stood still for it, and the share that looking
for weights that are not finite takes of an update. The median of the repetitions.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch

from alexlab.networks.building import build
from alexlab.recipes.reading import overridden, read_recipe
from alexlab.runs.checkpoint import TrainingState, checkpoint_bytes, path_of
from alexlab.runs.saving import SHARE, Saver
from alexlab.training.optimisers import make_optimiser
from alexlab.training.settings import CHECKPOINT_EVERY
from alexlab.weights.finite import not_finite

NETWORKS = {"lenet5": ((1, 28, 28), 64), "alexnet8": ((3, 32, 32), 64), "alexnet-torchvision": ((3, 224, 224), 32)}


def measure(name: str, repetitions: int, folder: Path) -> dict[str, object]:
    input, batch = NETWORKS[name]
    network = build(name)
    recipe = overridden(read_recipe("quick"), {"network": name, "optimiser": "sgd", "momentum": 0.9})
    optimiser = make_optimiser(network, recipe)
    images, labels = torch.rand(batch, *input), torch.arange(batch) % 10
    updates = []
    for _ in range(repetitions):
        began = time.perf_counter()
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
        updates.append(time.perf_counter() - began)
    stops, alls, looks, processor = [], [], [], []
    saver = Saver(0)
    for i in range(repetitions):
        began, worked = time.perf_counter(), time.process_time()
        saver.checkpoint(
            path_of(folder, i),
            lambda: checkpoint_bytes(network.state_dict(), optimiser.state_dict()["state"], TrainingState(), []),
            lambda: None,
        )
        stops.append(time.perf_counter() - began)
        saver.wait()
        alls.append(time.perf_counter() - began)
        processor.append(time.process_time() - worked)
        began = time.perf_counter()
        assert not_finite(network) is None
        looks.append(time.perf_counter() - began)
    saver.close()
    size = path_of(folder, 0).stat().st_size
    stop, whole, update = statistics.median(stops), statistics.median(alls), statistics.median(updates)
    for path in folder.iterdir():
        path.unlink()
    return {
        "network": name, "megabytes": round(size / 1e6, 1), "stops_s": round(stop, 4), "beside_s": round(whole - stop, 4),
        "processor_s": round(statistics.median(processor), 4),
        "of_five_minutes": round(whole / (60 * CHECKPOINT_EVERY), 5), "soonest_s": round(whole / SHARE, 1),
        "batch": batch, "update_s": round(update, 4), "look_of_update": round(statistics.median(looks) / update, 4),
    }  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--repetitions", type=int, default=5)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--folder", type=Path, help="on the disk to be measured; by default where temporary files are")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        (Path(folder) / "checksums.sha256").touch()
        for name in NETWORKS:
            found = measure(name, chosen.repetitions, Path(folder))
            (Path(folder) / "checksums.sha256").touch()
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
