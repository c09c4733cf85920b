"""One unit of one layer taken apart: what it reads, each product, the sum, and what comes out.

Every number is worked out anew in float64 from the values that the layer read, so that it can be held against what the network
itself made; they differ by float32's rounding alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alexlab.errors import UserError
from alexlab.networks.layers.dropout import UnscaledDropout
from alexlab.networks.layers.normalisation import LocalResponseNorm, WithinMapNorm
from alexlab.networks.windows import Side
from alexlab.passes.functions import ARITHMETIC, CONCATENATIONS, DROPOUTS, RESHAPES, operation
from alexlab.passes.seen import Seen, main_op
from alexlab.passes.trace import Op, Step, Value

Numbers = NDArray[np.float64]
Place = tuple[int, ...]


@dataclass(frozen=True)
class Unit:
    """One unit, worked out.

    Attributes:
        layer: its name.
        place: of the unit in what the layer makes, without the batch.
        kind: "convolution", "linear", "max pooling", "average pooling", "activation", "response normalisation", "batch normalisation",
            "dropout", "softmax", "padding", "copy", "sum", or "other" for what is not taken apart.
        formula: what is computed, with the numbers' names.
        places: of each number that is read, where it lies in what the layer is given, int64 (T, dimensions); -1 throughout in padding.
        read: the numbers, (T,).
        weights: what each is multiplied by, (T,); none where nothing is.
        terms: what is summed, (T,): products, or squares.
        numbers: the constants of the formula by name, such as "bias".
        worked_out: the result.
        value: what the network itself made.
    """

    layer: str
    place: Place
    kind: str
    formula: str
    places: NDArray[np.int64]
    read: Numbers
    weights: Numbers | None
    terms: Numbers
    worked_out: float
    value: float
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Worked:
    """What `Unit` says beyond layer, place and value."""

    kind: str
    formula: str
    places: list[Place]
    read: Numbers
    weights: Numbers | None
    terms: Numbers
    result: float
    numbers: dict[str, float] = field(default_factory=dict)


def unit(seen: Seen, layer: str, place: Place, image: int = 0) -> Unit:
    """Take one unit of `layer` apart, for one image of the pass.

    Args:
        place: in what the layer makes, without the batch: map, row and column; or the number of a unit of a fully connected layer.

    Raises:
        UserError: no such layer or unit.
    """
    step = seen.step(layer)
    made = seen.made(step)[image]
    if len(place) != made.dim() or not all(0 <= i < size for i, size in zip(place, made.shape, strict=True)):
        raise UserError(f"{layer} makes {'x'.join(map(str, made.shape))} values; there is none at {place}.")
    worked = _worked(seen, step, place, image)
    places = np.array(worked.places, np.int64).reshape(
        len(worked.places), len(worked.places[0]) if worked.places else 0
    )
    return Unit(
        layer,
        place,
        worked.kind,
        worked.formula,
        places,
        worked.read,
        worked.weights,
        worked.terms,
        worked.result,
        made[place].item(),
        worked.numbers,
    )


def softmax_unit(logits_K: torch.Tensor, k: int) -> Unit:
    """Take apart how a class's probability comes of the logits."""
    read = logits_K.double().cpu().numpy()
    top = float(read.max())
    terms = np.exp(read - top)
    places = np.arange(len(read))[:, None]
    own = float(logits_K.softmax(0)[k])
    formula = "exp(x - largest) / sum of all exp(x - largest)"
    result = float(terms[k] / terms.sum())
    return Unit("softmax", (k,), "softmax", formula, places, read, None, terms, result, own, {"largest": top})


