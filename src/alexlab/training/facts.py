"""The lines of metrics.jsonl, and what a callback hears of an update."""

from typing import Any

from alexlab.runs.checkpoint import TrainingState


def of_point(state: TrainingState, epoch: float, rate: float) -> dict[str, Any]:
    """Return the figures since the point before, within an epoch; `epoch` counts parts of one."""
    loss, accuracy = state.since_point.means()
    return {
        "kind": "point",
        "epoch": epoch,
        "step": state.step,
        "loss": loss,
        "accuracy": accuracy,
        "rate": rate,
    }


def of_epoch(
    state: TrainingState, epoch: float, watch: str, watched_loss: float, watched_top1: float
) -> dict[str, Any]:
    """Return the figures of an epoch, on the training images and on the watched ones."""
    loss, accuracy = state.since_epoch.means()
    return {
        "kind": "epoch",
        "epoch": epoch,
        "step": state.step,
        "loss": loss,
        "accuracy": accuracy,
        f"{watch}_loss": watched_loss,
        f"{watch}_accuracy": watched_top1,
    }


def of_rollback(state: TrainingState, epoch: float, from_step: int, why: str) -> dict[str, Any]:
    """Return what happened where the training went back to `state`."""
    return {
        "kind": "rollback",
        "epoch": epoch,
        "step": state.step,
        "from_step": from_step,
        "why": why,
        "rate_divided_by": 10**state.rollbacks,
    }


def of_update(state: TrainingState, batches: int, steps: int) -> dict[str, Any]:
    """Return where the training is after an update, of `batches` in an epoch and `steps` in all."""
    sums = state.since_epoch
    return {
        "epoch": state.epoch + 1,
        "batch": state.batch,
        "batches": batches,
        "step": state.step,
        "steps": steps,
        "loss": sums.loss / max(1, sums.images),
        "accuracy": sums.right / max(1, sums.images),
        "images_per_second": state.images / state.seconds,
    }
