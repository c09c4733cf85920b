"""What a batch's summed gradient is divided by: its images, or as many as a batch has, as a source's trainer is told once."""

from pathlib import Path
from typing import Any

import pytest
import torch

import alexlab

IMAGES = 1350  # of the digits, for training


def weights(out: Path, **values: Any) -> list[torch.Tensor]:
    """The network's weights after an epoch of plain descent on the digits."""
    how: dict[str, Any] = {
        "optimiser": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
        "clip": 0.0,
        "schedule": "constant",
    }
    run = alexlab.train(
        "lenet5", "digits", out=out, epochs=1, device="cpu", seed=3, warmup=0.0, select="last", **{**how, **values}
    )
    return list(run.network().state_dict().values())


def test_a_batch_of_half_the_size_makes_half_the_step(tmp_path: Path) -> None:
    half = weights(tmp_path / "half", batch=2 * IMAGES, rate=0.5, divide_by="batch")
    whole = weights(tmp_path / "whole", batch=IMAGES, rate=0.25, divide_by="images")
    mean = weights(tmp_path / "mean", batch=2 * IMAGES, rate=0.5)
    assert all(map(torch.equal, half, whole))
    assert not all(map(torch.equal, half, mean))


@pytest.mark.parametrize(("batch", "same"), [(IMAGES // 2, True), (IMAGES // 2 + 100, False)])
def test_only_a_smaller_last_batch_is_another(tmp_path: Path, batch: int, same: bool) -> None:
    found = [
        weights(tmp_path / divide_by, batch=batch, rate=0.5, divide_by=divide_by) for divide_by in ("images", "batch")
    ]
    assert all(map(torch.equal, *found)) == same
