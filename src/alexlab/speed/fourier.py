"""Convolutions as products of Fourier transforms, by NNPACK, which PyTorch contains: a quarter to a half of the multiplications.

M. Mathieu, M. Henaff, Y. LeCun, "Fast Training of Convolutional Networks through FFTs", ICLR 2014. NNPACK transforms tiles of 16x16. In
float32 its sums are nearer to those of double precision than oneDNN's: fewer terms are added up one after another. For 3x3 kernels on few
positions it would take Winograd's way, which is ten times less exact; such maps are made larger here until it does not.

Only on processors whose widest instructions are AVX2: with AVX-512 oneDNN multiplies faster, and this was not measured. NNPACK makes its
threads at a process's first convolution, as many as PyTorch has then, and keeps them; no sum depends on their number.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

TILE = 16
COST = 2 * TILE * TILE  # real multiplications of a tile of one channel of one image by one of a kernel
WORTH = 2  # times as many are saved at least, which the transforms take a part of
MANY = 64  # channels, and tiles of a channel: from which on the transforms are a small part
WORKSPACE = 1 << 27  # bytes of transforms at once; NNPACK keeps its memory


def available() -> bool:
    """Whether this processor and this PyTorch compute so. NNPACK computes nothing before this is asked."""
    if torch.backends.cpu.get_cpu_capability() != "AVX2" or not hasattr(torch, "_nnpack_spatial_convolution"):
        return False
    return bool(torch._nnpack_available())


def suits(layer: nn.Module) -> bool:
    """Whether a layer is such that it can be worth it, for images of some size."""
    if type(layer) is not nn.Conv2d or layer.weight.dtype != torch.float32 or layer.weight.device.type != "cpu":
        return False
    plain = layer.stride == (1, 1) and layer.dilation == (1, 1) and layer.groups == 1 and layer.padding_mode == "zeros"
    kernel, square = layer.kernel_size[0], layer.kernel_size[0] == layer.kernel_size[1]
    inside = not isinstance(layer.padding, str) and max(layer.padding) < kernel
    return (
        plain and inside and square and 2 < kernel <= TILE // 2 and min(layer.in_channels, layer.out_channels) >= MANY
    )


def is_worth_it(images_NCHW: torch.Tensor, kernel: int, padding: Sequence[int]) -> bool:
    """Whether images of this shape are convolved faster by a layer that `suits`, and the gradients computed."""
    sides = images_NCHW.shape[2:]
    high, wide = (side + 2 * p - kernel + 1 for side, p in zip(sides, padding, strict=True))
    tiles = _tiles(max(high, sides[0]), kernel) * _tiles(max(wide, sides[1]), kernel)
    several = len(images_NCHW) > 1  # of one image NNPACK always takes Winograd's way
    return several and len(images_NCHW) * tiles >= MANY and high * wide * kernel**2 >= WORTH * COST * tiles


def convolution(
    images_NCHW: torch.Tensor, weight_KChw: torch.Tensor, bias_K: torch.Tensor | None, padding: Sequence[int]
) -> torch.Tensor:
    """Compute `F.conv2d` of two or more float32 images in any layout, with stride 1, to maps whose channels are last in memory.

    Kernels are square, of 3 to 8 positions, and `padding` is smaller. It can be differentiated once.
    """
    maps: torch.Tensor = _Convolution.apply(images_NCHW, weight_KChw, bias_K, padding)  # type: ignore[no-untyped-call]
    return maps


class Fourier(nn.Module):
    """The convolution of a layer that `suits`, by Fourier transforms where that is worth it."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Convolve images (N, C, H, W)."""
        layer = self.layer
        assert not isinstance(layer.padding, str)
        exact = images_NCHW.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if not exact or not is_worth_it(images_NCHW, layer.kernel_size[0], layer.padding):
            maps: torch.Tensor = layer(images_NCHW)
            return maps
        return convolution(images_NCHW, layer.weight, layer.bias, layer.padding)


def by_fourier(network: nn.Module) -> nn.Module:
    """Return a network with `network`'s weights and logits that computes batches in float32 faster where Fourier transforms are worth it.

    Networks made of PyTorch's and alexlab's own layers, whose plain convolutions become `Fourier`; others are as they are. A hook that is
    put on a convolution of `network` afterwards is not called.
    """
    layers = list(network.modules())
    if not available() or not any(suits(layer) for layer in layers) or not all(_is_known(layer) for layer in layers):
        return network
    return _with_fourier(network)


def _with_fourier(module: nn.Module) -> nn.Module:
    if suits(module):
        assert isinstance(module, nn.Conv2d)
        return Fourier(module)
    if not module._modules:
        return module
    other = module.__new__(type(module))
    children = {name: child and _with_fourier(child) for name, child in module._modules.items()}
    other.__dict__ = {**module.__dict__, "_modules": children}
    return other


