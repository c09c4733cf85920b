"""Checkpoints: what is saved comes back as it was."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from alexlab.parallel.processes import Processes
from alexlab.parallel.strategies.alone import Alone
from alexlab.recipes.schema import Recipe
from alexlab.runs.checkpoint import TrainingState, checkpoint_bytes, read
from alexlab.training.optimisers import make_optimiser
from tests.typed import laid_out


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_checkpoint_gives_back_the_layout_with_the_numbers(
    tmp_path: Path, optimiser: Literal["sgd", "adamw"]
) -> None:
    """Fused updates pair a parameter and its moments by their place in memory, so another layout would mix them up."""
    recipe = Recipe(optimiser=optimiser, rate=0.01, momentum=0.9)

    def start() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
        network = laid_out(network, torch.channels_last)
        return network, make_optimiser(network, recipe)

    def update(network: nn.Module, optimiser: torch.optim.Optimizer, step: int) -> None:
        images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        network(images).square().sum().backward()
        optimiser.step()

    whole, its_optimiser = start()
    for step in range(4):
        update(whole, its_optimiser, step)
        if step == 1:
            (tmp_path / "c.safetensors").write_bytes(
                checkpoint_bytes(whole.state_dict(), its_optimiser.state_dict()["state"], TrainingState(), [])
            )
    again, other_optimiser = start()
    alone = Alone(again, lambda network: other_optimiser, torch.device("cpu"), Processes())
    found = read(alone.expected(), alone.parameters, tmp_path / "c.safetensors")
    alone.take(found.weights, found.optimiser_state)
    for step in (2, 3):
        update(again, other_optimiser, step)
    for expected, reached in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(expected, reached)
