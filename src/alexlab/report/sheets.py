"""Sheets of images: examples of a dataset before and after the path to the network, and a run's mistakes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from alexlab.data.images import Dataset, Split
from alexlab.data.input.decode import ImageError
from alexlab.data.input.transform import Transform, batch_of
from alexlab.showing import label

EXAMPLES = 5  # of each class on a contact sheet
MOST_CLASSES = 20
MISTAKES = (4, 6)  # rows and columns


def show(axes: Axes, picture: Image.Image | NDArray[np.uint8], caption: str = "", colour: str = "#222222") -> None:
    """Draw one picture, each of its pixels a square. Names in its caption are labels."""
    grey = isinstance(picture, Image.Image) and picture.mode == "L"
    axes.imshow(np.asarray(picture), cmap="gray" if grey else None, vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    if caption:
        axes.set_title(caption, fontsize=7, color=colour, pad=2)


def as_seen(transform: Transform, picture: Image.Image, generator: torch.Generator | None = None) -> Image.Image:
    """Return the picture after the path to the network, with the normalisation undone so that it can be looked at."""
    undone = replace(transform, mean=(), std=(), pixels="0-1", subtract_mean_image=False)
    seen_CHW = undone(batch_of(transform.stored(picture)[None]), generator)[0]
    pixels = (seen_CHW * 255).round().clamp(0, 255).byte().numpy()
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def contact_sheet(dataset: Dataset, transform: Transform | None, seed: int = 0) -> Figure:
    """Examples of each class: as they are, and below them as the network would see them in training."""
    classes = dataset.classes[:MOST_CLASSES]
    both = 2 if transform else 1
    figure = Figure(figsize=(EXAMPLES * 1.15 + 1.3, len(classes) * both * 1.05 + 0.6), layout="constrained")
    grid = figure.subplots(len(classes) * both, EXAMPLES + 1, squeeze=False)
    more = (
        f", the first {MOST_CLASSES} of {len(dataset.classes):,} classes" if len(dataset.classes) > MOST_CLASSES else ""
    )
    figure.suptitle(f"{label(dataset.title, 60)}: {len(dataset.train):,} training images{more}", fontsize=10)
    generator = torch.Generator().manual_seed(seed)
    for number, name in enumerate(classes):
        members = np.flatnonzero(dataset.train.labels == number)
        chosen = members[np.linspace(0, len(members) - 1, min(EXAMPLES, len(members))).round().astype(int)]
        for row in range(both):
            axes = grid[number * both + row]
            for each in axes:
                each.set_axis_off()
            text = f"{label(name)}\n{len(members):,}" if row == 0 else "as the\nnetwork sees it"
            axes[0].text(1, 0.5, text, ha="right", va="center", fontsize=8, color="#222222" if row == 0 else "#777777")
            for place, index in zip(axes[1:], chosen, strict=False):
                picture = _picture(dataset.train, int(index))
                if picture:
                    show(place, as_seen(transform, picture, generator) if row and transform else picture)
    return figure


def _picture(split: Split, index: int) -> Image.Image | None:
    try:
        return split.images.picture(index)
    except ImageError:
        return None


def mistakes(split: Split, wrong: Sequence[tuple[int, str, str, float]], of: int) -> Figure:
    """Return the mistakes of which the network was most certain: pairs of an image and true class, predicted class, probability."""
    rows, columns = MISTAKES
    worst = sorted(wrong, key=lambda each: -each[3])[: rows * columns]
    rows = max(1, -(-len(worst) // columns))
    figure = Figure(figsize=(columns * 1.5, rows * 1.75 + 0.5), layout="constrained")
    figure.suptitle(
        f"Most confident of {len(wrong):,} mistakes on {of:,} images: predicted, probability, (true)", fontsize=10
    )
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places:
        axes.set_axis_off()
    for axes, (index, true, predicted, probability) in zip(places, worst, strict=False):
        picture = _picture(split, index)
        if picture:
            show(axes, picture, f"{label(predicted, 16)} {probability:.2f}\n({label(true)})", "#a4243b")
    return figure
