"""A few updates by one process and by several, in float64, and how far they come apart: the workers of test_equality."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from alexlab.networks.alexnet_2012 import TwoTowers, Widths, alexnet_2012, alexnet_paper
from alexlab.networks.building import build
from alexlab.parallel.division import Division, local
from alexlab.parallel.strategies.hybrid import divide_hybrid
from alexlab.parallel.strategies.towers import divide_towers
from alexlab.parallel.traffic import counted
from alexlab.recipes.reading import overridden, read_recipe
from alexlab.training.optimisers import make_optimiser

NARROW = Widths(conv1=4, conv2=8, conv3=6, conv4=6, conv5=4, hidden=10)
UPDATES = 3


def small_tower_free(classes: int) -> nn.Sequential:
    """The build of the catalogue's networks of one tower, with few filters and units."""
    return nn.Sequential(
        nn.Conv2d(3, 6, kernel_size=3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(p=0.5), nn.Linear(6 * 7 * 7, 16), nn.ReLU(inplace=True),
        nn.Dropout(p=0.5), nn.Linear(16, 12), nn.ReLU(), nn.Dropout(p=0.5), nn.Linear(12, 8), nn.Linear(8, classes),
    )  # fmt: skip


def made(name: str) -> tuple[nn.Module, tuple[int, int, int], int]:
    """Network, image and classes of one case."""
    torch.manual_seed(1)
    if name in ("paper", "2012"):
        network: nn.Module = {"paper": alexnet_paper, "2012": alexnet_2012}[name](5, (3, 67, 67), NARROW)
        for parameter in network.parameters():  # small, but so that every layer's values count
            nn.init.normal_(parameter, std=0.2)
        return network, (3, 67, 67), 5
    if name == "small":
        return small_tower_free(5), (3, 16, 16), 5
    if name.startswith("lenet"):
        return build(name), (1, 28, 28), 10
    image = (3, 32, 32) if name == "alexnet8" else (3, 67, 67) if name == "alexnet-caffe" else (3, 96, 96)
    return build(name, 5, image), image, 5


def distances(case: str, strategy: str, optimiser: str, dropout: bool, images: int = 8) -> dict[str, Any]:
    """How far logits, gradients and, after some updates, weights and the optimiser's state are from those of one process."""
    recipe = overridden(
        read_recipe("quick"), {"optimiser": optimiser, "momentum": 0.9, "rate": 0.01, "weight_decay": 0.01}
    )
    network, image, classes = made(case)
    network = network.double()
    for layer in network.modules():
        if isinstance(layer, nn.Dropout) and not dropout:
            layer.p = 0.0
    whole, own = network, deepcopy(network)
    rank, count = dist.get_rank(), dist.get_world_size()
    if strategy == "towers":
        assert isinstance(own, TwoTowers)
        own, division = divide_towers(own)
        trained: nn.Module = own
        rows = slice(None)
    else:
        division = divide_hybrid(own, -(-images // count))
        trained = DistributedDataParallel(own)
        rows = slice(rank * images // count, (rank + 1) * images // count)
    torch.manual_seed(2)
    data = [
        (torch.randn(images, *image, dtype=torch.float64), torch.randint(classes, (images,))) for _ in range(UPDATES)
    ]
    weight = (
        len(data[0][1][rows]) * count / images if strategy == "hybrid" else 1.0
    )  # of this process's mean in the whole one
    found: dict[str, Any] = {}
    alone, divided = make_optimiser(whole, recipe), make_optimiser(own, recipe)
    for step, (x, y) in enumerate(data):
        expected = _step(whole, alone, x, y, 1.0, step)
        with counted() as traffic:
            logits = _step(trained, divided, x[rows], y[rows], weight, step)
        if step == 0:
            found["logits"] = _most({"": expected[rows]}, {"": logits})
            gradients = {name: p.grad for name, p in own.named_parameters() if p.grad is not None}
            expected_gradients = {name: p.grad for name, p in whole.named_parameters() if p.grad is not None}
            found["gradients"] = _apart(division, expected_gradients, gradients)
            found["sent"], found["calls"] = traffic.sent, traffic.calls
    found["weights"] = _apart(division, whole.state_dict(), own.state_dict())
    found["state"] = _apart(division, _state(whole, alone), _state(own, divided))
    handed_out = division.hand_out(whole.state_dict() if rank == 0 else {})
    found["handed_out"] = max(float((local(t) - handed_out[name]).abs().max()) for name, t in own.state_dict().items())
    found["held"] = sum(local(p).numel() for p in own.parameters())
    found["whole"] = sum(p.numel() for p in whole.parameters())
    return found


def all_cases(cases: list[tuple[str, str, str, bool, int]]) -> list[dict[str, Any]]:
    """`distances` of each case, in this one process of several."""
    return [distances(*case) for case in cases]


def _step(
    network: nn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, weight: float, step: int
) -> torch.Tensor:
    torch.manual_seed(100 + step)
    logits: torch.Tensor = network.train()(x)
    optimiser.zero_grad()
    (nn.functional.cross_entropy(logits, y) * weight).backward()
    optimiser.step()
    return logits.detach()


def _state(network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    names: dict[torch.Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    return {
        f"{names[parameter]} {key}": value
        for parameter, state in optimiser.state.items()
        for key, value in state.items()
        if isinstance(value, torch.Tensor)
    }


def _apart(division: Division, expected: Any, own: Any) -> float:
    together = division.put_together(own)
    if dist.get_rank() > 0:
        assert not together
        return 0.0
    assert set(together) == set(expected)
    return _most(expected, together)


def _most(expected: Any, found: Any) -> float:
    return max(float((found[name] - tensor).abs().max()) for name, tensor in expected.items())


Worker = Callable[..., list[dict[str, Any]]]
