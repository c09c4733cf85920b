"""The update rule of 2012, against examples worked out by hand."""

import copy

import pytest
import torch
from torch import nn

from alexlab.networks.alexnet_2012 import Widths, alexnet_2012
from alexlab.networks.lenet import lenet5
from alexlab.training.optimisers.sgd_2012 import Rates, Update2012, groups_2012, rates_as_it_ran


def weight(value: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor([value], dtype=torch.float64))


def step(optimiser: torch.optim.Optimizer, *gradients: tuple[nn.Parameter, float]) -> None:
    for parameter, gradient in gradients:
        parameter.grad = torch.tensor([gradient], dtype=torch.float64)
    optimiser.step()


def test_three_steps_by_hand() -> None:
    """w = 2, rate 0.1, momentum 0.9, decay 0.5.

    g = 1:  v = 0 - 0.5 x 0.1 x 2 - 0.1 x 1 = -0.2          w = 1.8
    g = 3:  v = 0.9 x -0.2 - 0.5 x 0.1 x 1.8 - 0.3 = -0.57  w = 1.23
    rate 0.01, g = -2:  v = 0.9 x -0.57 - 0.5 x 0.01 x 1.23 + 0.02 = -0.49915  w = 0.73085
    """
    w = weight(2.0)
    optimiser = Update2012([w], lr=0.1, weight_decay=0.5)
    step(optimiser, (w, 1.0))
    assert w.item() == pytest.approx(1.8, rel=1e-14)
    step(optimiser, (w, 3.0))
    assert w.item() == pytest.approx(1.23, rel=1e-14)
    optimiser.param_groups[0]["lr"] = 0.01
    step(optimiser, (w, -2.0))
    assert w.item() == pytest.approx(0.73085, rel=1e-14)


def test_sgd_differs_only_when_the_rate_changes() -> None:
    ours, theirs = weight(2.0), weight(2.0)
    rule = Update2012([ours], lr=0.1, weight_decay=0.0005)
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, weight_decay=0.0005)
    for gradient in (1.0, -0.5, 2.0):
        step(rule, (ours, gradient))
        step(sgd, (theirs, gradient))
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    for optimiser in (rule, sgd):
        optimiser.param_groups[0]["lr"] = 0.001
    step(rule, (ours, 1.0))
    step(sgd, (theirs, 1.0))
    assert abs(ours.item() - theirs.item()) > 0.1, "SGD scales the past down with the rate"


def test_a_rate_of_zero_stops_the_momentum_too() -> None:
    """v = -0.2 after one step; at rate 0 it neither moves w nor fades; then v = 0.9 x -0.2 - 0.1 = -0.28."""
    w = weight(2.0)
    optimiser = Update2012([w], lr=0.2, weight_decay=0.0)
    step(optimiser, (w, 1.0))
    optimiser.param_groups[0]["lr"] = 0.0
    for _ in range(5):
        step(optimiser, (w, 7.0))
    assert w.item() == pytest.approx(1.8, rel=1e-14)
    optimiser.param_groups[0]["lr"] = 0.1
    step(optimiser, (w, 1.0))
    assert w.item() == pytest.approx(1.8 - 0.28, rel=1e-14)


def test_biases_learn_at_their_own_rate_and_do_not_decay() -> None:
    torch.manual_seed(0)
    network = alexnet_2012(4, (3, 63, 63), Widths(2, 2, 2, 2, 2, 3)).double()
    before = copy.deepcopy(dict(network.named_parameters()))
    groups = groups_2012(network, Rates(weights=0.01, biases=0.02, conv1_weights=0.001, conv1_biases=0.0))
    assert [group["name"] for group in groups] == list(Rates._fields)
    assert [len(group["params"]) for group in groups] == [13, 13, 2, 2]
    optimiser = Update2012(groups, lr=0.0)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    for name, parameter in network.named_parameters():
        start = before[name]
        rate = 0.01 if name.endswith("weight") else 0.02
        if "conv1" in name:
            rate = 0.001 if name.endswith("weight") else 0.0
        decay = 0.0005 if name.endswith("weight") else 0.0
        torch.testing.assert_close(parameter, start - decay * rate * start - rate, rtol=1e-13, atol=0)


def test_a_frozen_parameter_is_in_no_group_and_the_first_convolution_is_conv1() -> None:
    network = lenet5()
    network[0].bias.requires_grad_(False)
    groups = {group["name"]: group["params"] for group in groups_2012(network, Rates(1.0, 1.0, 1.0, 1.0))}
    assert set(groups) == {"weights", "biases", "conv1_weights"}
    assert groups["conv1_weights"] == [network[0].weight]


def test_the_state_is_saved_and_comes_back() -> None:
    w = weight(2.0)
    optimiser = Update2012([w], lr=0.1)
    step(optimiser, (w, 1.0))
    again = weight(w.item())
    restored = Update2012([again], lr=0.5)
    restored.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    step(optimiser, (w, 3.0))
    step(restored, (again, 3.0))
    assert again.item() == w.item()


def test_the_rates_of_the_run() -> None:
    changes, last = {}, None
    for epoch in range(91):
        if (rates := rates_as_it_ran(epoch)) != last:
            changes[epoch], last = rates, rates
    assert changes == {
        0: (0.01, 0.02, 0.01, 0.02),
        25: (0.001, 0.02, 0.001, 0.02),
        51: (0.0001, 0.02, 0.0001, 0.02),
        67: (0.0001, 0.02, 0.00001, 0.02),
        72: (0.0001, 0.02, 0.0, 0.0),
        79: (0.00001, 0.02, 0.0, 0.0),
    }
