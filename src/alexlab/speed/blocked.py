"""Convolutions of few channels in oneDNN's own layout, as LeNet has them.

PyTorch's max pooling keeps an index for each number and is slow where few channels lie beside each other: at LeNet's 1, 6 and 16 it takes
as long as a convolution. oneDNN's is made for blocks of channels, the layout in which its convolutions leave their answers, and
PyTorch's autograd knows that layout. What is computed is the same, to rounding.
"""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from alexlab.speed.fourier import is_watched

FEW = 16  # channels: as many as were measured


def blocked(network: nn.Module) -> nn.Module:
    """Return a network with `network`'s layers, and so its weights and logits, that trains faster on a CPU in float32.

    An nn.Sequential has the convolutions, ReLU and max pooling that it begins with put into one `Blocked`, where they have few
    channels; other networks are as they are.
    """
    if (
        type(network) is not nn.Sequential
        or is_watched(network)
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
    """Return the same layers with max pooling before the ReLU that it follows: the same numbers, and a quarter of the ReLU's work."""
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
        """Map images (N, C, H, W) to maps (N, K, h, w)."""
        if images_NCHW.device.type != "cpu" or torch.is_autocast_enabled("cpu") or not len(images_NCHW):
            maps: torch.Tensor = self.layers(images_NCHW)
            return maps
        first = self.layers[0]
        if _has_padded_gradient(first) and not images_NCHW.requires_grad:
            assert isinstance(first, nn.Conv2d)
            maps = _OneChannel.apply(images_NCHW, first.weight, first.bias, first.padding)  # type: ignore[no-untyped-call]
            for layer in list(self.layers)[1:]:
                maps = layer(maps)
        else:
            maps = self.layers(images_NCHW.to_mkldnn())
        return maps.to_dense()


def _has_padded_gradient(layer: nn.Module) -> bool:
    """Whether oneDNN makes eight channels of the one that `layer` reads for its weights' gradient: with AVX2, a third of LeNet's update."""
    if not isinstance(layer, nn.Conv2d) or torch.backends.cpu.get_cpu_capability() != "AVX2":
        return False
    plain = layer.stride == (1, 1) and layer.dilation == (1, 1) and not isinstance(layer.padding, str)
    return layer.in_channels == 1 and plain


class _OneChannel(torch.autograd.Function):
    """The convolution of images of one channel, in oneDNN's layout; its weights' gradient with the batch for channels.

    dW[k, i, j] = sum over n, y, x of g[n, k, y, x] * image[n, y + i, x + j]: one image of N channels under kernels as large as the maps.
    """

    @staticmethod
    def forward(
        ctx: Any,
        images_N1HW: torch.Tensor,
        weight_K1hw: torch.Tensor,
        bias_K: torch.Tensor | None,
        padding: tuple[int, int],
    ) -> torch.Tensor:
        ctx.save_for_backward(images_N1HW)
        ctx.padding = padding
        return F.conv2d(images_N1HW.to_mkldnn(), weight_K1hw, bias_K, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (images_N1HW,) = ctx.saved_tensors
        gradient_NKHW = gradient.to_dense()
        weight_1Khw = F.conv2d(images_N1HW.transpose(0, 1), gradient_NKHW.transpose(0, 1), padding=ctx.padding)
        bias_K = gradient_NKHW.sum(dim=(0, 2, 3)) if ctx.needs_input_grad[2] else None
        return None, weight_1Khw.transpose(0, 1), bias_K, None


def _suits(layer: nn.Module) -> bool:
    if is_watched(layer):
        return False
    if type(layer) is nn.Conv2d:
        few = max(layer.in_channels, layer.out_channels) <= FEW and layer.groups == 1
        return few and layer.padding_mode == "zeros" and layer.weight.dtype == torch.float32
    if type(layer) is nn.MaxPool2d:
        return layer.dilation in (1, (1, 1)) and not layer.return_indices
    return type(layer) is nn.ReLU and not layer.inplace
