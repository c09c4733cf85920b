"""The ways to train with several processes, one file each. Imported by itself it imports no torch."""

from typing import Literal

from alexlab.errors import unknown

StrategyName = Literal["data", "towers", "hybrid"]

STRATEGIES: tuple[StrategyName, ...] = ("data", "towers", "hybrid")


def strategy_called(name: str) -> StrategyName:
    """Return the name of the strategy `name`. Raises UserError where there is none."""
    for strategy in STRATEGIES:
        if strategy == name:
            return strategy
    raise unknown("strategy", name, STRATEGIES)
