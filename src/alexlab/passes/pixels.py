"""Which pixels an answer hangs on: by covering them, and by the gradient.

Neither says why. Covering a part of an image makes an image of a kind that the network never saw; a gradient holds for an
infinitely small change. Both say of one image and one class how its logit moves, and nothing of other images.

Sources: M. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2, for the first;
A. Shrikumar, P. Greenside, A. Kundaje, "Learning Important Features Through Propagating Activation Differences", 2017, section 2, for
the second.
"""

import torch
from torch import nn

AT_ONCE = 64  # images


def occlusion(
    network: nn.Module, input_CHW: torch.Tensor, k: int, side: int, stride: int, fill: float = 0.0
) -> torch.Tensor:
    """Return how far the logit of class `k` falls where a square of `side` pixels is covered, by its place: (rows, columns), float32.

    The squares begin every `stride` pixels; those at the end lie within the image. Covered pixels of the input are `fill`.
    """
    network.eval()
    height, width = input_CHW.shape[1:]
    rows, columns = _starts(height, side, stride), _starts(width, side, stride)
    spots = [(row, column) for row in rows for column in columns]
    found = []
    with torch.no_grad():
        whole = network(input_CHW[None])[0, k]
        for start in range(0, len(spots), AT_ONCE):
            part = spots[start : start + AT_ONCE]
            covered = input_CHW.repeat(len(part), 1, 1, 1)
            for image, (row, column) in zip(covered, part, strict=True):
                image[:, row : row + side, column : column + side] = fill
            found.append(whole - network(covered)[:, k])
    return torch.cat(found).view(len(rows), len(columns)).float()


def _starts(n: int, side: int, stride: int) -> list[int]:
    last = max(0, n - side)
    starts = list(range(0, last + 1, stride))
    return starts if starts[-1] == last else [*starts, last]


def gradient_times_input(network: nn.Module, input_CHW: torch.Tensor, k: int) -> torch.Tensor:
    """Return the gradient of the logit of class `k`, times the input, summed over channels: (height, width), float32."""
    network.eval()
    given = input_CHW.detach().clone()[None].requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(network(given)[0, k], given)
    return (gradient[0] * given.detach()[0]).sum(0).float()
