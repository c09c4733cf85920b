"""Dropout as AlexNet's authors ran it, and another rate of dropout than the network's own."""

import torch
from torch import nn

from alexlab.errors import UserError


class UnscaledDropout(nn.Dropout):
    """Dropout that sets each value to zero with probability `p` in training, and multiplies all of them by 1 - p at test time.

    Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 4.2, and the 2012 source. nn.Dropout divides by 1 - p in
    training instead and does nothing at test time. The two agree in expectation, up to the scale of the next layer's
    weights: here that layer sees half the values in training, and so another learning rate.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Drop or scale values of any shape."""
        if self.training:
            return values * torch.empty_like(values).bernoulli_(1 - self.p)
        return values * (1 - self.p)


def set_dropout(network: nn.Module, rate: float) -> None:
    """Have every nn.Dropout of the network drop at `rate` while it trains. Its answers do not change: there it does nothing.

    Raises:
        UserError: it has no dropout, or that of 2012, whose rate is part of its answers too.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Dropout)]
    if not layers or any(isinstance(layer, UnscaledDropout) for layer in layers):
        found = "dropout as in 2012, whose rate scales its answers too" if layers else "no dropout"
        raise UserError(f'dropout = {rate}: this network has {found}. Leave the recipe\'s dropout at "network".')
    for layer in layers:
        layer.p = rate
