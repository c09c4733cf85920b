"""What each mistake costs, measured: the same small network and training with the mistake and without.

    ALEXLAB_DATA=... OMP_NUM_THREADS=1 python benchmarks/check/cost.py [MISTAKE ...]

writes into `cost.json` beside this file, after each mistake, all of them or those that are named.
Fashion-MNIST, the first 6,000 training images,
all 10,000 test images; a network of one convolution and two linear layers with batch norm and dropout; SGD 0.1, momentum 0.9,
batch 64, 3 epochs, test accuracy after the last, three seeds; `mistakes.py` says where a mistake needs another pair. The
mistakes whose cost is memory are measured so, and say what their figures are.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mistakes import MISTAKES, Network, Training
from torch.nn import functional as F

from alexlab.data.opening import open_dataset

SEEDS = (0, 1, 2)
EPOCHS = 3
TRAINING = 6_000
COSTS = Path(__file__).with_name("cost.json")


def batches(
    images: torch.Tensor, labels: torch.Tensor, shuffle: bool, size: int = 64
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    order = torch.randperm(len(images)) if shuffle else torch.arange(len(images))
    for part in order.split(size):
        yield images[part], labels[part]


def accuracy(training: Training, data: dict[str, torch.Tensor], seed: int) -> float:
    """Test accuracy after the last epoch."""
    torch.manual_seed(seed)
    network = training.network()
    optimizer = training.optimizer(network)
    part = "test" if training.learn_tests else "train"
    images, labels = data[part][:TRAINING], data[f"{part}_labels"][:TRAINING]
    if training.sorted:
        order = labels.argsort(stable=True)
        images, labels = images[order], labels[order]
    images = (images - training.train_constants[0][0]) / training.train_constants[1][0]
    tests = training.of_tests((data["test"] - training.test_constants[0][0]) / training.test_constants[1][0])
    for epoch in range(EPOCHS):
        if epoch == 0 or training.resumed:
            network.train()
        for batch, target in batches(images, labels, training.shuffle, training.batch):
            if training.zero:
                optimizer.zero_grad()
            training.loss(network(batch), target).backward()
            if training.order == "zero step":
                optimizer.zero_grad(set_to_none=False)
            optimizer.step()
            if training.decay_every == "batch":
                _decay(optimizer)
        if training.decay_every == "epoch":
            _decay(optimizer)
        if training.evaluation:
            network.eval()
    if training.reload:
        state = network.state_dict()
        network = training.network().eval()
        network.load_state_dict(state)
    return _figure(network, tests, data["test_labels"], training)


def _decay(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        group["lr"] /= 10


def _figure(network: torch.nn.Module, tests: torch.Tensor, labels: torch.Tensor, training: Training) -> float:
    """Accuracy on the test images; as the mean of batches' means in the order of the classes, where that is the mistake."""
    if training.mean_of_means:
        order = labels.argsort(stable=True)
        tests, labels = tests[order], labels[order]
    with torch.no_grad():
        parts = zip(tests.split(300), labels.split(300), strict=True)
        hits = [(network(x).argmax(training.predict_over) == y).float() for x, y in parts]
    each = [part.mean().item() for part in hits]
    return statistics.mean(each) if training.mean_of_means else torch.cat(hits).mean().item()


def evaluation_cost(data: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Megabytes that one evaluation batch of 500 keeps for a backward pass, with gradients recorded and without."""
    network = Network().eval()
    kept: dict[bool, float] = {}
    for recorded in (True, False):
        sizes: list[int] = []

        def keep(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.nbytes)
            return tensor

        with torch.set_grad_enabled(recorded), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(data["test"][:500])
        kept[recorded] = sum(sizes) / 1e6
    return {"kind": "MB kept for a batch of 500", "with": [kept[True]], "without": [kept[False]]}


def graph_cost(data: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Nodes of the autograd graph that a sum of losses holds after 90 batches."""

    def held(total: Any) -> int:
        waiting, seen = [total.grad_fn] if isinstance(total, torch.Tensor) else [], set()
        while waiting:
            node = waiting.pop()
            if node is not None and node not in seen:
                seen.add(node)
                waiting += [each for each, _ in node.next_functions]
        return len(seen)

    counts = []
    for plain in (False, True):
        network = Network()
        total: Any = 0.0
        for batch, target in list(batches(data["train"], data["train_labels"], True))[:90]:
            loss = F.cross_entropy(network(batch), target)
            loss.backward()
            total = total + (loss.item() if plain else loss)
        counts.append(held(total))
    return {"kind": "graph nodes held after 90 batches", "with": counts[:1], "without": counts[1:]}


def main() -> None:
    torch.set_num_threads(1)
    dataset = open_dataset("fashion-mnist", download=False)

    def tensors(split: Any, count: int | None) -> tuple[torch.Tensor, torch.Tensor]:
        some = split if count is None else split.select(np.arange(count))
        pixels = torch.from_numpy(np.asarray(some.images.pixels_NCHW)).float() / 255
        return pixels, torch.as_tensor(some.labels).long()

    train, train_labels = tensors(dataset.train, TRAINING)
    test, test_labels = tensors(dataset.test, None)
    data = {"train": train, "train_labels": train_labels, "test": test, "test_labels": test_labels}
    named = sys.argv[1:]
    result: dict[str, Any] = json.loads(COSTS.read_text(encoding="utf-8"))
    known: dict[int, list[float]] = {}
    for name, pair in MISTAKES.items():
        if named and name not in named:
            continue
        for training in pair:
            if id(training) not in known:
                known[id(training)] = [round(accuracy(training, data, seed), 4) for seed in SEEDS]
        bad, good = (known[id(training)] for training in pair)
        result[name] = {"kind": "accuracy", "with": bad, "without": good}
        print(name, statistics.mean(bad), statistics.mean(good), file=sys.stderr, flush=True)
        COSTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if not named:
        result["no-no-grad"] = evaluation_cost(data)
        result["loss-keeps-graph"] = graph_cost(data)
    COSTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
