"""Convolutions of few channels in oneDNN's own layout, as LeNet has them.

PyTorch's max pooling keeps an index for each number and is slow where few channels lie beside each other: at LeNet's 1, 6 and 16 it takes
as long as a convolution. oneDNN's is made for blocks of channels, the layout in which its convolutions leave their answers, and
PyTorch's autograd knows that layout. What is computed is the same, to rounding.
"""

import torch
from torch import nn

FEW = 16  # channels: as many as were measured


def blocked(network: nn.Module) -> nn.Module:
    """What computes as `network` does, in training on a CPU in float32 faster; it has the layers of `network` itself, and so its weights.

    An nn.Sequential has the convolutions, ReLU and max pooling that it begins with put into one `Blocked`, where they have few
    channels; other networks are as they are.
    """
    if (
        type(network) is not nn.Sequential
        or _is_watched(network)
        or not torch.backends.cpu.get_cpu_capability().startswith("AVX")
    ):
        return network
    layers = list(network)
    end = next((i for i, layer in enumerate(layers) if not _suits(layer)), len(layers))
    first = layers[:end]
    if not any(isinstance(layer, nn.MaxPool2d) for layer in first):
        return network
    return nn.Sequential(Blocked(pooled_first(first)), *layers[end:])


def pooled_first(layers: list[nn.Module]) -> list[nn.Module]:
    """The same layers with max pooling before the ReLU that it follows: the same numbers, and a quarter of the ReLU's work."""
    ordered = list(layers)
    for i in range(len(layers) - 1):
        if isinstance(ordered[i], nn.ReLU) and isinstance(ordered[i + 1], nn.MaxPool2d):
            ordered[i], ordered[i + 1] = ordered[i + 1], ordered[i]
    return ordered


class Blocked(nn.Module):
    """These layers one after another, images (N, C, H, W) to maps (N, K, h, w), in oneDNN's layout where that is of use."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        plain = images_NCHW.device.type != "cpu" or torch.is_autocast_enabled("cpu") or not len(images_NCHW)
        maps: torch.Tensor = self.layers(images_NCHW if plain else images_NCHW.to_mkldnn())
        return maps if plain else maps.to_dense()


def _is_watched(layer: nn.Module) -> bool:
    """Whether somebody's hook wants to see the layer's tensors."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks)


def _suits(layer: nn.Module) -> bool:
    if _is_watched(layer):
        return False
    if type(layer) is nn.Conv2d:
        few = max(layer.in_channels, layer.out_channels) <= FEW and layer.groups == 1
        return few and layer.padding_mode == "zeros" and layer.weight.dtype == torch.float32
    if type(layer) is nn.MaxPool2d:
        return layer.dilation in (1, (1, 1)) and not layer.return_indices
    return type(layer) is nn.ReLU and not layer.inplace
