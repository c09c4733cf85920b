"""Convolutions data-parallel, fully connected layers model-parallel: the trick of 2014, on PyTorch's tensor-parallel layers.

Source: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, arXiv:1404.5997, section 4, scheme (a):
each process sends what its convolutions made of its images to all others, and all compute the fully connected layers on the whole
batch, each with its part of the weights. The first layer is divided by its units (ColwiseParallel), the ones after it by what they
read (RowwiseParallel): their partial sums are added where they are needed next, each process's own images' logits in the end. So the
loop sees a data-parallel network, in which DistributedDataParallel averages the gradients of the convolutions alone.
"""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

from alexlab.inference.evaluation import BATCH
from alexlab.parallel.division import ALL, Division, Share, even_share
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.data import in_parallel
from alexlab.parallel.strategies.divided import Divided
from alexlab.parallel.strategies.shared_images import SharedImages
from alexlab.parallel.strategies.strategy import Optimising


class Hybrid(Divided, SharedImages):
    """The images of a batch for convolutions, the weights of fully connected layers."""

    together = True

    def __init__(
        self, whole: nn.Module, batch: int, make_optimiser: Optimising, device: torch.device, processes: Processes
    ) -> None:
        """Divide `whole` in place, for batches of `batch` images in all processes together."""
        rows, evaluated = -(-batch // processes.count), -(-BATCH // processes.count)
        super().__init__(
            whole, lambda network: (network, divide_hybrid(network, rows, evaluated)), make_optimiser, device, processes
        )

    def _forward(self) -> nn.Module:
        return in_parallel(self.network, self.device)


def divide_hybrid(network: nn.Module, rows: int, evaluated: int | None = None) -> Division:
    """Divide the fully connected layers of `network` over the processes, in place.

    Afterwards it maps each process's own images to their logits. Every process has made the same network and calls it at the
    same time. Its gradients are those of the mean, over the processes, of each one's loss, once DistributedDataParallel (or
    whoever else) has averaged those of the convolutions.

    Args:
        network: convolutions, then linear layers with nothing but ReLU and dropout in between (`hidden_units`).
        rows: the most images that a process ever gives in training. Where it gives fewer, zeros fill up, and their logits are cut off.
        evaluated: the same in evaluation; by default `rows`.
    """
    rank, count = dist.get_rank(), dist.get_world_size()
    linear = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    first, *others = linear
    shares = tuple(_shares(network, first, others, each, count) for each in range(count))
    division = Division(shares, tuple(network.state_dict()))
    _divide_dropout(network, first, rank, count)
    _keep_inputs(network, first)
    network.get_submodule(first).register_forward_pre_hook(
        _Filled(network.get_submodule(linear[-1]), rows, evaluated or rows)
    )
    parallelize_module(network, init_device_mesh(_device(network), (count,)), _plan(first, others))
    network.get_submodule(linear[-1]).register_forward_hook(_cut)
    divided = [name for name, _ in network.named_parameters() if name.rpartition(".")[0] in linear]
    for name in divided:
        parameter = network.get_parameter(name)
        if parameter.requires_grad:
            parameter.register_hook(lambda gradient: gradient / count)  # each process adds the gradient of its own mean
    # DDP has no public name for what it is to leave alone; FSDP and torchrec call this one too.
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(network, divided)
    return division


def _plan(first: str, others: list[str]) -> dict[str, ParallelStyle]:
    """Own images in, units of all images in between, own images' logits out."""
    plan: dict[str, ParallelStyle] = {first: ColwiseParallel(input_layouts=Shard(0), output_layouts=Shard(-1))}
    for name in others[:-1]:
        plan[name] = RowwiseParallel(input_layouts=Shard(-1), output_layouts=Shard(-1))
    plan[others[-1]] = RowwiseParallel(input_layouts=Shard(-1), output_layouts=Shard(0))
    return plan


def _shares(network: nn.Module, first: str, others: list[str], rank: int, count: int) -> dict[str, Share]:
    shares = {}
    for name, tensor in network.state_dict().items():
        layer, _, kind = name.rpartition(".")
        if layer == first:
            shares[name] = even_share(0, tensor.shape[0], rank, count)
        elif layer in others and kind == "weight":
            shares[name] = even_share(1, tensor.shape[1], rank, count)
        else:
            shares[name] = ALL
    return shares


def _device(network: nn.Module) -> str:
    return next(network.parameters()).device.type


class _Filled:
    """Before the first linear layer: zeros to as many rows as every process gives; the last layer is told how many are real."""

    def __init__(self, last: nn.Module, rows: int, evaluated: int) -> None:
        self.last, self.rows, self.evaluated = last, rows, evaluated

    def __call__(self, layer: nn.Module, given: tuple[Any, ...]) -> tuple[torch.Tensor]:
        units_NF: torch.Tensor = given[0]
        self.last.images = len(units_NF)  # type: ignore[assignment]
        rows = self.rows if layer.training else self.evaluated
        return (F.pad(units_NF, (0, 0, 0, rows - len(units_NF))),)


def _cut(layer: nn.Module, given: tuple[Any, ...], logits_NK: torch.Tensor) -> torch.Tensor:
    images = layer.images
    assert isinstance(images, int)
    return logits_NK[:images]


def _divide_dropout(network: nn.Module, first: str, rank: int, count: int) -> None:
    """Dropout draws for all images and units, and each process uses its own draws: the run is that of one process."""
    begun = False
    for name, layer in list(network.named_modules()):
        begun = begun or name == first
        if isinstance(layer, nn.Dropout):
            dim = -1 if begun else 0  # of units, or of images
            network.set_submodule(name, _DrawnForAll(layer.p, dim, rank, count))


def _keep_inputs(network: nn.Module, first: str) -> None:
    """No ReLU works in place after a divided layer, whose output is a view of a distributed tensor."""
    begun = False
    for name, layer in network.named_modules():
        begun = begun or name == first
        if begun and isinstance(layer, nn.ReLU):
            layer.inplace = False


class _DrawnForAll(nn.Dropout):
    """nn.Dropout of part `rank` of `count` along `dim`, from draws for the whole."""

    def __init__(self, p: float, dim: int, rank: int, count: int) -> None:
        super().__init__(p)
        self.dim, self.rank, self.count = dim, rank, count

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return values
        shape = list(values.shape)
        shape[self.dim] *= self.count
        kept = F.dropout(values.new_ones(shape), self.p, training=True)
        return values * kept.chunk(self.count, self.dim)[self.rank]
