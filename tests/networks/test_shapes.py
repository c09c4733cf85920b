"""Sizes that are worked out are those of a real pass."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from alexlab.networks.shapes import output_shape

SMALL = st.integers(1, 4)


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 30), st.integers(1, 30), SMALL, SMALL, SMALL, st.integers(0, 2), st.booleans(), st.integers(0, 3))
def test_positions_are_those_of_a_real_pass(
    height: int, width: int, kernel: int, stride: int, dilation: int, padding: int, ceiling: bool, zeros: int
) -> None:
    padding = min(padding, kernel // 2)
    for layer in (
        nn.Conv2d(2, 3, (kernel, 1), stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1)),
        nn.MaxPool2d(kernel, stride, padding=padding, dilation=dilation, ceil_mode=ceiling),
        nn.AvgPool2d(kernel, stride, padding=padding, ceil_mode=ceiling),
    ):
        layers = nn.Sequential(nn.ZeroPad2d((0, zeros, zeros, 0)), nn.Sequential(layer, nn.ReLU()))
        try:
            found = tuple(layers(torch.zeros(1, 2, height, width)).shape[1:])
        except RuntimeError:
            found = None
        assert output_shape(layers, (2, height, width)) == (None if found is None or 0 in found else found)
