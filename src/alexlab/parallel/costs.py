"""What an exchange between processes sends and how long it takes. Imports no torch.

The algorithms are rings, in which each process talks to its neighbours alone: R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of
Collective Communication Operations in MPICH", 2005. With two processes every algorithm sends the same.
"""

from collections.abc import Callable

SENT: dict[str, Callable[[float, int], float]] = {
    "all-reduce": lambda size, count: 2 * size * (count - 1) / count,
    "all-gather": lambda size, count: size * (count - 1),
    "reduce-scatter": lambda size, count: size * (count - 1) / count,
}
"""Bytes that each of `count` processes sends, by what it gives: `size` bytes. An all-gather is given one process's part."""

ROUNDS: dict[str, Callable[[int], int]] = {
    "all-reduce": lambda count: 2 * (count - 1),
    "all-gather": lambda count: count - 1,
    "reduce-scatter": lambda count: count - 1,
}
"""How often each process waits for its neighbour."""
