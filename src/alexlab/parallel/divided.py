"""A training whose network is divided over the processes: what it shares with others, and how it is saved, restored and looked at.

A checkpoint and a file of weights are those of the whole network, so that a run goes on with any strategy and number of processes.
"""

import math

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from alexlab.networks.alexnet_2012 import TwoTowers
from alexlab.parallel.division import local
from alexlab.parallel.hybrid import divide_hybrid
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies import StrategyName
from alexlab.parallel.towers import divide_towers
from alexlab.recipes.schema import Recipe
from alexlab.runs.checkpoint import OptimiserState, Weights
from alexlab.training.divergence import first_not_finite
from alexlab.training.optimisers import make_optimiser


class Divided:
    """This process's part of a network, and how the parts make the whole.

    Attributes:
        network: the part; the same module where the division is made inside it.
        whole: the whole network's tensors, without their values.
    """

    def __init__(
        self, whole: nn.Module, strategy: StrategyName, recipe: Recipe, evaluated: int, processes: Processes
    ) -> None:
        """Divide `whole`, of which every process has made the same one; evaluation takes batches of `evaluated` images."""
        self.whole = {name: tensor.to("meta") for name, tensor in whole.state_dict().items()}
        self._parameters = _names(whole, make_optimiser(whole, recipe))
        self._processes = processes
        self.network = whole
        if isinstance(whole, TwoTowers) and strategy == "towers":
            self.network, self._division = divide_towers(whole)
        else:
            self._division = divide_hybrid(whole, -(-recipe.batch // processes.count), -(-evaluated // processes.count))

    @property
    def parameters(self) -> int:
        """How many parameters the whole network's optimiser has."""
        return len(self._parameters)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the tensors of the whole network, in the first process; every process calls it."""
        return self._division.put_together(self.network.state_dict())

    def state(self, optimiser: torch.optim.Optimizer) -> dict[int, dict[str, torch.Tensor]]:
        """Return the optimiser's state as the whole network's would hold it, in the first process; every process calls it."""
        names = _names(self.network, optimiser)
        held = optimiser.state_dict()["state"]
        own = {
            f"{names[index]} {key}": torch.as_tensor(value)
            for index, state in held.items()
            for key, value in state.items()
            if value is not None
        }
        number = {name: i for i, name in enumerate(self._parameters)}
        found: dict[int, dict[str, torch.Tensor]] = {}
        for together, tensor in self._division.put_together(own).items():
            name, _, key = together.partition(" ")
            found.setdefault(number[name], {})[key] = tensor
        return dict(sorted(found.items()))

    def take(self, optimiser: torch.optim.Optimizer, weights: Weights, state: OptimiserState) -> None:
        """Go on from what the first process has read: weights and state of the whole network. Every process calls it."""
        with torch.no_grad():
            mine = self._division.hand_out(weights)
            for name, tensor in self.network.state_dict().items():
                local(tensor).copy_(mine[name])
        by_name = {f"{self._parameters[i]} {key}": value for i, held in state.items() for key, value in held.items()}
        numbers = {name: i for i, name in enumerate(_names(self.network, optimiser))}
        parameters = dict(self.network.named_parameters())
        taken: dict[int, dict[str, torch.Tensor]] = {}
        for together, value in self._division.hand_out(by_name).items():
            name, _, key = together.partition(" ")
            taken.setdefault(numbers[name], {})[key] = _laid_out(value, parameters[name])
        optimiser.load_state_dict({"state": taken, "param_groups": optimiser.state_dict()["param_groups"]})

    def not_finite(self) -> str | None:
        """Return the name of a weight that is not finite any more, in any process; all get the same answer."""
        found = first_not_finite({name: local(tensor) for name, tensor in self.network.state_dict().items()})
        bad = [float(found is not None and rank == self._processes.rank) for rank in range(self._processes.count)]
        if not any(self._processes.sums(*bad)):
            return None
        return found or "of another process"

    def clip(self, most: float) -> None:
        """As torch.nn.utils.clip_grad_norm_ for the whole network: each gradient counts once, wherever it is."""
        gradients = {name: p.grad for name, p in self.network.named_parameters() if p.grad is not None}
        rank = self._processes.rank
        counted = [local(g) for name, g in gradients.items() if self._division.counts_in(rank, name)]
        (squares,) = self._processes.sums(sum(float(g.double().square().sum()) for g in counted))
        share = most / (math.sqrt(squares) + 1e-6)  # as PyTorch's
        if share < 1:
            for gradient in gradients.values():
                local(gradient).mul_(share)


def _names(network: nn.Module, optimiser: torch.optim.Optimizer) -> list[str]:
    """Return the names of the parameters of `network`, in the order of the optimiser."""
    names = {parameter: name for name, parameter in network.named_parameters()}
    return [names[parameter] for group in optimiser.param_groups for parameter in group["params"]]


def _laid_out(value: torch.Tensor, parameter: nn.Parameter) -> torch.Tensor:
    """Lay out a tensor of the state, in memory and over the processes as its parameter is."""
    own = local(parameter.detach())
    if value.shape != own.shape:
        return value
    like = torch.empty_like(own).copy_(value)
    if not isinstance(parameter, DTensor):
        return like
    return DTensor.from_local(like, parameter.device_mesh, parameter.placements)
