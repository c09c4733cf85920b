"""An image that Python hands over (a picture, an array, a tensor, a file's content) as `decode` gives it.

What has more than one meaning is refused rather than guessed: a wrong guess is a black picture and a confident answer.
"""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from alexlab.data.input.decode import MOST_PIXELS, ImageError, Levels, eight_bits, scaled
from alexlab.errors import UserError

Given = str | Path | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[Any] | torch.Tensor
"""Whatever is taken for an image: a path; a file's content, or an open file; a picture; an array or a tensor."""

RANGES = (
    "understood are bool, uint8, uint16, whole numbers from 0 to 255, and floating point from 0 to 1 or from 0 to 255 "
    "of shape (H, W), (H, W, C) or (C, H, W) with 1, 2 (grey and alpha), 3 or 4 (RGB and alpha) channels"
)
CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
ONE = 1.001  # what arithmetic leaves of 1
DOUBTFUL = 4  # a largest value between 1 and this might be a bright picture at 0 to 1 or a black one at 0 to 255


def picture_of(given: Given, name: str, levels: Levels | None = None) -> Image.Image | bytes:
    """Return the picture that is given, in mode "L" or "RGB", or the content of the file that holds it.

    Args:
        name: what an error calls it.
        levels: as of `decode`.

    Raises:
        UserError: it is none, or has values whose range is not known; the message says which are.
    """
    if isinstance(given, str | Path):
        return read_content(given)
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    if isinstance(given, Image.Image):
        return _of_pillow(given, name, levels)
    if isinstance(given, torch.Tensor):
        tensor = given.detach().cpu()
        array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        return _of_array(array, f"a tensor of {given.dtype}", True, name, levels)
    if isinstance(given, np.ndarray):
        return _of_array(given, f"an array of {given.dtype}", False, name, levels)
    if hasattr(given, "read"):
        data = given.read()
        if isinstance(data, bytes):
            return data
        raise UserError(f'{name}: the open file gives text; open it as bytes, open(path, "rb").')
    raise UserError(
        f"{name}: found {type(given).__name__}; expected a path, bytes, an open file, a picture of Pillow, an array of NumPy or a "
        "tensor, or a list of them."
    )


def name_of(given: Given) -> str:
    """Return what an error calls the image."""
    return str(given) if isinstance(given, str | Path) else "image"


def read_content(path: str | Path) -> bytes:
    """Return the content of a file. Raises ImageError where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _of_pillow(image: Image.Image, name: str, levels: Levels | None) -> Image.Image:
    if image.width * image.height > MOST_PIXELS:
        raise ImageError(f"{name}: more than {MOST_PIXELS:,} pixels, as a decompression bomb has; refused.")
    try:
        return eight_bits(image, name, levels)
    except ImageError:
        raise
    except Exception as error:  # as of `decode`
        raise ImageError(f"{name}: a picture in mode {image.mode} that Pillow cannot convert ({error}).") from error


def _of_array(array: NDArray[Any], what: str, first: bool, name: str, levels: Levels | None) -> Image.Image:
    """Return the picture; `first` says that channels come first where both would do, as of tensors."""
    shape = tuple(array.shape)
    found = f"{name}: {what} and shape {shape}"
    if array.ndim == 4:
        raise UserError(f"{found} is no picture but several; give one of them, or all as a list: list(images).")
    if array.ndim not in (2, 3) or 0 in shape:
        raise UserError(f"{found} is no picture; {RANGES}.")
    if array.ndim == 3:
        places = [place for place in ((0, 2) if first else (2, 0)) if shape[place] in CHANNELS]
        if not places:
            raise UserError(f"{found} is no picture; {RANGES}.")
        array = np.moveaxis(array, places[0], 2)
    if array.shape[0] * array.shape[1] > MOST_PIXELS:
        raise UserError(f"{found} has more than {MOST_PIXELS:,} pixels; make it smaller.")
    wide = array.ndim == 2 or array.shape[2] == 1
    pixels = _in_eight_bits(array, found, levels if wide else None)
    mode = CHANNELS[pixels.shape[2]] if pixels.ndim == 3 else "L"
    squeezed = pixels[:, :, 0] if mode == "L" and pixels.ndim == 3 else pixels
    return eight_bits(Image.fromarray(np.ascontiguousarray(squeezed)), name)


def _in_eight_bits(array: NDArray[Any], found: str, levels: Levels | None) -> NDArray[np.uint8]:
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return array
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind not in "uif":
        raise UserError(f"{found} holds no numbers of a picture; {RANGES}.")
    if levels is not None:  # what was trained had such pixels, and their range is its own
        return scaled(array.astype(np.float64), levels)
    if array.dtype == np.uint16:
        return scaled(array.astype(np.float64), (0, 65535))
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{found} holds values that are no finite numbers; {RANGES}.")
    said = f"{found} has values from {low:.4g} to {high:.4g}"
    if low < 0 or high > 255:
        normalised = " The run normalises by itself: give the picture as it was before." if low < 0 else ""
        raise UserError(f"{said}; {RANGES}.{normalised}")
    if kind in "ui":
        return array.astype(np.uint8)
    if high <= ONE:
        return scaled(array.astype(np.float64), (0, 1))
    if high < DOUBTFUL and bool((array != np.floor(array)).any()):
        raise UserError(
            f"{said}: hardly more than 1, which is neither 0 to 1 nor likely 0 to 255. Clip it, or scale it."
        )
    return scaled(array.astype(np.float64), (0, 255))
