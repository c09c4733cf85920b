"""What goes on inside a trained network: its first filters, what a layer answers, and which training images it finds alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from alexlab.errors import UserError, unknown
from alexlab.weights.pretrained import head_name


def first_filters(network: nn.Module, channels: int) -> torch.Tensor | None:
    """Return the filters of the convolutions that read the image, float32 (filters, channels, height, width); None where none do.

    Of two towers they follow each other, as in the paper's figure 3.
    """
    first = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels == channels and m.groups == 1]
    sizes = {layer.kernel_size for layer in first[:1]}
    found = [layer.weight.detach().float().cpu() for layer in first if layer.kernel_size in sizes]
    return torch.cat(found) if found else None


def convolutions(network: nn.Module) -> list[str]:
    """Names of the convolutions, in the order of the network."""
    return [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]


def answers(network: nn.Module, layers: Sequence[str], inputs_NCHW: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what each layer makes of the inputs: name to float32 tensor of shape (N, ...).

    Raises:
        UserError: a layer that the network does not have, or one that makes no tensor for each image.
    """
    modules = dict(network.named_modules())
    for name in layers:
        if name not in modules or not name:
            raise unknown("layer", name, [each for each in modules if each], "alexlab describe")
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str) -> RemovableHandle:
        def hook(module: nn.Module, given: object, made: object) -> None:
            if isinstance(made, torch.Tensor) and len(made) == len(inputs_NCHW):
                kept[name] = made.detach().float().cpu().clone()  # before a ReLU works in place on it

        handle: RemovableHandle = modules[name].register_forward_hook(hook)
        return handle

    hooks = [keep(name) for name in layers]
    try:
        with torch.no_grad():
            network(inputs_NCHW)
    finally:
        for hook in hooks:
            hook.remove()
    for name in layers:
        if name not in kept:
            raise UserError(f"the layer {name} makes nothing that could be drawn; name another with --layer.")
    return kept


def last_hidden(network: nn.Module, inputs_NCHW: torch.Tensor) -> torch.Tensor:
    """Return what the last hidden layer makes of the inputs: the head's input, float32 (N, units)."""
    head = dict(network.named_modules())[head_name(network)]
    kept: list[torch.Tensor] = []

    def hook(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        kept.append(given[0].detach().float())

    handle = head.register_forward_pre_hook(hook)
    try:
        with torch.no_grad():
            network(inputs_NCHW)
    finally:
        handle.remove()
    return kept[-1].flatten(1)


@dataclass(frozen=True)
class Nearest:
    """For each of Q images its K nearest: their numbers (int64, (Q, K)) and Euclidean distances (float64, (Q, K)), nearest first."""

    indices_QK: torch.Tensor
    distances_QK: torch.Tensor


def nearest(wanted_QU: torch.Tensor, batches: Iterable[torch.Tensor], count: int) -> Nearest:
    """Return the `count` nearest of vectors that pass by in batches (N, U), numbered in that order. Memory: one batch.

    Squares of differences are summed in float64; of equal distances the first that passed is the nearer.
    """
    wanted_QU = wanted_QU.double().cpu()
    best = torch.empty(len(wanted_QU), 0, dtype=torch.float64)
    numbers = torch.empty(len(wanted_QU), 0, dtype=torch.int64)
    seen = 0
    for batch_NU in batches:
        squares = torch.cdist(wanted_QU, batch_NU.double().cpu(), compute_mode="donot_use_mm_for_euclid_dist")
        here = torch.arange(seen, seen + len(batch_NU)).expand(len(wanted_QU), -1)
        best, numbers = torch.cat([best, squares], dim=1), torch.cat([numbers, here], dim=1)
        order = best.sort(dim=1, stable=True).indices[:, :count]
        best, numbers = best.gather(1, order), numbers.gather(1, order)
        seen += len(batch_NU)
    return Nearest(numbers, best)
