"""Descriptions against the published tables and against PyTorch itself."""

import tracemalloc

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from alexlab.describe import describe
from alexlab.errors import UserError
from alexlab.networks import NETWORKS
from alexlab.networks.building import build
from tests.describe import networks

NAMES = [network.name for network in NETWORKS]


@pytest.mark.parametrize("name", NAMES)
def test_counts_equal_the_catalogue_and_a_real_pass(name: str) -> None:
    """The parameters are the source's, the multiply-adds FlopCounterMode's, halved; the shapes those of a real pass."""
    entry = next(network for network in NETWORKS if network.name == name)
    description = describe(name, batch=2)
    network = build(name).eval()
    shapes: list[tuple[int, ...]] = []
    for layer in network.modules():
        if not any(layer.children()):
            layer.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(2, *entry.input))
    assert description.totals.parameters == entry.parameters == sum(layer.parameters for layer in description.layers)
    assert 2 * description.totals.multiply_adds == counter.get_total_flops() // 2
    assert [layer.output_shape for layer in description.layers if layer.kind[0].isupper()] == shapes
    assert description.layers[-1].output_shape == (entry.classes,)


@pytest.mark.parametrize("name", ["lenet5", "alexnet8"])
def test_training_step_equals_a_real_one(name: str) -> None:
    network, entry = build(name), next(network for network in NETWORKS if network.name == name)
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(2, *entry.input)).sum().backward()
    assert describe(name, batch=2).totals.training_step_multiply_adds == counter.get_total_flops() // 2


@pytest.mark.parametrize(
    "name", ["lenet5", "lenet-relu", "alexnet8", "alexnet-keras", "alexnet-caffe", "alexnet-paper", "alexnet-2012"]
)
def test_kept_memory_equals_what_autograd_saves(name: str) -> None:
    """On the CPU, in training, everything that a real pass saves for its backward pass, once, without the weights."""
    network, entry = build(name), next(network for network in NETWORKS if network.name == name)
    weights = {tensor.data_ptr() for tensor in [*network.parameters(), *network.buffers()]}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(torch.zeros(3, *entry.input))
    expected = sum(t.untyped_storage().nbytes() for t in saved.values() if t.data_ptr() not in weights)
    assert describe(name, batch=3).totals.kept_bytes == expected


ALEXNET = (
    # parameters and units of shared facts about the network of 2012, one tower where the group is not split
    ("alexnet-keras", (34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 4_097_000), 659_272),
    ("alexnet-torchvision", (23_296, 307_392, 663_936, 884_992, 590_080, 37_752_832, 16_781_312, 4_097_000), 494_184),
)


@pytest.mark.parametrize(("name", "parameters", "units"), ALEXNET)
def test_alexnet_layer_by_layer(name: str, parameters: tuple[int, ...], units: int) -> None:
    description = describe(name)
    assert tuple(layer.parameters for layer in description.layers if layer.parameters) == parameters
    assert description.totals.units == units


def test_connections_are_lenets_as_its_paper_counts_them() -> None:
    layers = {layer.name: layer for layer in describe("lenet-1998").layers}
    found = {name: (layer.parameters, layer.connections) for name, layer in layers.items() if layer.connections}
    assert found == {
        "c1": (156, 122_304), "s2": (12, 5_880), "c3": (1_516, 151_600), "s4": (32, 2_000), "c5": (48_120, 48_120),
        "f6": (10_164, 10_164), "output": (0, 840),
    }  # fmt: skip
    assert describe("lenet-1998").totals.connections == 340_908
    assert layers["c3"].connections_working == "10*10 positions * (5*5*60 + 16) = 151,600"
    assert "connections" in str(describe("lenet-1998")) and "connections" not in str(describe("lenet5"))
    assert describe("lenet5").layers[0].connections_working == "28*28*6 units * (5*5*1 + 1) each = 122,304"


def test_conv1_is_worked_out_as_the_chapter_does() -> None:
    layer = describe("alexnet-227", (3, 227, 227)).layers[0]
    assert layer.size_working == ("floor((227 - 11 + 2*0)/4) + 1 = 55",)
    assert layer.parameters_working == "11*11*3*96 + 96 = 34,944"
    assert layer.multiply_adds_working == "55*55*96 units * 11*11*3 each = 105,415,200"
    assert (layer.units, layer.receptive_field, layer.stride_on_input) == (290_400, (11, 11), (4, 4))


def test_towers_functional_calls_and_joins() -> None:
    description = describe(networks.TwoTowers(), (3, 31, 31))
    names = [layer.name for layer in description.layers]
    assert names[:4] == ["a.conv1", "relu", "max_pool2d", "b.conv1"]
    assert "cat (3)" in names and "view" in names
    by_name = {layer.name: layer for layer in description.layers}
    assert by_name["a.conv2"].reads == by_name["b.conv2"].reads == (names.index("cat"),)
    assert by_name["cat"].reads == (names.index("max_pool2d"), names.index("max_pool2d (2)"))
    assert by_name["view"].size_working == ("12 x 6 x 6 = 432",)
    assert by_name["out"].receptive_field == (29, 29)  # the pool leaves the last position of conv1 out
    assert description.totals.parameters == sum(layer.parameters for layer in description.layers)


def test_weights_that_are_used_by_functions() -> None:
    description = describe(networks.Functional(), (1, 9, 9))
    conv, relu, flatten = description.layers
    assert (conv.name, conv.kind, conv.parameters, conv.output_shape) == ("conv2d", "conv2d", 36, (4, 4, 4))
    assert (relu.kind, flatten.kind, flatten.units) == ("relu", "flatten", 64)
    assert (description.totals.buffers, description.unused) == (36, ())


