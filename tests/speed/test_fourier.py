"""Convolutions by Fourier transforms: nearer to double precision than is asked of any, the network as it was, and only where known."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from alexlab.networks.building import build
from alexlab.networks.layers.growing import take_smaller
from alexlab.speed import fourier, packing
from alexlab.speed.fourier import by_fourier, convolution, is_worth_it, suits
from alexlab.speed.packing import packed

pytestmark = pytest.mark.skipif(
    not (hasattr(torch, "_nnpack_available") and torch._nnpack_available()), reason="this PyTorch has no NNPACK"
)
Tensors = list[torch.Tensor]
EXACT = 6e-7  # of the deviation of what is computed; Winograd's way has 4e-6


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on processors on which it is not the fastest way."""
    monkeypatch.setattr(fourier, "available", lambda: True)


def answers(convolve: Callable[..., torch.Tensor], tensors: Tensors) -> Tensors:
    """The maps, and the gradients of those of `tensors` that are to have one."""
    leaves = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in tensors]
    maps = convolve(*leaves)
    gradient = torch.randn(maps.shape, generator=torch.Generator().manual_seed(1)).to(maps.dtype)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    return [maps.detach(), *(torch.autograd.grad(maps, wanted, gradient) if wanted else [])]


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.integers(3, 8),
    padding=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    side=st.tuples(st.integers(9, 31), st.integers(9, 31)),
    images=st.integers(2, 5),
    last=st.booleans(),
    bias=st.booleans(),
    learns=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    room=st.sampled_from((1, 1 << 18, fourier.WORKSPACE)),
)
def test_maps_and_gradients_are_those_of_double_precision(
    kernel: int,
    padding: tuple[int, int],
    side: tuple[int, int],
    images: int,
    last: bool,
    bias: bool,
    learns: tuple[bool, ...],
    room: int,
) -> None:
    torch.manual_seed(sum(side))
    padding = (min(padding[0], kernel - 1), min(padding[1], kernel - 1))
    assume(
        min(s + 2 * p - kernel + 1 for s, p in zip(side, padding, strict=True)) > 3
    )  # no layer that is worth it has fewer
    x, weight = torch.randn(images, 5, *side).relu(), torch.randn(7, 5, kernel, kernel)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    tensors = [x, weight, *([torch.randn(7)] if bias else [])]
    tensors = [tensor.requires_grad_(learned) for tensor, learned in zip(tensors, learns, strict=False)]
    exact = answers(
        lambda x, w, b=None: F.conv2d(x, w, b, 1, padding),
        [tensor.detach().double().requires_grad_(tensor.requires_grad) for tensor in tensors],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fourier, "WORKSPACE", room)
        mine = answers(lambda x, w, b=None: convolution(x, w, b, padding), tensors)
    for found, expected in zip(mine, exact, strict=True):
        assert found.shape == expected.shape
        assert (found - expected).square().mean().sqrt() <= EXACT * expected.std(correction=0)


@pytest.mark.parametrize("kernel", range(3, 9))
def test_maps_are_made_large_enough_for_tiles_of_16(kernel: int) -> None:
    for side in range(1, 60):
        enough = fourier._enough(side, kernel)
        assert side <= enough and fourier._tiles(enough, kernel) == fourier._tiles(
            side, kernel
        )  # for nothing but the copy
        assert math.ceil(enough / (9 - kernel)) > 2 * math.ceil(enough / (17 - kernel))


def convolution_of(**how: Any) -> nn.Conv2d:
    return nn.Conv2d(**{"in_channels": 64, "out_channels": 96, "kernel_size": 3, "padding": 1, **how})


UNSUITED: list[dict[str, Any]] = [
    {"stride": 2},
    {"dilation": 2},
    {"groups": 2},
    {"padding": "same"},
    {"padding": 3},
    {"kernel_size": (3, 5)},
]
UNSUITED += [
    {"kernel_size": 9},
    {"kernel_size": 2},
    {"kernel_size": 1, "padding": 0},
    {"in_channels": 3},
    {"out_channels": 32},
    {"padding_mode": "circular"},
    {"dtype": torch.float64},
]


