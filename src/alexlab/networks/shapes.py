"""Which shapes a stack of layers gives, and which inputs it can take; one image of zeros finds out."""

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
    # On the layers' own device: PyTorch's meta device would allocate nothing, and takes 1.8 s to load.
    device = next((weight.device for weight in layers.parameters()), torch.get_default_device())
    return _shape_on(layers, input, device)


def _shape_on(layers: nn.Module, input: Shape, device: torch.device) -> tuple[int, ...] | None:
    modes = [(layer, layer.training) for layer in layers.modules()]
    try:
        with torch.no_grad():
            output: torch.Tensor = layers.eval()(torch.zeros(1, *input, device=device))
    except RuntimeError:
        return None
    finally:
        for layer, training in modes:
            layer.training = training
    return None if 0 in output.shape else tuple(output.shape[1:])


def flattened(features: nn.Module, input: Shape) -> int:
    """How many values `features` make of one image: the in_features of the linear layer that follows a flatten.

    Raises:
        UserError: the image is too small for these layers; the message says which sizes work.
    """
    shape = output_shape(features, input)
    if shape is None:
        channels, height, width = input
        meta = torch.device("meta")
        empty = deepcopy(features).to(meta)
        smallest = next(
            (side for side in range(1, LARGEST_SIDE_TRIED) if _shape_on(empty, (channels, side, side), meta)), None
        )
        works = "no size works" if smallest is None else f"{smallest}x{smallest} and larger work"
        raise UserError(f"an input of {channels}x{height}x{width} is too small for this network: {works}.")
    return prod(shape)
