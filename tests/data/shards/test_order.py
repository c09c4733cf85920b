"""The order of an epoch over remote shards."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alexlab.data.shards.order import WINDOW, shard_order
from alexlab.training.seeds import epoch_order


def part(n: int, rank: int, processes: int) -> slice:
    return slice(rank * n // processes, (rank + 1) * n // processes)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.integers(1, 50),
    st.integers(1, 7),
    st.integers(0, 2**31),
)
def test_every_image_once_and_a_shard_in_one_piece(sizes: list[int], batch: int, processes: int, seed: int) -> None:
    """Shards of any sizes: each image comes once; only shards at the cuts are read by two processes; each goes through few at a time."""
    shard_N = np.repeat(np.arange(len(sizes)), sizes)
    order = shard_order(np.random.default_rng(seed), shard_N, batch, processes)
    assert sorted(order.tolist()) == list(range(len(shard_N)))
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    read: list[set[int]] = []
    for rank in range(processes):
        mine = np.concatenate([b[part(len(b), rank, processes)] for b in batches])
        shards = list(dict.fromkeys(shard_N[mine].tolist()))
        read.append(set(shards))
        last = {shard: int(np.flatnonzero(shard_N[mine] == shard).max(initial=-1)) for shard in shards}
        for at, image in enumerate(mine):  # never more than two windows are open
            open_ = [s for s in shards[: shards.index(int(shard_N[image])) + 1] if last[s] >= at]
            assert len(open_) <= WINDOW
    assert sum(map(len, read)) <= len(sizes) + processes - 1


def test_a_seed_and_a_number_of_processes_say_the_order() -> None:
    shard_N = np.repeat(np.arange(10), 20)
    orders = [epoch_order(0, epoch, 200, shard_N, 16, processes) for epoch in (0, 1) for processes in (1, 2)]
    again = [epoch_order(0, epoch, 200, shard_N, 16, processes) for epoch in (0, 1) for processes in (1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(orders, again, strict=True))
    assert not any(np.array_equal(orders[0], other) for other in orders[1:])


def test_near_images_have_the_order_that_they_had() -> None:
    assert np.array_equal(epoch_order(3, 2, 50), epoch_order(3, 2, 50, None, 8, 4))
