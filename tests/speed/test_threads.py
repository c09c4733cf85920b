"""An update gets threads by the work that it holds."""

import os

import pytest
import torch

from alexlab.networks.building import build
from alexlab.speed.threads import multiplications, threads_for


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
