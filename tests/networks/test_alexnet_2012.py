"""The two networks of 2012 against the NumPy reference, the facts' table and their own grouped form."""

import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.alexnet_2012 import Tower, TwoTowers, Widths, alexnet_2012, alexnet_paper
from alexlab.networks.building import build
from alexlab.networks.layers.dropout import UnscaledDropout
from alexlab.shape import Shape
from tests.networks import reference_2012 as reference
from tests.typed import gradient, laid_out

SMALL = Widths(conv1=6, conv2=7, conv3=8, conv4=5, conv5=6, hidden=9)
DEFINITIONS = {
    "alexnet-paper": (alexnet_paper, reference.AS_WRITTEN, 1e-4),
    "alexnet-2012": (alexnet_2012, reference.AS_IT_RAN, 1e-4 / 5),
}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_network(
    name: str, classes: int, input: Shape, widths: Widths | None = None, scale: float = 1.0
) -> TwoTowers:
    """In float64, with weights that keep the activations large, so that the normalisations count."""
    builder = DEFINITIONS[name][0]
    network = builder(classes, input) if widths is None else builder(classes, input, widths)
    network = network.double()
    with torch.no_grad():
        for seed, parameter in enumerate(network.parameters()):
            deviation = 1.0 if parameter.dim() == 1 else scale * parameter[0].numel() ** -0.5
            parameter.normal_(0, deviation, generator=generator(seed))
    return network


def pixels(n: int, shape: Shape) -> torch.Tensor:
    """0 to 255 minus a mean, roughly."""
    return 255 * torch.rand((n, *shape), dtype=torch.float64, generator=generator(n)) - 120


def as_reference(network: TwoTowers) -> dict[str, Any]:
    weights: dict[str, Any] = {"a": {}, "b": {}}
    for key, value in network.named_parameters():
        if key.endswith(".weight"):
            name = key.removesuffix(".weight")
            pair = (value.detach().numpy(), network.get_parameter(f"{name}.bias").detach().numpy())
            if name == "fc8":
                weights["fc8"] = pair
            else:
                tower, layer = name.split(".")
                weights[tower][layer] = pair
    return weights


def reference_logits(name: str, network: TwoTowers, images: torch.Tensor, hidden: float) -> torch.Tensor:
    _, after, factor = DEFINITIONS[name]
    return torch.from_numpy(reference.network(as_reference(network), images.numpy(), after, factor, hidden))


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("n", [1, 3, 5])
@pytest.mark.parametrize("input", [(3, 63, 63), (3, 75, 99), (1, 80, 64)])
def test_forward_equals_the_reference(name: str, n: int, input: Shape) -> None:
    """75x99 gives 17x23, 8x11, 4x5 and 2x2 positions: the ceiling counts in the convolution and in the pools."""
    network = random_network(name, 4, input, SMALL)
    images = pixels(n, input)
    at_test = network.eval()(images)
    torch.testing.assert_close(at_test, reference_logits(name, network, images, 0.5), rtol=1e-11, atol=1e-11)
    for layer in network.modules():
        if isinstance(layer, UnscaledDropout):
            layer.p = 0.0
    in_training = network.train()(images)
    torch.testing.assert_close(in_training, reference_logits(name, network, images, 1.0), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("after", "factor"),
    [
        (reference.AS_IT_RAN, 1e-4),  # alpha not divided
        (reference.AS_WRITTEN, 1e-4 / 5),  # ReLU before LRN in conv1, one normalisation in conv2
        (reference.AS_IT_RAN | {"conv1": ("relu", "lrn", "pool")}, 1e-4 / 5),
        (reference.AS_IT_RAN | {"conv1": ("lrn", "relu", "pool")}, 1e-4 / 5),  # the same: max and ReLU commute
        (reference.AS_IT_RAN | {"conv2": ("relu", "lrn", "pool")}, 1e-4 / 5),
        (reference.AS_IT_RAN | {"conv2": ("relu", "within", "lrn", "pool")}, 1e-4 / 5),
    ],
)
def test_each_choice_shows(after: dict[str, tuple[str, ...]], factor: float) -> None:
    """The comparison with the reference would notice another definition."""
    network = random_network("alexnet-2012", 4, (3, 75, 99), SMALL).eval()
    images = pixels(3, (3, 75, 99))
    other = reference.network(as_reference(network), images.numpy(), after, factor, 0.5)
    difference = float((network(images).detach() - torch.from_numpy(other)).abs().max())
    if after["conv1"] == ("lrn", "relu", "pool"):
        assert difference < 1e-11
    else:
        assert difference > 1e-6


