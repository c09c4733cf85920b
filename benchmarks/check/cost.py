"""What each mistake costs, measured: the same small network and training with the mistake and without.

    ALEXLAB_DATA=... python benchmarks/check/cost.py > benchmarks/check/cost.json

Fashion-MNIST, the first 6,000 training images, all 10,000 test images; a network of one convolution and two linear layers
with dropout; SGD 0.1, momentum 0.9, batch 64, 3 epochs, test accuracy after the last, three seeds. The mistakes whose cost is
time or memory or a stop are measured so, and say what their figures are.
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from alexlab.data.opening import open_dataset

SEEDS = (0, 1, 2)
EPOCHS = 3
TRAINING = 6_000
OWN = ((0.2860,), (0.3530,))
MNIST = ((0.1307,), (0.3081,))


class Network(nn.Module):
    """One convolution, two linear layers; `end` and `middle` are where the mistakes go."""

    def __init__(self, middle: nn.Module, end: nn.Module, outputs: int = 10, always: bool = False) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 16, 5, stride=2), nn.BatchNorm2d(16)
        self.hidden, self.middle, self.drop = nn.Linear(16 * 6 * 6, 128), middle, nn.Dropout(0.5)
        self.last, self.end, self.always = nn.Linear(128, outputs), end, always

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = F.max_pool2d(F.relu(self.norm(self.conv(images))), 2)
        hidden = self.middle(self.hidden(maps.flatten(1)))
        dropped = F.dropout(hidden, 0.5) if self.always else self.drop(hidden)
        answer: torch.Tensor = self.end(self.last(dropped))
        return answer


@dataclass(frozen=True)
class Training:
    """What a training does; each field is where one mistake changes it."""

    network: Callable[[], nn.Module] = lambda: Network(nn.ReLU(), nn.Identity())
    loss: Callable[..., torch.Tensor] = F.cross_entropy
    zero: bool = True
    order: str = "backward step"
    evaluation: bool = True
    resumed: bool = True
    shuffle: bool = True
    sorted: bool = False
    train_constants: tuple[tuple[float], tuple[float]] = OWN
    test_constants: tuple[tuple[float], tuple[float]] = OWN
    predict_over: int = 1


def zeros() -> nn.Module:
    network = Network(nn.ReLU(), nn.Identity())
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    return network


MISTAKES: dict[str, Training] = {
    "softmax-before-cross-entropy": Training(lambda: Network(nn.ReLU(), nn.Softmax(1))),
    "nll-without-log-softmax": Training(loss=F.nll_loss),
    "activation-on-logits": Training(lambda: Network(nn.ReLU(), nn.ReLU())),
    "dropout-on-logits": Training(lambda: Network(nn.ReLU(), nn.Dropout(0.5))),
    "class-count": Training(lambda: Network(nn.ReLU(), nn.Identity(), outputs=1000)),
    "second-head": Training(lambda: Network(nn.ReLU(), nn.Linear(1000, 10), outputs=1000)),
    "nothing-between": Training(lambda: Network(nn.Identity(), nn.Identity())),
    "dropout-always-on": Training(lambda: Network(nn.ReLU(), nn.Identity(), always=True)),
    "no-eval": Training(evaluation=False),
    "train-not-resumed": Training(resumed=False),
    "constant-weights": Training(zeros),
    "no-zero-grad": Training(zero=False),
    "step-order": Training(order="zero step"),
    "no-shuffling": Training(shuffle=False, sorted=True),
    "other-normalisation": Training(test_constants=((0.0,), (1.0,))),
    "class-dimension": Training(
        loss=lambda answer, target: F.nll_loss(F.log_softmax(answer, 0), target), predict_over=1
    ),
}


def batches(images: torch.Tensor, labels: torch.Tensor, shuffle: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    order = torch.randperm(len(images)) if shuffle else torch.arange(len(images))
    for part in order.split(64):
        yield images[part], labels[part]


def accuracy(training: Training, data: dict[str, torch.Tensor], seed: int) -> float:
    """Test accuracy after the last epoch."""
    torch.manual_seed(seed)
    network = training.network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    images, labels = data["train"], data["train_labels"]
    if training.sorted:
        order = labels.argsort(stable=True)
        images, labels = images[order], labels[order]
    images = (images - training.train_constants[0][0]) / training.train_constants[1][0]
    tests = (data["test"] - training.test_constants[0][0]) / training.test_constants[1][0]
    right = 0.0
    for epoch in range(EPOCHS):
        if epoch == 0 or training.resumed:
            network.train()
        for batch, target in batches(images, labels, training.shuffle):
            if training.zero:
                optimizer.zero_grad()
            training.loss(network(batch), target).backward()
            if training.order == "zero step":
                optimizer.zero_grad(set_to_none=False)
            optimizer.step()
        if training.evaluation:
            network.eval()
        with torch.no_grad():
            parts = zip(tests.split(500), data["test_labels"].split(500), strict=True)
            right = sum((network(x).argmax(training.predict_over) == y).sum().item() for x, y in parts)
    return right / len(tests)


def evaluation_cost(data: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Megabytes that one evaluation batch of 500 keeps for a backward pass, with gradients recorded and without."""
    network = Network(nn.ReLU(), nn.Identity()).eval()
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
        network = Network(nn.ReLU(), nn.Identity())
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
    right = [accuracy(Training(), data, seed) for seed in SEEDS]
    result: dict[str, Any] = {}
    for name, training in MISTAKES.items():
        result[name] = {
            "kind": "accuracy",
            "with": [accuracy(training, data, seed) for seed in SEEDS],
            "without": right,
        }
        print(name, statistics.mean(result[name]["with"]), statistics.mean(right), file=sys.stderr, flush=True)
    own = replace(Training(), train_constants=MNIST, test_constants=MNIST)
    result["other-normalisation-both"] = {
        "kind": "accuracy", "with": [accuracy(own, data, seed) for seed in SEEDS], "without": right,
    }  # fmt: skip
    result["no-no-grad"] = evaluation_cost(data)
    result["loss-keeps-graph"] = graph_cost(data)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
