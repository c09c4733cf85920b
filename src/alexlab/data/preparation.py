"""The one path from an image to a network's input, shared by training, evaluation, prediction and serving.

picture -> uint8 pixels of the store size          (once an image, on the CPU: `stored`)
        -> a batch on the device
        -> augmented (in training only), brought to the input's size, normalised          (`Preparation.__call__`)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from alexlab.data.colour import PixelStatistics, noise_as_it_ran, noise_as_written
from alexlab.data.decode import Pixels, decode_rgb, decoded, fit, fit_rgb, resize_bytes
from alexlab.data.draws import Draws, Part
from alexlab.data.images import Shape
from alexlab.data.room import room
from alexlab.data.views import views
from alexlab.errors import UserError

AUGMENTATIONS = {
    "mirror": "left and right swapped, for half of the images",
    "colour": "shifted along the training set's principal colours, as in 2012: by their standard deviations, then divided by 1.1",
    "colour-as-written": "the same by the eigenvalues, as the paper writes",
    "shift": "moved by up to an eighth of the side each way; what moves in is 0",
    "turn": "turned by up to 15 degrees and scaled by up to 15 %; what moves in is 0",
    "crop": "a random window of the input's size from the stored image",
    "random-resized-crop": "a window of 8 to 100 % of the area and proportions 3/4 to 4/3, scaled to the input's size as Pillow does",
}
MOST_TURN, MOST_SCALE = np.pi / 12, 0.15
IN_CACHE = 1 << 18  # numbers, 1 MB of float32


@dataclass(frozen=True)
class Preparation:
    """What is done to every image. Everything here is part of a recipe and stored in the run.

    Attributes:
        store: channels, height, width of the stored uint8 image.
        fit: how a picture of another shape is brought to `store`: "stretch", "crop" or "pad".
        input: channels, height, width of the network's input.
        view: how a stored image becomes the input where it is not augmented: "resize" scales all of it, "centre" cuts out its centre.
        pixels: the scale of the input: "0-1" or "0-255".
        statistics: mean image and principal colours of the training set, where the recipe wants them.
        subtract_mean_image: whether the mean image is subtracted.
        mean, std: subtracted from and divided into pixels at 0 to 1, by channel; none where empty.
        augment: names of AUGMENTATIONS, used in training.
    """

    store: Shape
    fit: str
    input: Shape
    view: str = "resize"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    augment: tuple[str, ...] = ()
    pixels: str = "0-1"
    statistics: PixelStatistics | None = None
    subtract_mean_image: bool = False

    def stored(self, picture: Image.Image | Pixels) -> Pixels:
        """The picture, or RGB pixels of shape (height, width, 3), as uint8 of shape `store`."""
        return fit(picture, self.store[0], self.store[1:], self.fit)

    def store_file(self, data: bytes, name: str, into: Pixels) -> None:
        """Decode the image file `data` and write what is stored of it to `into`, uint8 of shape (height, width, channels).

        Raises:
            ImageError: `name` and what is wrong with it.
        """
        if self.store[0] == 1:
            into[:] = self.stored(decoded(data, name)).transpose(1, 2, 0)
            return
        pixels = decode_rgb(data, name, into)
        if pixels is not into:
            fit_rgb(pixels, into, self.fit)

    def __call__(
        self,
        images_NCHW: torch.Tensor,
        generator: torch.Generator | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
        part: Part | None = None,
    ) -> torch.Tensor:
        """The network's input, float32 of shape (N, *input), from stored images, uint8 of shape (N, *store).

        With a `generator` (on the CPU, whatever the device, so that every device draws the same) the images are augmented; where they
        are a `part` of a batch, as they would be in the whole of it.
        """
        augment = self.augment if generator is not None else ()
        draws = Draws(generator, len(images_NCHW), part) if generator is not None else None
        size = self.input[1:]
        if not len(images_NCHW):  # a part may be empty, which some of what follows does not take
            return _empty(torch.Size((0, *self.input)), memory_format, images_NCHW.device)
        images_NCHW = self._centred(images_NCHW)
        device, count = images_NCHW.device, len(images_NCHW)
        at_once = self._at_once(count, device)
        if draws and "shift" in augment:
            images_NCHW = _shifted(images_NCHW, draws)
        if draws and "crop" in augment:
            images_NCHW = _random_windows(images_NCHW, size, draws)
        parts: Iterable[torch.Tensor]
        if draws and "random-resized-crop" in augment:
            parts = _random_resized(images_NCHW, size, draws, at_once)
        elif self.view == "centre":
            parts = torch.split(_centre(images_NCHW, size), at_once)
        else:
            parts = torch.split(images_NCHW, at_once)
        if draws and "mirror" in augment:
            parts = _mirrored(parts, draws, at_once)
        parts = (resized(part_NCHW, size) for part_NCHW in parts)
        if draws and "turn" in augment:
            parts = torch.split(_turned(_joined(parts), draws), at_once)
        if draws and self.statistics and ("colour" in augment or "colour-as-written" in augment):
            noise = noise_as_it_ran if "colour" in augment else noise_as_written
            pixels_NCHW = _joined(parts).float()
            parts = torch.split(noise(pixels_NCHW, self.statistics, draws.normal(self.input[0])), at_once)
        return self._normalised(parts, count, memory_format, device)

    def views(self, images_NCHW: torch.Tensor, count: int) -> torch.Tensor:
        """`count` views of each stored image as the network's input: (N, count, *input). See `data.views`.

        Raises:
            UserError: the stored images are no larger than the input.
        """
        if count > 1 and self.store[1:] == self.input[1:]:
            size = f"{self.input[1]}x{self.input[2]}"
            raise UserError(
                f"{count} views of {size} images at {size} are all the same; a recipe with a larger store has more to see."
            )
        seen_NVCHW = views(self._centred(images_NCHW), self.input[1:], count)
        seen, device = seen_NVCHW.flatten(0, 1), images_NCHW.device
        parts = torch.split(seen, self._at_once(len(seen), device))
        return self._normalised(parts, len(seen), torch.contiguous_format, device).view(seen_NVCHW.shape)

    def _at_once(self, count: int, device: torch.device) -> int:
        """How many images of a batch to take at a time: on a CPU what stays in a core's cache from one step to the next."""
        return max(1, IN_CACHE // prod(self.input) if device.type == "cpu" else count)

    def _centred(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Stored images, minus the mean image where the recipe wants that."""
        if self.statistics is None or not self.subtract_mean_image:
            return images_NCHW
        return images_NCHW.float() - self.statistics.mean_image_CHW.to(images_NCHW.device, torch.float32)

    def _normalised(
        self, parts: Iterable[torch.Tensor], count: int, memory_format: torch.memory_format, device: torch.device
    ) -> torch.Tensor:
        """Pixels at 0 to 255, uint8 or float32, as float32 of the recipe's scale; of a batch of `count` in parts of `_at_once`."""
        inputs_NCHW = _empty(torch.Size((count, *self.input)), memory_format, device)
        last = memory_format == torch.channels_last
        mean, std = (_beside(values, inputs_NCHW, last) for values in (self.mean, self.std))
        at_once = self._at_once(count, device)
        wholes, lines = torch.split(inputs_NCHW, at_once), torch.split(_lines(inputs_NCHW, last), at_once)
        for part_NCHW, scaled_NCHW, rows in zip(parts, wholes, lines, strict=True):
            part_NCHW = (
                part_NCHW.contiguous(memory_format=memory_format) if part_NCHW.dtype == torch.uint8 else part_NCHW
            )
            scaled_NCHW.copy_(part_NCHW)
            rows.div_(255)
            if self.mean:
                rows.sub_(mean)
            if self.std:
                rows.div_(std)
            if self.pixels == "0-255":
                rows.mul_(255)
        return inputs_NCHW


def _empty(shape: torch.Size, memory_format: torch.memory_format, device: torch.device) -> torch.Tensor:
    if device.type != "cpu":
        return torch.empty(shape, device=device, memory_format=memory_format)
    count, channels, height, width = shape
    if memory_format == torch.channels_last:
        return torch.from_numpy(room((count, height, width, channels), np.float32)).permute(0, 3, 1, 2)
    return torch.from_numpy(room(tuple(shape), np.float32))


def _lines(images_NCHW: torch.Tensor, last: bool) -> torch.Tensor:
    """What a step over all pixels goes along fastest: (N, height, width * channels) where channels are last in memory."""
    return images_NCHW.permute(0, 2, 3, 1).flatten(2) if last else images_NCHW


def _joined(parts: Iterable[torch.Tensor]) -> torch.Tensor:
    """All parts, each of which is good until the next is asked for."""
    return torch.cat([part_NCHW.clone() for part_NCHW in parts])


def _beside(values: tuple[float, ...], images_NCHW: torch.Tensor, last: bool) -> torch.Tensor:
    """One value, or one for each channel, as a tensor to subtract: from images, or from rows of channels-last ones."""
    channels, _, width = images_NCHW.shape[1:]
    tensor = torch.tensor(values, device=images_NCHW.device)
    return tensor.expand(channels).repeat(width) if last and values else tensor.view(-1, 1, 1)


def resized(images_NCHW: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images at 0 to 255 of the given height and width: as they are if they have it, else float32, bilinear as Pillow's, which rounds
    to whole numbers besides.
    """
    if tuple(images_NCHW.shape[2:]) == size:
        return images_NCHW
    return F.interpolate(images_NCHW.float(), size=size, mode="bilinear", antialias=True, align_corners=False)


def _windows(
    images_NCHW: torch.Tensor, top_N: torch.Tensor, left_N: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """From each image the window of `size` whose upper left corner is given."""
    device = images_NCHW.device
    count, channels = images_NCHW.shape[:2]
    rows = top_N.to(device)[:, None] + torch.arange(size[0], device=device)
    columns = left_N.to(device)[:, None] + torch.arange(size[1], device=device)
    image = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return images_NCHW[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _random_windows(images_NCHW: torch.Tensor, size: tuple[int, int], draws: Draws) -> torch.Tensor:
    height, width = images_NCHW.shape[2:]
    top, left = draws.below(height - size[0] + 1), draws.below(width - size[1] + 1)
    return _windows(images_NCHW, top, left, size)


def _shifted(images_NCHW: torch.Tensor, draws: Draws) -> torch.Tensor:
    height, width = images_NCHW.shape[2:]
    up, side = max(1, height // 8), max(1, width // 8)
    return _random_windows(F.pad(images_NCHW, (side, side, up, up)), (height, width), draws)


def _centre(images_NCHW: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    top, left = ((have - want) // 2 for have, want in zip(images_NCHW.shape[2:], size, strict=True))
    return images_NCHW[:, :, top : top + size[0], left : left + size[1]]


def _mirrored(parts: Iterable[torch.Tensor], draws: Draws, at_once: int) -> Iterator[torch.Tensor]:
    swap = draws.uniform(1)[0] < 0.5
    return (_swapped(part_NCHW, swap_N) for part_NCHW, swap_N in zip(parts, torch.split(swap, at_once), strict=True))


def _swapped(images_NCHW: torch.Tensor, swap_N: torch.Tensor) -> torch.Tensor:
    if images_NCHW.device.type != "cpu":
        return torch.where(swap_N.to(images_NCHW.device)[:, None, None, None], images_NCHW.flip(3), images_NCHW)
    if len(images_NCHW) == 1:
        return images_NCHW.flip(3) if swap_N.item() else images_NCHW
    swapped_NCHW = images_NCHW.clone()
    for i in swap_N.nonzero()[:, 0].tolist():  # a mask over channels-last images is forty times slower
        swapped_NCHW[i] = swapped_NCHW[i].flip(2)
    return swapped_NCHW


def _random_resized(
    images_NCHW: torch.Tensor, size: tuple[int, int], draws: Draws, at_once: int
) -> Iterable[torch.Tensor]:
    """Windows as in "Going Deeper with Convolutions" (Szegedy et al. 2014, section 6), scaled as Pillow does, by parts of the batch.

    Their edges lie between pixels and their values are whole levels where the images' are, as with Pillow's crop and resize.
    """
    height, width = images_NCHW.shape[2:]
    area, proportion, x, y = draws.uniform(4)
    area = 0.08 + 0.92 * area
    proportion = torch.exp(np.log(3 / 4) + proportion * (np.log(4 / 3) - np.log(3 / 4)))
    pixels = area * (height * width)
    wide = (pixels * proportion).sqrt().round().clamp(1, width)
    high = (pixels / proportion).sqrt().round().clamp(1, height)
    left, top = ((x * (width - wide + 1)).floor(), (y * (height - high + 1)).floor())
    if images_NCHW.device.type != "cpu" or images_NCHW.dtype != torch.uint8:
        return torch.split(_windows_resized(images_NCHW, top, high, left, wide, size), at_once)
    windows = torch.stack([top, high, left, wide], dim=1).int().tolist()
    # PyTorch 2.13 refuses whole images whose channels come first.
    images_NCHW = images_NCHW.contiguous(memory_format=torch.channels_last)
    return _bytes_resized(images_NCHW, windows, size, at_once)


def _bytes_resized(
    images_NCHW: torch.Tensor, windows: list[list[int]], size: tuple[int, int], at_once: int
) -> Iterator[torch.Tensor]:
    """The window (top, height, left, width) of each image, scaled; of every part in the same memory, which the cache holds."""
    count, channels = images_NCHW.shape[:2]
    shape = (min(at_once, count), channels, *size)
    made_NCHW = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
    made, images = torch.split(made_NCHW, 1), torch.split(images_NCHW, 1)
    for start in range(0, count, at_once):
        part = slice(start, start + at_once)
        for image_1CHW, (top, high, left, wide), into_1CHW in zip(images[part], windows[part], made, strict=False):
            resize_bytes(image_1CHW.narrow(2, top, high).narrow(3, left, wide), into_1CHW)
        yield made_NCHW[: len(windows[part])]


def _windows_resized(
    images_NCHW: torch.Tensor,
    top_N: torch.Tensor,
    high_N: torch.Tensor,
    left_N: torch.Tensor,
    wide_N: torch.Tensor,
    size: tuple[int, int],
) -> torch.Tensor:
    """A window of each image scaled to `size`, as two products of matrices, which every device can do for a batch at once."""
    height, width = images_NCHW.shape[2:]
    rows_NIH = _weights(top_N, high_N, height, size[0]).to(images_NCHW.device)
    columns_NJW = _weights(left_N, wide_N, width, size[1]).to(images_NCHW.device)
    resized_NCHW = rows_NIH[:, None] @ images_NCHW.float() @ columns_NJW[:, None].mT
    return resized_NCHW.round().clamp(0, 255).byte() if images_NCHW.dtype == torch.uint8 else resized_NCHW


def _weights(start_N: torch.Tensor, length_N: torch.Tensor, have: int, want: int) -> torch.Tensor:
    """What each of `have` pixels weighs in each of `want` made from a window: Pillow's bilinear filter, (N, want, have)."""
    scale_N11 = (length_N / want)[:, None, None]
    start_N11 = start_N[:, None, None]
    place = torch.arange(have)
    centre_NI1 = start_N11 + (torch.arange(want)[:, None] + 0.5) * scale_N11
    weights_NIH = (1 - (place + 0.5 - centre_NI1).abs() / scale_N11.clamp(min=1)).clamp(min=0)
    weights_NIH = weights_NIH * ((place >= start_N11) & (place < start_N11 + length_N[:, None, None]))
    return weights_NIH / weights_NIH.sum(dim=2, keepdim=True)


def _turned(pixels_NCHW: torch.Tensor, draws: Draws) -> torch.Tensor:
    count = len(pixels_NCHW)
    angle, scale = draws.uniform(2) * 2 - 1
    angle, scale = angle * MOST_TURN, 1 + scale * MOST_SCALE
    cosine, sine, zero = angle.cos() / scale, angle.sin() / scale, torch.zeros(count)
    affine = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1).view(count, 2, 3)
    grid = F.affine_grid(affine.to(pixels_NCHW.device), list(pixels_NCHW.shape), align_corners=False)
    return F.grid_sample(pixels_NCHW.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
