"""The one path from an image to a network's input, shared by training, evaluation, prediction and serving.

picture -> uint8 pixels of the store size          (once an image, on the CPU: `stored`)
        -> a batch on the device
        -> augmented (in training only), brought to the input's size, normalised          (`Preparation.__call__`)
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from alexlab.data.colour import PixelStatistics, noise_as_it_ran, noise_as_written
from alexlab.data.decode import Pixels, fit
from alexlab.data.images import Shape
from alexlab.data.views import views
from alexlab.errors import UserError

AUGMENTATIONS = {
    "mirror": "left and right swapped, for half of the images",
    "colour": "shifted along the training set's principal colours, as in 2012: by their standard deviations, then divided by 1.1",
    "colour-as-written": "the same by the eigenvalues, as the paper writes",
    "shift": "moved by up to an eighth of the side each way; what moves in is 0",
    "turn": "turned by up to 15 degrees and scaled by up to 15 %; what moves in is 0",
    "crop": "a random window of the input's size from the stored image",
    "random-resized-crop": "a window of 8 to 100 % of the area and proportions 3/4 to 4/3, scaled to the input's size",
}
MOST_TURN, MOST_SCALE = np.pi / 12, 0.15


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

    def stored(self, picture: Image.Image) -> Pixels:
        """The picture as uint8 of shape `store`."""
        return fit(picture, self.store[0], self.store[1:], self.fit)

    def __call__(self, images_NCHW: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """The network's input, float32 of shape (N, *input), from stored images, uint8 of shape (N, *store).

        With a `generator` (on the CPU, whatever the device, so that every device draws the same) the images are augmented.
        """
        augment = self.augment if generator is not None else ()
        size = self.input[1:]
        images_NCHW = self._centred(images_NCHW)
        if "shift" in augment:
            images_NCHW = _shifted(images_NCHW, generator)
        if "crop" in augment:
            images_NCHW = _random_windows(images_NCHW, size, generator)
        if "random-resized-crop" in augment:
            images_NCHW = _random_resized(images_NCHW, size, generator)
        elif self.view == "centre":
            images_NCHW = _centre(images_NCHW, size)
        if "mirror" in augment:
            images_NCHW = _mirrored(images_NCHW, generator)
        pixels_NCHW = resized(images_NCHW, size)
        if "turn" in augment:
            pixels_NCHW = _turned(pixels_NCHW, generator)
        if self.statistics and ("colour" in augment or "colour-as-written" in augment):
            normal_NC = torch.randn(len(pixels_NCHW), self.input[0], generator=generator)
            noise = noise_as_it_ran if "colour" in augment else noise_as_written
            pixels_NCHW = noise(pixels_NCHW, self.statistics, normal_NC)
        return self._normalised(pixels_NCHW)

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
        seen_NVCHW = views(self._centred(images_NCHW), self.input[1:], count).float()
        return self._normalised(seen_NVCHW.flatten(0, 1)).view(seen_NVCHW.shape)

    def _centred(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Stored images, minus the mean image where the recipe wants that."""
        if self.statistics is None or not self.subtract_mean_image:
            return images_NCHW
        return images_NCHW.float() - self.statistics.mean_image_CHW.to(images_NCHW.device, torch.float32)

    def _normalised(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
        scaled = pixels_NCHW / 255
        if self.mean:
            scaled -= torch.tensor(self.mean, device=scaled.device).view(-1, 1, 1)
        if self.std:
            scaled /= torch.tensor(self.std, device=scaled.device).view(-1, 1, 1)
        return scaled * 255 if self.pixels == "0-255" else scaled


def resized(images_NCHW: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images at 0 to 255, float32 of the given height and width: bilinear as Pillow's, which rounds to whole numbers besides."""
    images_NCHW = images_NCHW.float()
    if tuple(images_NCHW.shape[2:]) == size:
        return images_NCHW
    return F.interpolate(images_NCHW, size=size, mode="bilinear", antialias=True, align_corners=False)


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


def _random_windows(
    images_NCHW: torch.Tensor, size: tuple[int, int], generator: torch.Generator | None
) -> torch.Tensor:
    count, _, height, width = images_NCHW.shape
    top = torch.randint(height - size[0] + 1, (count,), generator=generator)
    left = torch.randint(width - size[1] + 1, (count,), generator=generator)
    return _windows(images_NCHW, top, left, size)


def _shifted(images_NCHW: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    height, width = images_NCHW.shape[2:]
    up, side = max(1, height // 8), max(1, width // 8)
    return _random_windows(F.pad(images_NCHW, (side, side, up, up)), (height, width), generator)


def _centre(images_NCHW: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    top, left = ((have - want) // 2 for have, want in zip(images_NCHW.shape[2:], size, strict=True))
    return images_NCHW[:, :, top : top + size[0], left : left + size[1]]


def _mirrored(images_NCHW: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    swap = torch.rand(len(images_NCHW), generator=generator) < 0.5
    return torch.where(swap.to(images_NCHW.device)[:, None, None, None], images_NCHW.flip(3), images_NCHW)


def _random_resized(
    images_NCHW: torch.Tensor, size: tuple[int, int], generator: torch.Generator | None
) -> torch.Tensor:
    """Windows as in "Going Deeper with Convolutions" (Szegedy et al. 2014, section 6), sampled bilinearly."""
    count = len(images_NCHW)
    area, proportion, x, y = torch.rand(4, count, generator=generator)
    area = 0.08 + 0.92 * area
    proportion = torch.exp(np.log(3 / 4) + proportion * (np.log(4 / 3) - np.log(3 / 4)))
    wide, high = (area * proportion).sqrt().clamp(max=1), (area / proportion).sqrt().clamp(max=1)
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1] = wide, high
    affine[:, 0, 2], affine[:, 1, 2] = (2 * x - 1) * (1 - wide), (2 * y - 1) * (1 - high)
    channels = images_NCHW.shape[1]
    grid = F.affine_grid(affine.to(images_NCHW.device), [count, channels, *size], align_corners=False)
    return F.grid_sample(images_NCHW.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _turned(pixels_NCHW: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    count = len(pixels_NCHW)
    angle, scale = torch.rand(2, count, generator=generator) * 2 - 1
    angle, scale = angle * MOST_TURN, 1 + scale * MOST_SCALE
    cosine, sine, zero = angle.cos() / scale, angle.sin() / scale, torch.zeros(count)
    affine = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1).view(count, 2, 3)
    grid = F.affine_grid(affine.to(pixels_NCHW.device), list(pixels_NCHW.shape), align_corners=False)
    return F.grid_sample(pixels_NCHW, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
