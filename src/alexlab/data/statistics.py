"""Mean and standard deviation of stored images."""

import numpy as np
import torch

from alexlab.data.store import Store

BATCH = 64
AT_ONCE = 16  # images in float64: 20 MB at 3x224x224


def channel_statistics(store: Store) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the pixels at 0 to 1, by channel, over all stored images; the images pass by in batches.

    A channel that never varies gets a standard deviation of 1.
    """
    total = squares = torch.zeros(1, dtype=torch.float64)
    count = 0
    for images_NCHW, _ in store.batches(np.arange(len(store)), BATCH):
        for part_NCHW in torch.split(images_NCHW, AT_ONCE):
            pixels_NCHW = part_NCHW.double() / 255
            total = total + pixels_NCHW.sum(dim=(0, 2, 3))
            squares = squares + pixels_NCHW.square().sum(dim=(0, 2, 3))
            count += pixels_NCHW[:, 0].numel()
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    std = torch.where(std > 0, std, 1.0)
    return tuple(round(value, 4) for value in mean.tolist()), tuple(
        round(max(value, 1e-4), 4) for value in std.tolist()
    )
