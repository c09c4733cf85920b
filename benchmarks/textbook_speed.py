"""textbook-alexnet's training speed beside the loop that the textbook's reader writes, taken in turn.

    python benchmarks/textbook_speed.py [--rounds 3] [--steps 8]

The reference is plain PyTorch: a dataset that resizes each image with Pillow to 224x224, a data loader with 4 workers (the
textbook's number), the same network, SGD 0.01, batch 128, float32. Both train on Fashion-MNIST, data included.
Prints images/s of each round, the medians and their ratio.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

import alexlab
from alexlab.training.train import train

BATCH = 128


class Resized(Dataset[tuple[torch.Tensor, int]]):
    """Fashion-MNIST at 224x224: a Pillow resize for each image and epoch, then to [0, 1]."""

    def __init__(self) -> None:
        self.split = alexlab.dataset("fashion-mnist").train

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        picture = self.split.images.picture(i).resize((224, 224), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(picture)).float()[None] / 255, int(self.split.labels[i])


def plain(steps: int) -> float:
    """Images per second of the plain loop."""
    network = alexlab.network("alexnet-textbook", initialisation="xavier")
    warnings.filterwarnings("ignore", message="This DataLoader will create 4 worker")  # the textbook's number
    loader = DataLoader(Resized(), BATCH, shuffle=True, num_workers=4)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    loss = nn.CrossEntropyLoss()
    began = 0.0
    for step, (images, labels) in enumerate(loader):
        if step == 1:  # the first step starts the workers
            began = time.perf_counter()
        optimiser.zero_grad()
        loss(network(images), labels).backward()
        optimiser.step()
        if step == steps:
            break
    return BATCH * steps / (time.perf_counter() - began)


def ours(steps: int, precision: str) -> float:
    """Images per second of `alexlab train --recipe textbook-alexnet`."""
    with tempfile.TemporaryDirectory() as folder:
        how = {"steps": steps, "precision": precision, "device": "cpu", "out": Path(folder) / "run"}
        rate: float = train(recipe="textbook-alexnet", **how).result["images_per_second"]
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    wanted = parser.parse_args()
    found: dict[str, list[float]] = {"plain loop": [], "alexlab float32": [], "alexlab bfloat16": []}
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores; images/s")
    for _ in range(wanted.rounds):
        found["plain loop"].append(plain(wanted.steps))
        found["alexlab float32"].append(ours(wanted.steps, "float32"))
        found["alexlab bfloat16"].append(ours(wanted.steps, "bfloat16"))
        print("  ".join(f"{name} {rates[-1]:.1f}" for name, rates in found.items()), flush=True)
    reference = statistics.median(found["plain loop"])
    for name, rates in found.items():
        median = statistics.median(rates)
        print(f"{name}: median {median:.1f}, {min(rates):.1f} to {max(rates):.1f}, ratio {median / reference:.2f}")


if __name__ == "__main__":
    main()
