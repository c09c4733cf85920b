"""Whatever is in the folder of optimisers can be named in a recipe, makes an update, and keeps as much as it says."""

from pathlib import Path

import pytest
import torch

from alexlab.networks.building import build
from alexlab.recipes.schema import OPTIMISERS, Recipe
from alexlab.training import optimisers
from alexlab.training.optimisers import ImageByImage, make_optimiser, moments


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_updates_and_keeps_what_it_says(name: str) -> None:
    recipe = Recipe(optimiser=name, rate=0.01, momentum=0.9)
    torch.manual_seed(0)
    network = build("lenet-1998" if name == "diagonal-lm" else "lenet5")
    before = {key: parameter.detach().clone() for key, parameter in network.named_parameters()}
    optimiser = make_optimiser(network, recipe)
    if isinstance(optimiser, ImageByImage):
        optimiser.learn(torch.randn(2, 1, 32, 32), torch.tensor([1, 2]), first=True)
    else:
        network(torch.randn(2, 1, 28, 28)).square().sum().backward()
        optimiser.step()
    assert all((parameter != before[key]).any() for key, parameter in network.named_parameters())
    kept = [
        sum(torch.is_tensor(value) and value.shape == weight.shape for value in optimiser.state[weight].values())
        for weight in network.parameters()
    ]
    assert max(kept) == moments(recipe)


def test_names_are_those_of_the_files() -> None:
    files = Path(optimisers.__file__).parent.glob("[!_]*.py")
    assert sorted(OPTIMISERS) == sorted(file.stem.replace("_", "-") for file in files)
