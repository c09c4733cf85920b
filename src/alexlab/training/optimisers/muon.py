"""Muon: momentum whose step is made orthogonal, for convolutions and small hidden layers; AdamW for all other parameters.

Source: K. Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024. Departs from it: each step is scaled to a root
mean square of 1 (torch.optim.Muon's "match_rms_adamw", with 1 for its 0.2), so that one rate serves Muon and AdamW alike;
torch.optim.Muon itself takes no convolutions, and PyTorch has it from 2.9 on.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from alexlab.recipes.schema import Recipe
from alexlab.training.parameter_groups import first_convolutions, groups_by_decay, may_be_fused

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
STEPS = 5
LARGEST = 512  # inputs, and outputs, of a linear layer: the work grows with their product


def orthogonal(matrix_MN: torch.Tensor) -> torch.Tensor:
    """Return the matrix with all singular values brought near 1 (0.7 to 1.2), by Newton-Schulz; shape and dtype stay."""
    a, b, c = NEWTON_SCHULZ
    x: torch.Tensor
    tall = matrix_MN.shape[0] > matrix_MN.shape[1]
    x = matrix_MN.T if tall else matrix_MN
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.AdamW):
    """Groups with `orthogonal` true take Muon's step, the others AdamW's; both decay weights as AdamW does."""

    def __init__(
        self,
        groups: list[dict[str, Any]],
        lr: float,
        momentum: float,
        betas: tuple[float, float],
        eps: float,
        precision: torch.dtype = torch.float32,
        fused: bool = False,
    ) -> None:
        """`precision` is that of the products in Newton-Schulz; float64 weights keep float64."""
        super().__init__(groups, lr=lr, betas=betas, eps=eps, fused=fused)
        self.momentum, self.precision = momentum, precision

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Make one update, from the gradients that the parameters hold."""
        every = self.param_groups
        self.param_groups = [group for group in every if not group["orthogonal"]]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = every
        for group in (group for group in every if group["orthogonal"]):
            for weight in group["params"]:
                if weight.grad is not None:
                    self._orthogonal_step(weight, group["lr"], group["weight_decay"])
        return loss

    def _orthogonal_step(self, weight: torch.Tensor, rate: float, decay: float) -> None:
        gradient = weight.grad
        assert gradient is not None
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
            state["step"] = torch.zeros(())  # which AdamW expects of every state that it is given back
        state["step"] += 1
        past = state["momentum_buffer"].mul_(self.momentum).add_(gradient)
        ahead = gradient.add(past, alpha=self.momentum).flatten(1)  # Nesterov's
        exact = ahead.dtype == torch.float64
        step = orthogonal(ahead if exact else ahead.to(self.precision)).to(weight.dtype)
        to_one = math.sqrt(max(step.shape))  # min(shape) singular values of 1, spread over all numbers
        weight.mul_(1 - rate * decay).add_(step.view_as(weight), alpha=-rate * to_one)


def hidden_weights(network: nn.Module) -> list[nn.Parameter]:
    """Return what Muon is for: weights that map features to features, where their Newton-Schulz is affordable.

    The first layer reads pixels (one in each tower), the last one answers, and AlexNet's linear layers are too large.
    """
    layers = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    ends = (first_convolutions(network) or set(layers[:1])) | set(layers[-1:])
    hidden = {f"{name}.weight" for name in layers if name not in ends}
    weights = [weight for name, weight in network.named_parameters() if name in hidden and weight.requires_grad]
    return [weight for weight in weights if weight.ndim == 4 or max(weight.shape) <= LARGEST]


def make(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser for `network`."""
    chosen = hidden_weights(network)
    groups = [{**group, "orthogonal": False} for group in groups_by_decay(network, recipe, without=chosen)]
    if chosen:
        groups.append({"params": chosen, "weight_decay": recipe.weight_decay, "orthogonal": True})
    precision = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
    fused = may_be_fused(network)
    return Muon(groups, recipe.rate, recipe.momentum, recipe.betas, recipe.epsilon, precision, fused)


def moments(recipe: Recipe) -> int:
    """Return 2, those of AdamW; Muon's own weights have one."""
    return 2