def _worked(seen: Seen, step: Step, place: Place, image: int) -> _Worked:
    module = step.module
    if isinstance(module, LocalResponseNorm | WithinMapNorm):
        return _own_response_norm(module, _given(seen, step, image), place)
    if isinstance(module, UnscaledDropout):
        x, kept = float(_given(seen, step, image)[place]), 1 - module.p
        formula = "x * (1 - p): what is kept on average"
        return _Worked("dropout", formula, [place], np.array([x]), None, np.array([x]), x * kept, {"p": module.p})
    for wanted, how in _KINDS:
        op = main_op(step, wanted)
        if op is not None and len(step.ops) <= 2:
            worked = how(seen, op, place, image)
            if worked is not None:
                return worked
    value = seen.made(step)[image][place].item()
    return _Worked("other", "this layer is not taken apart here", [], _none(), None, _none(), value)


def _given(seen: Seen, step: Step, image: int) -> Numbers:
    return _array(seen.tensor(step.inputs[0])[image])


def _input(seen: Seen, op: Op, image: int) -> Numbers:
    source = op.arguments.get("input", op.arguments.get("0"))
    assert isinstance(source, Value)
    return _array(seen.tensor(source)[image])


def _array(tensor: torch.Tensor) -> Numbers:
    found: Numbers = tensor.detach().double().cpu().numpy()
    return found


def _none() -> Numbers:
    return np.empty(0)


def _window(x_CHW: Numbers, channels: range, sides: tuple[Side, ...], at: Place) -> tuple[list[Place], Numbers]:
    """Return the places that a window reads, row by row, and the numbers there; what lies outside is padding, 0."""
    places: list[Place] = []
    offsets = [
        [i * side.stride - side.before + k * side.dilation for k in range(side.kernel)]
        for i, side in zip(at, sides, strict=True)
    ]
    for c in channels:
        for corner in np.ndindex(*(len(each) for each in offsets)):
            spot = tuple(offsets[d][k] for d, k in enumerate(corner))
            inside = all(0 <= p < n for p, n in zip(spot, x_CHW.shape[1:], strict=True))
            places.append((c, *spot) if inside else (-1,) * x_CHW.ndim)
    return places, np.array([x_CHW[p] if p[0] >= 0 else 0.0 for p in places])


