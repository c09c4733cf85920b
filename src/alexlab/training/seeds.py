"""Random numbers that depend on the recipe's seed and the step alone.

Nothing random is carried from one step to the next, so a run that stops and goes on draws what it would have drawn.
"""

from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray


def seed_for(seed: int, *what: str | int) -> int:
    """A seed for one use, independent of those for other uses: 63 bits."""
    text = " ".join(map(str, (seed, *what)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of the training images in an epoch."""
    random = np.random.Generator(np.random.PCG64(seed_for(seed, "order", epoch)))
    return random.permutation(count).astype(np.int64)


def generator_for(seed: int, *what: str | int) -> torch.Generator:
    """A generator on the CPU for one use."""
    return torch.Generator().manual_seed(seed_for(seed, *what))
