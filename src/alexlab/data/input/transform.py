"""The one path from an image to a network's input, shared by training, evaluation, prediction and serving.

picture -> uint8 pixels of the store size          (once an image, on the CPU: `stored`)
        -> a batch on the device
        -> augmented (in training only), brought to the input's size, normalised          (`Transform.__call__`)
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from alexlab.data.input.buffers import buffer
from alexlab.data.input.colour import PixelStatistics, noise_as_it_ran, noise_as_written
from alexlab.data.input.decode import Levels, Pixels, decode_rgb, decoded, inverse
from alexlab.data.input.draws import Draws, Part
from alexlab.data.input.fitting import fit
from alexlab.data.input.to_input import compiled, to_input
from alexlab.data.input.views import views
from alexlab.errors import UserError
from alexlab.shape import Shape

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
class Transform:
    """What is done to every image. Everything here is part of a recipe and stored in the run.

    Attributes:
        store: channels, height, width of the stored uint8 image.
        fit: how a picture of another shape is brought to `store`: "stretch", "crop", "pad", "frame" or "shorter-side".
        input: channels, height, width of the network's input.
        view: how a stored image becomes the input where it is not augmented: "resize" scales all of it, "centre" cuts out its centre.
        pixels: the scale of the input: "0-1" or "0-255".
        statistics: mean image and principal colours of the training set, where the recipe wants them.
        subtract_mean_image: whether the mean image is subtracted.
        mean, std: subtracted from and divided into pixels at 0 to 1, by channel; none where empty.
        augment: names of AUGMENTATIONS, used in training.
        inverted: whether dark and light are exchanged first; of a picture that is inverted beside what was trained on.
        levels: which values become 0 and 255 in images of more than 8 bits; None for those of 16 bits.
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
    levels: Levels | None = None
    inverted: bool = False

    def stored(self, picture: Image.Image | Pixels | bytes, name: str = "", into: Pixels | None = None) -> Pixels:
        """Return what is stored of an image, uint8 of shape (height, width, channels).

        Args:
            picture: a picture, RGB pixels of shape (height, width, 3), or the content of an image file.
            name: what an error calls the file.
            into: what it is written to and returned; by default a new array.

        Raises:
            ImageError: `name` and what is wrong with it.
        """
        channels, height, width = self.store
        row = np.empty((height, width, channels), np.uint8) if into is None else into
        if isinstance(picture, bytes):
            rgb = channels == 3
            picture = decode_rgb(picture, name, row, self.levels) if rgb else decoded(picture, name, None, self.levels)
        if self.inverted:
            picture = np.subtract(255, picture, dtype=np.uint8) if isinstance(picture, np.ndarray) else inverse(picture)
        if picture is not row:
            fit(picture, row, self.fit, name)
        return row

    def __call__(
        self,
        images_NCHW: torch.Tensor,
        generator: torch.Generator | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
        part: Part | None = None,
    ) -> torch.Tensor:
        """Return the network's input, float32 of shape (N, *input), from stored images, uint8 of shape (N, *store).

        With a `generator` (on the CPU, whatever the device, so that every device draws the same) the images are augmented; where they
        are a `part` of a batch, as they would be in the whole of it.
        """
        augment = self.augment if generator is not None else ()
        draws = Draws(generator, len(images_NCHW), part) if generator is not None else None
        size = self.input[1:]
        if not len(images_NCHW):  # a part may be empty, which some of what follows does not take
            return _empty(torch.Size((0, *self.input)), memory_format, images_NCHW.device)
        images_NCHW = self._centred(images_NCHW)
        if draws and "shift" in augment:
            images_NCHW = _shifted(images_NCHW, draws)
        if draws and "crop" in augment:
            images_NCHW = _random_windows(images_NCHW, size, draws)
        windows_N4 = None
        if draws and "random-resized-crop" in augment:
            windows_N4 = windows_of(draws, (images_NCHW.shape[2], images_NCHW.shape[3]))
        elif self.view == "centre":
            images_NCHW = _centre(images_NCHW, size)
        mirrored_N = draws.uniform(1)[0] < 0.5 if draws and "mirror" in augment else None
        if draws and {"turn", "colour", "colour-as-written"} & set(augment):
            images_NCHW = self._filled(images_NCHW, windows_N4, mirrored_N, torch.contiguous_format, normalised=False)
            windows_N4, mirrored_N = None, None
            if "turn" in augment:
                images_NCHW = _turned(images_NCHW, draws)
            if self.statistics and ("colour" in augment or "colour-as-written" in augment):
                noise = noise_as_it_ran if "colour" in augment else noise_as_written
                images_NCHW = noise(images_NCHW, self.statistics, draws.normal(self.input[0]))
        return self._filled(images_NCHW, windows_N4, mirrored_N, memory_format)

    def views(self, images_NCHW: torch.Tensor, count: int) -> torch.Tensor:
        """`count` views of each stored image as the network's input: (N, count, *input). See `data.input.views`.

        Raises:
            UserError: the stored images are no larger than the input.
        """
        if count > 1 and self.store[1:] == self.input[1:]:
            size = f"{self.input[1]}x{self.input[2]}"
            raise UserError(
                f"{count} views of {size} images at {size} are all the same; a recipe with a larger store has more to see."
            )
        seen_NVCHW = views(self._centred(images_NCHW), self.input[1:], count)
        inputs_NCHW = self._filled(seen_NVCHW.flatten(0, 1), None, None, torch.contiguous_format)
        return inputs_NCHW.view(seen_NVCHW.shape)

    def _at_once(self, count: int, device: torch.device) -> int:
        """How many images of a batch to take at a time: on a CPU what stays in a core's cache from one step to the next."""
        return max(1, IN_CACHE // prod(self.input) if device.type == "cpu" else count)

    def _centred(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Return stored images, minus the mean image where the recipe wants that."""
        if self.statistics is None or not self.subtract_mean_image:
            return images_NCHW
        return images_NCHW.float() - self.statistics.mean_image_CHW.to(images_NCHW.device, torch.float32)

    def _filled(
        self,
        images_NCHW: torch.Tensor,
        windows_N4: torch.Tensor | None,
        mirrored_N: torch.Tensor | None,
        memory_format: torch.memory_format,
        normalised: bool = True,
    ) -> torch.Tensor:
        """Return the network's input, float32: windows of the images, mirrored, at the input's size, `normalised` as the recipe says."""
        device, size, count = images_NCHW.device, self.input[1:], len(images_NCHW)
        inputs_NCHW = _empty(torch.Size((count, *self.input)), memory_format, device)
        windows: list[list[int]] = []
        if windows_N4 is not None and device.type == "cpu" and images_NCHW.dtype == torch.uint8:
            windows = windows_N4.tolist()
            # PyTorch 2.13 refuses windows that are whole images whose channels come first.
            images_NCHW = images_NCHW.contiguous(memory_format=torch.channels_last)
        elif windows_N4 is not None:
            images_NCHW = _windows_resized(images_NCHW, windows_N4, size)
        mirrored: list[bool] = []
        if mirrored_N is not None and device.type == "cpu":
            mirrored = mirrored_N.tolist()
        elif mirrored_N is not None:
            swap_N111 = mirrored_N.to(device)[:, None, None, None]
            images_NCHW = torch.where(swap_N111, images_NCHW.flip(3), images_NCHW)
        last = memory_format == torch.channels_last
        mean, std = (
            _beside(values, inputs_NCHW, last) if values and normalised else None for values in (self.mean, self.std)
        )
        back = normalised and self.pixels == "0-255"
        fill = compiled() if device.type == "cpu" else to_input
        at_once = self._at_once(count, device)
        return fill(
            images_NCHW,
            windows,
            mirrored,
            at_once,
            inputs_NCHW,
            last=last,
            scale=normalised,
            mean=mean,
            std=std,
            back=back,
        )


def batch_of(rows_NHWC: Pixels) -> torch.Tensor:
    """Return stored images as a batch, uint8 of shape (N, channels, height, width), whose channels stay last in memory."""
    return torch.from_numpy(rows_NHWC).permute(0, 3, 1, 2)


def _empty(shape: torch.Size, memory_format: torch.memory_format, device: torch.device) -> torch.Tensor:
    if device.type != "cpu":
        return torch.empty(shape, device=device, memory_format=memory_format)
    count, channels, height, width = shape
    if memory_format == torch.channels_last:
        return torch.from_numpy(buffer((count, height, width, channels), np.float32)).permute(0, 3, 1, 2)
    return torch.from_numpy(buffer(tuple(shape), np.float32))


def _beside(values: tuple[float, ...], images_NCHW: torch.Tensor, last: bool) -> torch.Tensor:
    """One value, or one for each channel, as a tensor to subtract: from images, or from rows of channels-last ones."""
    channels, _, width = images_NCHW.shape[1:]
    tensor = torch.tensor(values, device=images_NCHW.device)
    return tensor.expand(channels).repeat(width) if last else tensor.view(-1, 1, 1)


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


def windows_of(draws: Draws, size: tuple[int, int]) -> torch.Tensor:
    """Windows of images of this height and width as in "Going Deeper with Convolutions" (Szegedy et al. 2014, section 6).

    Returns:
        Top, height, left, width of each, int64 (N, 4): edges lie between pixels.
    """
    height, width = size
    area, proportion, x, y = draws.uniform(4)
    area = 0.08 + 0.92 * area
    proportion = torch.exp(np.log(3 / 4) + proportion * (np.log(4 / 3) - np.log(3 / 4)))
    pixels = area * (height * width)
    wide = (pixels * proportion).sqrt().round().clamp(1, width)
    high = (pixels / proportion).sqrt().round().clamp(1, height)
    left, top = ((x * (width - wide + 1)).floor(), (y * (height - high + 1)).floor())
    return torch.stack([top, high, left, wide], dim=1).long()


def _windows_resized(images_NCHW: torch.Tensor, windows_N4: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return a window of each image scaled to `size`, as two products of matrices, which every device can do for a batch at once.

    Values are whole levels where the images' are, as with Pillow's crop and resize.
    """
    height, width = images_NCHW.shape[2:]
    top_N, high_N, left_N, wide_N = windows_N4.float().unbind(dim=1)
    rows_NIH = _weights(top_N, high_N, height, size[0]).to(images_NCHW.device)
    columns_NJW = _weights(left_N, wide_N, width, size[1]).to(images_NCHW.device)
    resized_NCHW = rows_NIH[:, None] @ images_NCHW.float() @ columns_NJW[:, None].mT
    return resized_NCHW.round().clamp(0, 255).byte() if images_NCHW.dtype == torch.uint8 else resized_NCHW


def _weights(start_N: torch.Tensor, length_N: torch.Tensor, have: int, want: int) -> torch.Tensor:
    """Return what each of `have` pixels weighs in each of `want` made from a window: Pillow's bilinear filter, (N, want, have)."""
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
