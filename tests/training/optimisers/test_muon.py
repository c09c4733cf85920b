"""Muon's step beside the exact polar factor, AdamW's beside PyTorch's, and a training that ends within an epoch."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.layers.growing import take_smaller
from alexlab.recipes import overridden, read_recipe
from alexlab.training import train as training
from alexlab.training.optimisers import make_optimiser
from alexlab.training.optimisers.muon import Muon, hidden_weights, orthogonal
from tests.typed import laid_out

Array = npt.NDArray[np.float64]
SHORT: dict[str, Any] = {"network": "lenet5", "dataset": "digits", "batch": 100, "device": "cpu", "optimiser": "muon"}


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 2**31))
def test_the_step_is_nearly_the_polar_factor(rows: int, columns: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    matrix = (left * np.clip(values, values[0] / 20, None)) @ right  # what is nearly singular takes more steps
    found = orthogonal(torch.from_numpy(matrix)).numpy()
    stretched = left.T @ found @ right.T
    assert np.abs(stretched - np.diag(np.diag(stretched))).max() < 1e-6
    assert np.diag(stretched).min() > 0.3 and np.diag(stretched).max() < 1.3


def newton_schulz(x: Array) -> Array:
    """As its source writes it: on the matrix itself, wide or tall."""
    x = x / np.linalg.norm(x)
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * (x @ x.T @ x) + 2.0315 * (x @ x.T @ x @ x.T @ x)
    return x


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_hidden_layers_move_by_muon_and_the_rest_by_adamw(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    network, other = (laid_out(build("lenet-relu").double(), layout) for _ in range(2))
    other.load_state_dict(network.state_dict())
    recipe = overridden(read_recipe("quick"), {"optimiser": "muon", "rate": 0.01, "weight_decay": 0.1, "momentum": 0.9})
    optimiser = make_optimiser(network, recipe)
    assert isinstance(optimiser, Muon)
    hidden = ["3.weight", "7.weight", "9.weight"]  # neither the layer that reads pixels nor the one that answers
    groups: list[dict[str, Any]] = [
        {"params": [p for p in other.parameters() if p.ndim > 1]},
        {"params": [p for p in other.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    plain = torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1, fused=True)
    for group in optimiser.param_groups:
        group["lr"] = 0.01
    expected = {name: network.get_parameter(name).detach().numpy().copy() for name in hidden}
    past = {name: np.zeros_like(expected[name]) for name in hidden}
    for _ in range(3):
        images, labels = torch.randn(8, 1, 28, 28, dtype=torch.float64), torch.arange(8)
        for each in (network, other):
            each.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
            theirs.grad = mine.grad.clone() if mine.grad is not None else None
        for name in hidden:
            gradient = other.get_parameter(name).grad
            assert gradient is not None
            past[name] = 0.9 * past[name] + gradient.numpy()
            ahead = (gradient.numpy() + 0.9 * past[name]).reshape(len(gradient), -1)
            step = (newton_schulz(ahead) * math.sqrt(max(ahead.shape))).reshape(gradient.shape)
            expected[name] = expected[name] * (1 - 0.01 * 0.1) - 0.01 * step
        optimiser.step()
        plain.step()
    for (name, mine), theirs in zip(network.named_parameters(), other.parameters(), strict=True):
        if name in hidden:
            assert np.abs(mine.detach().numpy() - expected[name]).max() < 1e-9, name
        else:
            assert torch.equal(mine, theirs), name


def test_layers_that_are_too_large_are_left_to_adamw() -> None:
    with torch.device("meta"):
        network = build("alexnet-textbook")
    hidden = {id(weight) for weight in hidden_weights(network)}
    kinds = [parameter.ndim for parameter in network.parameters() if id(parameter) in hidden]
    assert kinds == [4, 4, 4, 4], "all convolutions but the first"
    tied = nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))
    tied[2].weight = tied[1].weight
    nn.utils.parametrizations.weight_norm(tied[0])
    assert [id(weight) for weight in hidden_weights(tied)] == [id(tied[1].weight)]


@pytest.mark.parametrize("stop", [1, 13, 16])
def test_a_training_that_ends_within_an_epoch_goes_on_to_the_same_weights(stop: int) -> None:
    how: dict[str, Any] = {**SHORT, "epochs": 1.3, "small_side": 20, "small_share": 0.5}
    whole = training.train(**how, out="whole")
    batches = whole.metrics("point")[-1]["step"] / whole.metrics("point")[-1]["epoch"]
    assert whole.result["steps"] == round(1.3 * batches)
    assert [line["epoch"] for line in whole.metrics("epoch")] == [1, pytest.approx(1.3, abs=0.05)]
    training.train(**how, steps=stop, out="parts")
    parts = training.resume("parts", device="cpu")
    assert parts.metrics() == whole.metrics()
    mine, theirs = (load_file(Path(name) / "last.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_another_rate_of_dropout() -> None:
    network = training.train("alexnet-textbook", "digits", epochs=0.02, input=72, dropout=0.25, batch=16).network()
    assert isinstance(network, nn.Module)
    with pytest.raises(UserError, match="no dropout"):
        training.train(**SHORT, dropout=0.0)
    with pytest.raises(UserError, match="as in 2012"):
        training.train("alexnet-paper", "digits", dropout=0.0)
    assert len(list(Path("runs").iterdir())) == 1


def test_smaller_images_at_first() -> None:
    how: dict[str, Any] = {
        **SHORT,
        "network": "alexnet-textbook",
        "batch": 16,
        "epochs": 0.1,
        "input": 96,
        "dropout": 0.0,
    }
    run = training.train(**how, small_side=72, small_share=0.5, out="grown")
    network = run.network()
    full = build("alexnet-textbook", 10, (1, 96, 96))
    full.load_state_dict(load_file("grown/last.safetensors"))
    images = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        assert torch.equal(network(images), full.eval()(images))
        take_smaller(full, (1, 96, 96), 72)
        assert torch.equal(network(images), full(images)), "at its own size nothing is pooled"
        assert full(torch.rand(2, 1, 72, 72)).shape == (2, 10)
    with pytest.raises(UserError, match="must be less than the input's 96"):
        training.train(**how, small_side=96, small_share=0.5)
    with pytest.raises(UserError, match="belong together"):
        training.train(**how, small_side=72)
    with pytest.raises(UserError, match="does not take images of 40x40"):
        training.train(**how, small_side=40, small_share=0.5)
