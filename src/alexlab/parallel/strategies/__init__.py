"""The strategies of several processes, one file each; see `strategy.Strategy`. Imported by itself it imports no torch."""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import torch
    from torch import nn

    from alexlab.parallel.processes import Processes
    from alexlab.parallel.strategies.strategy import Optimising, Strategy

StrategyName = Literal["data", "towers", "hybrid"]

STRATEGIES: tuple[StrategyName, ...] = get_args(StrategyName)


def strategy_for(
    name: StrategyName,
    network: "nn.Module",
    batch: int,
    make_optimiser: "Optimising",
    device: "torch.device",
    processes: "Processes",
) -> "Strategy":
    """Return the strategy `name` for these processes, each of which has made the same `network`; one process trains alone.

    Args:
        batch: images of a batch, in all processes together.
        make_optimiser: makes the optimiser of a network.
    """
    how = (make_optimiser, device, processes)
    if processes.count == 1:
        from alexlab.parallel.strategies.alone import Alone

        return Alone(network, *how)
    if name == "data":
        from alexlab.parallel.strategies.data import Data

        return Data(network, *how)
    if name == "towers":
        from alexlab.networks.alexnet_2012 import TwoTowers
        from alexlab.parallel.strategies.towers import Towers

        assert isinstance(network, TwoTowers)  # as `fitting.check_fits` has made sure
        return Towers(network, *how)
    from alexlab.parallel.strategies.hybrid import Hybrid

    return Hybrid(network, batch, *how)
