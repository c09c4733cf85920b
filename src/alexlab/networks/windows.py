"""Sliding windows along one dimension: their settings, and how large their output is. Plain arithmetic, without PyTorch.

Source: PyTorch's documentation of Conv2d, MaxPool2d and ConvTranspose2d.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Side:
    """A window along one spatial dimension.

    Attributes:
        before, after: zeros (or other padding) that the layer itself adds at each end.
        ceiling: whether the number of positions is rounded up (PyTorch's ceil_mode).
        transposed: whether the window writes its positions instead of reading them (ConvTranspose).
        extra: `output_padding` of a transposed convolution.
    """

    kernel: int
    stride: int
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceiling: bool = False
    transposed: bool = False
    extra: int = 0

    @property
    def span(self) -> int:
        """Pixels from the first to the last that one window reads: the kernel, with the holes of its dilation."""
        return self.dilation * (self.kernel - 1) + 1


def side_settings(name: str, kernel: Any, given: dict[str, Any]) -> tuple[Side, ...] | None:
    """Return the window of a call of the function `name` with the arguments `given`; None where it has none."""
    dimensions = _dimensions(name)
    if dimensions is None or "adaptive" in name or "unpool" in name or "fractional" in name:
        return None
    kernels = _each(kernel, dimensions)
    is_pool = "_pool" in name
    stride = given.get("stride")
    strides = kernels if is_pool and stride in (None, (), []) else _each(1 if stride is None else stride, dimensions)
    dilations = _each(given.get("dilation", 1), dimensions)
    extras = _each(given.get("output_padding", 0), dimensions)
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernels, strict=True)]
    return tuple(
        Side(k, s, *pads, dilation=d, ceiling=bool(given.get("ceil_mode")), transposed="transpose" in name, extra=e)
        for k, s, d, e, pads in zip(
            kernels, strides, dilations, extras, _paddings(given.get("padding", 0), spans), strict=True
        )
    )


def _dimensions(name: str) -> int | None:
    known = name.startswith("conv") or "_pool" in name
    return int(name[-2]) if known and name[-1:] == "d" and name[-2:-1] in ("1", "2", "3") else None


def _each(value: Any, dimensions: int) -> tuple[int, ...]:
    return tuple(value) * (dimensions // len(value)) if isinstance(value, tuple | list) else (value,) * dimensions


def _paddings(padding: Any, spans: list[int]) -> list[tuple[int, int]]:
    if padding == "valid":
        padding = 0
    if padding == "same":  # PyTorch adds the odd one at the end
        return [((span - 1) // 2, span - 1 - (span - 1) // 2) for span in spans]
    return [(p, p) for p in _each(padding, len(spans))]


def output_size(n: int, side: Side) -> int:
    """How many positions a window has along a dimension of n pixels. Below 1, it does not fit."""
    if side.transposed:
        return (n - 1) * side.stride - side.before - side.after + side.span + side.extra
    room = n - side.span + side.before + side.after
    if not side.ceiling:
        return room // side.stride + 1
    size = -(-room // side.stride) + 1
    return size - 1 if (size - 1) * side.stride >= n + side.before else size


def adaptive_side(n: int, size: int) -> Side | None:
    """Adaptive pooling as an ordinary window; None where its windows differ in width."""
    return Side(n // size, n // size) if n % size == 0 else None
