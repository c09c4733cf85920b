"""The training loop: batches, update, figures, checkpoints. There is one, for every network and recipe."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from alexlab.data.preparation import Preparation
from alexlab.data.store import Finish, Store
from alexlab.errors import UserError
from alexlab.networks.building import layout
from alexlab.recipes.schema import Recipe
from alexlab.training import folder as run_folder
from alexlab.training.checkpoint import Standing, Sums, save_checkpoint
from alexlab.training.evaluation import Evaluation, evaluate
from alexlab.training.optimiser import MOST_PLATEAUS, make_optimiser, set_rates
from alexlab.training.seeds import epoch_order, generator_for, seed_draws, seed_for
from alexlab.training.weights import save_tensors

POINTS = 5  # of the curves within an epoch, as the textbook draws them
EPOCH_WITHOUT_NOISE = 67  # as it ran in 2012
LATE_CHECK = 10  # updates between looks at the losses, on a device where looking means waiting


class Watcher(Protocol):
    """Who is told how a training goes. Facts are those of metrics.jsonl, with `images_per_second` and `seconds`."""

    def preparing(self, what: str, done: int, total: int) -> None: ...
    def started(self, facts: dict[str, Any]) -> None: ...
    def stepped(self, facts: dict[str, Any]) -> None: ...
    def recorded(self, facts: dict[str, Any]) -> None: ...


class Interrupted(Exception):
    """Somebody asked to stop, in the middle of an evaluation."""


@dataclass
class Interruption:
    """Whether somebody asked the training to stop."""

    asked: bool = False


@contextmanager
def interruption() -> Iterator[Interruption]:
    """While the block runs, the first Ctrl-C (or SIGTERM) asks to stop at the next update; the second stops at once."""
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: Any) -> None:
        if asked.asked:
            raise KeyboardInterrupt
        asked.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Loop:
    """One training: a network, its images, and where it stands."""

    recipe: Recipe
    network: nn.Module
    preparation: Preparation
    train: Store
    watched: Store
    watched_name: str
    classes: tuple[str, ...]
    device: torch.device
    folder: Path
    watcher: Watcher
    stop: Interruption
    steps_wanted: int | None = None
    standing: Standing = field(default_factory=Standing)
    last_evaluation: Evaluation | None = None

    def __post_init__(self) -> None:
        self.optimiser = make_optimiser(self.network, self.recipe)
        self.loss = nn.CrossEntropyLoss(label_smoothing=self.recipe.label_smoothing)
        self.batches = math.ceil(len(self.train) / self.recipe.batch)
        self.steps = self.batches * self.recipe.epochs
        self._unseen: list[tuple[torch.Tensor, torch.Tensor, int]] = []

    def run(self) -> str:
        """Train until the end ("finished"), until `steps_wanted` updates ("stopped"), or until asked ("interrupted").

        Raises:
            UserError: the loss is not finite any more.
        """
        standing = self.standing
        while standing.epoch < self.recipe.epochs:
            ended = self._epoch()
            if ended:
                self._save()
                return ended
            figures = self._figures_of_epoch()
            if figures is None:
                self._save()
                return "interrupted"
            early = bool(self.recipe.patience) and standing.stale >= self.recipe.patience
            if early and self.recipe.schedule == "plateau" and standing.plateaus < MOST_PLATEAUS:
                early, standing.stale, standing.plateaus = False, 0, standing.plateaus + 1
            standing.epoch, standing.batch = standing.epoch + 1, 0
            standing.since_epoch, standing.since_point = Sums(), Sums()
            if early:
                break
            if standing.epoch < self.recipe.epochs:
                self._save()
                if self._enough():
                    return "stopped"
        self._save_weights("last")
        return "finished"

    def _epoch(self) -> str | None:
        """The updates of one epoch that are still to be made; "stopped" or "interrupted" where not all are."""
        standing, recipe = self.standing, self.recipe
        order = epoch_order(recipe.seed, standing.epoch, len(self.train))[standing.batch * recipe.batch :]
        self.network.train()
        began = time.perf_counter()
        in_worker = self._input_of(standing.step) if self.device.type == "cpu" else None
        for images, labels in self.train.batches(order, recipe.batch, in_worker):
            if in_worker is None:
                images = self._input_of(standing.step)(0, images.to(self.device))
            self._update(images, labels)
            standing.batch += 1
            standing.step += 1
            is_point = (standing.batch * POINTS) // self.batches > ((standing.batch - 1) * POINTS) // self.batches
            if is_point or self.device.type == "cpu" or len(self._unseen) == LATE_CHECK:
                self._look()
            now = time.perf_counter()
            standing.seconds += now - began
            standing.images += len(labels)
            began = now
            if is_point:
                self._point()
            self.watcher.stepped(self._facts_of_step())
            ended = "interrupted" if self.stop.asked else "stopped" if self._enough() else None
            if ended and standing.batch < self.batches:
                self._look()
                return ended
        return None

    def _enough(self) -> bool:
        return self.steps_wanted is not None and self.standing.step >= self.steps_wanted

    def _input_of(self, first: int) -> Finish:
        """What makes the network's input of batch number i, that of update `first` + i, of stored images."""
        prepared, seed, kind = self._preparation_now(), self.recipe.seed, layout(self.recipe.network)

        def finish(number: int, images_NCHW: torch.Tensor) -> torch.Tensor:
            return prepared(images_NCHW, generator_for(seed, "augment", first + number), kind)

        return finish

    def _update(self, inputs_NCHW: torch.Tensor, labels: torch.Tensor) -> None:
        recipe, step = self.recipe, self.standing.step
        seed_draws(self.device, seed_for(recipe.seed, "update", step))  # what dropout draws
        labels = labels.to(self.device)
        bfloat16 = recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            logits_NK = self.network(inputs_NCHW)
            loss = self.loss(logits_NK.float(), labels)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        standing = self.standing
        set_rates(self.optimiser, recipe, step, self.steps, standing.epoch, standing.plateaus)
        self.optimiser.step()
        right = logits_NK.detach().argmax(dim=1).eq(labels).sum()
        self._unseen.append((loss.detach(), right, len(labels)))

    def _preparation_now(self) -> Preparation:
        """The path to the input in this epoch: in 2012 the colour noise was switched off towards the end."""
        if self.recipe.schedule != "as-it-ran" or self.standing.epoch < EPOCH_WITHOUT_NOISE:
            return self.preparation
        return replace(self.preparation, augment=tuple(w for w in self.preparation.augment if w != "colour"))

    def _look(self) -> None:
        """Take the losses of the latest updates into the sums; stop where one is not finite."""
        first = self.standing.step - len(self._unseen) + 1
        for step, (loss, right, images) in enumerate(self._unseen, start=first):
            value = loss.item()
            if not math.isfinite(value):
                raise UserError(self._diverged(step, value))
            for sums in (self.standing.since_epoch, self.standing.since_point):
                sums.add(value, int(right.item()), images)
        self._unseen.clear()

    def _diverged(self, step: int, value: float) -> str:
        recipe = self.recipe
        causes = [f"the learning rate {recipe.rate:g} is too high (try --set rate={recipe.rate / 10:g})"]
        if recipe.precision != "float32":
            causes.append(f"{recipe.precision} is too coarse (try --set precision=float32)")
        if not recipe.clip:
            causes.append("the gradient grows without a limit (try --set clip=1)")
        causes.append("the network's initial weights or the scale of the pixels do not suit it")
        listed = "; ".join(f"({i}) {cause}" for i, cause in enumerate(causes, start=1))
        return (
            f"the loss became {value} at step {step} (epoch {self.standing.epoch + 1}). Likely causes: {listed}. "
            f"What was recorded until then is in {self.folder}."
        )

    def _point(self) -> None:
        standing = self.standing
        loss, accuracy = standing.since_point.means()
        standing.since_point = Sums()
        self._record(
            {
                "kind": "point",
                "epoch": standing.epoch + standing.batch / self.batches,
                "step": standing.step,
                "loss": loss,
                "accuracy": accuracy,
                "rate": self.optimiser.param_groups[0]["lr"],
            }
        )

    def _figures_of_epoch(self) -> dict[str, Any] | None:
        """Evaluate and record; None where that was interrupted."""
        self._look()
        standing, watch = self.standing, self.recipe.watch
        try:
            found = self._evaluate()
        except Interrupted:
            return None
        self.last_evaluation = found
        loss, accuracy = standing.since_epoch.means()
        better = standing.best is None or (found.top1, -found.loss) > (standing.best, -standing.best_loss)
        more_accurate = standing.best is None or found.top1 > standing.best
        standing.stale = 0 if more_accurate else standing.stale + 1
        if better:
            standing.best, standing.best_loss, standing.best_epoch = found.top1, found.loss, standing.epoch + 1
            if self.recipe.select == "best":
                self._save_weights("best")
        facts = {
            "kind": "epoch",
            "epoch": standing.epoch + 1,
            "step": standing.step,
            "loss": loss,
            "accuracy": accuracy,
            f"{watch}_loss": found.loss,
            f"{watch}_accuracy": found.top1,
        }
        self._record(facts)
        return facts

    def _evaluate(self) -> Evaluation:
        def progress(done: int, total: int) -> None:
            if self.stop.asked and done < total:
                raise Interrupted
            self.watcher.preparing(f"evaluating on {self.recipe.watch}", done, total)

        return evaluate(
            self.network, self.watched, self.preparation, self.device, self.watched_name, self.classes, progress
        )

    def _facts_of_step(self) -> dict[str, Any]:
        standing = self.standing
        sums = standing.since_epoch
        return {
            "epoch": standing.epoch + 1,
            "batch": standing.batch,
            "batches": self.batches,
            "step": standing.step,
            "steps": min(self.steps, self.steps_wanted or self.steps),
            "loss": sums.loss / max(1, sums.images),
            "accuracy": sums.right / max(1, sums.images),
            "images_per_second": standing.images / standing.seconds,
        }

    def _record(self, facts: dict[str, Any]) -> None:
        speed = {"images_per_second": self.standing.images / self.standing.seconds, "seconds": self.standing.seconds}
        run_folder.append_line(self.folder / "metrics.jsonl", facts)
        run_folder.append_line(
            self.folder / "timing.jsonl", {"step": facts["step"], "kind": facts["kind"], "clock": time.time(), **speed}
        )
        self.watcher.recorded({**facts, **speed})

    def _save(self) -> None:
        save_checkpoint(self.folder / "checkpoint.safetensors", self.network, self.optimiser, self.standing)

    def _save_weights(self, name: str) -> None:
        facts = {"format": run_folder.FORMAT, "network": self.recipe.network, "step": self.standing.step}
        save_tensors(self.folder / f"{name}.safetensors", self.network.state_dict(), facts)
