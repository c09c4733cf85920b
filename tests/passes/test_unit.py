"""One unit taken apart, against what PyTorch makes: random units of every kind of layer."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from alexlab.describe.receptive import region, sights
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.layers.normalisation import LocalResponseNorm, WithinMapNorm
from alexlab.passes.activity import activity
from alexlab.passes.pixels import gradient_times_input, occlusion
from alexlab.passes.seen import Seen, watch
from alexlab.passes.unit import softmax_unit, unit
from alexlab.shape import Shape


def _batch_norm() -> nn.Module:
    made = nn.BatchNorm2d(4, eps=1e-3)
    for tensor in (made.running_mean, made.running_var, made.weight, made.bias):
        assert tensor is not None
        tensor.data.uniform_(0.5, 2)
    return made


LAYERS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "plain": (lambda: nn.Conv2d(4, 6, 3), "convolution"),
    "strided, padded, dilated, in groups": (
        lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 3), padding=(2, 1), dilation=(2, 1), groups=2),
        "convolution",
    ),
    "without bias": (lambda: nn.Conv2d(4, 6, 5, padding="same", bias=False), "convolution"),
    "max": (lambda: nn.MaxPool2d(3, 2, padding=1), "max pooling"),
    "max, rounded up": (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), "max pooling"),
    "average": (lambda: nn.AvgPool2d(2), "average pooling"),
    "average with padding": (lambda: nn.AvgPool2d(3, 2, padding=1), "average pooling"),
    "average without padding": (lambda: nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), "average pooling"),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d(5), "average pooling"),
    "relu": (nn.ReLU, "activation"),
    "relu in place": (lambda: nn.ReLU(inplace=True), "activation"),
    "sigmoid": (nn.Sigmoid, "activation"),
    "tanh": (nn.Tanh, "activation"),
    "lrn of PyTorch": (lambda: nn.LocalResponseNorm(3, alpha=0.5, k=2.0), "response normalisation"),
    "lrn": (lambda: LocalResponseNorm(3, 0.5, 0.75, 2.0, alpha_divided=False), "response normalisation"),
    "lrn within maps": (lambda: WithinMapNorm(3, scale=0.9), "response normalisation"),
    "batch norm": (_batch_norm, "batch normalisation"),
    "dropout": (nn.Dropout, "dropout"),
    "padding": (lambda: nn.ZeroPad2d((1, 2, 3, 0)), ""),
    "flatten": (nn.Flatten, "copy"),
}


def _seen(*layers: nn.Module, input: Shape = (4, 11, 9)) -> Seen:
    torch.manual_seed(0)
    return watch(nn.Sequential(*layers).eval(), torch.randn(2, *input))


@pytest.mark.parametrize("name", LAYERS)
def test_a_unit_worked_out_is_what_pytorch_made(name: str) -> None:
    make, kind = LAYERS[name]
    seen = _seen(make())
    made = seen.network(seen.inputs_NCHW)
    random = np.random.default_rng(1)
    for _ in range(12):
        place = tuple(int(random.integers(n)) for n in made.shape[1:])
        found = unit(seen, "0", place, image=1)
        expected = made[1][place].item()
        assert found.value == expected
        assert found.worked_out == pytest.approx(expected, rel=2e-6, abs=2e-6)
        assert found.kind == kind or name == "padding"
        for where, number in zip(found.places, found.read, strict=True):
            assert number == (seen.inputs_NCHW[1][tuple(where)] if where[0] >= 0 else 0.0)


def test_a_unit_of_a_fully_connected_layer_and_the_probability_of_a_class() -> None:
    seen = _seen(nn.Flatten(), nn.Linear(396, 7), nn.ReLU(), nn.Softmax(dim=1))
    logits = seen.made(seen.step("1"))[0]
    found = unit(seen, "1", (3,))
    assert found.kind == "linear" and len(found.terms) == 396
    assert found.terms.sum() + found.numbers["bias"] == pytest.approx(float(logits[3]), rel=1e-5)
    for k in range(7):
        assert softmax_unit(logits, k).worked_out == pytest.approx(float(logits.softmax(0)[k]), rel=1e-5)
        assert unit(seen, "3", (k,)).worked_out == pytest.approx(float(seen.logits_NK[0, k]), rel=1e-5)


@pytest.mark.parametrize("name", ["lenet5", "lenet-relu", "alexnet8", "alexnet-2012"])
def test_every_layer_of_the_catalogue_is_taken_apart(name: str) -> None:
    torch.manual_seed(0)
    from alexlab.networks.catalogue import find

    network = build(name).eval()
    seen = watch(network, torch.rand(1, *find(name).input))
    random = np.random.default_rng(0)
    for step in seen.steps:
        made = seen.made(step)[0]
        place = tuple(int(random.integers(n)) for n in made.shape)
        found = unit(seen, step.name, place)
        assert found.kind != "other", step.name
        assert found.worked_out == pytest.approx(float(made[place]), rel=1e-4, abs=1e-5), step.name


def test_units_and_layers_that_are_not_there() -> None:
    seen = _seen(nn.ReLU())
    with pytest.raises(UserError, match="4x11x9 values; there is none at"):
        unit(seen, "0", (4, 0, 0))
    with pytest.raises(UserError, match="unknown layer"):
        unit(seen, "conv9", (0,))


def test_pixels_outside_the_region_change_nothing_and_those_within_do() -> None:
    torch.manual_seed(0)
    network = build("lenet5").double().eval()
    image = torch.rand(1, 1, 28, 28, dtype=torch.float64)
    seen = watch(network, image)
    spans = sights(seen.trace)
    for name, place in (("0", (2, 0, 3)), ("3", (7, 4, 9)), ("5", (1, 4, 4)), ("6", (399,)), ("7", (5,))):
        step = seen.step(name)
        sight = spans[step.outputs[0].number]
        assert sight is not None
        found = region(sight, place, (28, 28))
        assert found is not None
        (top, bottom), (left, right) = found
        outside = torch.rand(1, 1, 28, 28, dtype=torch.float64)
        outside[..., top:bottom, left:right] = image[..., top:bottom, left:right]
        value = seen.made(step)[0][place]
        assert watch(network, outside).made(step)[0][place] == pytest.approx(value.item(), abs=1e-12)
        for row, column in ((top, left), (bottom - 1, right - 1)):
            changed = image.clone()
            changed[..., row, column] += 30
            assert watch(network, changed).made(step)[0][place] != value


def test_covering_and_the_gradient_find_the_pixels_that_count() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False))
    weight = torch.zeros(2, 8, 8)
    weight[1, 2:4, 4:6] = 2.0
    network[1].weight.data = weight.view(2, 64)
    image = torch.ones(1, 8, 8)
    fallen = occlusion(network, image, 1, side=2, stride=2)
    assert fallen.shape == (4, 4) and fallen[1, 2] == 8 and fallen.sum() == 8
    found = gradient_times_input(network, image, 1)
    assert torch.equal(found, weight[1])


def test_dead_relus_and_saturated_sigmoids_are_counted() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Conv2d(3, 1, 1), nn.Sigmoid())
    first, second = network[0], network[2]
    assert isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d) and first.bias is not None
    first.weight.data.zero_()
    first.bias.data = torch.tensor([-1.0, 1.0, 0.0])
    second.weight.data.fill_(100.0)
    found = activity(network, [torch.rand(2, 1, 4, 4), torch.rand(3, 1, 4, 4)])
    assert [(each.layer, each.units, each.silent) for each in found] == [("1", 48, 32), ("3", 16, 16)]
    assert found[0].share == pytest.approx(2 / 3)
