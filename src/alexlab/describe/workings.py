"""The output size of a window worked out: the formula with its numbers, and what else holds.

Source: Dive into Deep Learning, chapter "Padding and Stride", for the form with total padding p_h and its shortcuts.
"""

from dataclasses import dataclass, field

from alexlab.networks.windows import Side, adaptive_side, output_size


@dataclass(frozen=True)
class Working:
    """An output size worked out: `text` is the formula with numbers and its result, `notes` say what else holds."""

    text: str
    size: int
    notes: tuple[str, ...] = field(default=())


def work_out(n: int, side: Side) -> Working:
    """Return the output size of a window along n pixels: `floor((227 - 11 + 2*0)/4) + 1 = 55`."""
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
    """Return the textbook's forms, with p_h for the padding of both ends together, where they apply."""
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
    """Return what the stride leaves over at the end: pixels that no window reads, or a window that hangs over."""
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


def work_out_padding(n: int, before: int, after: int) -> Working:
    """`F.pad` along one dimension."""
    return Working(f"{n} + {before} + {after} = {n + before + after}", n + before + after)
