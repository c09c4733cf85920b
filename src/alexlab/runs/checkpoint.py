"""Where a training stands, kept in files of their own, so that it can go on as if it had never stopped.

checkpoint-00001234.safetensors holds the weights, the optimiser's state, the figures so far and where the training stood after 1,234
updates. Nothing random is in it: what is drawn depends on the seed and the step alone.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from pydantic import TypeAdapter

from alexlab.errors import UserError
from alexlab.parallel.strategies.strategy import OptimiserState, Weights
from alexlab.runs.schema import is_line
from alexlab.weights.tensors import check_tensors, load_tensors, to_bytes
from alexlab.writing import check_digest

FORMAT = 2  # 1 had one file, checkpoint.safetensors, without the figures
NAME = re.compile(r"checkpoint-(\d{8,})\.safetensors")
KEPT = 2
"""How many checkpoints stay: if the newest is damaged, there is one before it."""


@dataclass
class Sums:
    """Loss and right answers over the training images since some moment."""

    loss: float = 0.0
    right: int = 0
    images: int = 0

    def add(self, loss: float, right: int, images: int) -> None:
        """`loss` is the mean over these images."""
        self.loss += loss * images
        self.right += right
        self.images += images

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy."""
        return self.loss / self.images, self.right / self.images


@dataclass
class TrainingState:
    """Where a training stands: `batch` batches of epoch `epoch` (both from 0) are done."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None  # watched accuracy; among equals the lower loss is the better
    best_loss: float = 0.0
    best_epoch: float = 0
    stale: int = 0
    plateaus: int = 0
    rollbacks: int = 0  # how often it went back from numbers that were not finite: each divides the rate by ten
    processes: int = 1  # whose shards the order of this epoch keeps apart; see data.shard_order
    since_epoch: Sums = field(default_factory=Sums)
    since_point: Sums = field(default_factory=Sums)
    seconds: float = 0.0  # spent in updates, over all sittings
    images: int = 0  # trained in that time

    def begin_epoch(self) -> None:
        """Go on to the next epoch."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.since_epoch, self.since_point = Sums(), Sums()

    def watched(self, top1: float, loss: float, epoch: float) -> bool:
        """Take in the watched figures at the end of `epoch`; return whether they are the best so far."""
        better = self.best is None or (top1, -loss) > (self.best, -self.best_loss)
        more_accurate = self.best is None or top1 > self.best
        self.stale = 0 if more_accurate else self.stale + 1
        if better:
            self.best, self.best_loss, self.best_epoch = top1, loss, epoch
        return better


_TRAINING_STATE = TypeAdapter(TrainingState)


@dataclass(frozen=True)
class Restored:
    """What a checkpoint brought back: where the training stood, and its lines of metrics.jsonl (None in format 1).

    `weights` and `optimiser_state` are those of the whole network, for a network and an optimiser to take.
    """

    path: Path
    state: TrainingState
    metrics: list[str] | None
    weights: Weights = field(default_factory=dict)
    optimiser_state: OptimiserState = field(default_factory=dict)


def checkpoint_bytes(
    weights: Weights, optimiser_state: OptimiserState, state: TrainingState, metrics: list[str]
) -> bytes:
    """Weights, the optimiser's state and the training's as they are now: the content of one safetensors file."""
    tensors = {f"network.{name}": tensor for name, tensor in weights.items()}
    for index, of_parameter in optimiser_state.items():
        for name, value in of_parameter.items():
            if value is not None:
                tensors[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    return to_bytes(tensors, {"format": FORMAT, "standing": asdict(state), "metrics": metrics})


def path_of(folder: Path, step: int) -> Path:
    """Return the name of the checkpoint after update `step`."""
    return folder / f"checkpoint-{step:08}.safetensors"


def step_of(path: Path) -> int:
    """Return the update after which a checkpoint was written; -1 for the one of format 1, which does not say."""
    found = NAME.fullmatch(path.name)
    return int(found[1]) if found else -1


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints in a run's folder, the newest first."""
    found = [path for path in folder.glob("checkpoint*.safetensors") if step_of(path) >= 0]
    old = folder / "checkpoint.safetensors"
    return sorted(found, key=step_of, reverse=True) + [old] * old.exists()


def forget_after(folder: Path, step: int) -> None:
    """Delete the checkpoints of later steps: of a way that led nowhere."""
    for path in checkpoints(folder):
        if step_of(path) > step:
            path.unlink(missing_ok=True)


def prune(folder: Path, also: int | None = None) -> None:
    """Delete all checkpoints but the newest `KEPT`, and but that of step `also`."""
    for path in checkpoints(folder)[KEPT:]:
        if step_of(path) != also:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def restore_newest(
    folder: Path,
    restore: Callable[[Path], Restored],
    noted: Callable[[str], None],
    wanted: Callable[[int], bool] = lambda step: True,
) -> Restored | None:
    """Return what `restore` makes of the newest good checkpoint; None where there is none at all.

    Args:
        restore: brings everything to a checkpoint. Raises UserError where a checkpoint is not good.
        noted: told of each checkpoint that is damaged and passed over.
        wanted: whether the checkpoint of a step will do.

    Raises:
        UserError: there are checkpoints, and none is good.
    """
    problems: list[str] = []
    for path in checkpoints(folder):
        if not wanted(step_of(path)):
            continue
        try:
            restored = restore(path)
        except UserError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            noted(f"{problem} Going on from the checkpoint before, {restored.path.name}.")
        return restored
    if problems:
        raise UserError(
            f"{folder}: no checkpoint is good: {' '.join(problems)} Start again: alexlab train --recipe {folder}/recipe.toml"
        )
    return None


def read(expected: Weights, parameters: int, path: Path) -> Restored:
    """Read what a checkpoint holds, of a network with tensors like `expected` and so many parameters.

    Raises:
        UserError: the file is damaged, of another format, or of another network.
    """
    check_digest(path)
    tensors, facts = load_tensors(path)
    if facts.get("format") not in (1, FORMAT):
        raise UserError(f"{path}: a checkpoint of format {facts.get('format')}; this alexlab reads 1 and {FORMAT}.")
    weights = {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
    check_tensors(expected, weights, str(path))
    optimiser_state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            index, _, key = name.removeprefix("optimiser.").partition(".")
            if not index.isdecimal() or int(index) >= parameters:
                raise UserError(f"{path}: holds the state of more parameters than the network has.")
            optimiser_state.setdefault(int(index), {})[key] = tensor
    try:
        state = _TRAINING_STATE.validate_json(json.dumps(facts["standing"]), strict=True)
        metrics = facts.get("metrics")
        if metrics is not None and not (
            isinstance(metrics, list) and all(is_line(json.loads(each)) for each in metrics)
        ):
            raise ValueError("its figures are no lines of metrics.jsonl")
        return Restored(path, state, metrics, weights, optimiser_state)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: its facts are damaged ({error}).") from error
