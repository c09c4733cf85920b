"""Receptive fields: which part of the input can change one unit.

Each dimension of each tensor is followed through the pass as the spans of input pixels that its positions see:
position i along it sees the `size` pixels that begin at `start + i * step` (A. Araujo, W. Norris, J. Sim, "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019, with start, size and step for their P, r and j).
Where paths join, the spans unite. What cannot be followed is unknown (None), and so is all that comes after it.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

from alexlab.networks.windows import Side, adaptive_side
from alexlab.passes.functions import POINTWISE
from alexlab.passes.trace import Op, Trace, Value


@dataclass(frozen=True, slots=True)
class Span:
    """What the positions along one dimension see along `axis` of the input (0 is the first spatial one).

    From `low` to `high` is what all of them see together: a position in the padding of a layer sees nothing there.
    """

    axis: int
    start: Fraction
    size: Fraction
    step: Fraction
    count: int
    low: Fraction
    high: Fraction

    def seen(self) -> tuple[Fraction, Fraction]:
        """First pixel, and first pixel after the last, that all positions together see."""
        return max(self.low, self.start), min(self.high, self.start + (self.count - 1) * self.step + self.size)


Interval = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the units of one tensor see.

    Attributes:
        dimensions: for each dimension of the tensor the spans along it: none for batch and channels, one for height,
            two for height and width flattened into one.
        everywhere: for each axis of the input, what every unit sees whatever its position; None where nothing.
    """

    dimensions: tuple[tuple[Span, ...], ...]
    everywhere: tuple[Interval | None, ...]

    def field(self, axis: int, pixels: int) -> tuple[Fraction, Fraction | None]:
        """Receptive field and stride of a unit along one axis of the input, which has `pixels`."""
        spans = [span for dimension in self.dimensions for span in dimension if span.axis == axis]
        step = spans[0].step if spans else None
        size = max((span.size for span in spans), default=Fraction(0))
        whole = self.everywhere[axis]
        if whole is None:
            return size, step
        first, end = max(whole[0], Fraction(0)), min(whole[1], Fraction(pixels))
        return max(size, end - first), step


def sights(trace: Trace) -> dict[int, Sight | None]:
    """For each Value of the pass, by its number, what its units see of the first input that has spatial dimensions."""
    known: dict[int, Sight | None] = {}
    first = first_spatial(trace.inputs)
    for value in trace.inputs:
        known[value.number] = _entered(value) if value is first else _sees_nothing(value, first)
    for step in trace.steps:
        for op in step.ops:
            for output in op.outputs:
                known[output.number] = _follow(op, output, known)
    return known


def first_spatial(inputs: tuple[Value, ...]) -> Value | None:
    """Return the first input of shape (batch, channels, one or more spatial dimensions)."""
    return next((value for value in inputs if len(value.shape) > 2), None)


def _entered(value: Value) -> Sight:
    pixels = value.shape[2:]
    one = Fraction(1)
    spans = tuple((Span(axis, 0 * one, one, one, count, 0 * one, count * one),) for axis, count in enumerate(pixels))
    return Sight(((), (), *spans), (None,) * len(pixels))


def _sees_nothing(value: Value, first: Value | None) -> Sight | None:
    """Another input of the network: it comes from outside the picture."""
    return Sight(((),) * len(value.shape), (None,) * (len(first.shape) - 2)) if first is not None else None


def _follow(op: Op, output: Value, known: dict[int, Sight | None]) -> Sight | None:
    """Return what an output of `op` sees, given what its inputs see."""
    sources = [value for value in op.inputs() if value.from_input]
    seen = [known.get(value.number) for value in sources]
    given = [sight for sight in seen if sight is not None]
    if not given or len(given) < len(seen):
        return None
    name, before = op.function, sources[0].shape
    if name in POINTWISE:
        return _unite(
            [_broadcast(sight, value.shape, output.shape) for sight, value in zip(given, sources, strict=True)]
        )
    if name in ("cat", "concat", "concatenate"):
        dimension = op.arguments.get("dim", 0) % len(before)
        for sight, value in zip(given, sources, strict=True):
            spans = sight.dimensions[dimension]
            if len(spans) == 1 and spans[0].count == value.shape[dimension]:
                return None  # pictures side by side: no one position along the input any more
        return _unite(given)
    if len(given) != 1:
        return None
    return _follow_one(op, output, given[0], before)


