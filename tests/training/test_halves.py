"""An update in two threads is the update in one."""

import copy

import pytest
import torch
from torch import nn

from alexlab.networks.building import build
from alexlab.training.blocked import blocked
from alexlab.training.halves import can_be_halved, gradient_in_halves
from alexlab.training.threads import WORTH_A_THREAD, WORTH_HALVING, worth_halving

OPERATIONS = 6  # of training, for each multiplication


@pytest.mark.parametrize("name", ["lenet5", "lenet-relu"])
@pytest.mark.parametrize("images", [1, 2, 7])
def test_loss_logits_and_gradient_are_those_of_the_whole(name: str, images: int) -> None:
    network = build(name).to(memory_format=torch.channels_last)
    reference = copy.deepcopy(network).double()
    inputs, labels = torch.randn(images, 1, 28, 28), torch.arange(images) % 10
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    logits, found = gradient_in_halves(blocked(network), loss, inputs, labels)
    expected = reference(inputs.double())
    loss(expected, labels).backward()
    assert torch.allclose(logits.double(), expected, atol=1e-5)
    assert found.item() == pytest.approx(loss(expected, labels).item(), rel=1e-6)
    for mine, exact in zip(network.parameters(), reference.parameters(), strict=True):
        assert mine.grad is not None and exact.grad is not None
        assert torch.allclose(mine.grad.double(), exact.grad, rtol=1e-4, atol=1e-6)
        assert mine.grad.stride() == mine.stride()  # as a fused optimiser reads it


def test_the_same_twice_and_frozen_layers_have_no_gradient() -> None:
    network = build("lenet-relu")
    network[0].weight.requires_grad_(False)
    inputs, labels = torch.randn(64, 1, 28, 28), torch.randint(10, (64,))
    found = []
    for _ in range(2):
        gradient_in_halves(network, nn.CrossEntropyLoss(), inputs, labels)
        found.append([parameter.grad for parameter in network.parameters() if parameter.grad is not None])
    assert network[0].weight.grad is None and len(found[0]) == 9
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_an_error_in_the_other_half_is_raised_here() -> None:
    inputs, labels = torch.randn(4, 1, 28, 28), torch.tensor([0, 1, 2, 10])
    with pytest.raises(IndexError, match="out of bounds"):
        gradient_in_halves(build("lenet-relu"), nn.CrossEntropyLoss(), inputs, labels)


def test_layers_that_draw_or_look_at_the_whole_batch_are_not_halved() -> None:
    assert can_be_halved(build("lenet5")) and can_be_halved(blocked(build("lenet-relu")))
    assert not can_be_halved(build("alexnet-textbook"))  # dropout
    assert not can_be_halved(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    assert not can_be_halved(nn.LSTM(2, 2))


def test_halving_is_for_updates_between_two_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert not worth_halving(0.9 * WORTH_HALVING / OPERATIONS, 1)
    assert worth_halving(281_640, 64)  # LeNet's
    assert not worth_halving(2 * WORTH_A_THREAD / OPERATIONS, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert not worth_halving(281_640, 64)
