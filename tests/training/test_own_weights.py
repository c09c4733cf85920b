"""A network of the user's own starts with the weights that its code gives it, unless an initialisation is asked for."""

from pathlib import Path
from typing import Any

import pytest
import torch

import alexlab
from alexlab.training.callbacks import Silent

NET = """
import torch
from torch import nn
def make():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    network.load_state_dict({"1.weight": torch.full((10, 64), 0.25), "1.bias": torch.arange(10.0)})
    return network
def drawn():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""
RATE = 1e-25  # an update changes nothing


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)


def started(name: str = "make", recipe: str = "quick", **values: Any) -> tuple[torch.Tensor, str]:
    """Return the weights that a training starts from, and what was said of them."""
    Path("net.py").write_text(NET)
    told = Notes()
    how: dict[str, Any] = {
        "input": [1, 8, 8],
        "epochs": 0.01,
        "batch": 8,
        "device": "cpu",
        "callback": told,
        "rate": RATE,
    }
    run = alexlab.train(f"net.py:{name}", "digits", recipe, **{**how, **values})
    return run.network().state_dict()["1.weight"], " ".join(note for note in told.notes if "keeps the weights" in note)


@pytest.mark.parametrize("recipe", ["quick", "digits"])
def test_weights_of_ones_own_are_kept_and_it_is_said(recipe: str) -> None:
    weight, said = started(recipe=recipe)
    assert weight.eq(0.25).all() and "net.py:make: the network keeps" in said and "initialisation=he" in said


def test_an_initialisation_that_is_asked_for_is_made() -> None:
    weight, said = started(initialisation="normal")
    assert 0.005 < weight.std() < 0.02 and not said
    Path("own.toml").write_text('initialisation = "normal"\n')
    weight, said = started(recipe="own.toml", seed=1)
    assert 0.005 < weight.std() < 0.02 and not said


def test_weights_that_the_code_draws_depend_on_the_seed_alone() -> None:
    first, again, other = (started("drawn", seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.manual_seed(9)
    assert torch.equal(started("drawn", seed=1)[0], first)
