"""An update too small for OpenMP's threads, in two threads all the same: each takes half of the images, from input to gradient.

OpenMP's threads meet at every operation, which a small network's operations are not worth. These two meet once an update.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import nn

from alexlab.training.blocked import Blocked

IMAGE_BY_IMAGE = (
    nn.Sequential, Blocked, nn.Conv2d, nn.Linear, nn.ReLU, nn.Sigmoid, nn.Tanh, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten,
)  # fmt: skip
"""Layers that draw nothing at random, keep nothing, and answer for an image whatever others are in its batch."""


def can_be_halved(network: nn.Module) -> bool:
    """Whether two threads may call `network` at once, and its answers for half of a batch are those for the whole."""
    return all(
        type(layer) in IMAGE_BY_IMAGE and not layer._forward_hooks and not layer._forward_pre_hooks
        for layer in network.modules()
    )


def gradient_in_halves(
    network: nn.Module, loss: nn.Module, images_NCHW: torch.Tensor, labels_N: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and mean loss of a batch; its gradient is left in the parameters in place of what was there.

    `loss` is a mean over images. The sum of two halves is the same whichever thread ends first.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    whole = len(labels_N)
    half = (whole + 1) // 2

    def part(rows: slice) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
        logits_NK = network(images_NCHW[rows])
        found = loss(logits_NK, labels_N[rows]) * (len(logits_NK) / whole)
        return logits_NK.detach(), found.detach(), torch.autograd.grad(found, trained)

    if whole == half:  # one image
        logits_NK, found, gradients = part(slice(whole))
    else:
        second = _beside().submit(part, slice(half, whole))
        try:
            first = part(slice(half))
        finally:
            other = second.result()  # nobody computes any more when this returns
        logits_NK, found = torch.cat((first[0], other[0])), first[1] + other[1]
        gradients = tuple(torch._foreach_add(first[2], other[2]))
    for parameter, gradient in zip(trained, gradients, strict=True):
        # Laid out as the parameter, which the fused optimisers take for granted.
        parameter.grad = torch.empty_like(parameter).copy_(gradient)
    return logits_NK, found


@cache
def _beside() -> ThreadPoolExecutor:
    """A thread in which PyTorch computes alone."""

    def alone() -> None:
        torch.get_num_threads()  # the first question in a thread sets it to the number of the process
        torch.set_num_threads(1)

    return ThreadPoolExecutor(1, "alexlab-half", alone)
