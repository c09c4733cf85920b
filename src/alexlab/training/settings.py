"""How a training is carried out. What changes its weights is the recipe's to say."""

from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from alexlab.errors import UserError, unknown
from alexlab.parallel.processes import WAIT, Processes
from alexlab.parallel.strategies import STRATEGIES, StrategyName
from alexlab.showing import brief
from alexlab.training.callbacks import Callback, Silent

CHECKPOINT_EVERY = 5.0  # minutes

BOUNDS: tuple[tuple[str, type[Any], str, float, float], ...] = (
    ("steps", Integral, "a number of updates, 1 or more", 1, 2**63),
    ("memory", Integral, "a number of bytes, 0 or more", 0, 2**63),
    ("checkpoint_every", Real, "minutes, 0 or more", 0, 1e9),
    ("wait", Real, "seconds, 1 to 1,000,000", 1, 1e6),
)
"""Of each number its kind, what it is in words, and its ends."""


@dataclass(frozen=True)
class Settings:
    """Where a training runs, for how long, and who hears of it. Raises UserError where a number is none that will do.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
        data_dir: where to look for datasets first.
        steps: stop after so many updates; the schedule stays that of the recipe's epochs.
        memory: bytes that stored images may take; by default half of the machine's.
        tensorboard: write TensorBoard events into the run too.
        checkpoint_every: minutes between checkpoints within an epoch; more where that would take over 2 % of the time.
        wait: seconds that several processes wait for each other.
        parallel: how several processes divide the work: its images ("data"), "towers" or "hybrid"; see docs/parallel.md.
        callback: what is called as it goes.
    """

    device: str = "auto"
    data_dir: Path | None = None
    steps: int | None = None
    memory: int | None = None
    tensorboard: bool = False
    checkpoint_every: float = CHECKPOINT_EVERY
    wait: float = WAIT
    parallel: StrategyName = "data"
    callback: Callback = field(default_factory=Silent)

    def __post_init__(self) -> None:
        for name, kind, what, least, most in BOUNDS:
            value = getattr(self, name)
            free = value is None and name in ("steps", "memory")
            if not free and not (isinstance(value, kind) and least <= value <= most):
                raise UserError(f"{name} = {brief(value)} does not fit; expected: {what}.")
        if self.parallel not in STRATEGIES:
            raise unknown("strategy", str(self.parallel), STRATEGIES)

    def seen_from(self, processes: Processes) -> "Settings":
        """Return the settings for one of `processes`: the first speaks for all."""
        return self if processes.is_first else replace(self, callback=Silent())
