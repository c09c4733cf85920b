"""The training loop: batches, update, figures, checkpoints. There is one, for every network, recipe and strategy."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from alexlab.data.input.store import Store
from alexlab.errors import UserError
from alexlab.inference.evaluation import Evaluation
from alexlab.networks.answers import with_rubbish
from alexlab.parallel.strategies.strategy import Strategy
from alexlab.recipes.schema import Recipe
from alexlab.runs import checkpoint
from alexlab.runs.checkpoint import Sums, TrainingState
from alexlab.runs.figures import Figures
from alexlab.runs.saving import Saver
from alexlab.training import facts
from alexlab.training.batches import Batches
from alexlab.training.callbacks import Callback
from alexlab.training.checkpointing import Checkpointer
from alexlab.training.divergence import Diverged
from alexlab.training.interruption import Interrupted, Interruption
from alexlab.training.loss import class_weights, loss_of
from alexlab.training.optimisers import ImageByImage
from alexlab.training.schedule import MOST_PLATEAUS, set_rates
from alexlab.training.seeds import seed_draws, seed_for

POINTS = 5  # of the curves within an epoch, as the textbook draws them
LATE_CHECK = 10  # updates between looks at the losses, on a device where looking means waiting
MOST_ROLLBACKS = 3


@dataclass
class Loop:
    """One training: a network, its images, and where it stands.

    `run` reads from top to bottom: epochs, in each its updates (`_update` is the textbook's), then the figures on the watched images.
    """

    recipe: Recipe
    strategy: Strategy
    batches: Batches
    watched: Store
    watched_name: str
    classes: tuple[str, ...]
    folder: Path
    callback: Callback
    stop: Interruption
    steps_wanted: int | None = None
    checkpoint_every: float = 300.0  # seconds
    state: TrainingState = field(default_factory=TrainingState)
    last_evaluation: Evaluation | None = None

    def __post_init__(self) -> None:
        weights_K = class_weights(self.recipe, self.batches.images.labels)
        self.loss = loss_of(self.recipe, weights_K, self.strategy.device)
        self.checkpointer = Checkpointer(self.recipe, self.strategy, self.folder)
        self.figures = Figures(self.folder, self.callback.recorded, writes=self.strategy.first)
        # Of the latest updates, the loss, the right answers and the images: still on the device.
        self._unseen: list[tuple[torch.Tensor, torch.Tensor, int]] = []

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
        state, epochs = self.state, self.batches.epochs
        while state.epoch < epochs:
            ended = self._updates() or self._evaluate()
            if ended:
                self._save()
                if not self._has_weights():
                    self.checkpointer.save_weights(self.saver, "last", state.step)
                return ended
            early = self._ends_early()
            state.begin_epoch()
            if early or state.epoch == epochs:
                break
            if self._enough():
                self._save()
                return "stopped"
            if self._rolls_back or self._save_due(epoch_ended=True):
                self._save()
        self.checkpointer.save_weights(self.saver, "last", state.step)
        return "finished"

    def _updates(self) -> str | None:
        """Make the updates of one epoch that are still to be made; "stopped" or "interrupted" where not all are."""
        state, per_epoch, steps = self.state, self.batches.per_epoch, self.batches.steps
        last_step = min(steps, self.steps_wanted or steps)
        looking_is_cheap = self.strategy.device.type == "cpu"
        self.strategy.forward.train()
        began = time.perf_counter()
        for inputs_NCHW, labels, images in self.batches.left(state):
            self._update(inputs_NCHW, labels, images)
            state.batch += 1
            state.step += 1
            is_point = (state.batch * POINTS) // per_epoch > ((state.batch - 1) * POINTS) // per_epoch
            if is_point or looking_is_cheap or len(self._unseen) == LATE_CHECK:
                self._look()
            now = time.perf_counter()
            state.seconds += now - began
            state.images += images
            began = now
            if is_point:
                self._record_point()
            if self._save_due():
                self._look()
                self._save()
            self.callback.stepped(facts.of_update(state, per_epoch, last_step))
            asked = self.strategy.stops(self.stop.asked)
            ended = "interrupted" if asked else "stopped" if self._enough() else None
            if ended and state.batch < per_epoch and state.step < steps:
                self._look()
                return ended
        return None

    def _update(self, inputs_NCHW: torch.Tensor, labels: torch.Tensor, whole: int) -> None:
        """Make one update from these images, of which a batch has `whole` in all processes together."""
        recipe, state, strategy = self.recipe, self.state, self.strategy
        optimiser = strategy.optimiser
        if isinstance(optimiser, ImageByImage):
            self._set_rates(optimiser)
            self._unseen.append((*optimiser.learn(inputs_NCHW, labels, first=state.batch == 0), len(labels)))
            return
        seed_draws(strategy.device, seed_for(recipe.seed, "update", state.step, *strategy.draws))  # of dropout, say
        with torch.autocast(strategy.device.type, dtype=torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits_NK = strategy.forward(inputs_NCHW)
            logits_NK = logits_NK.float() if logits_NK.dtype == torch.bfloat16 else logits_NK
            compared = with_rubbish(strategy.network, logits_NK)
            loss = self.loss(compared, labels) if len(labels) else logits_NK.sum()
        optimiser.zero_grad(set_to_none=True)
        weighed = strategy.weighed(loss, len(labels), whole)
        if recipe.divide_by == "batch":
            weighed = weighed * (whole / recipe.batch)
        weighed.backward()
        if recipe.clip:
            strategy.clip(recipe.clip)
        self._set_rates(optimiser)
        optimiser.step()
        right = logits_NK.detach().argmax(dim=1).eq(labels).sum()
        self._unseen.append((loss.detach(), right, len(labels)))

    def _set_rates(self, optimiser: torch.optim.Optimizer) -> None:
        state = self.state
        set_rates(optimiser, self.recipe, state.step, self.batches.steps, state.epoch, state.plateaus, state.rollbacks)

    def _look(self) -> None:
        """Take the losses of the latest updates into the sums; stop where one, or a weight, is not finite."""
        if not self._unseen:
            return
        seen = [(loss.item(), int(right.item()), images) for loss, right, images in self._unseen]
        self._unseen.clear()
        first = self.state.step - len(seen) + 1
        for step, (loss, right, images) in enumerate(self.strategy.totals(seen, self.stop.asked), start=first):
            if not math.isfinite(loss):
                raise self._diverged(f"the loss became {loss}", step)
            for sums in (self.state.since_epoch, self.state.since_point):
                sums.add(loss, right, images)
        if (name := self.strategy.not_finite()) is not None:
            raise self._diverged(f"the weights {name} became infinite or nan", self.state.step)

    def _evaluate(self) -> str | None:
        """Evaluate on the watched images after an epoch; "interrupted" where that was."""
        self._look()
        try:
            self._take_in(
                self.strategy.evaluate(
                    self.watched, self.batches.transform, self.watched_name, self.classes, self._evaluating
                )
            )
        except Interrupted:
            return "interrupted"
        except UserError:  # an image that cannot be read, say: the epoch's updates are not to be lost with it
            self.strategy.save_alone(self._save)
            raise
        return None

    def _take_in(self, found: Evaluation | None) -> None:
        """Record the figures of an epoch, and keep the weights if they are the best. `found` is in the first process."""
        self.last_evaluation = found
        state = self.state
        top1, loss = self.strategy.from_first((found.top1, found.loss) if found else (0.0, 0.0))
        if state.watched(top1, loss, self._epochs_done()) and self.recipe.select == "best":
            self.checkpointer.save_weights(self.saver, "best", state.step)
        self._record(facts.of_epoch(state, self._epochs_done(), self.recipe.watch, loss, top1))

    def _evaluating(self, done: int, total: int) -> None:
        if self.strategy.any_asked(self.stop.asked) and done < total:
            raise Interrupted
        self.callback.preparing(f"evaluating on {self.recipe.watch}", done, total)

    def _ends_early(self) -> bool:
        """Whether the watched figures have stopped improving; the schedule plateau lowers its rate a few times first."""
        state, recipe = self.state, self.recipe
        if not recipe.patience or state.stale < recipe.patience:
            return False
        if recipe.schedule != "plateau" or state.plateaus >= MOST_PLATEAUS:
            return True
        state.stale, state.plateaus = 0, state.plateaus + 1
        return False

    def _enough(self) -> bool:
        return self.steps_wanted is not None and self.state.step >= self.steps_wanted

    def _has_weights(self) -> bool:
        """Whether an epoch has ended with weights that `predict` takes; of the first one that is stopped they are written, too."""
        return self.strategy.from_first((self.folder / "best.safetensors").exists())

    @property
    def _rolls_back(self) -> bool:
        return self.recipe.on_nan == "rollback"

    def _diverged(self, what: str, step: int) -> Diverged:
        return Diverged(what, step, self.state.epoch, self.state.rollbacks, self.recipe, self.folder)

    def _roll_back(self, error: Diverged) -> None:
        """Go back to where the last epoch began that has a good checkpoint, with a tenth of the rate.

        To the beginning of an epoch, not to the newest checkpoint: when that was written is a matter of time, and a run that was
        interrupted is to do what it would have done.
        """
        self.saver.wait()
        rollbacks = self.state.rollbacks + 1
        if not self.go_back(lambda step: step % self.batches.per_epoch == 0):
            raise error
        state = self.state
        state.rollbacks = rollbacks
        self.checkpointer.forget_after(state.step)  # before the new one, which counts the rollback
        self.strategy.optimiser.zero_grad(set_to_none=True)
        self._record(facts.of_rollback(state, self._epoch_now(), error.step, error.what))
        self._save()
        self.callback.noted(
            f"{error.what} at step {error.step}: back to step {state.step} with a rate divided by {10**rollbacks:,} "
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
        self.figures.go_back(restored.metrics, self.state.step)
        return True

    def _save_due(self, epoch_ended: bool = False) -> bool:
        return self.strategy.save_due(lambda: self.saver.due(epoch_ended), all_seen=not self._unseen)

    def _save(self) -> None:
        """Write a checkpoint beside the training. One that is to be the last is waited for by `run`."""
        epoch_began = self.state.step - self.state.batch if self._rolls_back else None
        self.checkpointer.save(self.saver, self.state, self.figures.lines, epoch_began)

    def _record(self, line: dict[str, Any]) -> None:
        self.figures.record(line, self.state)

    def _record_point(self) -> None:
        rate = self.strategy.optimiser.param_groups[0]["lr"]
        self._record(facts.of_point(self.state, self._epoch_now(), rate))
        self.state.since_point = Sums()

    def _epoch_now(self) -> float:
        return self.state.epoch + self.state.batch / self.batches.per_epoch

    def _epochs_done(self) -> float:
        """Return a whole number, but at the end of a training that ends within an epoch."""
        state = self.state
        return state.epoch + 1 if state.batch == self.batches.per_epoch else self._epoch_now()
