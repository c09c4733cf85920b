"""Every network is exactly its source's: parameters, shapes layer by layer, constants, initial weights."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.catalogue import NETWORKS, Network, find
from alexlab.networks.initialisation import INITIALISATIONS
from alexlab.networks.layers.normalisation import LocalResponseNorm
from tests.typed import as_a

ON_META = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


@ON_META
def test_parameter_count_is_the_sources(network: Network) -> None:
    with torch.device("meta"):
        built = build(network.name)
    assert sum(p.numel() for p in built.parameters()) == network.parameters


@ON_META
def test_an_entry_says_all_of_its_network(network: Network) -> None:
    assert network.title and network.source and network.differences
    assert network.initialisation in INITIALISATIONS
    assert bool(network.first_weights) == (network.initialisation == network.name)
    module, _, function = network.builder.partition(":")
    made_by = getattr(importlib.import_module(module), function)
    asked = inspect.signature(made_by).parameters
    assert (asked["classes"].default, asked["input"].default) == (network.classes, network.input)


def test_names_are_one_networks() -> None:
    assert len({network.name for network in NETWORKS}) == len(NETWORKS)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readmes_table_is_the_catalogue(readme: str) -> None:
    """Names, inputs and parameters in its order; what each is stands there in other words."""
    text = (Path(__file__).parents[2] / readme).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| (\d+x\d+x\d+) \| ([\d,]+) \|$", text, re.MULTILINE)
    assert rows == [(each.name, "x".join(map(str, each.input)), f"{each.parameters:,}") for each in NETWORKS]


@ON_META
def test_logits_have_the_shape_asked_for(network: Network) -> None:
    with torch.device("meta"):
        built = build(network.name, classes=7).eval()
        assert built(torch.empty(3, *network.input)).shape == (3, 7)


@ON_META
def test_channels_and_size_are_options(network: Network) -> None:
    channels = 4 - network.input[0]
    side = network.input[1] + 32
    with torch.device("meta"):
        built = build(network.name, classes=5, input=(channels, side, side)).eval()
        assert built(torch.empty(2, channels, side, side)).shape == (2, 5)


@pytest.mark.parametrize(
    ("name", "smallest"), [("lenet5", 12), ("lenet-relu", 16), ("alexnet-textbook", 65), ("alexnet-torchvision", 63)]
)
def test_too_small_an_input_names_the_smallest_that_works(name: str, smallest: int) -> None:
    channels = find(name).input[0]
    with pytest.raises(UserError, match=f"{name}: .*too small.*{smallest}x{smallest}"):
        build(name, input=(channels, smallest - 1, smallest - 1))
    build(name, input=(channels, smallest, smallest))


def shapes(name: str) -> list[tuple[int, ...]]:
    """The shape after every layer of a Sequential network, without the batch."""
    with torch.device("meta"):
        network = as_a(nn.Sequential, build(name))
        x, found = torch.empty(2, *find(name).input), []
        for layer in network:
            x = layer(x)
            found.append(tuple(x.shape[1:]))
    return found


def test_textbook_alexnet_has_the_textbooks_shapes() -> None:
    """As the chapter's listing "shape of every layer" prints them."""
    assert list(dict.fromkeys(shapes("alexnet-textbook"))) == [
        (96, 54, 54), (96, 26, 26), (256, 26, 26), (256, 12, 12), (384, 12, 12), (256, 5, 5), (6400,), (4096,), (10,),
    ]  # fmt: skip


def test_alexnet_227_has_the_tutorials_shapes() -> None:
    assert list(dict.fromkeys(shapes("alexnet-227"))) == [
        (96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13), (384, 13, 13), (256, 6, 6), (9216,), (4096,),
        (1000,), (10,),
    ]  # fmt: skip
    with torch.device("meta"):
        colour = build("alexnet-227", input=(3, 227, 227))
    assert sum(p.numel() for p in colour.parameters()) == 62_388_354


def test_alexnet8_has_the_tutorials_sizes() -> None:
    sides = [shape[1] for shape in dict.fromkeys(shapes("alexnet8")) if len(shape) == 3]
    assert sides == [30, 14, 12, 5, 5, 2]
    trained = sum(p.numel() for p in build("alexnet8").parameters())
    statistics = [b.numel() for name, b in build("alexnet8").named_buffers() if "running" in name]
    assert trained + sum(statistics) == 9_639_178


