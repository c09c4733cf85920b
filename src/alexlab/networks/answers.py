"""From a network's logits to probabilities.

Most networks share all of the probability out among their classes: softmax. LeNet of 1998 keeps some for images of none of them: the loss
of its paper (equation 9) is a cross-entropy with one class more, whose logit is a constant that the network names, `rubbish`.
"""

import torch
from torch import nn
from torch.nn import functional as F


def rubbish_of(network: nn.Module) -> float | None:
    """Return j, minus the logit of "none of the classes"; None where a network knows no such thing."""
    found = getattr(network, "rubbish", None)
    return float(found) if isinstance(found, float) else None


def with_rubbish(network: nn.Module, logits_NK: torch.Tensor) -> torch.Tensor:
    """Return the logits that the loss compares: `logits_NK` (N, K), and where `network` has it a last column for none of the classes."""
    j = rubbish_of(network)
    return logits_NK if j is None else F.pad(logits_NK, (0, 1), value=-j)


def probabilities(network: nn.Module, logits_NK: torch.Tensor) -> torch.Tensor:
    """Return the classes' probabilities (N, K)."""
    return with_rubbish(network, logits_NK).softmax(dim=1)[:, : logits_NK.shape[1]]


def log_probabilities(network: nn.Module, logits_NK: torch.Tensor) -> torch.Tensor:
    """Return the logarithms of the classes' probabilities (N, K); where some is kept for none of them, they add up to less than 1."""
    return F.log_softmax(with_rubbish(network, logits_NK), dim=1)[:, : logits_NK.shape[1]]
