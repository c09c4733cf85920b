"""What an update of a network computes and exchanges, for each strategy: arithmetic, without a guess."""

from collections.abc import Iterable
from dataclasses import dataclass

from alexlab.describe.description import Description, Layer
from alexlab.parallel.costs import SENT
from alexlab.parallel.strategies import StrategyName

VALUE = 4  # bytes of a float32
FIRST_BUCKET, BUCKET = 2**20, 25 * 2**20
"""Bytes of gradients that DistributedDataParallel collects before it sends them, the first time and then."""


@dataclass(frozen=True)
class Exchange:
    """An exchange of an update: its kind (of `costs.SENT`), and the bytes that each process gives."""

    kind: str
    size: float

    def sent(self, devices: int) -> float:
        """Return the bytes that each of `devices` processes sends."""
        return SENT[self.kind](self.size, devices)


@dataclass(frozen=True)
class Share:
    """What one process does in an update: products of the forward pass, weights that it holds, and its exchanges.

    `gradients` are those that travel while the backward pass goes on, `blocking` those that it waits for.
    """

    multiply_adds: float
    weights: float
    gradients: tuple[Exchange, ...] = ()
    blocking: tuple[Exchange, ...] = ()

    def sent(self, devices: int) -> float:
        """Bytes that each process sends in an update."""
        return sum(exchange.sent(devices) for exchange in (*self.gradients, *self.blocking))


def share(description: Description, strategy: StrategyName, devices: int, batch: int) -> Share:
    """Return the share of one of `devices` processes in an update of `batch` images.

    Args:
        description: of a network that has this strategy (`parallel.strategies.fitting.check_fits`).
    """
    convolutions = [layer for layer in description.layers if layer.role == "convolution"]
    linear = [layer for layer in description.layers if layer.role == "linear"]
    others = [layer for layer in description.layers if layer.role not in ("convolution", "linear")]
    in_convolutions, in_linear = _multiply_adds(convolutions), _multiply_adds(linear)
    weights = [layer.trainable for layer in (*convolutions, *others)], [layer.trainable for layer in linear]
    whole = sum(map(sum, weights))
    if devices == 1:
        return Share(batch * (in_convolutions + in_linear), whole)
    images = batch / devices
    if strategy == "data":
        return Share(images * (in_convolutions + in_linear), whole, _buckets([*weights[0], *weights[1]]))
    if strategy == "towers":
        sums = Exchange("all-gather", VALUE * batch * linear[-1].units)
        there_and_back = tuple(
            Exchange("all-gather", VALUE * batch * values) for values in halves(description) for _ in "fb"
        )
        return Share(batch * (in_convolutions + in_linear) / 2, whole / 2, (), (*there_and_back, sums))
    between = [VALUE * batch * values for values in (linear[0].input_shape[-1], *(layer.units for layer in linear[1:]))]
    moved = [
        Exchange(kind, size / devices if kind == "all-gather" else size) for size in between for kind in _THERE_AND_BACK
    ]
    held = sum(weights[0]) + sum(weights[1]) / devices
    return Share(images * in_convolutions + batch * in_linear / devices, held, _buckets(weights[0]), tuple(moved))


_THERE_AND_BACK = ("all-gather", "reduce-scatter")


def halves(description: Description) -> list[int]:
    """Values of an image that a tower sends before each layer that reads both: conv3, fc6 and fc7."""
    reads_both = {layer.name: layer for layer in description.layers if layer.name in ("a.conv3", "a.fc6", "a.fc7")}
    return [_values(reads_both[name]) // 2 for name in ("a.conv3", "a.fc6", "a.fc7")]


def _values(layer: Layer) -> int:
    count = 1
    for size in layer.input_shape:
        count *= size
    return count


def _multiply_adds(layers: Iterable[Layer]) -> int:
    return sum(layer.multiply_adds for layer in layers)


def _buckets(weights: list[int]) -> tuple[Exchange, ...]:
    """Return the all-reduces of DistributedDataParallel: gradients in the order in which they come, from the last layer to the first."""
    sizes, filled, limit = [], 0, FIRST_BUCKET
    for count in reversed([count for count in weights if count]):
        filled += VALUE * count
        if filled >= limit:
            sizes.append(filled)
            filled, limit = 0, BUCKET
    return tuple(Exchange("all-reduce", size) for size in [*sizes, *([filled] if filled else [])])
