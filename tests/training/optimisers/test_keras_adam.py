"""Keras' Adam, in float64 against its formula as Keras publishes it, written in NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from alexlab.recipes.reading import read_recipe
from alexlab.recipes.schema import Recipe
from alexlab.training.optimisers import make_optimiser

STEPS = 300
Numbers = NDArray[np.float64]


def keras(
    weights: Numbers, gradients: list[Numbers], rate: float, betas: tuple[float, float], epsilon: float
) -> Numbers:
    """The weights after all steps, by `Adam.update_step` of keras/src/optimizers/adam.py."""
    beta_1, beta_2 = betas
    w, m, v = weights.copy(), np.zeros_like(weights), np.zeros_like(weights)
    for iterations, gradient in enumerate(gradients):
        local_step = iterations + 1
        beta_1_power, beta_2_power = beta_1**local_step, beta_2**local_step
        alpha = rate * np.sqrt(1 - beta_2_power) / (1 - beta_1_power)
        m += (gradient - m) * (1 - beta_1)
        v += (np.square(gradient) - v) * (1 - beta_2)
        w -= (m * alpha) / (np.sqrt(v) + epsilon)
    return w


def updated(recipe: Recipe, weights: Numbers, gradients: list[Numbers], reloaded: bool = False) -> Numbers:
    outputs, inputs = weights.shape
    network = torch.nn.Linear(inputs, outputs, bias=False, dtype=torch.float64)
    with torch.no_grad():
        network.weight.copy_(torch.from_numpy(weights))
    optimiser = make_optimiser(network, recipe)
    for number, gradient in enumerate(gradients):
        if reloaded and number == STEPS // 2:
            state: dict[str, Any] = optimiser.state_dict()
            optimiser = make_optimiser(network, recipe)
            optimiser.load_state_dict(state)
        network.weight.grad = torch.from_numpy(gradient)
        optimiser.step()
    return network.weight.detach().numpy()


@pytest.mark.parametrize("reloaded", [False, True])
@pytest.mark.parametrize(
    "size", [1.0, 1e-6, 1e-9]
)  # of the gradients: epsilon is nothing beside the first, and all beside the last
def test_it_is_keras_formula(size: float, reloaded: bool) -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(5, 7))
    gradients = [size * random.normal(size=(5, 7)) for _ in range(STEPS)]
    recipe = read_recipe("tutorial-alexnet8")
    assert (recipe.optimiser, recipe.rate, recipe.betas, recipe.epsilon) == ("keras-adam", 0.001, (0.9, 0.999), 1e-7)
    expected = keras(weights, gradients, 0.001, (0.9, 0.999), 1e-7)
    moved = np.abs(expected - weights).max()
    found = updated(recipe, weights, gradients, reloaded)
    assert np.abs(found - expected).max() < 1e-12 * moved + 1e-15
    if size < 1:  # PyTorch's own Adam, with the same constants, is another one
        torchs = updated(recipe.model_copy(update={"optimiser": "adam"}), weights, gradients)
        assert np.abs(torchs - expected).max() > 1e-3 * moved
