"""Drawings of a network's inside: the filter sheet, bars of the first answers, alike images, feature maps."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from alexlab.report.sheets import show
from alexlab.showing import label

COLUMNS = 16  # of the filter sheet and of feature maps: two towers of 48 filters fill three rows each
MOST_MAPS = 128
RIGHT, WRONG, GREY = "#d1495b", "#2a6f97", "#bbbbbb"


def filter_sheet(filters_FCHW: torch.Tensor, title: str) -> Figure:
    """Each filter scaled by its own largest weight; a weight of 0 is mid grey."""
    largest = filters_FCHW.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    scaled = 0.5 + 0.5 * filters_FCHW / largest
    if scaled.shape[1] not in (1, 3):
        scaled = scaled.mean(dim=1, keepdim=True)
    pixels = (scaled * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return _mosaic([tile if tile.shape[2] == 3 else tile[..., 0] for tile in pixels], title)


def feature_maps(maps_FHW: torch.Tensor, title: str) -> Figure:
    """Return the maps of one layer for one image, black for the layer's smallest value and white for its largest."""
    low, high = maps_FHW.min(), maps_FHW.max()
    pixels = ((maps_FHW - low) / (high - low).clamp(min=1e-12) * 255).round().byte().numpy()
    shown = f", the first {MOST_MAPS} of {len(pixels)}" if len(pixels) > MOST_MAPS else ""
    return _mosaic(list(pixels[:MOST_MAPS]), f"{title}{shown}; black {low:.3g}, white {high:.3g}")


def _mosaic(tiles: Sequence[NDArray[np.uint8]], title: str) -> Figure:
    columns = min(COLUMNS, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    height, width = tiles[0].shape[:2]
    gap = max(1, width // 12)
    sheet = np.full(
        (rows * (height + gap) + gap, columns * (width + gap) + gap, *tiles[0].shape[2:]), 255, dtype=np.uint8
    )
    for i, tile in enumerate(tiles):
        top, left = (gap + (i // columns) * (height + gap), gap + (i % columns) * (width + gap))
        sheet[top : top + height, left : left + width] = tile
    inches = max(4.0, columns * 0.6)
    figure = Figure(figsize=(inches, inches * sheet.shape[0] / sheet.shape[1] + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(sheet, cmap="gray" if sheet.ndim == 2 else None, vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    figure.suptitle(label(title, 100), fontsize=9, x=0.01, ha="left")
    return figure


def answer_bars(
    pictures: Sequence[Image.Image], answers: Sequence[Sequence[tuple[str, float]]], truths: Sequence[str | None]
) -> Figure:
    """Below each picture its true class and bars of the most probable classes; the true one in red, as in the paper's figure 4."""
    columns = min(4, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    figure = Figure(figsize=(columns * 2.5, rows * 3.9), layout="constrained")
    grid = figure.subplots(rows * 2, columns, squeeze=False, height_ratios=[1.7, 1] * rows)
    for axes in grid.flat:
        axes.set_axis_off()
    for i, (picture, top, truth) in enumerate(zip(pictures, answers, truths, strict=True)):
        above, below = grid[i // columns * 2][i % columns], grid[i // columns * 2 + 1][i % columns]
        show(above, picture)
        above.set_title(label(truth or ""), fontsize=9, pad=3)
        places = np.arange(len(top))[::-1]
        colours = [RIGHT if name == truth else WRONG if truth else GREY for name, _ in top]
        below.barh(places, [probability for _, probability in top], color=colours, height=0.8, alpha=0.6)
        for place, (name, probability) in zip(places, top, strict=True):
            below.text(0.02, place, f"{label(name)}  {probability:.2f}", va="center", fontsize=8)
        below.set_xlim(0, 1)
    return figure


def alike(
    pictures: Sequence[Image.Image], captions: Sequence[str], found: Sequence[Sequence[tuple[Image.Image, str]]]
) -> Figure:
    """Return a row for each picture: itself on the left, then the training images nearest to it with their class and distance."""
    columns = 1 + max(len(row) for row in found)
    figure = Figure(figsize=(columns * 1.35, len(pictures) * 1.6), layout="constrained")
    grid = figure.subplots(len(pictures), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, picture, caption, near in zip(grid, pictures, captions, found, strict=True):
        show(row[0], picture, caption, RIGHT)
        for axes, (each, text) in zip(row[1:], near, strict=False):
            show(axes, each, text)
    return figure
