"""Mean and standard deviation of stored images."""

import numpy as np
import torch

from alexlab.data.input.store import Store

BATCH = 64
MOST_IMAGES = 65_536  # looked at; MNIST and CIFAR-10 have less


def channel_statistics(store: Store) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the pixels at 0 to 1, by channel; the images pass by in batches.

    They are those of all stored images up to MOST_IMAGES, and of that many evenly spaced ones of more. A channel that never varies
    gets a standard deviation of 1.
    """
    seen = min(len(store), MOST_IMAGES)
    evenly = np.arange(seen) * len(store) // max(1, seen)
    counts_CL = torch.zeros(1, 256, dtype=torch.int64)  # of pixels, by channel and level: sums are exact
    for counted_CL, _ in store.batches(evenly, BATCH, lambda number, images_NCHW: _counted(images_NCHW)):
        counts_CL = counts_CL + counted_CL
    levels_L = torch.arange(256, dtype=torch.float64) / 255
    count = counts_CL[0].sum()
    mean = (counts_CL * levels_L).sum(dim=1) / count
    std = ((counts_CL * levels_L.square()).sum(dim=1) / count - mean.square()).clamp(min=0).sqrt()
    std = torch.where(std > 0, std, 1.0)
    return tuple(round(value, 4) for value in mean.tolist()), tuple(
        round(max(value, 1e-4), 4) for value in std.tolist()
    )


def _counted(images_NCHW: torch.Tensor) -> torch.Tensor:
    """How many pixels of each channel have each level."""
    return torch.stack([channel.flatten().bincount(minlength=256) for channel in images_NCHW.unbind(1)])