@pytest.mark.parametrize("how", UNSUITED, ids=lambda how: ", ".join(f"{key}={value}" for key, value in how.items()))
def test_other_convolutions_are_left_alone(how: dict[str, Any]) -> None:
    assert suits(convolution_of()) and not suits(convolution_of(**how))


def test_small_maps_and_few_of_them_are_not_worth_it() -> None:
    def worth(images: int, side: int, padding: int = 1) -> bool:
        return is_worth_it(torch.empty(images, 64, side, side, device="meta"), 3, (padding, padding))

    assert worth(64, 13) and not worth(64, 6)
    assert worth(8, 40) and not worth(8, 13) and not worth(1, 140)
    assert worth(64, 14, padding=0) and not worth(
        64, 16, padding=0
    )  # the images' gradient has 16 positions: four tiles


def losses(network: nn.Module, computing: nn.Module, steps: int = 3) -> list[float]:
    images = torch.randn(32, 3, 131, 131, generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(network.parameters(), 0.01)
    found = []
    for step in range(steps):
        torch.manual_seed(step)  # dropout
        loss = F.cross_entropy(computing(images), torch.arange(32) % 10)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(loss.item())
    return found


def test_a_network_learns_as_it_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fourier, "WORTH", 0)  # the last maps are small at 131 pixels
    monkeypatch.setattr(fourier, "MANY", 32)
    calls: list[object] = []
    convolve = fourier.convolution

    def noted(*given: Any) -> torch.Tensor:
        calls.append(given)
        return convolve(*given)

    monkeypatch.setattr(fourier, "convolution", noted)
    torch.manual_seed(0)
    network = build("alexnet-torchvision", 10, (3, 131, 131))
    plain = copy.deepcopy(network)
    fast = by_fourier(network)
    assert all(mine is own for mine, own in zip(fast.parameters(), network.parameters(), strict=True))
    assert losses(network, fast) == pytest.approx(losses(plain, plain), rel=1e-6)
    assert len(calls) == 3 * 4  # steps and convolutions
    assert [type(layer) for layer in network.modules()] == [type(layer) for layer in plain.modules()]


def test_bfloat16_is_computed_as_before() -> None:
    network = nn.Sequential(convolution_of())
    images = torch.randn(64, 64, 13, 13)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(by_fourier(network)(images), network(images))


class Own(nn.Sequential):
    """A user's layer."""


def test_a_users_own_layers_and_watched_ones_stay_as_they_are() -> None:
    own = nn.Sequential(Own(convolution_of()))
    assert by_fourier(own) is own
    for at in (0, None):
        watched = nn.Sequential(convolution_of(), nn.ReLU())
        (watched if at is None else watched[at]).register_forward_hook(lambda *_: None)
        assert by_fourier(watched) is watched


def test_hooks_of_layers_that_stay_are_called() -> None:
    network = build("alexnet-textbook", 10, (1, 224, 224)).eval()
    take_smaller(network, (1, 224, 224), 160)  # by a hook
    fast = by_fourier(network)
    assert fast is not network
    with torch.inference_mode():
        for side in (160, 224):
            images = torch.randn(8, 1, side, side)
            assert torch.allclose(fast(images), network(images), rtol=1e-4, atol=1e-6)


def test_processors_on_which_it_was_not_measured_compute_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(convolution_of())
    assert by_fourier(network) is not network
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert by_fourier(network) is network


@pytest.mark.skipif(not packing._has_onednn(), reason="weights are laid out for oneDNN alone")
def test_batches_are_answered_by_it_and_one_image_is_not() -> None:
    network = nn.Sequential(convolution_of(), nn.ReLU()).eval()
    images = torch.randn(64, 64, 13, 13)
    answering = packed(network)
    with torch.inference_mode():
        exact = copy.deepcopy(network).double()(images.double())
        found = answering(images)
        assert (found - exact).square().mean().sqrt() <= EXACT * exact.std() and found.min() == 0
        assert not torch.equal(answering(images[:1]), found[:1])
