"""One process trains by itself: nobody is asked, nothing is sent."""

from collections.abc import Callable

import torch
from torch import nn

from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.inference.evaluation import Evaluation, Progress, evaluate
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.strategy import OptimiserState, Optimising, Seen, Strategy, Weights
from alexlab.speed.door import faster
from alexlab.weights.finite import not_finite


class Alone(Strategy):
    """The whole network, all images. Other strategies differ from it where they say so."""

    def __init__(
        self, network: nn.Module, make_optimiser: Optimising, device: torch.device, processes: Processes
    ) -> None:
        super().__init__(device, processes)
        self.network = network
        self.forward = self._forward()
        self.optimiser = make_optimiser(self.network)

    def _forward(self) -> nn.Module:
        return faster(self.network, self.device, training=True)

    def weighed(self, loss: torch.Tensor, images: int, whole: int) -> torch.Tensor:
        """Return the loss."""
        return loss

    def clip(self, most: float) -> None:
        """Shorten the gradient."""
        nn.utils.clip_grad_norm_(self.network.parameters(), most)

    def totals(self, seen: list[Seen], asked: bool) -> list[Seen]:
        """Return what was seen."""
        return seen

    def stops(self, asked: bool) -> bool:
        """Stop as soon as asked."""
        return asked

    def any_asked(self, asked: bool) -> bool:
        """Whether this process was asked."""
        return asked

    def save_due(self, due: Callable[[], bool], all_seen: bool) -> bool:
        """Whether the clock says so."""
        return due()

    def save_alone(self, save: Callable[[], None]) -> None:
        """Save."""
        save()

    def not_finite(self) -> str | None:
        """Look at weights and running figures."""
        return not_finite(self.network)

    def evaluate(
        self, store: Store, transform: Transform, on: str, classes: tuple[str, ...], progress: Progress
    ) -> Evaluation | None:
        """Evaluate the network."""
        return evaluate(self.network, store, transform, self.device, on, classes, progress)

    def weights(self) -> Weights:
        """Return the network's tensors."""
        return self.network.state_dict()

    def optimiser_state(self) -> OptimiserState:
        """Return the optimiser's state."""
        state: OptimiserState = self.optimiser.state_dict()["state"]
        return state

    def expected(self) -> Weights:
        """Return the network's tensors."""
        return self.network.state_dict()

    @property
    def parameters(self) -> int:
        """How many parameters the optimiser has."""
        return len(self._parameters())

    def take(self, weights: Weights, optimiser_state: OptimiserState) -> None:
        """Load both; first the optimiser's, which may not fit."""
        parameters = self._parameters()
        laid_out = {
            index: {key: _laid_out(tensor, parameters[index]) for key, tensor in of_parameter.items()}
            for index, of_parameter in optimiser_state.items()
        }
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": laid_out, "param_groups": groups})
        self.network.load_state_dict(weights)

    def hand_out(self, weights: Weights, optimiser_state: OptimiserState) -> None:
        """Do nothing: there is nobody else."""

    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.optimiser.param_groups for parameter in group["params"]]


def _laid_out(tensor: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """Laid out as its parameter: the fused updates go through both from front to back."""
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter, device="cpu").copy_(tensor)
