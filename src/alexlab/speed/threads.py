"""How many threads an update is worth: OpenMP's cost a few microseconds at every operation, small networks' operations little more."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

WORTH_A_THREAD = 2e9  # operations of an update
OF_TRAINING = 3 * 2  # forward and twice as much backward; a multiplication and an addition


def multiplications(network: nn.Module, images_NCHW: torch.Tensor) -> int:
    """Count the multiplications of the convolutions and linear layers of a forward pass over these images. Raises what it raises."""
    found = 0

    def count(layer: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        nonlocal found
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        found += made.numel() * layer.weight[0].numel()

    hooks = [each.register_forward_hook(count) for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    try:
        with torch.no_grad():
            network(images_NCHW)
    finally:
        for hook in hooks:
            hook.remove()
    return found


@contextmanager
def threads_for(multiplications_of_image: float, batch: int) -> Iterator[None]:
    """Have PyTorch use as many threads as an update of `batch` images is worth, one at least, while the block runs.

    Where OMP_NUM_THREADS says how many, that stays. The rule looks at the work alone, so that a run that goes on later computes as before.
    """
    most = torch.get_num_threads()
    worth = int(OF_TRAINING * multiplications_of_image * batch / WORTH_A_THREAD)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, min(most, worth)))
    try:
        yield
    finally:
        torch.set_num_threads(most)