def is_watched(layer: nn.Module) -> bool:
    """Whether somebody's hook wants to see the layer's tensors."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks)


def _is_known(layer: nn.Module) -> bool:
    """Whether the layer is of a kind that keeps nothing beside weights and buffers, and nobody's hook waits where it would be replaced."""
    replaced = bool(layer._modules) or suits(layer)
    return not (replaced and is_watched(layer)) and type(layer).__module__.startswith(("torch.nn.", "alexlab."))


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        images_NCHW: torch.Tensor,
        weight_KChw: torch.Tensor,
        bias_K: torch.Tensor | None,
        padding: Sequence[int],
    ) -> torch.Tensor:
        planes_NCHW = images_NCHW.contiguous()
        ctx.save_for_backward(planes_NCHW, weight_KChw)
        ctx.padding = padding
        return _correlated(planes_NCHW, weight_KChw.contiguous(), bias_K, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_NKHW: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        planes_NCHW, weight_KChw = ctx.saved_tensors
        gradient_NKHW = gradient_NKHW.contiguous()
        images = weight = bias = None
        if ctx.needs_input_grad[0]:
            turned_CKhw = weight_KChw.flip(2, 3).transpose(0, 1).contiguous()
            outside = tuple(weight_KChw.shape[2] - 1 - p for p in ctx.padding)
            images = _correlated(gradient_NKHW, turned_CKhw, None, outside)
        if ctx.needs_input_grad[1]:
            weight = _weight_gradient(planes_NCHW, gradient_NKHW, weight_KChw.shape[2], ctx.padding)
        if ctx.needs_input_grad[2]:
            bias = gradient_NKHW.sum(dim=(0, 2, 3))
        return images, weight, bias, None


def _correlated(
    planes_NCHW: torch.Tensor, weight_KChw: torch.Tensor, bias_K: torch.Tensor | None, padding: Sequence[int]
) -> torch.Tensor:
    """Compute a convolution with stride 1, its channels last in memory."""
    kernel = weight_KChw.shape[2]
    high, wide = (side + 2 * p - kernel + 1 for side, p in zip(planes_NCHW.shape[2:], padding, strict=True))
    more_high, more_wide = (_enough(side, kernel) - side for side in (high, wide))
    if more_high or more_wide:
        planes_NCHW = F.pad(planes_NCHW, (padding[1], padding[1] + more_wide, padding[0], padding[0] + more_high))
        padding = (0, 0)
    shape = (len(planes_NCHW), len(weight_KChw), high, wide)
    maps_NKHW = torch.empty(shape, memory_format=torch.channels_last)
    bytes_of_image = _tiles(high, kernel) * _tiles(wide, kernel) * max(weight_KChw.shape[:2]) * 4 * TILE**2
    parts = min(
        math.ceil(len(planes_NCHW) * bytes_of_image / WORKSPACE), len(planes_NCHW) // 2
    )  # of two images at least
    for some, into in zip(planes_NCHW.tensor_split(parts), maps_NKHW.tensor_split(parts), strict=True):
        into.copy_(torch._nnpack_spatial_convolution(some, weight_KChw, bias_K, padding)[:, :, :high, :wide])
    return maps_NKHW


def _weight_gradient(
    planes_NCHW: torch.Tensor, gradient_NKHW: torch.Tensor, kernel: int, padding: Sequence[int]
) -> torch.Tensor:
    """Return dW[k, c, i, j] = sum over n, y, x of g[n, k, y, x] * image[n, c, y + i, x + j].

    That is a convolution of images whose channels are the batch under kernels as large as the maps. Maps that are larger
    than a tile allows are cut, and the parts are summed over as the images of the batch are.
    """
    parts, cut = [], []
    for side in gradient_NKHW.shape[2:]:
        parts.append(_tiles(side, kernel))
        cut.append(math.ceil(side / parts[-1]))
    short = [p * c - side for p, c, side in zip(parts, cut, gradient_NKHW.shape[2:], strict=True)]
    (above, left), (down, right) = padding, short
    planes_NCHW = F.pad(planes_NCHW, (left, left + right, above, above + down))
    gradient_NKHW = F.pad(gradient_NKHW, (0, right, 0, down))
    inputs_CMHW = _pieces(planes_NCHW, parts, [c + kernel - 1 for c in cut], cut)
    kernels_KMhw = _pieces(gradient_NKHW, parts, cut, cut)
    weight_CKhw: torch.Tensor = torch._nnpack_spatial_convolution(inputs_CMHW, kernels_KMhw, None, (0, 0))
    return weight_CKhw.transpose(0, 1)


def _pieces(maps_NCHW: torch.Tensor, parts: list[int], size: list[int], step: list[int]) -> torch.Tensor:
    """Return the pieces of each map, (C, N * pieces, height, width): a channel's of all images beside each other."""
    pieces = [
        maps_NCHW[:, :, y * step[0] : y * step[0] + size[0], x * step[1] : x * step[1] + size[1]]
        for y in range(parts[0])
        for x in range(parts[1])
    ]
    return torch.cat([piece.transpose(0, 1) for piece in pieces], dim=1)


def _tiles(side: int, kernel: int) -> int:
    """Return how many tiles cover a side of `side` positions."""
    return math.ceil(side / (TILE + 1 - kernel))


def _enough(side: int, kernel: int) -> int:
    """Return the smallest side, not below `side`, for which NNPACK takes tiles of 16x16: each stands for more than four of 8x8."""
    while math.ceil(side / (TILE // 2 + 1 - kernel)) <= 2 * _tiles(side, kernel):
        side += 1
    return side
