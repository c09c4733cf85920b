"""What makes training quick changes no number: seeds, threads, layouts."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from alexlab.networks.building import build
from alexlab.recipes.schema import Recipe
from alexlab.runs.checkpoint import Standing, checkpoint_bytes, restore
from alexlab.speed.threads import multiplications, threads_for
from alexlab.training.optimisers.making import make_optimiser
from alexlab.training.seeds import seed_draws


def test_draws_are_those_of_manual_seed() -> None:
    torch.manual_seed(12345)
    expected = torch.rand(5), nn.functional.dropout(torch.ones(50), 0.5)
    seed_draws(torch.device("cpu"), 12345)
    assert torch.equal(torch.rand(5), expected[0])
    assert torch.equal(nn.functional.dropout(torch.ones(50), 0.5), expected[1])


def test_multiplications_are_the_textbooks() -> None:
    """LeNet of the tutorial, by hand: 6x24x24x25 + 16x8x8x150 + 256x120 + 120x84 + 84x10, for each of two images."""
    by_hand = 6 * 24 * 24 * 25 + 16 * 8 * 8 * 150 + 256 * 120 + 120 * 84 + 84 * 10
    assert multiplications(build("lenet-relu"), torch.zeros(2, 1, 28, 28)) == 2 * by_hand


def test_small_updates_take_one_thread_and_the_choice_ends_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads_for(400_000, 64):
            assert torch.get_num_threads() == 1
        with threads_for(900_000_000, 128):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 2
        monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "2")
        with threads_for(400_000, 64):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_checkpoint_gives_back_the_layout_with_the_numbers(tmp_path: Path, optimiser: str) -> None:
    """Fused updates pair a parameter and its moments by their place in memory, so another layout would mix them up."""
    recipe = Recipe(optimiser=optimiser, rate=0.01, momentum=0.9)

    def start() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
        network.to(memory_format=torch.channels_last)
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
                checkpoint_bytes(whole.state_dict(), its_optimiser.state_dict()["state"], Standing(), [])
            )
    again, other_optimiser = start()
    restore(again, other_optimiser, tmp_path / "c.safetensors")
    for step in (2, 3):
        update(again, other_optimiser, step)
    for expected, found in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(expected, found)