@pytest.mark.parametrize("name", DEFINITIONS)
def test_gradients_equal_finite_differences_of_the_reference(name: str) -> None:
    """The derivative along a random direction, for the images and for every weight and bias."""
    input = (3, 75, 99)
    network = random_network(name, 4, input, SMALL).eval()
    images = pixels(3, input).requires_grad_()
    upstream = torch.randn((3, 4), dtype=torch.float64, generator=generator(1))
    network(images).backward(upstream)

    def loss() -> float:
        return float((reference_logits(name, network, images.detach(), 0.5) * upstream).sum())

    for seed, (key, value) in enumerate([("images", images), *network.named_parameters()]):
        direction = torch.randn(value.shape, dtype=torch.float64, generator=generator(seed))
        direction /= direction.norm()
        step = 1e-5
        with torch.no_grad():
            value += step * direction
            above = loss()
            value -= 2 * step * direction
            below = loss()
            value += step * direction
        expected = (above - below) / (2 * step)
        found = float((gradient(value) * direction).sum())
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-7), key


def check_gradients(name: str, network: TwoTowers, images: torch.Tensor, hidden: float) -> None:
    """The gradients of the images and of every single weight and bias equal those of the reference's own backward pass."""
    _, after, factor = DEFINITIONS[name]
    images.requires_grad_()
    logits = network(images)
    upstream = torch.randn(logits.shape, dtype=torch.float64, generator=generator(1))
    logits.backward(upstream)
    of_images, expected = reference.gradients(
        as_reference(network), images.detach().numpy(), after, factor, hidden, upstream.numpy()
    )
    close(gradient(images), of_images, "images")
    for key, parameter in network.named_parameters():
        *tower, layer, kind = key.split(".")
        layers = expected[tower[0]] if tower else expected
        close(gradient(parameter), layers[layer][kind == "bias"], key)


def close(found: torch.Tensor, expected: np.ndarray, key: str) -> None:
    """Within 1e-11 of the largest, which is not 0."""
    largest = np.abs(expected).max()
    assert largest > 0, key
    assert np.abs(found.numpy() - expected).max() <= 1e-11 * largest, key


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("input", [(3, 75, 99), (1, 80, 64)])
def test_all_gradients_equal_the_references(name: str, input: Shape) -> None:
    network = random_network(name, 4, input, SMALL)
    check_gradients(name, network.eval(), pixels(3, input), 0.5)
    network.zero_grad()
    for layer in network.modules():
        if isinstance(layer, UnscaledDropout):
            layer.p = 0.0
    check_gradients(name, network.train(), pixels(3, input), 1.0)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_all_gradients_at_true_size_equal_the_references(name: str) -> None:
    check_gradients(name, random_network(name, 1000, (3, 224, 224)).eval(), pixels(1, (3, 224, 224)), 0.5)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_true_size(name: str) -> None:
    network = random_network(name, 1000, (3, 224, 224)).eval()
    images = pixels(1, (3, 224, 224))
    with torch.no_grad():
        logits = network(images)
    torch.testing.assert_close(logits, reference_logits(name, network, images, 0.5), rtol=1e-10, atol=1e-10)


