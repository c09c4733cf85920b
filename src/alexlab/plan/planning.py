"""Which strategy is the fastest with how many devices."""

from dataclasses import asdict, dataclass
from typing import Any

from alexlab.describe.describing import describe
from alexlab.describe.description import Description
from alexlab.errors import UserError
from alexlab.parallel.strategies import STRATEGIES, StrategyName
from alexlab.parallel.strategies.fitting import check_fits
from alexlab.plan.model import Device, Link, times
from alexlab.plan.work import share

MOST_DEVICES = 1024
IMAGES = 128  # of each device, where no batch is named

CORE = Device("one core of an AMD EPYC, float32", 32.7e9, 1.96e-9, 1.0e-9, 1.77e-4)
"""Measured and fitted: benchmarks/links.md."""


@dataclass(frozen=True)
class Prediction:
    """One strategy with one number of devices: seconds of an update, those of them that exchanges add, bytes each process sends."""

    seconds: float
    exchange: float
    sent: float


@dataclass(frozen=True)
class Row:
    """Every strategy that a number of devices can take, and the fastest of them."""

    devices: int
    batch: int
    ways: dict[StrategyName, Prediction]
    best: StrategyName

    @property
    def images_per_second(self) -> float:
        """Of the fastest strategy."""
        return self.batch / self.ways[self.best].seconds


@dataclass(frozen=True)
class Plan:
    """The predictions for one network, link and device."""

    network: str
    device: Device
    link: Link
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = [{**asdict(row), "images_per_second": row.images_per_second} for row in self.rows]
        return {"network": self.network, "device": asdict(self.device), "link": asdict(self.link), "rows": rows}


def plan(
    network: str, devices: int, link: Link, batch: int | None = None, images_per_second: float | None = None
) -> Plan:
    """Predict updates with 1, 2, 4, ... and `devices` devices.

    Args:
        network: of the catalogue, or the user's own, which can only be data-parallel.
        link: what joins each device to the next.
        batch: images of an update, over all devices; by default 128 for each.
        images_per_second: what one device alone trains, with 128 images a step; by default a core of the machine of the measurements.

    Raises:
        UserError: no such network, more devices than 1,024 or than images, or a number beyond what machines have.
    """
    if not 1 <= devices <= MOST_DEVICES:
        raise UserError(f"{devices:,} devices: expected 1 to {MOST_DEVICES:,}, for which the model was made.")
    if batch is not None and batch < devices:
        raise UserError(f"a batch of {batch:,} images for {devices:,} devices: expected one or more for each.")
    _check_bounds(link, batch, images_per_second)
    description = describe(network)
    if description.failure is not None:
        raise UserError(f"{network}: its shapes do not fit; `alexlab describe {network}` says where.")
    device = CORE
    if images_per_second is not None:
        device = CORE.faster(
            images_per_second / (IMAGES / _predicted(description, "data", 1, IMAGES, CORE, link).seconds)
        )
    counts = [count for count in (2**i for i in range(11)) if count < devices] + [devices]
    rows = tuple(_row(network, description, count, batch or IMAGES * count, device, link) for count in counts)
    return Plan(network, device, link, rows)


def _check_bounds(link: Link, batch: int | None, images_per_second: float | None) -> None:
    """Raise UserError where a number is not finite, or so large or small that the times would not be."""
    given = {
        "bandwidth, in bits a second": (link.bits_per_second, 1.0, 1e18),
        "latency, in seconds": (link.latency, 0.0, 1e6),
        "images a second": (images_per_second, 1e-6, 1e12),
        "batch, in images": (batch, 1, 10**9),
    }
    for what, (value, least, most) in given.items():
        if value is not None and not least <= value <= most:  # nan is not, either
            raise UserError(f"{what}: found {str(value)[:20]}; expected {least:g} to {most:g}.")


def _row(network: str, description: Description, devices: int, batch: int, device: Device, link: Link) -> Row:
    ways = {
        strategy: _predicted(description, strategy, devices, batch, device, link)
        for strategy in STRATEGIES
        if strategy == "data" or (devices > 1 and _fits(strategy, network, devices))
    }
    return Row(devices, batch, ways, min(ways, key=lambda strategy: ways[strategy].seconds))


def _predicted(
    description: Description, strategy: StrategyName, devices: int, batch: int, device: Device, link: Link
) -> Prediction:
    part = share(description, strategy, devices, batch)
    taken = times(part, devices, device, link)
    return Prediction(taken.step, taken.exchange, 0.0 if devices == 1 else part.sent(devices))


def _fits(strategy: StrategyName, network: str, devices: int) -> bool:
    try:
        check_fits(strategy, network, devices)
    except UserError:
        return False
    return True
