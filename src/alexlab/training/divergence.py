"""Numbers that went wrong, explained."""

from pathlib import Path

from alexlab.errors import UserError
from alexlab.recipes.schema import Recipe


class Diverged(UserError):
    """Numbers that are not finite any more: what, after which update, and the likely causes in order."""

    def __init__(self, what: str, step: int, epoch: int, rollbacks: int, recipe: Recipe, folder: Path) -> None:
        rate = recipe.rate / 10**rollbacks
        causes = [f"the learning rate {rate:g} is too high (try --set rate={rate / 10:g})"]
        if recipe.precision != "float32":
            causes.append(f"{recipe.precision} is too coarse (try --set precision=float32)")
        if not recipe.clip:
            causes.append("the gradient grows without a limit (try --set clip=1)")
        causes.append(
            "the network's initial weights or the scale of the pixels do not suit it (pixels, mean and std of the recipe), or "
            "images are damaged (`alexlab datasets check`)"
        )
        listed = "; ".join(f"({i}) {cause}" for i, cause in enumerate(causes, start=1))
        went_back = f", after {rollbacks} rollbacks" if rollbacks else ""
        super().__init__(
            f"{what} at step {step} (epoch {epoch + 1}{went_back}). Likely causes: {listed}. "
            f"What was recorded until then, and the last good checkpoint, are in {folder}."
        )
        self.what, self.step = what, step