def _follow_one(op: Op, output: Value, sight: Sight, before: tuple[int, ...]) -> Sight | None:
    name, given, after = op.function, op.arguments, output.shape
    window = op.sides()
    if window is not None:
        return None if window[0].transposed else _slide(sight, window, after)
    if name.startswith("adaptive"):
        return _adapt(sight, before, after)
    if name == "linear":
        return _whole(sight, {len(before) - 1}, after, keep=())
    if name in ("softmax", "log_softmax"):
        return _whole(sight, {given.get("dim", -1) % len(before)}, after)
    if name in ("layer_norm", "group_norm", "instance_norm"):
        first = len(before) - len(given["normalized_shape"]) if name == "layer_norm" else 1
        return _whole(sight, set(range(first, len(before))), after)
    if name in ("mean", "sum", "amax", "amin"):
        return _reduce(sight, given, before)
    if name == "pad":
        return _pad(sight, given["pad"])
    return _rearrange(name, given, sight, before, after)


def _slide(sight: Sight, window: tuple[Side, ...], after: tuple[int, ...]) -> Sight | None:
    kept = len(sight.dimensions) - len(window)
    dimensions = list(sight.dimensions[:kept])
    for spans, side, count in zip(sight.dimensions[kept:], window, after[len(after) - len(window) :], strict=True):
        if side == Side(1, 1):
            dimensions.append(spans)
            continue
        if len(spans) > 1:
            return None  # a window over height and width flattened into one
        moved = [
            replace(
                span,
                start=span.start - side.before * span.step,
                size=span.size + (side.span - 1) * span.step,
                step=span.step * side.stride,
                count=count,
            )
            for span in spans
        ]
        dimensions.append(tuple(_bounded(span) for span in moved))
    return Sight(tuple(dimensions), sight.everywhere)


def _bounded(span: Span) -> Span:
    low, high = span.seen()
    return replace(span, low=low, high=high)


def _adapt(sight: Sight, before: tuple[int, ...], after: tuple[int, ...]) -> Sight | None:
    dimensions = []
    for spans, n, size in zip(sight.dimensions, before, after, strict=True):
        if not spans or n == size:
            dimensions.append(spans)
        elif len(spans) == 1 and (side := adaptive_side(n, size)) is not None:
            (span,) = spans
            grown = span.size + (side.kernel - 1) * span.step
            dimensions.append((replace(span, size=grown, step=span.step * side.stride, count=size),))
        else:
            return None
    return Sight(tuple(dimensions), sight.everywhere)


def _whole(sight: Sight, over: set[int], after: tuple[int, ...], keep: tuple[int, ...] | None = None) -> Sight:
    """Every unit sees all positions along the dimensions `over`; these then have no position, unless kept."""
    everywhere = list(sight.everywhere)
    for dimension in over:
        for span in sight.dimensions[dimension]:
            everywhere[span.axis] = _union(everywhere[span.axis], span.seen())
    dimensions = tuple(() if keep == () and i in over else spans for i, spans in enumerate(sight.dimensions))
    return Sight(dimensions, tuple(everywhere))


def _reduce(sight: Sight, given: dict[str, Any], before: tuple[int, ...]) -> Sight | None:
    dim = given.get("dim")
    chosen = range(len(before)) if dim in (None, ()) else (dim if isinstance(dim, tuple) else (dim,))
    if any(not isinstance(d, int) for d in chosen):
        return None
    over = {d % len(before) for d in chosen}
    reduced = _whole(sight, over, (), keep=())
    if given.get("keepdim"):
        return reduced
    return Sight(tuple(spans for i, spans in enumerate(reduced.dimensions) if i not in over), reduced.everywhere)


