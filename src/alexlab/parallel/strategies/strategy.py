"""What a training asks of the processes that make it together; how they divide its work is each strategy's own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import nn

from alexlab.data.input.draws import Part
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.inference.evaluation import Evaluation, Progress
from alexlab.parallel.processes import Processes

Weights = Mapping[str, torch.Tensor]
OptimiserState = Mapping[int, Mapping[str, torch.Tensor]]
"""Of an optimiser, by the number of the parameter."""
Optimising = Callable[[nn.Module], torch.optim.Optimizer]
Seen = tuple[float, int, int]
"""Of an update: the mean loss, the right answers, the images."""
Told = TypeVar("Told")


class Strategy(ABC):
    """How the processes of a training divide its work, seen from one of them.

    Every process calls the same methods at the same time, but for those that say otherwise: they may talk to each other in all of them.
    Weights and state that go out or come in are those of the whole network, so that a run goes on by any strategy and number of processes.

    Attributes:
        network: what this process holds of the network.
        forward: maps this process's images of a batch to their logits, in training.
        optimiser: that of what this process holds.
        readers: how many processes read images of their own.
        rows: which rows of a batch of so many images are this process's; None where all are.
        draws: what sets this process's random draws in an update apart from those of the others.
    """

    network: nn.Module
    forward: nn.Module
    optimiser: torch.optim.Optimizer
    readers: int = 1
    rows: Callable[[int], slice] | None = None
    draws: tuple[int, ...] = ()

    def __init__(self, device: torch.device, processes: Processes) -> None:
        self.device, self.processes = device, processes

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.processes.is_first

    def from_first(self, value: Told) -> Told:
        """Return what the first process has as `value`."""
        return self.processes.from_first(value)

    def part(self, images: int) -> Part | None:
        """Say which part of a batch of `images` this process has; None where it has all of it."""
        return Part(self.rows(images), images) if self.rows else None

    @abstractmethod
    def weighed(self, loss: torch.Tensor, images: int, whole: int) -> torch.Tensor:
        """Return what to differentiate: of the mean loss over this process's `images`, its part in a batch of `whole`."""

    @abstractmethod
    def clip(self, most: float) -> None:
        """Shorten the gradient of the whole network to a norm of at most `most`."""

    @abstractmethod
    def totals(self, seen: list[Seen], asked: bool) -> list[Seen]:
        """Return the figures of some updates over all processes. They tell each other, too, which ones were `asked` to stop."""

    @abstractmethod
    def stops(self, asked: bool) -> bool:
        """Say, without talk, whether to stop: where all know it, since the last `totals`."""

    @abstractmethod
    def any_asked(self, asked: bool) -> bool:
        """Whether any process was asked to stop."""

    @abstractmethod
    def save_due(self, due: Callable[[], bool], all_seen: bool) -> bool:
        """Whether to save now. `due` is the first process's clock, `all_seen` whether nothing is left to be told by `totals`."""

    @abstractmethod
    def save_alone(self, save: Callable[[], None]) -> None:
        """Call `save` where one process can without the others: they may not be here."""

    @abstractmethod
    def not_finite(self) -> str | None:
        """Return the name of a weight that is not finite any more; None where all are."""

    @abstractmethod
    def evaluate(
        self, store: Store, transform: Transform, on: str, classes: tuple[str, ...], progress: Progress
    ) -> Evaluation | None:
        """Evaluate the network; None in processes that are not the first."""

    @abstractmethod
    def weights(self) -> Weights:
        """Return the tensors of the whole network, in the first process."""

    @abstractmethod
    def optimiser_state(self) -> OptimiserState:
        """Return the optimiser's state as the whole network's would hold it, in the first process."""

    @abstractmethod
    def expected(self) -> Weights:
        """Return tensors like those of the whole network, perhaps without values, and without talk."""

    @property
    @abstractmethod
    def parameters(self) -> int:
        """How many parameters the whole network's optimiser has."""

    @abstractmethod
    def take(self, weights: Weights, optimiser_state: OptimiserState) -> None:
        """Take, in the first process alone, what it has read; `hand_out` follows.

        Raises:
            KeyError, TypeError, ValueError: the optimiser cannot have had this state; nothing is changed.
        """

    @abstractmethod
    def hand_out(self, weights: Weights, optimiser_state: OptimiserState) -> None:
        """Give every process what the first one took; the others' arguments are not looked at."""