class Grouped(nn.Module):
    """One tower whose conv2, conv4 and conv5 have two groups, with the weights of two towers side by side."""

    def __init__(self, towers: TwoTowers) -> None:
        super().__init__()
        self.towers = towers

    def weights(self, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
        towers = (self.towers.a, self.towers.b)
        weight, bias = (
            tuple(tower.get_parameter(f"{layer}.{kind}") for tower in towers) for kind in ("weight", "bias")
        )
        return torch.cat(weight), torch.cat(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in (name for stage in self.towers.a.stages for name in stage):
            layer = self.towers.a.get_submodule(name)
            if isinstance(layer, nn.Conv2d):
                groups = 2 if name in ("conv2", "conv4", "conv5") else 1
                x = F.conv2d(x, *self.weights(name), layer.stride, layer.padding, groups=groups)
            elif isinstance(layer, nn.Linear):
                x = F.linear(x, *self.weights(name))
            elif name.startswith("lrn"):  # the two halves as two images, so that no window covers both
                n, maps, height, width = x.shape
                x = layer(x.view(2 * n, maps // 2, height, width)).view(n, maps, height, width)
            else:
                x = layer(x)
        logits: torch.Tensor = self.towers.fc8(x)
        return logits


@pytest.mark.parametrize("name", DEFINITIONS)
def test_tower_by_tower_equals_grouped(name: str) -> None:
    network = random_network(name, 4, (3, 75, 99), SMALL).eval()
    images = pixels(3, (3, 75, 99))
    torch.testing.assert_close(network(images), Grouped(network)(images), rtol=1e-11, atol=1e-11)


def one_tower(tower: Tower, first: bool, images: torch.Tensor, other: Connection, result: Connection) -> None:
    """A process that holds one tower and knows of the other one only what arrives."""
    torch.set_num_threads(1)
    both = images
    with torch.no_grad():
        for number in range(len(tower.stages)):
            own = tower.stage(number, both)
            other.send(own.numpy())
            theirs = torch.from_numpy(other.recv())
            both = torch.cat([own, theirs] if first else [theirs, own], dim=1)
    result.send(both.numpy())


@pytest.mark.filterwarnings("ignore:.*not writable")
def test_the_towers_run_in_two_processes() -> None:
    network = random_network("alexnet-2012", 4, (3, 63, 63), SMALL).eval()
    images = pixels(2, (3, 63, 63))
    context = multiprocessing.get_context("spawn")
    a_end, b_end = context.Pipe()
    answers = []
    processes = []
    for tower, first, end in ((network.a, True, a_end), (network.b, False, b_end)):
        answer, result = context.Pipe(duplex=False)
        process = context.Process(target=one_tower, args=(tower, first, images, end, result))
        process.start()
        answers.append(answer)
        processes.append(process)
    received = [answer.recv() for answer in answers]
    for process in processes:
        process.join()
    np.testing.assert_array_equal(*received)
    with torch.no_grad():
        torch.testing.assert_close(network.fc8(torch.from_numpy(received[0])), network(images), rtol=1e-12, atol=1e-12)


PARAMETERS = {
    "conv1": 34_944,
    "conv2": 307_456,
    "conv3": 885_120,
    "conv4": 663_936,
    "conv5": 442_624,
    "fc6": 37_752_832,
    "fc7": 16_781_312,
    "fc8": 4_097_000,
}
UNITS = {
    "conv1": 290_400,
    "conv2": 186_624,
    "conv3": 64_896,
    "conv4": 64_896,
    "conv5": 43_264,
    "fc6": 4_096,
    "fc7": 4_096,
    "fc8": 1_000,
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_parameters_and_units_are_the_facts_table(name: str) -> None:
    network = build(name).to("meta")
    parameters, units = dict.fromkeys(PARAMETERS, 0), dict.fromkeys(UNITS, 0)
    for path, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            own_name = path.rpartition(".")[2]
            parameters[own_name] += sum(p.numel() for p in layer.parameters())

            def count(_: nn.Module, __: object, out: torch.Tensor, own_name: str = own_name) -> None:
                units[own_name] += out[0].numel()

            layer.register_forward_hook(count)
    network(torch.empty(1, 3, 224, 224, device="meta"))
    assert parameters == PARAMETERS and sum(parameters.values()) == 60_965_224
    assert units == UNITS and sum(units.values()) == 659_272


@pytest.mark.parametrize(
    ("size", "positions"),
    [(224, (55, 27, 13, 6)), (227, (55, 27, 13, 6)), (228, (56, 28, 14, 7)), (64, (15, 7, 3, 1)), (65, (15, 7, 3, 1))],
)
def test_positions_are_counted_with_a_ceiling(size: int, positions: tuple[int, ...]) -> None:
    tower = alexnet_2012(10, (3, size, size)).to("meta").a
    x = torch.empty(1, 3, size, size, device="meta")
    seen = []
    for name in ("ceiling", "conv1", "pool1", "conv2", "pool2", "pool5"):
        channels = {"conv2": 48, "conv1": 3}.get(name)
        x = tower.get_submodule(name)(x if channels is None else x[:, :channels])
        seen.append(x.shape[-1])
    assert (seen[1], seen[2], seen[4], seen[5]) == positions


def test_the_overhang_is_on_the_right_and_bottom() -> None:
    """A pixel's change reaches the first position from the top left, and only the last from the bottom right."""
    conv1 = nn.Sequential(*[alexnet_paper(10).a.get_submodule(name) for name in ("ceiling", "conv1")])
    images = torch.zeros(1, 3, 224, 224)
    blank = conv1(images)
    images[0, :, 223, 223] = 1.0
    changed = (conv1(images) != blank).any(dim=1)[0].nonzero().tolist()
    assert changed == [[54, 54]]


def test_options_and_what_is_too_small() -> None:
    for name in DEFINITIONS:
        network = build(name, classes=5, input=(1, 63, 63)).eval()
        assert network(torch.zeros(2, 1, 63, 63)).shape == (2, 5)
        with pytest.raises(UserError, match=rf"{name}: an input of 3x20x20 is too small"):
            build(name, input=(3, 20, 20))


@pytest.mark.parametrize("name", DEFINITIONS)
def test_channels_last_and_bfloat16(name: str) -> None:
    network = random_network(name, 10, (3, 99, 99), SMALL).float().eval()
    images = pixels(4, (3, 99, 99)).float()
    logits = network(images)
    scale = logits.abs().max()
    last = laid_out(network, torch.channels_last)(images.to(memory_format=torch.channels_last))
    assert (last - logits).abs().max() < 1e-5 * scale
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(images)
    assert mixed.dtype == torch.bfloat16
    assert (mixed - logits).abs().max() < 0.05 * scale
    half = network.to(torch.bfloat16)(images.to(torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert (half - logits).abs().max() < 0.05 * scale


STARTS: dict[str, dict[str, tuple[float, float]]] = {  # weights' standard deviation, bias
    "alexnet-paper": {
        "conv1": (0.01, 0), "conv2": (0.01, 1), "conv3": (0.01, 0), "conv4": (0.01, 1), "conv5": (0.01, 1),
        "fc6": (0.01, 1), "fc7": (0.01, 1), "fc8": (0.01, 0),
    },
    "alexnet-2012": {
        "conv1": (0.01, 0), "conv2": (0.01, 1), "conv3": (0.03, 0), "conv4": (0.03, 1), "conv5": (0.03, 1),
        "fc6": (0.01, 1), "fc7": (0.01, 1), "fc8": (0.01, 0),
    },
    "alexnet-caffe": {
        "conv1": (0.01, 0), "conv2": (0.01, 0.1), "conv3": (0.01, 0), "conv4": (0.01, 0.1), "conv5": (0.01, 0.1),
        "fc6": (0.005, 0.1), "fc7": (0.005, 0.1), "fc8": (0.01, 0),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", STARTS)
def test_initial_weights(name: str) -> None:
    torch.manual_seed(1)
    seen = set()
    for path, layer in build(name).requires_grad_(False).named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            own_name = path.rpartition(".")[2]
            deviation, bias = STARTS[name][own_name]
            n = layer.weight.numel()
            assert float(layer.weight.std()) == pytest.approx(deviation, rel=5 * (2 * n) ** -0.5), path
            assert abs(float(layer.weight.mean())) < 5 * deviation * n**-0.5, path
            assert layer.bias is not None
            assert torch.equal(layer.bias, torch.full_like(layer.bias, bias)), path
            seen.add(own_name)
    assert seen == set(STARTS[name])


def test_an_initialisation_by_layer_name_refuses_other_names() -> None:
    with pytest.raises(UserError, match=r"sets the layers conv1, .*; the network has 0, 3, 7"):
        build("lenet5", initialisation="alexnet-2012")


def test_dropout_keeps_and_halves() -> None:
    dropout = UnscaledDropout(p=0.25)
    ones = torch.ones(200_000)
    torch.manual_seed(1)
    dropped = dropout(ones)
    assert set(dropped.unique().tolist()) == {0.0, 1.0}, "kept values are not scaled up"
    assert float(dropped.mean()) == pytest.approx(0.75, abs=5 * (0.75 * 0.25 / 200_000) ** 0.5)
    assert torch.equal(dropout.eval()(ones), 0.75 * ones)
    assert [m.p for m in alexnet_2012(10, (3, 63, 63), SMALL).modules() if isinstance(m, nn.Dropout)] == [0.5] * 4
