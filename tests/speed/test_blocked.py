"""oneDNN's layout in training: the same numbers as PyTorch's, and the network as it was."""

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from alexlab.networks.building import build
from alexlab.speed.blocked import Blocked, blocked, pooled_first
from tests.typed import laid_out

vectorised = pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="no AVX: every network stays as it is"
)


def stack(channels: int, maps: int, kernel: int, padding: int | str, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, maps, kernel, padding=padding, bias=bias), nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(maps, 4, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Flatten(), nn.LazyLinear(3),
    )  # fmt: skip


def gradients(network: nn.Module, images: torch.Tensor, of: nn.Module) -> list[torch.Tensor]:
    of.zero_grad()
    logits = network(images)
    (logits * torch.arange(1, 1 + logits.numel(), dtype=logits.dtype).view_as(logits)).sum().backward()
    return [logits.detach(), *(parameter.grad.clone() for parameter in of.parameters() if parameter.grad is not None)]


@pytest.fixture(params=["AVX2", "this processor's"])
def capability(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways to the gradient of one-channel convolutions: what AVX2 takes is correct everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "AVX2":
            patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
        yield


@vectorised
@pytest.mark.usefixtures("capability")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 4),
    st.integers(1, 16),
    st.sampled_from((1, 3, 5)),
    st.sampled_from((0, 1, 2, "same", "valid")),
    st.integers(9, 18),
    st.booleans(),
    st.booleans(),
)
def test_logits_and_gradients_are_those_of_double_precision(
    channels: int, maps: int, kernel: int, padding: int | str, side: int, last: bool, bias: bool
) -> None:
    torch.manual_seed(side)
    network = stack(channels, maps, kernel, padding, bias)
    images = torch.randn(3, channels, side, side)
    network(images)
    reference = copy.deepcopy(network).double()
    expected = gradients(reference, images.double(), reference)
    network = laid_out(network, torch.channels_last if last else torch.contiguous_format)
    fast = blocked(network)
    assert isinstance(fast.get_submodule("0"), Blocked)
    for mine, exact in zip(gradients(fast, images, network), expected, strict=True):
        assert torch.allclose(mine.double(), exact, rtol=1e-4, atol=1e-4 * float(exact.abs().max() + 1))


@vectorised
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_of_equal_numbers_in_a_window_the_same_one_has_the_gradient(seed: int) -> None:
    torch.manual_seed(seed)
    network = stack(1, 6, 5, 0)
    images = torch.randint(-1, 2, (4, 1, 16, 16)).float()
    network(images)
    with torch.no_grad():  # whole numbers are summed exactly, and are often equal
        for parameter in network.parameters():
            parameter.copy_(torch.randint_like(parameter, -1, 2))
    for mine, plain in zip(
        gradients(blocked(network), images, network), gradients(network, images, network), strict=True
    ):
        assert torch.equal(mine, plain)


@vectorised
def test_lenet_keeps_its_names_and_weights() -> None:
    network = build("lenet-relu")
    names = list(network.state_dict())
    fast = blocked(network)
    assert isinstance(fast.get_submodule("0"), Blocked) and list(network.state_dict()) == names
    assert {id(p) for p in fast.parameters()} == {id(p) for p in network.parameters()}


def test_max_pooling_goes_before_the_relu() -> None:
    network = build("lenet-relu")
    kinds = [type(layer) for layer in pooled_first(list(network.children())[:6])]
    assert kinds == [nn.Conv2d, nn.MaxPool2d, nn.ReLU] * 2


@pytest.mark.parametrize("name", ["lenet5", "alexnet8", "alexnet-textbook", "mlp"])
def test_other_networks_stay_as_they_are(name: str) -> None:
    network = build(name)
    assert blocked(network) is network


@vectorised
def test_a_layer_that_somebody_watches_stays_as_it_is() -> None:
    network = build("lenet-relu")
    network.get_submodule("0").register_forward_hook(lambda *_: None)
    assert blocked(network) is network


@vectorised
def test_bfloat16_is_computed_as_before() -> None:
    network, images = build("lenet-relu"), torch.randn(2, 1, 28, 28)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(blocked(network)(images), network(images))


def test_a_network_whose_answers_somebody_watches_stays_as_it_is() -> None:
    network = build("lenet-relu")
    network.register_forward_hook(lambda *_: None)
    assert blocked(network) is network
