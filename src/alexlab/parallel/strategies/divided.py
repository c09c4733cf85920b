"""A network divided over the processes: what this one holds of it, and how the parts make the whole."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from alexlab.parallel.division import Division, local
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.several import Several
from alexlab.parallel.strategies.strategy import OptimiserState, Optimising, Weights
from alexlab.weights.finite import first_not_finite


class Divided(Several):
    """A strategy in which each process holds a part of the network."""

    def __init__(
        self,
        whole: nn.Module,
        divide: Callable[[nn.Module], tuple[nn.Module, Division]],
        make_optimiser: Optimising,
        device: torch.device,
        processes: Processes,
    ) -> None:
        """Divide `whole`, of which every process has made the same one, into this process's part."""
        self._whole = {name: tensor.to("meta") for name, tensor in whole.state_dict().items()}
        self._names = _names(whole, make_optimiser(whole))
        network, self._division = divide(whole)
        super().__init__(network, make_optimiser, device, processes)

    def save_due(self, due: Callable[[], bool], all_seen: bool) -> bool:
        """Save by the first process's clock; all give their parts."""
        return self.processes.sums(self.first and due()) != [0]

    def save_alone(self, save: Callable[[], None]) -> None:
        """Do nothing: none has it all."""

    def expected(self) -> Weights:
        """Return the whole network's tensors, without their values."""
        return self._whole

    @property
    def parameters(self) -> int:
        """How many parameters the whole network's optimiser has."""
        return len(self._names)

    def take(self, weights: Weights, optimiser_state: OptimiserState) -> None:
        """Do nothing: all take their parts at the same time."""

    def weights(self) -> Weights:
        """Return the tensors of the whole network, in the first process."""
        return self._division.put_together(self.network.state_dict())

    def optimiser_state(self) -> OptimiserState:
        """Return the optimiser's state as the whole network's would hold it, in the first process."""
        names = _names(self.network, self.optimiser)
        held = self.optimiser.state_dict()["state"]
        own = {
            f"{names[index]} {key}": torch.as_tensor(value)
            for index, state in held.items()
            for key, value in state.items()
            if value is not None
        }
        number = {name: i for i, name in enumerate(self._names)}
        found: dict[int, dict[str, torch.Tensor]] = {}
        for together, tensor in self._division.put_together(own).items():
            name, _, key = together.partition(" ")
            found.setdefault(number[name], {})[key] = tensor
        return dict(sorted(found.items()))

    def hand_out(self, weights: Weights, optimiser_state: OptimiserState) -> None:
        """Go on from what the first process has read."""
        with torch.no_grad():
            mine = self._division.hand_out(weights)
            for name, tensor in self.network.state_dict().items():
                local(tensor).copy_(mine[name])
        by_name = {
            f"{self._names[i]} {key}": value for i, held in optimiser_state.items() for key, value in held.items()
        }
        numbers = {name: i for i, name in enumerate(_names(self.network, self.optimiser))}
        parameters = dict(self.network.named_parameters())
        taken: dict[int, dict[str, torch.Tensor]] = {}
        for together, value in self._division.hand_out(by_name).items():
            name, _, key = together.partition(" ")
            taken.setdefault(numbers[name], {})[key] = _laid_out(value, parameters[name])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": taken, "param_groups": groups})

    def not_finite(self) -> str | None:
        """Return the name of a weight that is not finite any more, in any process; all get the same answer."""
        found = first_not_finite({name: local(tensor) for name, tensor in self.network.state_dict().items()})
        bad = [float(found is not None and rank == self.processes.rank) for rank in range(self.processes.count)]
        if not any(self.processes.sums(*bad)):
            return None
        return found or "of another process"

    def clip(self, most: float) -> None:
        """As torch.nn.utils.clip_grad_norm_ for the whole network: each gradient counts once, wherever it is."""
        gradients = {name: p.grad for name, p in self.network.named_parameters() if p.grad is not None}
        rank = self.processes.rank
        counted = [local(g) for name, g in gradients.items() if self._division.counts_in(rank, name)]
        (squares,) = self.processes.sums(sum(float(g.double().square().sum()) for g in counted))
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
