"""Stochastic diagonal Levenberg-Marquardt, one image at a time: LeNet's of 1998, and of `lenet-1998` alone.

Each weight has its own rate, global rate / (mu + h), h the second derivative of the loss by it, which is estimated on the first batch of
every pass and held until the next. A batch is how many images are read together; each of them makes an update of its own.

Source: LeCun, Bottou, Bengio, Haffner 1998, section III B and appendix C; `mu` is a recipe's `epsilon`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.lenet_1998 import LeNet1998
from alexlab.recipes.schema import Recipe
from alexlab.training.lenet_1998 import OneImage


class DiagonalLM(torch.optim.Optimizer):
    """It learns images instead of taking gradients: `learn` is called in place of forward, backward and `step`.

    Args:
        network: on the CPU; all of it is trained.
        lr: the global rate.
        mu: what keeps a rate finite where the second derivative is 0.
    """

    def __init__(self, network: LeNet1998, lr: float, mu: float) -> None:
        self.network, self.mu = network, mu
        super().__init__(network.parameters(), {"lr": lr})
        self._image: OneImage | None = None

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Raise: gradients of a batch are of no use to it."""
        raise NotImplementedError("diagonal-lm learns images one by one: call learn.")

    @torch.no_grad()
    def learn(
        self, images_NCHW: torch.Tensor, labels_N: torch.Tensor, first: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the network by each image in turn; return the mean loss, and how many were right, each before its own update.

        Args:
            first: whether these begin a pass, so that the second derivatives are estimated on them before.
        """
        height, width = images_NCHW.shape[2:]
        if self._image is None:
            self._image = OneImage(self.network, height, width)
        machine, names = self._image, {id(p): name for name, p in self.network.named_parameters()}
        images, labels = images_NCHW.numpy(), labels_N.numpy()
        machine.take()
        if first:
            machine.estimate(images, labels)
            for parameter, name in ((p, names[id(p)]) for p in self.network.parameters()):
                self.state[parameter]["second"] = torch.tensor(machine.by_name("second")[name])
        else:
            machine.take_seconds({names[id(p)]: state["second"].numpy() for p, state in self.state.items()})
        machine.set_rates(float(self.param_groups[0]["lr"]), self.mu)
        loss, right = machine.learn(images, labels)
        machine.give()
        return torch.tensor(loss / max(1, len(labels)), dtype=torch.float64), torch.tensor(right)


def make(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser for `network`.

    Raises:
        UserError: another network than lenet-1998, a part of it that is not to be trained, or another device than the CPU.
    """
    if not isinstance(network, LeNet1998):
        raise UserError(
            f'optimiser = "diagonal-lm" knows the second derivatives of lenet-1998 alone; choose another for {recipe.network}.'
        )
    if not all(parameter.requires_grad for parameter in network.parameters()):
        raise UserError('optimiser = "diagonal-lm" trains the whole network; leave out freeze.')
    if (device := network.f6.weight.device.type) not in ("cpu", "meta"):
        raise UserError(
            f'optimiser = "diagonal-lm" takes one image at a time, on the CPU, not on {device}: say --device cpu.'
        )
    settings: dict[str, Any] = {"lr": recipe.rate, "mu": recipe.epsilon}
    return DiagonalLM(network, **settings)


def moments(recipe: Recipe) -> int:
    """Return 1: the second derivative."""
    return 1
