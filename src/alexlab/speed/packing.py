"""A trained network made ready to answer: weights laid out once as oneDNN multiplies them, in float32, bfloat16 or int8.

What PyTorch does for each call (bring weights into blocks, pool with channels far apart) is done once or not at all. Layers that are no
plain `nn.Conv2d` or `nn.Linear` stay what they are.

A processor that does not multiply bfloat16 reads half or a quarter of the weights all the same where one image waits for them, in large
linear layers; everything else, and more images at once, is then float32.
"""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from alexlab.errors import UserError
from alexlab.networks.answers import rubbish_of
from alexlab.speed import fourier
from alexlab.speed.bfloat16 import multiplies_bfloat16

PRECISIONS = {
    "float32": "exact",
    "bfloat16": "half of the memory: weights and what passes between layers keep 8 bits of mantissa",
    "int8": "a quarter of it: large fully connected layers have 8-bit weights, a scale an output; all else is bfloat16",
}
CLOSE = 0.03  # answers whose first two classes are no further apart are computed again in float32
LARGE = 1 << 20  # weights from which on a layer at batch 1 waits for memory
# Images up to which multiplying by smaller weights is faster than by a copy that is multiplied as it is.
FEW = {"bfloat16": 1, "int8": 4}


def packed(network: nn.Module, precision: str = "float32") -> "Packed":
    """Return a network with `network`'s weights and answers, in evaluation mode; images to float32 logits.

    In float32 the answers differ from `network`'s by the order of sums alone. Otherwise an image whose two most probable classes lie
    within CLOSE of each other is computed again with `network` itself.

    Raises:
        UserError: `network` does not compute in this precision.
    """
    network = network.eval()
    shared: dict[int, Any] = {id(t): t for t in (*network.parameters(), *network.buffers())}
    device = next((tensor.device for tensor in network.parameters()), torch.device("cpu"))
    dtype = torch.float32 if precision == "float32" or _emulates(device) else torch.bfloat16
    fast = _replaced(copy.deepcopy(network, shared), precision, dtype) if _onednn(network) else network
    return Packed(fast, network, precision, dtype)


def check_precision(precision: str, device: torch.device) -> None:
    """Raise UserError where `device` does not answer in this precision."""
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision {precision!r}; expected {', '.join(PRECISIONS)}.")
    if precision == "int8" and device.type != "cpu":
        raise UserError(f"int8 is for the CPU; on {device.type} choose bfloat16 or float32, or say --device cpu.")


def about_precision(precision: str, device: torch.device) -> str:
    """Return what a user should know of answers in this precision on `device`; "" where that is nothing."""
    if precision == "float32" or not _emulates(device):
        return ""
    if not _has_onednn():
        return f"this PyTorch has no oneDNN, so {precision} is computed in float32."
    stored = {"bfloat16": "bfloat16", "int8": "8 bits"}[precision]
    few = {"bfloat16": "one image", "int8": f"up to {FEW['int8']} images"}[precision]
    return (
        f"this processor does not multiply bfloat16: large linear layers have weights of {stored} for {few} at a time; "
        "all else is float32."
    )


def _emulates(device: torch.device) -> bool:
    return device.type == "cpu" and not multiplies_bfloat16(device)


def _onednn(network: nn.Module) -> bool:
    """Whether oneDNN computes where the network is."""
    return _has_onednn() and all(tensor.device.type == "cpu" for tensor in network.parameters())


