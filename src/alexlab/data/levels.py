"""Which values of pixels of more than 8 bits become 0 and 255: decided once for a dataset, on its training images.

Cameras, microscopes and scanners put 10, 12 or 14 bits into files of 16, and floating point has any range. Read as 16 bits, such
pictures are black.
"""

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexlab.data.images import FileImages, Split
from alexlab.data.input.decode import FORMATS, Levels
from alexlab.data.input.signatures import PNG
from alexlab.errors import UserError

MOST_IMAGES = 256  # looked at, evenly spaced
MOST_BYTES = 500_000_000  # of them
PIXELS = 10_000  # of each
JPEG = b"\xff\xd8\xff"  # of 8 bits
BITS = (8, 10, 12, 14, 16)
FLOATS = (1.0, 255.0)
PERCENTILES = (0.1, 99.9)
FILLED = 0.5  # the share of a range that pixels must fill for it to be theirs


@dataclass
class _Seen:
    """What was seen of images that are not JPEGs."""

    images: int = 0
    wide: int = 0
    colours: int = 0  # of 16 bits
    pages: int = 0
    whole: bool = True
    lowest: float = np.inf
    highest: float = -np.inf
    values: list[NDArray[Any]] = field(default_factory=list)


def measured_levels(train: Split) -> tuple[Levels | None, list[str]]:
    """Return the range of the training images of more than 8 bits, None where there are none, and a sentence for what was decided.

    It is that of the least bits that hold every value, where the pixels fill half of it; else what lies between the percentiles
    0.1 and 99.9, so that a few hot pixels do not decide.
    """
    if not isinstance(train.images, FileImages) or train.images.files.remote:
        return None, []
    seen = _look(train.images)
    said = []
    if seen.colours:
        said.append(
            f"{seen.colours:,} of {seen.images:,} training images looked at have 16 bits a channel in colour, of which the upper 8 are "
            "read: where they hold 12, they are dark. Convert them to 8 bits."
        )
    if seen.pages:
        said.append(
            f"{seen.pages:,} of {seen.images:,} training images looked at have several pages: the first alone is read."
        )
    if not seen.values:
        return None, said
    levels, why = _range(np.concatenate(seen.values), seen)
    low, high = levels
    said.insert(
        0,
        f"{seen.wide:,} of {seen.images:,} training images looked at have more than 8 bits: {low:,.6g} to {high:,.6g}, {why}, become "
        f"0 to 255 (--set levels=[{low:.6g},{high:.6g}] says another range).",
    )
    return levels, said


def _look(images: FileImages) -> _Seen:
    seen, read = _Seen(), 0
    count = min(len(images.names), MOST_IMAGES)
    for index in (np.arange(count) * len(images.names) // max(1, count)).tolist():
        try:
            data = images.read(index)
        except UserError:
            continue  # said when it is decoded
        seen.images += 1
        read += len(data)
        if read > MOST_BYTES:
            break
        if not data.startswith(JPEG):
            _look_at(data, seen)
    return seen


def _look_at(data: bytes, seen: _Seen) -> None:
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
            seen.pages += 1
        if image.mode.startswith(("I", "F")):
            pixels = np.asarray(image, dtype=np.float64)
            seen.wide += 1
            _take(pixels[np.isfinite(pixels)], image.mode != "F", seen)
        elif _is_deep(image, data):
            seen.colours += 1
    except Exception:  # said when it is decoded
        return


def _take(pixels: NDArray[Any], whole: bool, seen: _Seen) -> None:
    if pixels.size:
        seen.whole = seen.whole and whole
        seen.lowest, seen.highest = min(seen.lowest, pixels.min()), max(seen.highest, pixels.max())
        seen.values.append(pixels[:: max(1, pixels.size // PIXELS)])


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether a picture in colour has 16 bits a channel, which Pillow brings to 8 by itself."""
    if data.startswith(PNG):
        return data[24] == 16
    bits = getattr(image, "tag_v2", {}).get(258, (8,)) if image.format == "TIFF" else (8,)
    return max(bits) > 8


def _range(values: NDArray[Any], seen: _Seen) -> tuple[Levels, str]:
    low, high = (float(value) for value in np.percentile(values, PERCENTILES))
    tops = {2.0**bits - 1: f"{bits} bits" for bits in BITS} if seen.whole else dict.fromkeys(FLOATS, "floating point")
    fitting = [top for top in tops if seen.highest <= top] if seen.lowest >= 0 else []
    if fitting and high - low >= FILLED * fitting[0]:
        return (0.0, fitting[0]), tops[fitting[0]]
    if high <= low:
        low, high = seen.lowest, seen.highest
    if high <= low:  # all of one value
        return (low, low + 1), "the only value"
    return (low, high), "the percentiles 0.1 and 99.9 of their pixels"
