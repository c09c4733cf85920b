"""Which shapes a stack of convolutions and pools gives, and which inputs it can take.

Worked out from the layers' settings: running them on PyTorch's meta device gives the same and imports a compiler first.
"""

from collections.abc import Iterator
from math import prod

from torch import nn

from alexlab.errors import UserError
from alexlab.networks.windows import output_size, side_settings
from alexlab.shape import Shape

LARGEST_SIDE_TRIED = 1024
WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


def output_shape(layers: nn.Module, input: Shape) -> Shape | None:
    """Return the shape that `layers` make of one image of shape `input`, without the batch; None where it does not fit.

    Args:
        layers: sequences of Conv2d, MaxPool2d, AvgPool2d, ZeroPad2d, and layers that keep the shape; a Flatten is passed over.
    """
    channels, height, width = input
    for layer in _in_order(layers):
        if isinstance(layer, nn.ZeroPad2d):
            left, right, top, bottom = layer.padding
            height, width = height + top + bottom, width + left + right
        elif isinstance(layer, WINDOWED):
            name = "conv2d" if isinstance(layer, nn.Conv2d) else "max_pool2d"
            down, across = side_settings(name, layer.kernel_size, vars(layer)) or ()
            height, width = output_size(height, down), output_size(width, across)
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
        if height < 1 or width < 1:
            return None
    return channels, height, width


def _in_order(layers: nn.Module) -> Iterator[nn.Module]:
    if isinstance(layers, nn.Sequential):
        for layer in layers:
            yield from _in_order(layer)
    else:
        yield layers


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
