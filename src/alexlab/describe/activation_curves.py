"""ReLU, sigmoid and tanh with their derivatives, and where each saturates.

A unit saturates where its derivative is so small that what it passes back changes nothing. The drawing shades where the
derivative is below SATURATED (the argument for ReLU: Krizhevsky, Sutskever, Hinton 2012, section 3.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp, tanh

from alexlab.describe.drawing import Curve, Drawing, Line, Mark, Point, Polygon, Words

SATURATED = 0.05
REACH = 6.0
"""Inputs from -REACH to REACH are drawn."""


@dataclass(frozen=True)
class Activation:
    """A function of one number, its derivative, and both as they are written."""

    name: str
    formula: str
    derivative_formula: str
    value: Callable[[float], float]
    derivative: Callable[[float], float]
    largest_derivative: str
    lowest: float
    highest: float


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


ACTIVATIONS = (
    Activation(
        "ReLU", "f(x) = max(0, x)", "f'(x) = 1 where x > 0, else 0",
        lambda x: max(0.0, x), lambda x: 1.0 if x > 0 else 0.0, "1", -1.0, 6.0,
    ),
    Activation(
        "sigmoid", "f(x) = 1 / (1 + exp(-x))", "f'(x) = f(x) (1 - f(x))",
        _sigmoid, lambda x: _sigmoid(x) * (1 - _sigmoid(x)), "1/4", -1.0, 1.5,
    ),
    Activation(
        "tanh", "f(x) = tanh(x)", "f'(x) = 1 - f(x)²",
        tanh, lambda x: 1 - tanh(x) ** 2, "1", -1.5, 1.5,
    ),
)  # fmt: skip


def saturated_from(activation: Activation) -> tuple[float | None, float | None]:
    """Below the first input and above the second, the derivative is under SATURATED; None where it never is."""
    low = _edge(lambda x: activation.derivative(-x))
    high = _edge(activation.derivative)
    return (-low if low is not None else None), high


def _edge(derivative: Callable[[float], float]) -> float | None:
    """Return the smallest x >= 0 from which on the derivative stays under SATURATED, by bisection; None beyond 50."""
    if derivative(50.0) >= SATURATED:
        return None
    inside, outside = 0.0, 50.0
    if derivative(1e-9) < SATURATED:
        return 0.0
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if derivative(middle) >= SATURATED else (inside, middle)
    return outside


PANEL_WIDE, PANEL_HIGH, SPACE = 300.0, 250.0, 46.0


def activation_curves(theme: str = "light") -> Drawing:
    """Return the three functions beside each other."""
    marks: list[Mark] = [Words((40, 34), "Activations and their derivatives", 17, "start", bold=True)]
    marks.append(Words((40, 54), f"shaded: saturated, the derivative is below {SATURATED}", 11.5, "start", "soft"))
    for i, activation in enumerate(ACTIVATIONS):
        marks += _panel(activation, 40 + i * (PANEL_WIDE + SPACE), 112)
    wide = 80 + len(ACTIVATIONS) * PANEL_WIDE + (len(ACTIVATIONS) - 1) * SPACE
    return Drawing(wide, 112 + PANEL_HIGH + 92, "ReLU, sigmoid and tanh with their derivatives", tuple(marks), theme)


def _panel(activation: Activation, left: float, top: float) -> list[Mark]:
    low, high = activation.lowest, activation.highest

    def at(x: float, y: float) -> Point:
        across = (x + REACH) / (2 * REACH) * PANEL_WIDE
        return left + across, top + (high - y) / (high - low) * PANEL_HIGH

    marks: list[Mark] = [Words((left, top - 14), activation.name, 14, "start", bold=True)]
    marks += _shading(activation, at)
    marks += _grid(activation, at)
    for function, colour, width in (
        (activation.value, "convolution", 2.6),
        (activation.derivative, "window", 1.8),
    ):
        marks += _curve(function, colour, width, at)
    base = top + PANEL_HIGH + 36
    for i, (colour, text) in enumerate(
        (("convolution", activation.formula), ("window", activation.derivative_formula))
    ):
        marks.append(Line((left, base + i * 18 - 4), (left + 18, base + i * 18 - 4), colour, 2.4))
        marks.append(Words((left + 25, base + i * 18), text, 11, "start"))
    marks.append(Words((left, base + 38), _in_words(activation), 10.5, "start", "soft"))
    return marks


def _in_words(activation: Activation) -> str:
    low, high = saturated_from(activation)
    both = low is not None and high is not None
    where = f"beyond ±{_number(high or 0.0)}" if both else f"below {_number(low or 0.0)}"
    return f"f' is {activation.largest_derivative} at most; saturates {where}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def _shading(activation: Activation, at: Callable[[float, float], Point]) -> list[Mark]:
    low, high = saturated_from(activation)
    areas = [(-REACH, low)] if low is not None else []
    areas += [(high, REACH)] if high is not None else []
    bottom, top = activation.lowest, activation.highest
    return [
        Polygon((at(a, bottom), at(b, bottom), at(b, top), at(a, top)), "fan", edge="fan", width=0.1) for a, b in areas
    ]


def _grid(activation: Activation, at: Callable[[float, float], Point]) -> list[Mark]:
    low, high = activation.lowest, activation.highest
    marks: list[Mark] = [
        Line(at(-REACH, 0), at(REACH, 0), "soft", 0.8),
        Line(at(0, low), at(0, high), "soft", 0.8),
    ]
    for x in (-6, -4, -2, 2, 4, 6):
        (tick, y) = at(x, 0)
        marks.append(Line((tick, y - 2.5), (tick, y + 2.5), "soft", 0.8))
        marks.append(Words((tick, at(x, low)[1] + 14), str(x), 9.5, "middle", "soft"))
    step = 1.0 if high > 2 else 0.5
    count = int((high - low) / step)
    for y in (low + step * i for i in range(count + 1)):
        if y == 0:
            continue
        marks.append(Line(at(-REACH, y), at(REACH, y), "line", 0.3, dashed=True))
        marks.append(Words((at(-REACH, y)[0] - 6, at(0, y)[1] + 3.5), _number(y), 9.5, "end", "soft"))
    return marks


def _curve(
    function: Callable[[float], float], colour: str, width: float, at: Callable[[float, float], Point]
) -> list[Mark]:
    """Return a curve, in two where it jumps."""
    xs = [-REACH + i * REACH / 120 for i in range(241)]
    pieces: list[list[Point]] = [[]]
    for x, following in pairwise([*xs, xs[-1]]):
        pieces[-1].append(at(x, function(x)))
        if abs(function(following) - function(x)) > 0.5:
            pieces.append([])
    return [Curve(tuple(piece), colour, width) for piece in pieces]
