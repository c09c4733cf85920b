"""Random numbers that depend on the recipe's seed and the step alone.

Nothing random is carried from one step to the next, so a run that stops and goes on draws what it would have drawn.
"""

from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray

from alexlab.data.balance import balanced_order
from alexlab.data.shards.order import shard_order


def seed_for(seed: int, *what: str | int) -> int:
    """Return a seed for one use, independent of those for other uses: 63 bits."""
    text = " ".join(map(str, (seed, *what)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def epoch_order(
    seed: int, epoch: int, count: int, shards: NDArray[np.int64] | None = None, batch: int = 1, processes: int = 1
) -> NDArray[np.int64]:
    """Return the order of the training images in an epoch.

    Where images are fetched in `shards` (see `data.input.store.Store`), it depends on the batch and the number of processes too:
    each process reads shards of its own.
    """
    random = np.random.Generator(np.random.PCG64(seed_for(seed, "order", epoch)))
    if shards is not None:
        return shard_order(random, shards, batch, processes)
    return random.permutation(count).astype(np.int64)


def balanced_epoch_order(seed: int, epoch: int, labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order of an epoch that shows each class as often; see `data.balance.balanced_order`."""
    return balanced_order(np.random.Generator(np.random.PCG64(seed_for(seed, "balanced order", epoch))), labels_N)


def generator_for(seed: int, *what: str | int) -> torch.Generator:
    """Return a generator on the CPU for one use."""
    return torch.Generator().manual_seed(seed_for(seed, *what))


def seed_draws(device: torch.device, seed: int) -> None:
    """Seed what layers draw from in training, dropout above all: the generator of `device` and the CPU's.

    As `torch.manual_seed`, which seeds every device there is and, where CUDA has not started, formats the call stack each time: a
    millisecond, a seventh of LeNet's update.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
