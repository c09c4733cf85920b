"""The training loop: batches, update, figures, checkpoints. There is one, for every network and recipe."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alexlab.data.input.draws import Part
from alexlab.data.input.store import Finish, Store
from alexlab.data.input.transform import Transform
from alexlab.errors import UserError
from alexlab.inference.evaluation import BATCH, Evaluation, evaluate
from alexlab.parallel.data_parallel import evaluated_in_parts, in_parallel, over_all, share_of_loss
from alexlab.parallel.divided import Divided
from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies import StrategyName
from alexlab.recipes.schema import Recipe
from alexlab.runs import checkpoint
from alexlab.runs.checkpoint import Sums, TrainingState
from alexlab.runs.figures import Figures
from alexlab.runs.saving import Saver
from alexlab.speed.door import faster, layout
from alexlab.training.callbacks import Callback
from alexlab.training.checkpointing import Checkpointer
from alexlab.training.divergence import Diverged, not_finite
from alexlab.training.interruption import Interrupted, Interruption
from alexlab.training.optimisers import make_optimiser
from alexlab.training.schedule import MOST_PLATEAUS, set_rates
from alexlab.training.seeds import epoch_order, generator_for, seed_draws, seed_for

POINTS = 5  # of the curves within an epoch, as the textbook draws them
EPOCH_WITHOUT_NOISE = 67  # as it ran in 2012
LATE_CHECK = 10  # updates between looks at the losses, on a device where looking means waiting
MOST_ROLLBACKS = 3


@dataclass
class Loop:
    """One training: a network, its images, and where it stands."""

    recipe: Recipe
    network: nn.Module
    transform: Transform
    train: Store
    watched: Store
    watched_name: str
    classes: tuple[str, ...]
    device: torch.device
    folder: Path
    callback: Callback
    stop: Interruption
    steps_wanted: int | None = None
    checkpoint_every: float = 300.0  # seconds
    processes: Processes = field(default_factory=Processes)
    strategy: StrategyName = "data"  # in which several processes divide the work
    state: TrainingState = field(default_factory=TrainingState)
    last_evaluation: Evaluation | None = None

    def __post_init__(self) -> None:
        several = self.processes.count > 1
        shares = several and self.strategy != "towers"
        self.rows = self.processes.part if shares else None  # which ones of a batch, where not all
        self.divided: Divided | None = None
        if several and self.strategy != "data":
            self.divided = Divided(self.network, self.strategy, self.recipe, BATCH, self.processes)
            self.network = self.divided.network
        # What gives the logits in training.
        self.computing = (
            in_parallel(self.network, self.device) if self.rows else faster(self.network, self.device, training=True)
        )
        self.optimiser = make_optimiser(self.network, self.recipe)
        self.checkpointer = Checkpointer(
            self.recipe, self.network, self.optimiser, self.folder, self.processes, self.divided
        )
        self.figures = Figures(self.folder, self.callback.recorded)
        self.loss = nn.CrossEntropyLoss(label_smoothing=self.recipe.label_smoothing)
        self.batches = math.ceil(len(self.train) / self.recipe.batch)
        self.steps = max(1, round(self.batches * self.recipe.epochs))
        self.small_steps = round(self.steps * self.recipe.small_share)
        self.epochs = math.ceil(self.steps / self.batches)  # begun ones
        self._unseen: list[tuple[torch.Tensor, torch.Tensor, int]] = []
        self._asked = False  # whether a process was asked to stop, as of the last look

    def run(self) -> str:
        """Train until the end ("finished"), until `steps_wanted` updates ("stopped"), or until asked ("interrupted").

        Raises:
            UserError: loss or weights are not finite any more; the last good checkpoint stays.
        """
        self.saver = Saver(self.checkpoint_every)
        try:
            if self._rolls_back and not checkpoint.checkpoints(self.folder):
                self._save()
            while True:
                try:
                    ended = self._until_the_end()
                    self.saver.wait()
                    return ended
                except Diverged as error:
                    if not self._rolls_back or self.state.rollbacks >= MOST_ROLLBACKS:
                        raise
                    self._roll_back(error)
        finally:
            self.saver.close()

    def _until_the_end(self) -> str:
        state = self.state
        while state.epoch < self.epochs:
            ended = self._epoch()
            if ended:
                self._save()
                return ended
            try:
                figures = self._figures_of_epoch()
            except Diverged:
                raise  # what stands now is not to be gone on from
            except UserError:  # an image that cannot be read, say: the epoch's updates are not to be lost with it
                if not self.divided:
                    self._save()
                raise
            if figures is None:
                self._save()
                return "interrupted"
            early = bool(self.recipe.patience) and state.stale >= self.recipe.patience
            if early and self.recipe.schedule == "plateau" and state.plateaus < MOST_PLATEAUS:
                early, state.stale, state.plateaus = False, 0, state.plateaus + 1
            state.epoch, state.batch = state.epoch + 1, 0
            state.since_epoch, state.since_point = Sums(), Sums()
            if early:
                break
            if state.epoch < self.epochs:
                if self._enough():
                    self._save()
                    return "stopped"
                if self._rolls_back or self._due(epoch_ended=True):
                    self._save()
        self._save_weights("last")
        return "finished"

    def _epoch(self) -> str | None:
        """Make the updates of one epoch that are still to be made; "stopped" or "interrupted" where not all are."""
        state, recipe = self.state, self.recipe
        shards = self.train.shards
        if state.batch == 0:  # an epoch that was begun keeps its order
            state.processes = self.processes.count if self.rows else 1
        order = epoch_order(recipe.seed, state.epoch, len(self.train), shards, recipe.batch, state.processes)
        order = order[state.batch * recipe.batch :]
        order = order[: (self.steps - state.step) * recipe.batch]  # the last epoch may be a part of one
        self.computing.train()
        began = time.perf_counter()
        in_worker = self._input_of(state.step) if self.device.type == "cpu" else None
        for images, labels in self.train.batches(order, recipe.batch, in_worker, self.rows):
            whole = self._images_of(state.batch)
            if in_worker is None:
                images = self._input_of(state.step)(0, images.to(self.device))
            self._update(images, labels, whole)
            state.batch += 1
            state.step += 1
            is_point = (state.batch * POINTS) // self.batches > ((state.batch - 1) * POINTS) // self.batches
            if is_point or self.device.type == "cpu" or len(self._unseen) == LATE_CHECK:
                self._look()
            now = time.perf_counter()
            state.seconds += now - began
            state.images += whole
            began = now
            if is_point:
                self._point()
            if self._due():
                if self._unseen:
                    self._look()
                self._save()
            self.callback.stepped(self._facts_of_step())
            asked = self.stop.asked if self.processes.count == 1 else self._asked
            ended = "interrupted" if asked else "stopped" if self._enough() else None
            if ended and state.batch < self.batches and state.step < self.steps:
                self._look()
                return ended
        return None

    def _enough(self) -> bool:
        return self.steps_wanted is not None and self.state.step >= self.steps_wanted

    def _due(self, epoch_ended: bool = False) -> bool:
        """Whether to save now. One process can by itself once it has seen the figures of all; all give their parts of a divided network."""
        first = self.processes.is_first
        if self.divided:
            return self.processes.sums(first and self.saver.due(epoch_ended)) != [0]
        return first and (self.processes.count == 1 or not self._unseen) and self.saver.due(epoch_ended)

    def _images_of(self, batch: int) -> int:
        """How many images batch number `batch` of an epoch has, in all processes together."""
        return min(self.recipe.batch, len(self.train) - batch * self.recipe.batch)

    def _input_of(self, first: int) -> Finish:
        """Return what makes the network's input of batch number i, that of update `first` + i, of stored images."""
        seed, kind = self.recipe.seed, layout(self.recipe.network)
        large, side = self._transform_now(), self.recipe.small_side
        small = replace(large, input=(large.input[0], side, side)) if side else large
        batch = self.state.batch

        def finish(number: int, images_NCHW: torch.Tensor) -> torch.Tensor:
            prepared = small if first + number < self.small_steps else large
            whole = self._images_of(batch + number)
            part = Part(self.rows(whole), whole) if self.rows else None
            return prepared(images_NCHW, generator_for(seed, "augment", first + number), kind, part)

        return finish

    def _update(self, inputs_NCHW: torch.Tensor, labels: torch.Tensor, whole: int) -> None:
        """One update from these images, of which a batch has `whole` in all processes together."""
        recipe, step, processes = self.recipe, self.state.step, self.processes
        mine = (processes.rank,) if self.rows and not self.divided else ()
        seed_draws(self.device, seed_for(recipe.seed, "update", step, *mine))  # what dropout draws
        labels = labels.to(self.device)
        bfloat16 = recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            logits_NK = self.computing(inputs_NCHW)
            logits_NK = logits_NK.float() if logits_NK.dtype == torch.bfloat16 else logits_NK
            loss = self.loss(logits_NK, labels) if len(labels) else logits_NK.sum()
        self.optimiser.zero_grad(set_to_none=True)
        weighed = loss * share_of_loss(len(labels), whole, processes) if self.rows else loss
        weighed.backward()
        if recipe.clip and self.divided:
            self.divided.clip(recipe.clip)
        elif recipe.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        state = self.state
        set_rates(self.optimiser, recipe, step, self.steps, state.epoch, state.plateaus, state.rollbacks)
        self.optimiser.step()
        right = logits_NK.detach().argmax(dim=1).eq(labels).sum()
        self._unseen.append((loss.detach(), right, len(labels)))

    def _transform_now(self) -> Transform:
        """Return the path to the input in this epoch: in 2012 the colour noise was switched off towards the end."""
        if self.recipe.schedule != "as-it-ran" or self.state.epoch < EPOCH_WITHOUT_NOISE:
            return self.transform
        return replace(self.transform, augment=tuple(w for w in self.transform.augment if w != "colour"))

    def _look(self) -> None:
        """Take the losses of the latest updates into the sums; stop where one, or a weight, is not finite."""
        first = self.state.step - len(self._unseen) + 1
        for step, (loss, right, images) in enumerate(self._seen_by_all(), start=first):
            if not math.isfinite(loss):
                raise self._diverged(f"the loss became {loss}", step)
            for sums in (self.state.since_epoch, self.state.since_point):
                sums.add(loss, right, images)
        self._unseen.clear()
        if (name := self.divided.not_finite() if self.divided else not_finite(self.network)) is not None:
            raise self._diverged(f"the weights {name} became infinite or nan", self.state.step)

    def _seen_by_all(self) -> list[tuple[float, int, int]]:
        """Mean loss, right answers and images of the latest updates, over all processes; they tell each other whether to stop too."""
        seen = [(loss.item(), int(right.item()), images) for loss, right, images in self._unseen]
        if self.processes.count > 1:
            counts = self.rows is not None or self.processes.is_first  # two towers see the same images
            mine = seen if counts else [(0.0, 0, 0)] * len(seen)
            seen, self._asked = over_all(mine, self.stop.asked, self.processes)
        return seen

    def _diverged(self, what: str, step: int) -> Diverged:
        self._unseen.clear()
        return Diverged(what, step, self.state.epoch, self.state.rollbacks, self.recipe, self.folder)

    @property
    def _rolls_back(self) -> bool:
        return self.recipe.on_nan == "rollback"

    def _roll_back(self, error: Diverged) -> None:
        """Go back to where the last epoch began that has a good checkpoint, with a tenth of the rate.

        To the beginning of an epoch, not to the newest checkpoint: when that was written is a matter of time, and a run that was
        interrupted is to do what it would have done.
        """
        self.saver.wait()
        rollbacks = self.state.rollbacks + 1
        if not self.go_back(lambda step: step % self.batches == 0):
            raise error
        self.state.rollbacks = rollbacks
        if self.processes.is_first:
            checkpoint.forget_after(self.folder, self.state.step)  # before the new one, which counts the rollback
        self.optimiser.zero_grad(set_to_none=True)
        epoch = self.state.epoch + self.state.batch / self.batches
        facts = {
            "kind": "rollback",
            "epoch": epoch,
            "step": self.state.step,
            "from_step": error.step,
            "why": error.what,
        }
        self._record({**facts, "rate_divided_by": 10**rollbacks})
        self._save()
        self.callback.noted(
            f"{error.what} at step {error.step}: back to step {self.state.step} with a rate divided by {10**rollbacks:,} "
            f"({rollbacks} of at most {MOST_ROLLBACKS} times)."
        )

    def go_back(self, wanted: Callable[[int], bool] = lambda step: True) -> bool:
        """Bring everything to where the newest good checkpoint was written (of a step that is `wanted`), the figures too.

        Returns:
            False where there is no checkpoint; then nothing is changed.

        Raises:
            UserError: none of them is good.
        """
        restored = self.checkpointer.restored(self.callback.noted, wanted)
        if restored is None:
            return False
        self.state = restored.state
        if self.processes.is_first:
            self.figures.go_back(restored.metrics, self.state.step)
        return True

    def _point(self) -> None:
        state = self.state
        loss, accuracy = state.since_point.means()
        state.since_point = Sums()
        self._record(
            {
                "kind": "point",
                "epoch": state.epoch + state.batch / self.batches,
                "step": state.step,
                "loss": loss,
                "accuracy": accuracy,
                "rate": self.optimiser.param_groups[0]["lr"],
            }
        )

    def _figures_of_epoch(self) -> dict[str, Any] | None:
        """Evaluate and record; None where that was interrupted."""
        self._look()
        state, watch = self.state, self.recipe.watch
        try:
            found = self._evaluate()
        except Interrupted:
            return None
        self.last_evaluation = found
        watched_top1, watched_loss = self.processes.from_first((found.top1, found.loss) if found else (0.0, 0.0))
        loss, accuracy = state.since_epoch.means()
        better = state.best is None or (watched_top1, -watched_loss) > (state.best, -state.best_loss)
        more_accurate = state.best is None or watched_top1 > state.best
        state.stale = 0 if more_accurate else state.stale + 1
        if better:
            state.best, state.best_loss, state.best_epoch = watched_top1, watched_loss, self._epochs_done()
            if self.recipe.select == "best":
                self._save_weights("best")
        facts = {
            "kind": "epoch",
            "epoch": self._epochs_done(),
            "step": state.step,
            "loss": loss,
            "accuracy": accuracy,
            f"{watch}_loss": watched_loss,
            f"{watch}_accuracy": watched_top1,
        }
        self._record(facts)
        return facts

    def _epochs_done(self) -> float:
        """Return a whole number, but at the end of a training that ends within an epoch."""
        state = self.state
        return state.epoch + 1 if state.batch == self.batches else state.epoch + state.batch / self.batches

    def _evaluate(self) -> Evaluation | None:
        """Return the figures on the watched images, which the processes share out; None in those that are not the first."""

        def progress(done: int, total: int) -> None:
            (asked,) = self.processes.sums(self.stop.asked)
            if asked and done < total:
                raise Interrupted
            self.callback.preparing(f"evaluating on {self.recipe.watch}", done, total)

        of, to = (self.watched, self.transform), (self.watched_name, self.classes)
        if self.rows:
            every = bool(self.divided)
            return evaluated_in_parts(self.network, *of, self.device, *to, progress, self.processes, every)
        found = evaluate(self.network, *of, self.device, *to, progress)
        return found if self.processes.is_first else None

    def _facts_of_step(self) -> dict[str, Any]:
        state = self.state
        sums = state.since_epoch
        return {
            "epoch": state.epoch + 1,
            "batch": state.batch,
            "batches": self.batches,
            "step": state.step,
            "steps": min(self.steps, self.steps_wanted or self.steps),
            "loss": sums.loss / max(1, sums.images),
            "accuracy": sums.right / max(1, sums.images),
            "images_per_second": state.images / state.seconds,
        }

    def _record(self, facts: dict[str, Any]) -> None:
        if self.processes.is_first:
            self.figures.record(facts, self.state)

    def _save(self) -> None:
        """Write a checkpoint beside the training. One that is to be the last is waited for by `run`."""
        state = self.state
        epoch_began = state.step - state.batch if self._rolls_back else None
        self.checkpointer.save(self.saver, state, self.figures.lines, epoch_began)

    def _save_weights(self, name: str) -> None:
        self.checkpointer.save_weights(self.saver, name, self.state.step)
