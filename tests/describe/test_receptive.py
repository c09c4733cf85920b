"""Receptive fields against the gradient: the pixels that a unit really depends on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from alexlab.describe import describe
from tests.describe.networks import Norm, Skip, TwoTowers


def seen(network: nn.Module, shape: tuple[int, ...], place: tuple[int, ...]) -> tuple[int, ...]:
    """How many pixels a side the unit at `place` (of all maps) depends on, by the gradient in double precision."""
    torch.manual_seed(0)
    network = network.double().train(False)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.01, 0.02)  # nothing cancels, no ReLU is shut, no sigmoid saturates
    image = torch.rand(1, *shape, dtype=torch.float64).add_(0.5).requires_grad_(True)
    output = network(image)
    output[(0, slice(None), *place)].sum().backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0) > 0
    sizes = []
    for axis in range(touched.dim()):
        others = [d for d in range(touched.dim()) if d != axis]
        along = touched.any(dim=others[0]) if others else touched
        found = along.nonzero()
        sizes.append(int(found.max() - found.min()) + 1)
    return tuple(sizes)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_random_stacks(data: st.DataObject) -> None:
    """In the middle of a large image, where no border cuts it, the field is what the gradient shows."""
    layers: list[nn.Module] = []
    for _ in range(data.draw(st.integers(1, 3))):
        kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 2))
        layers.append(
            data.draw(
                st.sampled_from(
                    [
                        nn.Conv2d(1, 1, (kernel, 3), stride=(stride, 1), dilation=(1, 2), padding=1),
                        nn.AvgPool2d(kernel, stride),
                        nn.Sequential(nn.Conv2d(1, 1, kernel, stride), nn.ReLU()),
                        nn.ZeroPad2d((2, 0, 1, 3)),
                    ]
                )
            )
        )
    network = nn.Sequential(*layers)
    shape = (1, 64, 70)
    last = describe(network, shape).layers[-1]
    middle = tuple(size // 2 for size in last.output_shape[1:])
    if last.name.count(".") == 0 and isinstance(layers[-1], nn.ZeroPad2d):
        return
    assert last.receptive_field == seen(network, shape, middle)


@pytest.mark.parametrize(
    ("network", "shape", "place"),
    [
        (TwoTowers(), (3, 31, 31), ()),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)), (3, 9, 9), (3, 3)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(2)), (3, 10, 12), (0, 0)),
        (nn.Sequential(nn.Conv2d(3, 6, 3), Norm(3), nn.Conv2d(6, 2, 3)), (3, 12, 12), (4, 4)),
        (nn.Sequential(nn.Conv2d(3, 4, 5, stride=2), nn.Flatten(), nn.Linear(4 * 4 * 5, 3)), (3, 12, 14), ()),
        (Skip(), (4, 9, 9), (4, 4)),
        (nn.Conv1d(2, 3, 4), (2, 20), (8,)),
    ],
)  # fmt: skip
def test_branches_and_joins(network: nn.Module, shape: tuple[int, ...], place: tuple[int, ...]) -> None:
    assert describe(network, shape).layers[-1].receptive_field == seen(network, shape, place)


def test_alexnet() -> None:
    """Fields and steps of AlexNet, as they are published for the network at 227."""
    layers = [layer for layer in describe("alexnet-227").layers if layer.role in ("convolution", "pooling")]
    found = [(layer.receptive_field, layer.stride_on_input) for layer in layers]
    expected = [(11, 4), (19, 8), (51, 8), (67, 16), (99, 16), (131, 16), (163, 16), (195, 32)]
    assert found == [((size, size), (step, step)) for size, step in expected]