def _has_onednn() -> bool:
    return bool(torch._C._has_mkldnn) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class Packed(nn.Module):
    """A fast network, and the exact one for images on which the fast one is undecided."""

    def __init__(self, fast: nn.Module, exact: nn.Module, precision: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.fast, self.exact, self.precision, self.dtype = fast, exact, precision, dtype
        self.rubbish = rubbish_of(network=exact)

    def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Map images (N, C, H, W) to float32 logits (N, classes)."""
        if self.precision == "float32" or (self.dtype == torch.float32 and len(images_NCHW) > FEW[self.precision]):
            return self._exactly(images_NCHW)
        logits_NK = self.quickly(images_NCHW)
        first, second = logits_NK.softmax(dim=1).topk(2, dim=1).values.unbind(dim=1)
        close_N = first - second < CLOSE
        if close_N.any():
            logits_NK[close_N] = self.exact(images_NCHW[close_N]).float()
        return logits_NK

    def quickly(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Return float32 logits of the fast network alone."""
        mixed = self.dtype == torch.bfloat16
        try:
            with torch.autocast(images_NCHW.device.type, dtype=torch.bfloat16, enabled=mixed):
                logits_NK: torch.Tensor = self.fast(images_NCHW).float()
        except (RuntimeError, TypeError) as error:
            raise UserError(f"this network does not compute in {self.precision} ({error}); choose float32.") from error
        return logits_NK

    def _exactly(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        try:
            logits_NK: torch.Tensor = self.fast(images_NCHW)
        except RuntimeError:  # it counts on how PyTorch's layers lay out what they give, as `view` does
            self.fast = self.exact
            logits_NK = self.exact(images_NCHW)
        return logits_NK


def _replaced(module: nn.Module, precision: str, dtype: torch.dtype) -> nn.Module:
    """Return the module with its plain layers packed to compute in `dtype`; a ReLU that follows one in a Sequential is done by it."""
    children = list(module.named_children())
    for (name, child), (after, following) in zip(children, [*children, ("", nn.Identity())][1:], strict=True):
        relu = isinstance(module, nn.Sequential) and type(following) is nn.ReLU
        layer = _packed_layer(child, precision, dtype, relu)
        if layer is None:
            _replaced(child, precision, dtype)
            continue
        setattr(module, name, layer)
        if relu:
            setattr(module, after, nn.Identity())
    return module


def _packed_layer(layer: nn.Module, precision: str, dtype: torch.dtype, relu: bool) -> nn.Module | None:
    if type(layer) is nn.Linear and layer.weight.dtype == torch.float32:
        outputs, inputs = layer.weight.shape
        blocks = outputs % 64 == 0 and inputs % 64 == 0  # what the 8-bit product takes
        large = layer.weight.numel() >= LARGE
        if precision == "int8" and blocks and large:
            return _Linear8(layer, dtype, relu)
        if precision != "float32" and large and dtype == torch.float32:
            return _Linear16(layer, relu)
        return _Linear(layer.weight.detach(), layer.bias, dtype, relu)
    if type(layer) is nn.Conv2d and layer.weight.dtype == torch.float32 and layer.padding_mode == "zeros":
        return None if isinstance(layer.padding, str) else _Convolution(layer, dtype, relu)
    return None


class _Linear(nn.Module):
    """`nn.Linear`, and ReLU if wanted, with weights packed for one image or for many, when the first such batch comes.

    One image in float32 only waits for the weights to be read, which are read as fast as they lie.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype, relu: bool) -> None:
        super().__init__()
        self.weight, self.dtype, self.then = weight, dtype, "relu" if relu else "none"
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.layouts: dict[bool, torch.Tensor] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        many = len(x) > 1
        if not many and self.dtype == torch.float32:
            found: torch.Tensor = F.linear(x, self.weight, self.bias)
            return found.relu_() if self.then == "relu" else found
        if many not in self.layouts:
            weight = self.weight.to(self.dtype)
            self.layouts[many] = torch.ops.mkldnn._reorder_linear_weight(weight, len(x))
        x = x.to(self.dtype)
        found = torch.ops.mkldnn._linear_pointwise(x, self.layouts[many], self.bias, self.then, [], "")
        return found


class _Linear16(nn.Module):
    """A linear layer with weights of bfloat16, for a processor that does not multiply it: what waits for memory reads half.

    One image is multiplied by them with float32 sums; many images by the float32 weights, which is as fast for them.
    """

    def __init__(self, layer: nn.Linear, relu: bool) -> None:
        super().__init__()
        self.weight, self.relu = layer.weight.detach().bfloat16(), relu
        self.bias = None if layer.bias is None else layer.bias.detach()
        self.many = _Linear(layer.weight.detach(), layer.bias, torch.float32, relu)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > FEW["bfloat16"]:
            answer: torch.Tensor = self.many(x)
            return answer
        found = F.linear(x.bfloat16(), self.weight).float()
        found = found if self.bias is None else found.add_(self.bias)
        return found.relu_() if self.relu else found


class _Linear8(nn.Module):
    """A linear layer with weights of 8 bits: w = scale * q with a scale for each output, which is multiplied after the sum.

    Few images are multiplied by q as it is. For many, q becomes bfloat16, which holds it exactly, so that both give one answer; where
    `dtype` is float32, for want of bfloat16 products, many are multiplied by the float32 weights, which is as fast.
    """

    def __init__(self, layer: nn.Linear, dtype: torch.dtype, relu: bool) -> None:
        super().__init__()
        weight = layer.weight.detach()
        scale = weight.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / 127
        self.q = (weight / scale[:, None]).round_().to(torch.int8)
        self.scale, self.dtype, self.relu = scale, dtype, relu
        self.bias = torch.zeros_like(scale) if layer.bias is None else layer.bias.detach()
        self.ones = torch.ones_like(scale, dtype=torch.bfloat16)
        self.by_float32 = _Linear(weight, layer.bias, dtype, relu) if dtype == torch.float32 else None
        self.many: _Linear | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) <= FEW["int8"]:
            sums = torch._weight_int8pack_mm(x.bfloat16(), self.q, self.ones)
        elif self.by_float32:
            answer: torch.Tensor = self.by_float32(x)
            return answer
        else:
            self.many = self.many or _Linear(self.q.to(self.dtype), None, self.dtype, relu=False)
            sums = self.many(x)
        found = torch.addcmul(self.bias, sums.float(), self.scale)
        return (found.relu_() if self.relu else found).to(self.dtype)


class _Convolution(nn.Module):
    """`nn.Conv2d`, and ReLU if wanted, with weights packed when the first batch of a size comes, or by Fourier transforms."""

    def __init__(self, layer: nn.Conv2d, dtype: torch.dtype, relu: bool) -> None:
        super().__init__()
        self.weight, self.dtype, self.then = layer.weight.detach(), dtype, "relu" if relu else "none"
        self.bias = None if layer.bias is None else layer.bias.detach().to(dtype)
        self.padding = [int(side) for side in layer.padding]
        self.how = (self.padding, list(layer.stride), list(layer.dilation), layer.groups)
        self.layouts: dict[bool, torch.Tensor] = {}
        self.by_fourier = dtype == torch.float32 and fourier.available() and fourier.suits(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        many = len(x) > 1
        if self.by_fourier and fourier.is_worth_it(x, self.weight.shape[2], self.padding):
            maps = fourier.convolution(x, self.weight, self.bias, self.padding)
            return maps.relu_() if self.then == "relu" else maps
        if many not in self.layouts:
            weight = self.weight.to(self.dtype).contiguous(memory_format=torch.channels_last)
            self.layouts[many] = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.how, list(x.shape))
        x = x.to(self.dtype)
        found: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.layouts[many], self.bias, *self.how, self.then, [], ""
        )
        return found
