"""What is usual among a run's training images, and whether another image lies far from it.

A network answers with confidence whatever it is shown. Dark digits on white paper, given to one that has seen light digits on black,
are the usual case. What is measured is little and cheap: levels, contrast, colour, size. What lies outside by half the width of
what 99 % of the training images have is far; `benchmarks/far.py` counts how many images of the same kind are called so.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexlab.data.images import FileImages, Images, Split
from alexlab.data.input.decode import FORMATS, Pixels
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.errors import UserError

MOST_IMAGES = 2000  # measured, evenly spaced; a quarter of them where each has to be decoded for it
MOST_SIZES = 200  # read from files
PERCENTILES = (0.5, 99.5)
BEYOND = 0.5  # of the width between them
NARROWEST = {"mean level": 8.0, "contrast": 8.0, "level at the edge": 8.0, "colour": 8.0, "proportions": 0.5}
"""What is measured of an image at 0 to 255, and the least width that is taken for usual."""
FEW = 0.05  # of the images of a set: less is chance
SMALLER = 2  # times, than the smallest that is usual, and than what the network sees
BATCH = 256

Range = tuple[float, float]
Size = tuple[int, int]
"""Width and height."""


def measures(images_NHWC: Pixels) -> dict[str, NDArray[np.float64]]:
    """Return what is measured of stored images: of each its mean level, contrast, level at the edge, and colour where it can have any."""
    levels_NHWC = images_NHWC.astype(np.float32)
    grey_NHW = levels_NHWC.mean(axis=3)
    height, width = grey_NHW.shape[1:]
    frame = max(1, min(height, width) // 8)
    edge_HW = np.ones((height, width), bool)
    edge_HW[frame : height - frame, frame : width - frame] = False
    found = {
        "mean level": grey_NHW.mean(axis=(1, 2)),
        "contrast": grey_NHW.std(axis=(1, 2)),
        "level at the edge": grey_NHW[:, edge_HW].mean(axis=1),
    }
    if levels_NHWC.shape[3] == 3:
        found["colour"] = (levels_NHWC.max(axis=3) - levels_NHWC.min(axis=3)).mean(axis=(1, 2))
    return {name: values.astype(np.float64) for name, values in found.items()}


@dataclass(frozen=True)
class Usual:
    """Between which values 99 % of the training images lie, by what is measured.

    Beside `measures` these are the proportions, longer side by shorter, and the shorter side in pixels.
    """

    ranges: Mapping[str, Range]

    def notes(self, images_NHWC: Pixels, sizes: Sequence[Size | None], transform: Transform) -> list[str | None]:
        """Return for each stored image, whose picture had this size, what `far` says of it."""
        found = measures(images_NHWC)
        seen = min(transform.input[1:])
        rows = [{name: float(values[i]) for name, values in found.items()} for i in range(len(images_NHWC))]
        return [self.far(row, size, seen) for row, size in zip(rows, sizes, strict=True)]

    def far(self, found: Mapping[str, float], size: Size | None, seen: int) -> str | None:
        """Return a clause that says how an image lies far from what is usual; None where it does not.

        Args:
            found: its `measures`.
            size: of the picture as it was.
            seen: the shorter side of what the network sees.
        """
        mine = dict(found)
        if size:
            mine["proportions"] = max(size) / max(1, min(size))
        said = [
            f"{name} {value:.3g}, usual {low:.3g} to {high:.3g}"
            for name, value in mine.items()
            if self._beyond(name, value)
            for low, high in (self.ranges[name],)
        ]
        if size and "side" in self.ranges and min(size) * SMALLER < min(self.ranges["side"][0], seen):
            said.append(f"{size[0]}x{size[1]} pixels, usual at least {self.ranges['side'][0]:.0f} on the shorter side")
        if not said:
            return None
        inverted = (
            " It looks inverted: --invert, or invert=True in Python, exchanges dark and light."
            if self._is_inverted(found)
            else ""
        )
        return f"lies far from what the run was trained on ({'; '.join(said)}).{inverted}"

    def _is_inverted(self, found: Mapping[str, float]) -> bool:
        """Whether the inverse lies nearer by half at least."""
        inverse = {name: 255 - value if "level" in name else value for name, value in found.items()}
        here, there = (sum(self._beyond(name, value) for name, value in each.items()) for each in (found, inverse))
        return here > 0 and there <= here / 2

    def _beyond(self, name: str, value: float) -> float:
        """How far a value lies outside, in widths of what is usual."""
        if name not in self.ranges:
            return 0.0
        low, high = self.ranges[name]
        width = max(high - low, NARROWEST[name])
        return max(0.0, low - value - BEYOND * width, value - high - BEYOND * width) / width


def usual_among(store: Store, images: Images) -> dict[str, Range] | None:
    """Return the `ranges` of training images and of their files; None of those that would have to be fetched for it."""
    if store.shards is not None or not len(store):
        return None
    count = min(len(store), MOST_IMAGES if store.in_memory else MOST_IMAGES // 4)
    found = measured(store, np.arange(count) * len(store) // count)
    sizes = np.array(_sizes(images), np.float64).reshape(-1, 2)
    if len(sizes):
        found["proportions"] = sizes.max(axis=1) / sizes.min(axis=1)
        found["side"] = sizes.min(axis=1)
    ranges = {name: np.percentile(values, PERCENTILES).tolist() for name, values in found.items()}
    return {name: (round(low, 4), round(high, 4)) for name, (low, high) in ranges.items()}


def far_among(split: Split, usual: Usual | None, transform: Transform) -> str | None:
    """Return a sentence where more than FEW of a split's images lie far from what is usual; None where they do not, or nobody knows."""
    if usual is None or not len(split):
        return None
    store = Store(split, transform, budget=0, disk=0)
    count = min(len(store), MOST_IMAGES // 4)
    found = measured(store, np.arange(count) * len(store) // count)
    rows = ({name: float(values[i]) for name, values in found.items()} for i in range(count))
    said = [text for row in rows if (text := usual.far(row, None, 0))]
    if len(said) <= FEW * count:
        return None
    return f"{len(said):,} of {count:,} images looked at lie far from what the run was trained on; the first {said[0]}"


def measured(store: Store, indices: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return the `measures` of these images of a store."""
    parts = [measures(images.permute(0, 2, 3, 1).numpy()) for images, _ in store.batches(indices, BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def size_of(image: Any) -> Size | None:
    """Return the size of a picture, or of the one in the content of a file; None where it cannot be told."""
    if isinstance(image, Image.Image):
        return image.size
    try:
        return Image.open(io.BytesIO(image), formats=FORMATS).size
    except Exception:  # said when it is decoded
        return None


def _sizes(images: Images) -> Sequence[Size]:
    if images.shape is not None:
        return [images.shape[:0:-1]]
    if not isinstance(images, FileImages):
        return []
    count = min(len(images.names), MOST_SIZES)
    found = []
    for index in (np.arange(count) * len(images.names) // count).tolist():
        try:
            found.append(size_of(images.read(index)))
        except UserError:
            continue  # said when it is decoded
    return [size for size in found if size and min(size)]
