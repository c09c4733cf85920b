"""Dropout as AlexNet's authors ran it."""

import torch
from torch import nn


class UnscaledDropout(nn.Dropout):
    """Sets each value to zero with probability `p` in training; multiplies all of them by 1 - p at test time.

    Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 4.2, and the 2012 source. nn.Dropout divides by 1 - p in
    training instead and does nothing at test time. The two agree in expectation, up to the scale of the next layer's
    weights: here that layer sees half the values in training, and so another learning rate.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.training:
            return values * torch.empty_like(values).bernoulli_(1 - self.p)
        return values * (1 - self.p)