def test_a_layer_called_twice_counts_once_and_works_twice() -> None:
    description = describe(networks.Twice(), (8,))
    first, _, second = description.layers
    assert (first.name, second.name, second.shared_with) == ("fc", "fc (2)", "fc")
    assert (first.parameters, second.parameters) == (72, 0)
    assert first.multiply_adds == second.multiply_adds == 64
    assert description.unused == (("never.weight", 9), ("never.bias", 3))
    assert description.totals.parameters == 72 + 12


def test_tied_weights_count_once() -> None:
    one, two = describe(networks.Tied(), (8,)).layers
    assert (one.parameters, two.parameters, two.shared_with) == (72, 8, "one")


def test_frozen_parameters_are_told_apart() -> None:
    network = build("lenet5")
    network.get_submodule("0").requires_grad_(False)
    totals = describe(network, (1, 28, 28)).totals
    assert (totals.trainable, totals.frozen) == (61_706 - 156, 156)


def test_several_inputs_and_a_dict_of_outputs() -> None:
    description = describe(networks.TwoInputs(), (3, 8, 8), (10,))
    assert description.inputs == ((3, 8, 8), (10,))
    assert description.outputs == "a dict of logits: 2, parts: a tuple of 2: 8; 10"
    assert description.layers[-1].receptive_field == (8, 8)
    assert description.layers[2].reads == (1, -1)


def test_a_tensor_gives_the_dtype() -> None:
    words = nn.Sequential(nn.Embedding(100, 8), nn.Flatten(), nn.Linear(80, 2))
    description = describe(words, torch.zeros(1, 10, dtype=torch.int64))
    assert [layer.parameters for layer in description.layers] == [800, 0, 162]


def test_an_unknown_layer_is_listed_and_says_so() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), networks.Norm(3), networks.Odd())
    _, norm, odd = describe(network, (3, 9, 9)).layers
    assert (norm.kind, norm.role, norm.settings, norm.receptive_field) == (
        "Norm",
        "normalisation",
        {"settings": "size=3"},
        (3, 3),
    )
    assert odd.notes == ("no formula known (calls sort): sizes and counts are those of the pass",)
    assert (odd.output_shape, odd.receptive_field) == ((8, 7, 7), None)


def test_values_are_looked_at_only_where_it_must_be() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    description = describe(networks.Decides(), (3, 8, 8))
    assert "looks at the values" in description.notes[0]
    assert description.layers[0].multiply_adds == 6 * 6 * 4 * 27
    torch.set_rng_state(before)
    with pytest.raises(UserError, match="on the meta device there are none"), torch.device("meta"):
        describe(networks.Decides(), (3, 8, 8))


def test_the_network_is_left_as_it_was() -> None:
    network = build("alexnet8")
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    describe(network, (3, 32, 32))
    assert network.training and not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())


def test_a_huge_layer_takes_no_memory() -> None:
    """256 units on a 1000x1000 RGB photograph: 3 GB of weights, none of them made."""
    with torch.device("meta"):
        network = nn.Sequential(nn.Flatten(), nn.Linear(3_000_000, 256))
    tracemalloc.start()
    description = describe(network, (3, 1000, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert description.layers[1].parameters_working == "3000000*256 + 256 = 768,000,256"
    assert peak < 20e6


def test_images_that_a_view_mixes_up_are_noticed() -> None:
    view = describe(networks.HalfFlat(), (1, 34, 34), batch=4).layers[1]
    assert view.notes[0].startswith("the first dimension was the batch of 4 and is now 144")
    assert "16 x 30 x 30 = 14400" in view.notes[0]


def test_batch_scales_memory_and_the_step_only() -> None:
    one, many = describe("lenet5"), describe("lenet5", batch=64)
    assert [layer.multiply_adds for layer in one.layers] == [layer.multiply_adds for layer in many.layers]
    assert many.totals.activation_bytes == 64 * one.totals.activation_bytes
    assert many.totals.training_step_multiply_adds == 64 * (one.totals.training_step_multiply_adds or 0)


def test_a_batch_norm_of_one_value_has_no_training_step() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    totals = describe(network, (4,)).totals
    assert (totals.training_step_multiply_adds, totals.kept_bytes) == (None, None)
    assert describe(network, (4,), batch=2).totals.training_step_multiply_adds is not None


@pytest.mark.parametrize(("inputs", "says"), [((), "needs the shape"), (((3, 0, 5),), "sizes of 1 or more")])
def test_a_shape_that_is_none(inputs: tuple[tuple[int, ...], ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        describe(nn.ReLU(), *inputs)


def test_recurrent_attention_and_transposed_layers() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
            self.recurrent = nn.LSTM(16, 8, batch_first=True)
            self.up = nn.ConvTranspose1d(8, 4, 3, stride=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x, _ = self.attention(x, x, x)
            x, _ = self.recurrent(x)
            maps: torch.Tensor = self.up(x.transpose(1, 2))
            return maps

    description = describe(Mixed(), (12, 16))
    assert [layer.role for layer in description.layers] == ["other", "other", "reshape", "convolution"]
    assert description.layers[0].parameters_working == "16*48 + 48 + 16*16 + 16 = 1,088"
    assert description.layers[3].size_working == ("(12 - 1)*2 - 2*0 + 3 + 0 = 25",)
    # Worked out by hand: the CPU's fused kernels for attention and recurrence hide their products from FlopCounterMode.
    products = 12 * 16 * (3 * 16) + 12 * 12 * 16 + 12 * 12 * 16 + 12 * 16 * 16
    assert description.layers[0].multiply_adds == products
    assert description.layers[1].multiply_adds == 12 * (16 + 8) * 4 * 8
    assert description.layers[3].multiply_adds_working == "8*12 values * 3*4 each = 1,152"
