"""Which networks each strategy is for, told from the network itself."""

import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.alexnet_2012 import TwoTowers
from alexlab.networks.building import build
from alexlab.networks.catalogue import NETWORKS, find
from alexlab.networks.naming import is_own
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies import StrategyName

BETWEEN = (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Dropout)
"""What may stand between divided layers: each unit is for itself."""


def check_fits(strategy: StrategyName, network: str, processes: int) -> None:
    """Raise UserError unless `network` (of the catalogue or the user's own) can be trained by `processes` processes in this way."""
    if strategy == "data":
        return
    if is_own(network):
        raise UserError(
            f"--parallel {strategy}: {network} is not of the catalogue, and only there is it known how the layers are called one "
            "after another. --parallel data divides any network's images."
        )
    find(network)
    if not _fits(strategy, network):
        listed = ", ".join(entry.name for entry in NETWORKS if _fits(strategy, entry.name))
        what = (
            "two towers"
            if strategy == "towers"
            else "convolutions and after them two or more linear layers in one tower"
        )
        raise UserError(
            f"--parallel {strategy}: {network} has not {what}; networks that have: {listed}. "
            "--parallel data divides any network's images."
        )
    if strategy == "towers" and processes != 2:
        raise UserError(
            f"--parallel towers: found {processes} process{'es' * (processes != 1)}; each of the two towers takes one, so "
            "expected 2 (--processes 2, or torchrun --nproc-per-node 2)."
        )
    hidden = hidden_units(network) if strategy == "hybrid" else ()
    if wrong := [units for units in hidden if units % processes or processes < 2]:
        raise UserError(
            f"--parallel hybrid: {processes} process{'es' * (processes != 1)} cannot divide {network}'s {wrong[0]:,} hidden units "
            "evenly; expected 2 or more that divide them, such as 2 or 4."
        )


def check_parts(network: nn.Module, input: tuple[int, ...], images: int, batch: int, processes: Processes) -> None:
    """Raise UserError unless the batches of `images` training images can be shared out among the processes."""
    count = processes.count
    if count > images:
        raise UserError(f"{count} processes, and only {images} training images: start at most {images}.")
    if batch % count:
        near = max(count, batch // count * count)
        raise UserError(
            f"a batch of {batch} cannot be divided evenly by {count} processes; take --set batch={near} or batch={near + count}."
        )
    if 0 < (last := images % batch) < count:  # then a process has no image of an epoch's last batch
        device = next(network.parameters()).device
        try:
            with torch.no_grad():
                network(torch.zeros(0, *input, device=device))
        except Exception as error:
            raise UserError(
                f"an epoch's last batch has {last} of {images} images for {count} processes, and the network does not take an empty batch "
                f"({type(error).__name__}: {error}). Choose another --set batch, or flatten with x.flatten(1)."
            ) from error


def _fits(strategy: StrategyName, network: str) -> bool:
    return isinstance(_built(network), TwoTowers) if strategy == "towers" else bool(hidden_units(network))


def hidden_units(network: str) -> tuple[int, ...]:
    """Return the units of the hidden layers that the hybrid divides, of a network of the catalogue; none where it does not fit.

    It fits where convolutions come first, and after them, in one tower, two linear layers or more with nothing in between that mixes units.
    """
    whole = _built(network)
    layers = [layer for layer in whole.modules() if not list(layer.children())]
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    if isinstance(whole, TwoTowers) or len(linear) < 2:
        return ()
    first = layers.index(linear[0])
    convolutions = any(isinstance(layer, nn.Conv2d) for layer in layers[:first])
    if not convolutions or not all(isinstance(layer, (nn.Linear, *BETWEEN)) for layer in layers[first:]):
        return ()
    return tuple(layer.out_features for layer in linear[:-1])


def _built(network: str) -> nn.Module:
    with torch.device("meta"):
        return build(network)
