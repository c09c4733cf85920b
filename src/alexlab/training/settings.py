"""How a training is carried out. What changes its weights is the recipe's to say."""

from dataclasses import dataclass, field
from pathlib import Path

from alexlab.parallel.processes import WAIT
from alexlab.parallel.strategies import StrategyName
from alexlab.training.callbacks import Callback, Silent

CHECKPOINT_EVERY = 5.0  # minutes


@dataclass(frozen=True)
class Settings:
    """Where a training runs, for how long, and who hears of it.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
        data_dir: where to look for datasets first.
        steps: stop after so many updates; the schedule stays that of the recipe's epochs.
        memory: bytes that stored images may take; by default half of the machine's.
        tensorboard: write TensorBoard events into the run too.
        checkpoint_every: minutes between checkpoints within an epoch; more where that would take over 2 % of the time.
        wait: seconds that several processes wait for each other.
        parallel: how several processes divide the work: its images ("data"), "towers" or "hybrid"; see docs/parallel.md.
        callback: what is called as it goes; of several processes, in the first.
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
