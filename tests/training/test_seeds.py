"""Random draws: quicker to seed, and those of PyTorch's own."""

import torch
from torch import nn

from alexlab.training.seeds import seed_draws


def test_draws_are_those_of_manual_seed() -> None:
    torch.manual_seed(12345)
    expected = torch.rand(5), nn.functional.dropout(torch.ones(50), 0.5)
    seed_draws(torch.device("cpu"), 12345)
    assert torch.equal(torch.rand(5), expected[0])
    assert torch.equal(nn.functional.dropout(torch.ones(50), 0.5), expected[1])
