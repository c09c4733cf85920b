"""Several views of an image at test time: corners, centre, and their mirrors.

Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 4.1: the mean softmax over ten views.
"""

import torch

from alexlab.errors import UserError

COUNTS = {1: "the centre", 5: "four corners and the centre", 10: "the five and their mirror images"}


def views(images_NCHW: torch.Tensor, size: tuple[int, int], count: int) -> torch.Tensor:
    """`count` windows of `size` from each image: (N, count, C, *size), in the images' dtype.

    In order: for 1 the centre; for 5 upper left, upper right, lower left, lower right, centre; for 10 those and then the
    same five mirrored.

    Raises:
        UserError: another count, or images smaller than the window.
    """
    if count not in COUNTS:
        raise UserError(f"found {count} views; expected {', '.join(map(str, COUNTS))}.")
    down, across = (have - want for have, want in zip(images_NCHW.shape[2:], size, strict=True))
    if down < 0 or across < 0:
        have, want = ("x".join(map(str, s)) for s in (images_NCHW.shape[2:], size))
        raise UserError(f"a view of {want} does not fit into images of {have}; store them larger.")
    centre = (down // 2, across // 2)
    corners = [centre] if count == 1 else [(0, 0), (0, across), (down, 0), (down, across), centre]
    seen = [images_NCHW[:, :, top : top + size[0], left : left + size[1]] for top, left in corners]
    if count == 10:
        seen += [view.flip(3) for view in seen]
    return torch.stack(seen, dim=1)


def mean_probabilities(log_NVK: torch.Tensor) -> torch.Tensor:
    """Return what several views of an image say together: the mean of their probabilities, whose logarithms are given, (N, classes)."""
    return log_NVK.exp().mean(dim=1)
