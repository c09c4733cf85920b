"""An epoch's last batch of one image joins the batch before where batch norm could not be trained on it, and only there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import alexlab
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError

NETS = """
import torch
from torch import nn
def norm():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10))
def pixels():
    return nn.Sequential(nn.Conv2d(1, 8, 8), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 10))
def maps():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))
def plain():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""
BATCH = 71  # of 1,350 training images: 19 batches, and one image


@pytest.fixture(autouse=True)
def nets(own_folder: None) -> None:
    Path("net.py").write_text(NETS)


def trained(name: str, out: str = "run", **values: Any) -> alexlab.Run:
    how: dict[str, Any] = {"input": [1, 8, 8], "epochs": 1, "batch": BATCH, "device": "cpu", "out": out, "seed": 3}
    return alexlab.train(f"net.py:{name}", "digits", **{**how, **values})


@pytest.mark.parametrize(
    ("name", "batch", "updates"),
    [("norm", BATCH, 19), ("pixels", BATCH, 19), ("maps", BATCH, 20), ("plain", BATCH, 20), ("norm", 70, 20)],
)
def test_one_image_joins_the_batch_before_where_it_must(name: str, batch: int, updates: int) -> None:
    run = trained(name, batch=batch)
    assert run.result["state"] == "finished" and run.result["steps"] == updates
    said = [doubt for doubt in run.facts["doubts"] if "joins the batch before" in doubt]
    assert len(said) == (updates == 19) and all("which has 72" in each for each in said)


def test_a_training_that_goes_on_has_the_same_batches() -> None:
    whole = trained("norm", "whole", epochs=2)
    for steps in (18, 19, 20):
        trained("norm", f"part{steps}", epochs=2, steps=steps)
        part = alexlab.resume(f"part{steps}", device="cpu")
        assert part.metrics("epoch") == whole.metrics("epoch")
        assert all(map(torch.equal, part.network().state_dict().values(), whole.network().state_dict().values()))


def test_half_an_epoch_more_has_whole_batches() -> None:
    assert trained("norm", epochs=1.5).result["steps"] == round(19 * 1.5)


def test_batches_of_one_image_alone_are_refused_before_the_training() -> None:
    with pytest.raises(UserError, match=r"net.py:norm: its batch norm cannot be trained .* Take --set batch=2 or more"):
        trained("norm", batch=1)
    assert not Path("run").exists()
    assert trained("maps", batch=1, steps=1).result["steps"] == 1


@pytest.mark.parametrize(
    ("count", "size", "expected"), [(5, 2, [2, 3]), (4, 2, [2, 2]), (1, 2, [1]), (0, 2, []), (6, 4, [4, 2])]
)
def test_a_store_leaves_no_image_alone(count: int, size: int, expected: list[int]) -> None:
    images = Store(open_dataset("digits").train, Transform(store=(1, 8, 8), input=(1, 8, 8), fit="stretch"))
    order = np.arange(count)[::-1].copy()
    found = [labels for _, labels in images.batches(order, size, one_alone=False)]
    assert [len(labels) for labels in found] == expected
    assert torch.equal(torch.cat([*found, torch.empty(0, dtype=torch.int64)]), images.labels[torch.from_numpy(order)])
