"""How large the output of a sliding window is, worked out: convolution, pooling, transposed, adaptive, and padding.

Sources: PyTorch's documentation of Conv2d, MaxPool2d and ConvTranspose2d for the rules; Dive into Deep Learning,
chapter "Padding and Stride", for the form with total padding p_h and its shortcuts.
"""

from dataclasses import dataclass, field
from typing import Any

from alexlab.passes.trace import Op, Value


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


@dataclass(frozen=True)
class Working:
    """An output size worked out: `text` is the formula with numbers and its result, `notes` say what else holds."""

    text: str
    size: int
    notes: tuple[str, ...] = field(default=())


def sides(op: Op) -> tuple[Side, ...] | None:
    """The window of a convolution or pooling call, one Side a spatial dimension; None where the call has none."""
    given = op.arguments
    if not isinstance(given.get("input"), Value):
        return None
    weight = given.get("weight")
    kernel = weight.shape[2:] if isinstance(weight, Value) else given.get("kernel_size")
    return side_settings(op.function, kernel, given) if kernel is not None else None


def side_settings(name: str, kernel: Any, given: dict[str, Any]) -> tuple[Side, ...] | None:
    """The window of a call of the function `name` with the arguments `given`; None where it has none."""
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


def work_out(n: int, side: Side) -> Working:
    """The output size of a window along n pixels: `floor((227 - 11 + 2*0)/4) + 1 = 55`."""
    size = output_size(n, side)
    padding = f"2*{side.before}" if side.before == side.after else f"{side.before + side.after}"
    if side.transposed:
        text = f"({n} - 1)*{side.stride} - {padding} + {_span(side)} + {side.extra} = {size}"
        return Working(text, size)
    rounding = "ceil" if side.ceiling else "floor"
    plain = -(-(n - side.span + side.before + side.after) // side.stride) + 1 if side.ceiling else size
    text = f"{rounding}(({n} - {_span(side)} + {padding})/{side.stride}) + 1 = {plain}"
    notes = _textbook(n, side, size) if not side.ceiling else ()
    if plain != size:
        text += f", less 1 = {size}"
        notes += (f"the last window would start outside the {n} and their padding, so PyTorch leaves it out",)
    return Working(text, size, notes + _edges(n, side, size))


def _span(side: Side) -> str:
    return str(side.kernel) if side.dilation == 1 else f"({side.dilation}*({side.kernel} - 1) + 1)"


def _textbook(n: int, side: Side, size: int) -> tuple[str, ...]:
    """The textbook's forms, with p_h for the padding of both ends together, where they apply."""
    if side.dilation != 1:
        return ()
    k, s, p = side.kernel, side.stride, side.before + side.after
    notes = [f"floor((n_h - k_h + p_h + s_h)/s_h) = floor(({n} - {k} + {p} + {s})/{s}) = {size}"]
    if p == k - 1 and p > 0:
        if s > 1 and n % s:
            notes.append(f"p_h = k_h - 1: floor((n_h + s_h - 1)/s_h) = floor(({n} + {s} - 1)/{s}) = {size}")
        else:
            notes.append(f"p_h = k_h - 1{' and s_h divides n_h' * (s > 1)}: n_h/s_h = {n}/{s} = {size}")
    return tuple(notes)


def _edges(n: int, side: Side, size: int) -> tuple[str, ...]:
    """What the stride leaves over at the end: pixels that no window reads, or a window that hangs over."""
    end = (size - 1) * side.stride + side.span - side.before  # first pixel after the last window
    if size >= 1 and end < n:
        left = n - end
        return (f"the last {'one' if left == 1 else left} of {n} {'is' if left == 1 else 'are'} in no window",)
    if side.ceiling and end > n + side.after:
        return (f"the last window hangs over the end by {end - n - side.after}",)
    return ()


def work_out_adaptive(n: int, size: int) -> Working:
    """Adaptive pooling: the output size is given, and the window follows from it."""
    window = adaptive_side(n, size)
    if window is None:
        widths = sorted({-(-(i + 1) * n // size) - i * n // size for i in range(size)})
        how = f"windows of {' or '.join(map(str, widths))}, from floor(i*{n}/{size}) to ceil((i + 1)*{n}/{size})"
    else:
        how = f"kernel {window.kernel}, stride {window.stride}" if window.kernel > 1 else "every pixel by itself"
    return Working(f"{size} asked for, of {n}: {how}", size)


def adaptive_side(n: int, size: int) -> Side | None:
    """Adaptive pooling as an ordinary window; None where its windows differ in width."""
    return Side(n // size, n // size) if n % size == 0 else None


def work_out_padding(n: int, before: int, after: int) -> Working:
    """`F.pad` along one dimension."""
    return Working(f"{n} + {before} + {after} = {n + before + after}", n + before + after)