def _pad(sight: Sight, pad: tuple[int, ...]) -> Sight:
    dimensions = list(sight.dimensions)
    for i in range(len(pad) // 2):
        where = len(dimensions) - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        dimensions[where] = tuple(
            replace(span, start=span.start - before * span.step, count=span.count + before + after)
            for span in dimensions[where]
        )
    return Sight(tuple(dimensions), sight.everywhere)


def _rearrange(
    name: str, given: dict[str, Any], sight: Sight, before: tuple[int, ...], after: tuple[int, ...]
) -> Sight | None:
    """Reshaping and slicing, where positions keep their place along the input."""
    spans = sight.dimensions
    if name == "permute":
        order = [value for key, value in given.items() if key != "input" and key != "0"]
        order = list(order[0]) if order and isinstance(order[0], tuple) else order
        return replace(sight, dimensions=tuple(spans[d % len(before)] for d in order))
    if name in ("transpose", "swapaxes"):
        a, b = given["dim0"] % len(before), given["dim1"] % len(before)
        order = list(range(len(before)))
        order[a], order[b] = order[b], order[a]
        return replace(sight, dimensions=tuple(spans[d] for d in order))
    if name in ("chunk", "split", "narrow", "__getitem__", "select", "unbind", "tensor_split") and len(before) == len(
        after
    ):
        cut = any(spans[d] and before[d] != after[d] for d in range(len(before)))
        return None if cut else sight
    if name == "unfold" and (dim := given.get("dim")) is not None:
        return None if spans[dim % len(before)] else replace(sight, dimensions=(*spans, ()))
    if name in ("flatten", "view", "reshape", "ravel", "unsqueeze", "squeeze", "unflatten", "__getitem__"):
        return _reshape(sight, before, after)
    return None


def _reshape(sight: Sight, before: tuple[int, ...], after: tuple[int, ...]) -> Sight | None:
    """Match the dimensions before and after a reshape in groups of equal size: spans may be joined, not split."""
    if prod(before) != prod(after):
        return None
    dimensions: list[tuple[Span, ...]] = []
    gone: set[int] = set()  # dimensions of size 1 that disappear: what they saw, every unit sees
    i = j = 0
    while i < len(before) or j < len(after):
        left, right = [i] if i < len(before) else [], [j] if j < len(after) else []
        i, j = i + len(left), j + len(right)
        while prod(before[d] for d in left) != prod(after[d] for d in right):
            if prod(before[d] for d in left) < prod(after[d] for d in right):
                left.append(i)
                i += 1
            else:
                right.append(j)
                j += 1
        joined = tuple(span for d in left for span in sight.dimensions[d])
        wide = [d for d in right if after[d] > 1]
        if joined and not right:
            gone.update(left)
        if len(wide) > 1 and [span.count for span in joined] == [after[d] for d in wide]:
            dimensions.extend((joined[wide.index(d)],) if d in wide else () for d in right)  # flattened, and back
            continue
        if joined and len(wide) > 1:
            return None
        holder = (wide or right or [-1])[0]
        dimensions.extend(joined if d == holder else () for d in right)
    return Sight(tuple(dimensions), _whole(sight, gone, after).everywhere)


def _broadcast(sight: Sight, shape: tuple[int, ...], to: tuple[int, ...]) -> Sight:
    return replace(sight, dimensions=((),) * (len(to) - len(shape)) + sight.dimensions)


def _unite(given: list[Sight]) -> Sight | None:
    """Return what a unit sees that several paths lead to."""
    together = given[0]
    for other in given[1:]:
        dimensions = []
        for mine, theirs in zip(together.dimensions, other.dimensions, strict=True):
            if not mine or not theirs or mine == theirs:
                dimensions.append(mine or theirs)
                continue
            if len(mine) != len(theirs) or any(
                a.axis != b.axis or a.step != b.step or a.count != b.count for a, b in zip(mine, theirs, strict=True)
            ):
                return None
            pairs = zip(mine, theirs, strict=True)
            dimensions.append(
                tuple(
                    replace(
                        a,
                        start=min(a.start, b.start),
                        size=max(a.start + a.size, b.start + b.size) - min(a.start, b.start),
                        low=min(a.low, b.low),
                        high=max(a.high, b.high),
                    )
                    for a, b in pairs
                )
            )
        everywhere = tuple(_union(a, b) for a, b in zip(together.everywhere, other.everywhere, strict=True))
        together = Sight(tuple(dimensions), everywhere)
    return together


def _union(a: Interval | None, b: Interval | None) -> Interval | None:
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), max(a[1], b[1])


def region(sight: Sight, place: tuple[int, ...], pixels: tuple[int, ...]) -> tuple[tuple[int, int], ...] | None:
    """Return which pixels of the input can change one unit: first, and first after the last, along each axis.

    Args:
        sight: of the tensor that the unit is in.
        place: of the unit in it, without the batch.
        pixels: height and width of the input.
    """
    found: list[tuple[Fraction, Fraction] | None] = list(sight.everywhere)
    for spans, index in zip(sight.dimensions[1:], place, strict=True):
        position = index
        for span in reversed(spans):
            here = position % span.count
            position //= span.count
            start = span.start + here * span.step
            found[span.axis] = _union(found[span.axis], (max(start, span.low), min(start + span.size, span.high)))
    if any(each is None for each in found):
        return None
    return tuple(
        (max(0, math.floor(low)), min(n, math.ceil(high)))
        for (low, high), n in zip((each for each in found if each is not None), pixels, strict=True)
    )
