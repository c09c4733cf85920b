"""The path from decoded pixels to the network's input as a network's first layers, so that an exported file carries it.

It computes what `data.input` does, and bit for bit where that is done in whole numbers: a resize is two products of matrices, across and
down, each rounded to levels of 0 to 255. The matrices are made from the picture's size, as Pillow and PyTorch make their weights, in
float64, which holds the sums of such products exactly.

Sources: Pillow, src/libImaging/Resample.c and PIL/ImageOps.py; PyTorch, aten/src/ATen/native/cpu/UpSampleKernel.cpp.
"""

import PIL
import torch
from torch import nn
from torch.nn import functional as F

from alexlab.data.input.fitting import framed
from alexlab.data.input.transform import Transform
from alexlab.shape import Shape

PILLOWS_BITS = 22  # of a weight, after the point
PYTORCHS_LARGEST = 1 << 15  # a weight is less, with as many bits after the point as that leaves
TALL_DOWN_FIRST = int(PIL.__version__.partition(".")[0]) >= 13  # Pillow 13 brought that
LUMA = (19595, 38470, 7471)  # of 65536: ITU-R 601


class Path(nn.Module):
    """Decoded RGB pixels, uint8 (N, height, width, 3) of any size, to the network's input, float32 (N, *input).

    It does what `Transform.stored` and then `Transform.__call__` do in evaluation.
    """

    mean_image_CHW: torch.Tensor
    mean: torch.Tensor | None
    std: torch.Tensor | None
    down: torch.Tensor
    across: torch.Tensor

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.transform = transform
        store, input = transform.store, transform.input
        self.resized = transform.view == "resize" and store != input
        self.centred = transform.statistics is not None and transform.subtract_mean_image
        if transform.statistics is not None and self.centred:
            self.register_buffer("mean_image_CHW", transform.statistics.mean_image_CHW.float())
        for name in ("mean", "std"):
            values = getattr(transform, name)
            self.register_buffer(
                name, torch.tensor(values).expand(input[0]).reshape(-1, 1, 1).clone() if values else None
            )
        if self.resized:
            down, across = (_Side(have, want).weights() for have, want in zip(store[1:], input[1:], strict=True))
            self.register_buffer("down", down.float())
            self.register_buffer("across", across.float())

    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        """Return the network's input."""
        transform = self.transform
        values_NCHW = self.stored(pixels_NHWC).to(torch.float32)
        if self.centred:
            values_NCHW = values_NCHW - self.mean_image_CHW
        if transform.view == "centre":
            top, left = (
                (have - want) // 2 for have, want in zip(transform.store[1:], transform.input[1:], strict=True)
            )
            values_NCHW = values_NCHW[:, :, top : top + transform.input[1], left : left + transform.input[2]]
        elif self.resized:
            values_NCHW = self.down @ (values_NCHW @ self.across.T)
        values_NCHW = values_NCHW / 255
        if self.mean is not None:
            values_NCHW = values_NCHW - self.mean
        if self.std is not None:
            values_NCHW = values_NCHW / self.std
        return values_NCHW * 255 if transform.pixels == "0-255" else values_NCHW

    def stored(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        """Return the stored image of each, levels of 0 to 255 in float64 (N, *store), as `data.input.fitting.fit` makes it."""
        store, how = self.transform.store, self.transform.fit
        if how != "frame":
            return self._fitted(pixels_NHWC, store, how)
        (top, high), (left, wide) = (framed(side) for side in store[1:])
        inside_NCHW = self._fitted(pixels_NHWC, (store[0], high, wide), "pad")
        return F.pad(inside_NCHW, (left, store[2] - left - wide, top, store[1] - top - high))

    def _fitted(self, pixels_NHWC: torch.Tensor, size: Shape, fit: str) -> torch.Tensor:
        channels = size[0]
        levels_NCHW = pixels_NHWC.permute(0, 3, 1, 2).to(torch.float64)
        if channels == 1:
            red, green, blue = (weight * levels_NCHW[:, i : i + 1] for i, weight in enumerate(LUMA))
            levels_NCHW = ((red + green + blue + 32768) / 65536).floor()
        rows, columns = (_Side(have, want) for have, want in zip(levels_NCHW.shape[2:], size[1:], strict=True))
        wider = columns.have * rows.want - rows.have * columns.want  # 0 for the proportions of the store
        if fit == "crop":
            ratio = columns.want / rows.want
            columns.cut(torch.where(wider > 0, ratio * rows.have, columns.have))
            rows.cut(torch.where(wider < 0, columns.have / ratio, rows.have))
        elif fit == "pad":
            columns.inset(torch.where(wider < 0, (columns.have / rows.have * rows.want).round(), columns.want))
            rows.inset(torch.where(wider > 0, (rows.have / columns.have * columns.want).round(), rows.want))
        elif fit == "shorter-side":
            for side, other in ((rows, columns), (columns, rows)):
                longer = (side.want * side.have / torch.minimum(side.have, other.have)).floor()
                side.inset(longer)
        by_pytorch = torch.full_like(wider, float(channels == 3 and fit == "stretch"))
        if channels == 3 and fit in ("crop", "pad"):
            by_pytorch = (wider == 0).to(torch.float64)
        (across, one_across), (down, one_down) = columns.whole(by_pytorch), rows.whole(by_pytorch)
        passes = levels_NCHW, across.T.contiguous(), one_across, down, one_down
        if not TALL_DOWN_FIRST or (channels == 3 and fit == "stretch"):
            return _down_last(*passes)
        lost, narrowed = rows.have - rows.count, columns.have - columns.count
        tall = (lost > 0) & (lost > 2 * narrowed) & (by_pytorch == 0)
        stored: torch.Tensor = torch.cond(tall, _down_first, _down_last, passes)
        return stored


class _Side:
    """Rows or columns: how the pixels that are wanted are made of those that there are.

    Attributes:
        have, want: how many there are, and are wanted.
        start, length: of the window that is seen.
        count, offset: how many of those wanted are made of it, and where they begin; the others are 0.
    """

    def __init__(self, have: int, want: int) -> None:
        self.pixels = have
        self.want = want
        self.have = torch.full((), have, dtype=torch.float64)
        self.start, self.length = torch.zeros_like(self.have), self.have
        self.count, self.offset = torch.full_like(self.have, want), torch.zeros_like(self.have)

    def cut(self, length: torch.Tensor) -> None:
        """See the middle alone, as Pillow's `ImageOps.fit` does, which has the edges of the window in float32."""
        start = (self.have - length) * 0.5
        edge = start.to(torch.float32)
        self.length = ((start + length).to(torch.float32) - edge).to(torch.float64)
        self.start = edge.to(torch.float64)

    def inset(self, count: torch.Tensor) -> None:
        """Make but `count` pixels, in the middle, as Pillow's `ImageOps.pad` does; of more the middle, as torchvision does."""
        self.count, self.offset = count, ((self.want - count) * 0.5).round()

    def weights(self) -> torch.Tensor:
        """Return what each pixel that there is weighs in each that is wanted, by Pillow's bilinear filter: float64 (want, have)."""
        scale = self.length / self.count
        place = torch.arange(self.want, dtype=torch.float64)[:, None] - self.offset
        centre = self.start + (place + 0.5) * scale
        pixel = torch.arange(self.pixels, dtype=torch.float64)
        weights = (1 - ((pixel - centre + 0.5) / scale.clamp(min=1)).abs()).clamp(min=0)
        weights = weights * ((place >= 0) & (place < self.count))
        return weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)

    def whole(self, by_pytorch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weights as whole numbers, and what stands for 1: with PyTorch's bits where `by_pytorch` is 1, else with Pillow's."""
        weights = self.weights()
        ones = torch.tensor([2.0**bits for bits in range(1, PILLOWS_BITS + 1)], dtype=torch.float64)
        fitting = ((weights.max() * ones + 0.5).floor() < PYTORCHS_LARGEST).to(torch.float64) * ones
        one = torch.where(by_pytorch > 0, fitting.max(), 2.0**PILLOWS_BITS)
        return (weights * one + 0.5).floor(), one


def _down_last(
    levels: torch.Tensor, across: torch.Tensor, one_across: torch.Tensor, down: torch.Tensor, one_down: torch.Tensor
) -> torch.Tensor:
    return _rounded(down @ _rounded(levels @ across, one_across), one_down)


def _down_first(
    levels: torch.Tensor, across: torch.Tensor, one_across: torch.Tensor, down: torch.Tensor, one_down: torch.Tensor
) -> torch.Tensor:
    return _rounded(_rounded(down @ levels, one_down) @ across, one_across)


def _rounded(sums: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    return ((sums + one / 2) / one).floor().clamp(0, 255)
