"""From a picture to uint8 pixels of the shape that is wanted."""

import numpy as np
import torch
from PIL import Image, ImageOps

from alexlab.data.input.decode import MOST_PIXELS, ImageError, Pixels, as_mode


def fit(image: Image.Image | Pixels, into: Pixels, how: str, name: str = "") -> None:
    """Write pixels made from `image` to `into`, bilinear: as Pillow has it, within one level of 255.

    Args:
        image: a picture, or RGB pixels of shape (height, width, 3).
        into: of the shape (height, width, channels) that is wanted, 1 channel (grey, ITU-R 601 luma) or 3 (RGB).
        how: "stretch" ignores the proportions; "crop" scales the image to cover the size and takes the centre; "pad" scales it to
            fit inside and fills with 0; "frame" does so in the middle seven eighths of each side, as MNIST's 28x28 lie in LeNet's 32x32 of
            1998; "shorter-side" scales it as torchvision does, and takes the centre: see `_centre_of_scaled`.
        name: what an error calls the image.

    Raises:
        ImageError: with "shorter-side", it is so long that it would be too large when scaled.
    """
    height, width, channels = into.shape
    if how == "frame":
        (top, high), (left, wide) = framed(height), framed(width)
        into[:] = 0
        fit(image, into[top : top + high, left : left + wide], "pad", name)
        return
    if how == "shorter-side":
        picture = as_mode(Image.fromarray(image) if isinstance(image, np.ndarray) else image, channels)
        into[:] = np.asarray(_centre_of_scaled(picture, (height, width), name)).reshape(into.shape)
        return
    if channels == 3:
        _fit_rgb(image if isinstance(image, np.ndarray) else np.asarray(as_mode(image, 3)), into, how)
        return
    grey = as_mode(Image.fromarray(image) if isinstance(image, np.ndarray) else image, 1)
    into[:, :, 0] = np.asarray(grey if grey.size == (width, height) else _fitted(grey, (height, width), how))


def framed(side: int) -> tuple[int, int]:
    """Return where the picture begins within a frame of `side` pixels, and how many it has: 2 and 28 of 32."""
    inside = max(1, side * 7 // 8)
    return (side - inside) // 2, inside


def _fit_rgb(pixels: Pixels, into: Pixels, how: str) -> None:
    (have_height, have_width), (height, width) = pixels.shape[:2], into.shape[:2]
    if pixels.shape == into.shape:
        into[:] = pixels
    elif how == "stretch" or have_height * width == have_width * height:
        whole = torch.from_numpy(_writable(pixels)).permute(2, 0, 1)[None]
        if into.flags.c_contiguous:
            resize_bytes(whole, torch.from_numpy(into).permute(2, 0, 1)[None])
        else:  # a window of a larger image
            within = np.empty(into.shape, np.uint8)
            resize_bytes(whole, torch.from_numpy(within).permute(2, 0, 1)[None])
            into[:] = within
    else:  # at the edges of a window Pillow's filter looks beyond it, PyTorch's does not
        into[:] = np.asarray(_fitted(Image.fromarray(pixels), (height, width), how))


def _fitted(image: Image.Image, size: tuple[int, int], how: str) -> Image.Image:
    if how == "stretch":
        return image.resize(size[::-1], Image.Resampling.BILINEAR)
    fitted = ImageOps.fit if how == "crop" else ImageOps.pad
    return fitted(image, size[::-1], Image.Resampling.BILINEAR)


def _centre_of_scaled(image: Image.Image, size: tuple[int, int], name: str) -> Image.Image:
    """Scale the shorter side to that of `size`, a square, and cut out the centre, bit for bit as torchvision does.

    Source: torchvision, transforms/functional.py: `_compute_resized_image_output_size` and `center_crop`. The longer side is cut down to
    whole pixels, and the window's offset rounded, halves to the even. A smaller centre that is cut out of this one begins where
    torchvision's would, if it is smaller by a multiple of 4.
    """
    side, (width, height) = size[0], image.size
    shorter, longer = min(width, height), int(side * max(width, height) / min(width, height))
    if side * longer > MOST_PIXELS:
        raise ImageError(
            f"{name}: {width}x{height}; with a shorter side of {side} it would have {side * longer:,} pixels, and {MOST_PIXELS:,} are "
            "the most. Cut it."
        )
    scaled = (side, longer) if width == shorter else (longer, side)
    if image.size != scaled:
        image = image.resize(scaled, Image.Resampling.BILINEAR)
    left, top = (round((have - side) / 2) for have in scaled)
    return image.crop((left, top, left + side, top + side))


def resize_bytes(images_NCHW: torch.Tensor, into_NCHW: torch.Tensor) -> None:
    """Scale uint8 images on the CPU to the size of `into_NCHW`, bilinear with Pillow's filter and fixed-point arithmetic.

    Where channels are last it is six times as fast as Pillow, and each value within one of Pillow's.
    """
    size = list(into_NCHW.shape[2:])
    torch.ops.aten._upsample_bilinear2d_aa.out(images_NCHW, size, False, None, None, out=into_NCHW)


def _writable(pixels: Pixels) -> Pixels:
    return pixels if pixels.flags.writeable else pixels.copy()