def _convolution(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    sides, x = op.sides(), _input(seen, op, image)
    if sides is None or sides[0].transposed:
        return None
    weight = _array(seen.tensor(op.arguments["weight"]))
    outputs, per_group = weight.shape[:2]
    group = place[0] // (outputs // op.arguments.get("groups", 1))
    places, read = _window(x, range(group * per_group, (group + 1) * per_group), sides, place[1:])
    bias, numbers = _bias(seen, op, place[0])
    weights = weight[place[0]].ravel()
    terms = read * weights
    return _Worked(
        "convolution", f"sum of value x weight{bias}", places, read, weights, terms, _sum(terms, numbers), numbers
    )


def _bias(seen: Seen, op: Op, k: int) -> tuple[str, dict[str, float]]:
    given = op.arguments.get("bias")
    return (" + bias", {"bias": float(_array(seen.tensor(given))[k])}) if isinstance(given, Value) else ("", {})


def _sum(terms: Numbers, numbers: dict[str, float]) -> float:
    return float(terms.sum()) + numbers.get("bias", 0.0)


def _linear(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x = _input(seen, op, image)
    if x.ndim != 1:
        return None
    weights = _array(seen.tensor(op.arguments["weight"])[place[0]])
    bias, numbers = _bias(seen, op, place[0])
    terms = x * weights
    places: list[Place] = [(i,) for i in range(len(x))]
    return _Worked("linear", f"sum of value x weight{bias}", places, x, weights, terms, _sum(terms, numbers), numbers)


def _pooling(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x, sides = _input(seen, op, image), op.sides()
    if op.function.startswith("adaptive"):
        places = _adaptive(x.shape, op.outputs[0].shape[-(x.ndim - 1) :], place)
    elif sides is not None:
        places, _ = _window(x, range(place[0], place[0] + 1), sides, place[1:])
    else:
        return None
    inside = [p for p in places if p[0] >= 0]
    if "max" in op.function:
        read = np.array([x[p] for p in inside])
        return _Worked("max pooling", "the largest of the window", inside, read, None, read, float(read.max()))
    divisor = op.arguments.get("divisor_override")
    if divisor is None and sides is not None and any(side.ceiling for side in sides):
        return None  # windows that hang over have divisors of their own
    if op.arguments.get("count_include_pad", True) is False:
        places = inside
    read = np.array([x[p] if p[0] >= 0 else 0.0 for p in places])
    over = float(divisor or len(read))
    return _Worked(
        "average pooling", "sum / count", places, read, None, read, float(read.sum()) / over, {"count": over}
    )


def _adaptive(given: tuple[int, ...], made: tuple[int, ...], place: Place) -> list[Place]:
    spans = [
        range(i * n // size, -(-(i + 1) * n // size)) for i, n, size in zip(place[1:], given[1:], made, strict=True)
    ]
    return [
        (place[0], *(span[k] for span, k in zip(spans, corner, strict=True)))
        for corner in np.ndindex(*(len(span) for span in spans))
    ]


_ACTIVATIONS: dict[str, tuple[str, Callable[[float], float]]] = {
    "relu": ("max(0, x)", lambda x: max(0.0, x)),
    "sigmoid": ("1 / (1 + exp(-x))", lambda x: 0.5 * (1 + math.tanh(x / 2))),
    "tanh": ("tanh(x)", math.tanh),
}


def _activation(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x = float(_input(seen, op, image)[place])
    formula, function = _ACTIVATIONS[operation(op.function)]
    return _Worked("activation", formula, [place], np.array([x]), None, np.array([x]), function(x))


def _dropout(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x = float(_input(seen, op, image)[place])
    return _Worked("dropout", "x: outside training nothing is dropped", [place], np.array([x]), None, np.array([x]), x)


def _batch_norm(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x = float(_input(seen, op, image)[place])
    numbers = {}
    for name, key in (("mean", "running_mean"), ("variance", "running_var"), ("gain", "weight"), ("bias", "bias")):
        given = op.arguments.get(key)
        if isinstance(given, Value):
            numbers[name] = float(_array(seen.tensor(given))[place[0]])
    if "mean" not in numbers or "variance" not in numbers:
        return None
    numbers["epsilon"] = float(op.arguments.get("eps", op.arguments.get("7", 1e-5)))
    scaled = (x - numbers["mean"]) / math.sqrt(numbers["variance"] + numbers["epsilon"])
    result = scaled * numbers.get("gain", 1.0) + numbers.get("bias", 0.0)
    formula = "(x - mean) / sqrt(variance + epsilon) * gain + bias"
    return _Worked("batch normalisation", formula, [place], np.array([x]), None, np.array([x]), result, numbers)


def _across(x: Numbers, place: Place, before: int, after: int) -> list[Place]:
    low, high = max(0, place[0] - before), min(x.shape[0] - 1, place[0] + after)
    return [(c, *place[1:]) for c in range(low, high + 1)]


def _response_norm(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x, given = _input(seen, op, image), op.arguments
    size, alpha = int(given["size"]), float(given.get("alpha", 1e-4))
    beta, k = float(given.get("beta", 0.75)), float(given.get("k", 1.0))
    return _normalised(x, place, _across(x, place, size // 2, (size - 1) // 2), alpha / size, beta, k)


def _own_response_norm(module: LocalResponseNorm | WithinMapNorm, x: Numbers, place: Place) -> _Worked:
    if isinstance(module, LocalResponseNorm):
        factor = module.alpha / module.size if module.alpha_divided else module.alpha
        half = module.size // 2
        return _normalised(x, place, _across(x, place, half, half), factor, module.beta, module.k)
    sides = tuple(Side(module.size, 1, module.size // 2, module.size // 2) for _ in place[1:])
    places, _ = _window(x, range(place[0], place[0] + 1), sides, place[1:])
    inside = [p for p in places if p[0] >= 0]
    return _normalised(x, place, inside, module.scale / module.size**2, module.power, module.k)


def _normalised(x: Numbers, place: Place, places: list[Place], factor: float, beta: float, k: float) -> _Worked:
    read = np.array([x[p] for p in places])
    squares = read**2
    own = float(x[place])
    result = own / (k + factor * float(squares.sum())) ** beta
    numbers = {"x": own, "k": k, "factor": factor, "beta": beta}
    formula = "x / (k + factor * sum of squares) ^ beta"
    return _Worked("response normalisation", formula, places, read, None, squares, result, numbers)


def _softmax(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x = _input(seen, op, image)
    if x.ndim != 1 or operation(op.function) != "softmax":
        return None
    found = softmax_unit(torch.from_numpy(x), place[0])
    places: list[Place] = [(i,) for i in range(len(x))]
    return _Worked("softmax", found.formula, places, x, None, found.terms, found.worked_out, found.numbers)


def _copy(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x = _input(seen, op, image)
    made = op.outputs[0].shape[1:]
    if math.prod(made) != x.size or operation(op.function) not in (
        "flatten",
        "view",
        "reshape",
        "unflatten",
        "squeeze",
    ):
        return None
    where = np.unravel_index(np.ravel_multi_index(place, made), x.shape)
    return _copied(x, tuple(int(i) for i in where), "the same number, in another place")


def _copied(x: Numbers, where: Place, formula: str) -> _Worked:
    value = np.array([x[where]])
    return _Worked("copy", formula, [where], value, None, value, float(value[0]))


def _padding(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    x, pad = _input(seen, op, image), op.arguments.get("pad")
    if not isinstance(pad, tuple) or op.arguments.get("mode", "constant") != "constant":
        return None
    before = [0] * x.ndim
    for i in range(len(pad) // 2):
        before[x.ndim - 1 - i] = pad[2 * i]
    where = tuple(p - b for p, b in zip(place, before, strict=True))
    if all(0 <= i < n for i, n in zip(where, x.shape, strict=True)):
        return _copied(x, where, "the same number, moved by the padding")
    filled = float(op.arguments.get("value") or 0.0)
    return _Worked("padding", "outside what was given: a constant", [], _none(), None, _none(), filled)


def _join(seen: Seen, op: Op, place: Place, image: int) -> _Worked | None:
    parts: Any = op.arguments.get("tensors", op.arguments.get("0"))
    dim = op.arguments.get("dim", 0)
    if operation(op.function) != "cat" or not isinstance(parts, tuple) or dim < 1:
        return None
    at = place[dim - 1]
    for number, part in enumerate(parts):
        x = _array(seen.tensor(part)[image])
        if at < x.shape[dim - 1]:
            where = (*place[: dim - 1], at, *place[dim:])
            return _copied(x, where, f"the same number, from part {number + 1} of {len(parts)}")
        at -= x.shape[dim - 1]
    return None


_KINDS: tuple[tuple[Callable[[str], bool], Callable[[Seen, Op, Place, int], _Worked | None]], ...] = (
    (lambda name: name.startswith("conv"), _convolution),
    (lambda name: name == "linear", _linear),
    (lambda name: "_pool" in name, _pooling),
    (lambda name: operation(name) in _ACTIVATIONS, _activation),
    (lambda name: name == "local_response_norm", _response_norm),
    (lambda name: name == "batch_norm", _batch_norm),
    (lambda name: name in DROPOUTS, _dropout),
    (lambda name: operation(name) == "softmax", _softmax),
    (lambda name: name in ("pad", "constant_pad_nd"), _padding),
    (lambda name: name in CONCATENATIONS - ARITHMETIC, _join),
    (lambda name: name in RESHAPES, _copy),
)
"""How the layers whose first call is such a function are taken apart, first match first."""
