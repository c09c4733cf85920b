"""A training on the disk: its checkpoints, its weights, and the way back to them. All processes take part, the first one writes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from alexlab.errors import UserError
from alexlab.parallel.strategies.strategy import OptimiserState, Strategy, Weights
from alexlab.recipes.schema import Recipe
from alexlab.runs import checkpoint
from alexlab.runs.checkpoint import Restored, TrainingState
from alexlab.runs.folder import FORMAT
from alexlab.runs.saving import Saver
from alexlab.training.divergence import Diverged
from alexlab.weights.tensors import NotFinite, to_bytes


@dataclass(frozen=True)
class Checkpointer:
    """What of a training is kept in `folder`. Its files are those of the whole network, in however many parts it is trained."""

    recipe: Recipe
    strategy: Strategy
    folder: Path

    def save(self, saver: Saver, state: TrainingState, metrics: list[str], also: int | None) -> None:
        """Write where the training stands, beside it; keep the checkpoint of step `also` too.

        Raises:
            Diverged: a number is not finite.
        """
        weights, optimiser_state = self.strategy.weights(), self.strategy.optimiser_state()
        if not self.strategy.first:
            return
        saver.checkpoint(
            checkpoint.path_of(self.folder, state.step),
            partial(self._content, weights, optimiser_state, state, metrics),
            partial(checkpoint.prune, self.folder, also),
        )

    def save_weights(self, saver: Saver, name: str, step: int) -> None:
        """Write the weights, beside the training."""
        weights = self.strategy.weights()
        if self.strategy.first:
            facts = {"format": FORMAT, "network": self.recipe.network, "step": step}
            saver.write(self.folder / f"{name}.safetensors", to_bytes(weights, facts))

    def restored(self, noted: Callable[[str], None], wanted: Callable[[int], bool]) -> Restored | None:
        """Bring network and optimiser of every process to the newest good checkpoint of a step that is `wanted`.

        Returns:
            What it says of the training's state and of the figures; None where there is no checkpoint, and nothing is changed.

        Raises:
            UserError: none of them is good.
        """
        restored: Restored | None = None
        weights: Weights = {}
        optimiser_state: OptimiserState = {}
        if self.strategy.first:
            restored = checkpoint.restore_newest(self.folder, self._restore, noted, wanted)
        if restored is not None:
            weights, optimiser_state = restored.weights, restored.optimiser_state
            restored = replace(restored, weights={}, optimiser_state={})
        restored = self.strategy.from_first(restored)
        if restored is not None:
            self.strategy.hand_out(weights, optimiser_state)
        return restored

    def forget_after(self, step: int) -> None:
        """Delete the checkpoints of later steps."""
        if self.strategy.first:
            checkpoint.forget_after(self.folder, step)

    def _restore(self, path: Path) -> Restored:
        found = checkpoint.read(self.strategy.expected(), self.strategy.parameters, path)
        try:
            self.strategy.take(found.weights, found.optimiser_state)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: its facts are damaged ({error}).") from error
        return found

    def _content(
        self, weights: Weights, optimiser_state: OptimiserState, state: TrainingState, metrics: list[str]
    ) -> bytes:
        try:
            return checkpoint.checkpoint_bytes(weights, optimiser_state, state, metrics)
        except NotFinite as error:
            what = f"{error.name} became infinite or nan"
            diverged = Diverged(what, state.step, state.epoch, state.rollbacks, self.recipe, self.folder)
            if self.strategy.processes.count > 1:
                # The others do not see the optimiser's state, and could not roll back at this step.
                raise UserError(str(diverged)) from None
            raise diverged from None