def test_torchvisions_names_and_order() -> None:
    """The tensors of torchvision's alexnet checkpoint, by name, shape and order."""
    expected = {
        "features.0": (64, 3, 11, 11), "features.3": (192, 64, 5, 5), "features.6": (384, 192, 3, 3),
        "features.8": (256, 384, 3, 3), "features.10": (256, 256, 3, 3),
        "classifier.1": (4096, 9216), "classifier.4": (4096, 4096), "classifier.6": (1000, 4096),
    }  # fmt: skip
    with torch.device("meta"):
        state = build("alexnet-torchvision").state_dict()
    names = [f"{layer}.{kind}" for layer in expected for kind in ("weight", "bias")]
    assert list(state) == names
    assert all(tuple(state[f"{layer}.weight"].shape) == shape for layer, shape in expected.items())


def test_keras_lrn_is_tensorflows() -> None:
    """x / (1 + 1 * sum of squares over 5 maps on each side) ** 0.5, computed by hand on one position."""
    lrn = next(layer for layer in build("alexnet-keras", classes=2).modules() if isinstance(layer, LocalResponseNorm))
    x = torch.randn(1, 13, 1, 1, dtype=torch.float64)
    y = lrn(x)
    for i in range(13):
        squares = x[0, max(0, i - 5) : i + 6].square().sum()
        assert y[0, i, 0, 0].item() == pytest.approx((x[0, i, 0, 0] / (1 + squares) ** 0.5).item(), rel=1e-12)


def test_keras_padding_is_left_and_top() -> None:
    padding = as_a(nn.Sequential, build("alexnet-keras", classes=2))[0]
    padded = padding(torch.ones(1, 3, 224, 224))
    assert padded.shape == (1, 3, 227, 227)
    assert padded[0, 0, :3].sum() == 0 and padded[0, 0, :, :3].sum() == 0 and padded[0, 0, 3:, 3:].min() == 1


def test_keras_batch_norm_moves_as_keras_does() -> None:
    """moving = 0.99 * moving + 0.01 * batch, epsilon 0.001."""
    norm = next(layer for layer in build("alexnet8").modules() if isinstance(layer, nn.BatchNorm2d))
    norm(torch.full((2, 96, 4, 4), 5.0))
    assert norm.get_buffer("running_mean")[0].item() == pytest.approx(0.05)
    assert norm.eps == 1e-3


def test_initial_weights_are_the_sources() -> None:
    torch.manual_seed(0)
    keras = build("alexnet-keras", classes=10)
    for layer in keras.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.05)
            assert layer.bias is not None and layer.bias.abs().max() == 0
    alexnet8 = build("alexnet8")
    first = next(layer for layer in alexnet8.modules() if isinstance(layer, nn.Conv2d))
    assert first.weight.abs().max().item() == pytest.approx((6 / (9 * 3 + 9 * 96)) ** 0.5, rel=0.02)
    xavier = build("lenet5", initialisation="xavier")
    assert xavier.get_parameter("0.weight").abs().max().item() == pytest.approx(
        (6 / (25 * 1 + 25 * 6)) ** 0.5, rel=0.05
    )
    he = build("mlp", initialisation="he")
    assert he.get_parameter("1.weight").std().item() == pytest.approx((2 / 784) ** 0.5, rel=0.02)


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'alexnet-textbook'"):
        build("alexnet-textbok")
    with pytest.raises(UserError, match="did you mean 'xavier'"):
        build("lenet5", initialisation="xaver")
    with pytest.raises(UserError, match="at least 2"):
        build("lenet5", classes=1)


@pytest.mark.parametrize("classes", [0, -1, 1, float("nan"), "ten"])
def test_classes_that_no_network_tells_apart(classes: Any) -> None:
    with pytest.raises(UserError, match="at least 2"):
        build("lenet-relu", classes)


@pytest.mark.parametrize("input", [(1, 28), (1, 28, float("nan")), "1x28x28"])
def test_an_input_that_is_no_shape(input: Any) -> None:
    with pytest.raises(UserError, match="expected channels, height, width"):
        build("lenet-relu", 10, input)
