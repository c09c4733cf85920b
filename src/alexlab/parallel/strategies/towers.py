"""A tower in each of two processes, as AlexNet ran on two GPUs in 2012: they meet where the paper's layers read both towers.

Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012,
sections 3.2 and 3.5. Both processes see all images. Before conv3, fc6 and fc7 each sends its maps or units to the other, and gets back
their gradients. fc8 is divided by what it reads: each process holds the columns of its own tower's units, and the two partial sums of
the logits are exchanged and added. So each weight is in one process, and both know the logits, bit for bit the same.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.inference.evaluation import Evaluation, Progress
from alexlab.networks.alexnet_2012 import Tower, TwoTowers
from alexlab.networks.layers.dropout import UnscaledDropout
from alexlab.parallel.division import ALL, Division, Share, even_share
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.divided import Divided
from alexlab.parallel.strategies.strategy import Optimising, Seen


class Towers(Divided):
    """A tower in each of two processes, and all images in both."""

    def __init__(
        self, whole: TwoTowers, make_optimiser: Optimising, device: torch.device, processes: Processes
    ) -> None:
        super().__init__(whole, lambda network: divide_towers(whole), make_optimiser, device, processes)

    def _counted(self, seen: list[Seen]) -> list[Seen]:
        return seen if self.first else [(0.0, 0, 0)] * len(seen)  # both see the same images

    def evaluate(
        self, store: Store, transform: Transform, on: str, classes: tuple[str, ...], progress: Progress
    ) -> Evaluation | None:
        """Evaluate both towers on all images; the first process keeps the figures."""
        found = super().evaluate(store, transform, on, classes, progress)
        return found if self.first else None


class OneTower(nn.Module):
    """What one of the two processes holds: its tower, called `a` or `b` as in the whole network, and its columns of fc8.

    Maps images (N, C, H, W) to logits (N, classes). Both processes call it at the same time with the same images.
    """

    def __init__(self, whole: TwoTowers, rank: int) -> None:
        """Take the tower out of `whole`. `rank` is 0 for a, which also holds fc8's bias, and 1 for b."""
        super().__init__()
        self.rank = rank
        self.name = "ab"[rank]  # its weights are called as in the whole network
        self.add_module(self.name, [whole.a, whole.b][rank])
        columns = _fc8_columns(whole, rank).of(whole.fc8.weight)
        self.fc8 = nn.Linear(columns.shape[1], columns.shape[0], bias=rank == 0, device="meta")
        self.fc8.weight = nn.Parameter(columns.detach().clone(), requires_grad=whole.fc8.weight.requires_grad)
        if rank == 0:
            self.fc8.bias = whole.fc8.bias
        for name, layer in self.tower.named_children():
            if isinstance(layer, UnscaledDropout):
                self.tower.add_module(name, _DrawnForBoth(layer.p, rank))

    @property
    def tower(self) -> Tower:
        """The tower that this process holds."""
        tower = self.get_submodule(self.name)
        assert isinstance(tower, Tower)
        return tower

    def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, classes) of both towers together."""
        read = images_NCHW
        for number in range(len(self.tower.stages)):
            own = self.tower.stage(number, read)
            read = own if number == len(self.tower.stages) - 1 else _Both.apply(own, self.rank)  # type: ignore[no-untyped-call]
        logits_NK: torch.Tensor = _Sum.apply(self.fc8(read))  # type: ignore[no-untyped-call]
        return logits_NK


class _DrawnForBoth(UnscaledDropout):
    """Draws what one process draws for a and then for b, and uses its own: the two see other draws, and the run is the same."""

    def __init__(self, p: float, rank: int) -> None:
        super().__init__(p)
        self.rank = rank

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(values)
        masks = [torch.empty_like(values).bernoulli_(1 - self.p) for _ in "ab"]
        return values * masks[self.rank]


class _Both(torch.autograd.Function):
    """This tower's maps or units (N, ...) to those of both, side by side in dimension 1. Gradients come home and are added."""

    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, rank: int) -> torch.Tensor:
        ctx.rank = rank
        pair = [own, swapped(own)]
        return torch.cat(pair if rank == 0 else pair[::-1], dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        halves = gradients[0].chunk(2, dim=1)
        return halves[ctx.rank] + swapped(halves[1 - ctx.rank]), None


class _Sum(torch.autograd.Function):
    """The sum of both processes' values. Each makes the loss of it, so the gradient of its part is that of the sum."""

    @staticmethod
    def forward(ctx: Any, own: torch.Tensor) -> torch.Tensor:
        return own + swapped(own)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0]


def swapped(own: torch.Tensor) -> torch.Tensor:
    """Return what the other process gives for `own`: a tensor of the same shape and dtype. Both call it at the same time."""
    own = own.contiguous()
    both = [torch.empty_like(own) for _ in range(2)]
    dist.all_gather(both, own)
    return both[1 - dist.get_rank()]


def divide_towers(whole: TwoTowers) -> tuple[OneTower, Division]:
    """Return this process's part of a network, of which every process has made the same one, and what the others hold."""
    shares: list[dict[str, Share]] = [{}, {}]
    for name in whole.state_dict():
        owners = {"a": [0], "b": [1], "fc8": [0, 1]}[name.partition(".")[0]]
        if name == "fc8.bias":
            owners = [0]
        for rank in owners:
            shares[rank][name] = _fc8_columns(whole, rank) if name == "fc8.weight" else ALL
    return OneTower(whole, dist.get_rank()), Division(tuple(shares), tuple(whole.state_dict()))


def _fc8_columns(whole: TwoTowers, rank: int) -> Share:
    return even_share(1, whole.fc8.in_features, rank, 2)
