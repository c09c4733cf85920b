"""The curves of the activations against PyTorch and autograd."""

import pytest
import torch

from alexlab.describe.activation_curves import ACTIVATIONS, SATURATED, Activation, activation_curves, saturated_from

TORCH = {"ReLU": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation.name)
def test_values_and_derivatives(activation: Activation) -> None:
    xs = torch.linspace(-6, 6, 60, dtype=torch.float64, requires_grad=True)
    ys = TORCH[activation.name](xs)
    ys.sum().backward()
    assert xs.grad is not None
    assert [activation.value(x) for x in xs.tolist()] == pytest.approx(ys.tolist())
    assert [activation.derivative(x) for x in xs.tolist()] == pytest.approx(xs.grad.tolist())


def test_saturation() -> None:
    relu, sigmoid, tanh = (saturated_from(activation) for activation in ACTIVATIONS)
    assert relu == (0.0, None)
    for (low, high), activation in ((sigmoid, ACTIVATIONS[1]), (tanh, ACTIVATIONS[2])):
        assert low is not None and high is not None and low == pytest.approx(-high)
        assert activation.derivative(high) == pytest.approx(SATURATED)


def test_the_drawing_names_all_three() -> None:
    svg = activation_curves().svg()
    for text in ("ReLU", "sigmoid", "tanh", "saturates beyond ±2.89", "saturates beyond ±2.18", "saturates below 0"):
        assert text in svg
