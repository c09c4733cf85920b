"""How long a share of an update takes: compute at measured rates, exchanges by the alpha-beta model of rings.

An exchange costs its rounds times alpha (the latency and what the software adds), and its bytes divided by the link's rate: R. W.
Hockney, "The communication challenge for MPP", 1994; R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of Collective
Communication Operations in MPICH", 2005. What was fitted, to which measurements, and how far it is off on others: docs/parallel.md.
"""

from dataclasses import dataclass

from alexlab.parallel.costs import ROUNDS
from alexlab.plan.work import Exchange, Share

PASSES = 3  # the backward pass computes twice what the forward pass does


@dataclass(frozen=True)
class Device:
    """What one process computes with.

    Attributes:
        name: for people.
        rate: multiply-adds a second; an update does three times those of a forward pass.
        seconds_a_weight: what a step takes for each weight that the process holds, whatever the batch: reading it, its gradient,
            its update.
        seconds_a_byte: the processor's own time for each byte sent; it computes nothing else meanwhile.
        seconds_a_round: what the software adds to the link's latency in each round of an exchange.
    """

    name: str
    rate: float
    seconds_a_weight: float
    seconds_a_byte: float
    seconds_a_round: float

    def faster(self, times: float) -> "Device":
        """Return a device that computes so many times as fast, and talks as this one does."""
        return Device(
            f"{self.name}, {times:.3g} times as fast", self.rate * times, self.seconds_a_weight / times,
            self.seconds_a_byte, self.seconds_a_round,
        )  # fmt: skip


@dataclass(frozen=True)
class Link:
    """What joins each process to its neighbours: bits a second in each direction, and seconds one way."""

    bits_per_second: float
    latency: float


@dataclass(frozen=True)
class Times:
    """Seconds of an update: compute, and what exchanges add to it."""

    compute: float
    exchange: float

    @property
    def step(self) -> float:
        """All of it."""
        return self.compute + self.exchange


def times(share: Share, devices: int, device: Device, link: Link) -> Times:
    """Return the seconds of one update, of which each process does `share`."""
    forward = share.multiply_adds / device.rate
    backward = (PASSES - 1) * forward
    fixed = share.weights * device.seconds_a_weight
    compute = forward + backward + fixed
    if devices == 1:
        return Times(compute, 0.0)
    waited = sum(_on_link(each, devices, device, link) + _own(each, devices, device) for each in share.blocking)
    # Gradients travel beside the backward pass, which they slow by the processor's own time for them.
    on_link = sum(_on_link(each, devices, device, link) for each in share.gradients)
    own = sum(_own(each, devices, device) for each in share.gradients)
    beside = max(backward + own, on_link) - backward
    return Times(compute, waited + beside)


def _on_link(exchange: Exchange, devices: int, device: Device, link: Link) -> float:
    alpha = link.latency + device.seconds_a_round
    return ROUNDS[exchange.kind](devices) * alpha + 8 * exchange.sent(devices) / link.bits_per_second


def _own(exchange: Exchange, devices: int, device: Device) -> float:
    return exchange.sent(devices) * device.seconds_a_byte
