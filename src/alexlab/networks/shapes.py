"""Which shapes a stack of layers gives, and which inputs it can take; nothing is allocated to find out."""

from copy import deepcopy
from math import prod

import torch
from torch import nn

from alexlab.errors import UserError

Shape = tuple[int, int, int]
"""Channels, height, width of one image."""

LARGEST_SIDE_TRIED = 1024


def output_shape(layers: nn.Module, input: Shape) -> tuple[int, ...] | None:
    """The shape that `layers` make of one image of shape `input`, without the batch; None where it does not fit."""
    on_meta = deepcopy(layers).to("meta").eval()
    try:
        output: torch.Tensor = on_meta(torch.empty(1, *input, device="meta"))
    except RuntimeError:
        return None
    return None if 0 in output.shape else tuple(output.shape[1:])


def flattened(features: nn.Module, input: Shape) -> int:
    """How many values `features` make of one image: the in_features of the linear layer that follows a flatten.

    Raises:
        UserError: the image is too small for these layers; the message says which sizes work.
    """
    shape = output_shape(features, input)
    if shape is None:
        channels, height, width = input
        smallest = next(
            (side for side in range(1, LARGEST_SIDE_TRIED) if output_shape(features, (channels, side, side))), None
        )
        works = "no size works" if smallest is None else f"{smallest}x{smallest} and larger work"
        raise UserError(f"an input of {channels}x{height}x{width} is too small for this network: {works}.")
    return prod(shape)
