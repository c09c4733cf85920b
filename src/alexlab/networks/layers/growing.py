"""Smaller images at first: a network that is made for one size of image takes another one for a while."""

import torch
from torch import nn
from torch.nn import functional as F

from alexlab.errors import UserError
from alexlab.shape import Shape


def take_smaller(network: nn.Module, input: Shape, side: int) -> None:
    """Have `network` take images of `side` x `side` besides those of shape `input`, which it answers as before.

    What enters its nn.Flatten is averaged over the positions that it would have at `input` (adaptive pooling); at `input` itself
    nothing is done. A network with adaptive pooling of its own stays as it is.

    Raises:
        UserError: it does not take images of that size even so.
    """
    sizes: list[tuple[int, int]] = []

    def look(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if given[0].ndim == 4:
            sizes.append((given[0].shape[2], given[0].shape[3]))

    flatten = next((layer for layer in network.modules() if isinstance(layer, nn.Flatten)), None)
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            if flatten is not None:
                looking = flatten.register_forward_pre_hook(look)
                network(torch.zeros(1, *input))
                looking.remove()
                if sizes:
                    flatten.register_forward_pre_hook(_Pooling(sizes[0]))
            network(torch.zeros(1, input[0], side, side))
    except (RuntimeError, ValueError) as error:
        raise UserError(f"small_side = {side}: the network does not take images of {side}x{side} ({error}).") from error
    finally:
        network.train(training)


class _Pooling:
    """A hook that brings what enters a layer to one height and width."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def __call__(self, _: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        if given[0].ndim != 4 or tuple(given[0].shape[2:]) == self.size:
            return None
        return (F.adaptive_avg_pool2d(given[0], self.size),)
