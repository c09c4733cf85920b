"""The ways to train with several processes, and which networks each is for. Imports no torch."""

from typing import Literal

from alexlab.errors import UserError, unknown
from alexlab.networks.catalogue import find

Way = Literal["data", "towers", "hybrid"]

WAYS: tuple[Way, ...] = ("data", "towers", "hybrid")

TOWERS = ("alexnet-paper", "alexnet-2012")
"""The networks with two towers."""

HYBRID = ("alexnet-textbook", "alexnet-227", "alexnet-caffe", "alexnet-torchvision", "alexnet-keras", "alexnet8")
"""The networks of one tower: convolutions, and after them fully connected layers with nothing but ReLU and dropout in between."""

HIDDEN = {"alexnet8": (2048, 2048), "alexnet-227": (4096, 4096, 1000)}
"""Units of the hidden layers where they are not two of 4,096; the processes of the hybrid divide each of them."""


def way_called(name: str) -> Way:
    """The way called `name`. Raises UserError where there is none."""
    for way in WAYS:
        if way == name:
            return way
    raise unknown("way to divide the work", name, WAYS)


def check_way(way: Way, network: str, processes: int) -> None:
    """Raise UserError unless `network` (of the catalogue or the user's own) can be trained by `processes` processes in this way."""
    if way == "data":
        return
    if ":" not in network:
        find(network)
    fits = TOWERS if way == "towers" else HYBRID
    if network not in fits:
        what = "two towers" if way == "towers" else "convolutions and then fully connected layers in one tower"
        raise UserError(
            f"--parallel {way}: {network} has not {what}; networks that have: {', '.join(fits)}. "
            "--parallel data divides any network's images."
        )
    if way == "towers" and processes != 2:
        raise UserError(
            f"--parallel towers: found {processes} process{'es' * (processes != 1)}; each of the two towers takes one, so "
            "expected 2 (--processes 2, or torchrun --nproc-per-node 2)."
        )
    if way == "hybrid" and (wrong := [units for units in hidden_units(network) if units % processes or processes < 2]):
        raise UserError(
            f"--parallel hybrid: {processes} process{'es' * (processes != 1)} cannot divide {network}'s {wrong[0]:,} hidden units "
            "evenly; expected 2 or more that divide them, such as 2 or 4."
        )


def hidden_units(network: str) -> tuple[int, ...]:
    """The units of the hidden layers that the hybrid divides."""
    return HIDDEN.get(network, (4096, 4096))
