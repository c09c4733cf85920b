"""The last steps from stored images to the network's input, a few images at a time, without Python's lock.

Every image takes a dozen small operations. Between two of them a thread needs Python's lock, and threads that prepare batches side by side
wait for each other there longer than they compute. So the loop over the images is TorchScript, which runs it in one call; where it does
not compile, the function below does the same in Python.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import List, Optional  # noqa: UP035  # TorchScript has known these longest

import torch
from torch import Tensor


def to_input(
    images: Tensor,
    windows: List[List[int]],  # noqa: UP006
    mirrored: List[bool],  # noqa: UP006
    at_once: int,
    inputs: Tensor,
    last: bool,
    scale: bool,
    mean: Optional[Tensor],  # noqa: UP045
    std: Optional[Tensor],  # noqa: UP045
    back: bool,
) -> Tensor:
    """Fill `inputs`, float32 (N, C, H, W), from `images`, (N, C, height, width) at 0 to 255, `at_once` at a time, and return it.

    Args:
        windows: top, height, left, width of what is seen of each image, scaled as Pillow does; none for all of it. Of uint8 images on a
            CPU, whose channels are last.
        mirrored: which images have left and right swapped; none for none of them.
        last: whether the channels of `inputs` are last in memory.
        scale: whether 0 to 255 becomes 0 to 1, from which `mean` is subtracted and which is divided by `std`, and which goes `back` to
            0 to 255 in the end.
        mean, std: as long as the rows of `inputs` where the channels are last, else (C, 1, 1).
    """
    height, width = inputs.size(2), inputs.size(3)
    bytes_ = images.dtype == torch.uint8
    layout = torch.channels_last if last else torch.contiguous_format
    made = torch.empty(0)
    if len(windows) > 0:
        shape = [min(at_once, images.size(0)), images.size(1), height, width]
        made = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
    for start in range(0, images.size(0), at_once):
        count = min(at_once, images.size(0) - start)
        part = images.narrow(0, start, count)
        if len(windows) > 0:
            for i in range(count):
                top, high, left, wide = windows[start + i]
                window = part.narrow(0, i, 1).narrow(2, top, high).narrow(3, left, wide)
                into = made.narrow(0, i, 1)
                torch.ops.aten._upsample_bilinear2d_aa(window, [height, width], False, None, None, out=into)
            part = made.narrow(0, 0, count)
        if len(mirrored) > 0:
            if count == 1:
                part = part.flip([3]) if mirrored[start] else part
            else:
                part = part.clone()
                for i in range(count):  # a mask over channels-last images is forty times slower
                    if mirrored[start + i]:
                        part[i] = part[i].flip([2])
        if part.size(2) != height or part.size(3) != width:
            part = torch.ops.aten._upsample_bilinear2d_aa(part.to(torch.float32), [height, width], False, None, None)
        elif bytes_:
            part = part.contiguous(memory_format=layout)
        filled = inputs.narrow(0, start, count)
        filled.copy_(part)
        rows = filled.permute([0, 2, 3, 1]).flatten(2) if last else filled
        if scale:
            rows.div_(255)
        if mean is not None:
            rows.sub_(mean)
        if std is not None:
            rows.div_(std)
        if back:
            rows.mul_(255)
    return inputs


@cache
def compiled() -> Callable[..., Tensor]:
    """`to_input`, compiled by TorchScript where that is to be had."""
    try:
        unit = torch.jit.CompilationUnit(inspect.getsource(to_input))
        return unit.to_input  # type: ignore[no-any-return]
    except (AttributeError, OSError, RuntimeError):  # PyTorch without it, or Python without the source
        return to_input
