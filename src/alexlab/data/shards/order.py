"""The order of an epoch over shards that are remote: each is fetched once, and by one process."""

import numpy as np
from numpy.typing import NDArray

WINDOW = 4
"""Shards whose images are mixed with each other. Twice as many, of each process, have to find room on the disk."""


def shard_order(
    random: np.random.Generator, shard_N: NDArray[np.int64], batch: int, processes: int = 1
) -> NDArray[np.int64]:
    """Return an order of N images, whose shards are `shard_N`, in which every process of each batch goes through shards of its own.

    The shards are shuffled, their images laid end to end and cut into as many pieces as there are processes; where a cut
    goes through a shard, two read it. Piece r gives batch after batch the part of process r, which is what
    `Processes.part` takes: rows r * n // processes to (r + 1) * n // processes of a batch of n. So every image comes once, and
    all processes make the same number of updates, however unequal the shards. Within a piece, the images of WINDOW shards at a time
    are shuffled.
    """
    count = len(shard_N)
    place_of = random.permutation(int(shard_N.max(initial=-1)) + 1)
    sequence = np.argsort(place_of[shard_N], kind="stable")
    whole, rest = divmod(count, batch)
    bounds = np.arange(processes + 1)
    in_batch, in_rest = bounds * batch // processes, bounds * rest // processes
    pieces = np.split(sequence, (whole * in_batch + in_rest)[1:-1])
    order = np.empty(count, np.int64)
    batches = order[: whole * batch].reshape(whole, batch)
    last = order[whole * batch :]
    for rank, piece in enumerate(pieces):
        mixed = _mixed(random, piece, shard_N[piece])
        width = int(in_batch[rank + 1] - in_batch[rank])
        batches[:, in_batch[rank] : in_batch[rank + 1]] = mixed[: whole * width].reshape(whole, width)
        last[in_rest[rank] : in_rest[rank + 1]] = mixed[whole * width :]
    return order


def _mixed(random: np.random.Generator, piece: NDArray[np.int64], shard_M: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the images of a piece, whose shards follow each other, those of WINDOW shards shuffled together."""
    number_M = np.cumsum(np.diff(shard_M, prepend=shard_M[:1]) != 0)
    return piece[np.lexsort((random.random(len(piece)), number_M // WINDOW))]
