"""Output sizes, parameters and multiply-adds of random layers against a real pass of PyTorch."""

import re
import warnings
from typing import Any

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from alexlab.describe import Layer, describe
from alexlab.describe.workings import work_out
from alexlab.networks.windows import Side, output_size

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def check(network: nn.Module, shape: tuple[int, ...]) -> Layer:
    """Describe one layer, and compare it with a real pass; settings that PyTorch refuses are passed over."""
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            real = network.eval()(torch.zeros(2, *shape))
        if 0 in real.shape:
            raise RuntimeError("an empty output, which some functions give and some refuse")
    except RuntimeError:
        assert describe(network, shape, batch=2).failure is not None
        assume(False)
    description = describe(network, shape, batch=2)
    (layer,) = description.layers
    assert layer.output_shape == tuple(real.shape[1:])
    assert 4 * layer.multiply_adds == counter.get_total_flops()
    assert layer.parameters == sum(p.numel() for p in network.parameters())
    results = [int(re.split(r"[=:] ?", text)[-1]) for text in layer.size_working if "asked" not in text]
    sizes = set(layer.output_shape[1:])
    assert not results or sizes <= set(results)  # circular padding is worked out first, on a line of its own
    if layer.parameters_working:
        left, _, right = layer.parameters_working.partition(" = ")
        assert eval(left.replace(",", "")) == layer.parameters  # the formula is arithmetic that holds
        assert right in ("", f"{layer.parameters:,}")
    if layer.multiply_adds_working:
        left, _, right = layer.multiply_adds_working.partition(" = ")
        assert eval(re.sub(r"[a-z]+", "", left)) == layer.multiply_adds
    return layer


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_convolutions(data: st.DataObject) -> None:
    dimensions = data.draw(st.integers(1, 3))
    each = st.tuples(*[st.integers(1, 4)] * dimensions)
    groups = data.draw(st.sampled_from([1, 2, 4]))
    kind = CONVOLUTIONS[dimensions - 1]
    stride = data.draw(each)
    padding = data.draw(st.one_of(st.tuples(*[st.integers(0, 3)] * dimensions), st.just("same")))
    if padding == "same":
        stride = (1,) * dimensions
    layer = kind(
        4, 8, data.draw(each), stride=stride, padding=padding, dilation=data.draw(each), groups=groups,
        bias=data.draw(st.booleans()), padding_mode=data.draw(st.sampled_from(["zeros", "circular"])),
    )  # fmt: skip
    sizes = data.draw(st.tuples(*[st.integers(1, 14)] * dimensions))
    found = check(layer, (4, *sizes))
    assert found.multiply_adds_working or padding != "same"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_transposed_convolutions(data: st.DataObject) -> None:
    dimensions = data.draw(st.integers(1, 3))
    each = st.tuples(*[st.integers(1, 3)] * dimensions)
    stride = data.draw(each)
    extra: Any = tuple(data.draw(st.integers(0, s - 1)) for s in stride)  # of as many numbers as there are dimensions
    layer = TRANSPOSED[dimensions - 1](
        4, 6, data.draw(each), stride=stride, padding=data.draw(st.integers(0, 1)), output_padding=extra,
        groups=data.draw(st.sampled_from([1, 2])), dilation=data.draw(each),
    )  # fmt: skip
    check(layer, (4, *data.draw(st.tuples(*[st.integers(2, 7)] * dimensions))))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pooling(data: st.DataObject) -> None:
    dimensions = data.draw(st.integers(1, 3))
    name = data.draw(st.sampled_from(["MaxPool", "AvgPool"]))
    kernel = data.draw(st.integers(1, 5))
    options = {"stride": data.draw(st.integers(1, 4)), "padding": data.draw(st.integers(0, kernel // 2))}
    options["ceil_mode"] = data.draw(st.booleans())
    if name == "MaxPool":
        options["dilation"] = data.draw(st.integers(1, 2))
    layer = getattr(nn, f"{name}{dimensions}d")(kernel, **options)
    check(layer, (3, *data.draw(st.tuples(*[st.integers(1, 17)] * dimensions))))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["AdaptiveAvgPool2d", "AdaptiveMaxPool2d"]), *[st.integers(1, 12)] * 4)
def test_adaptive_pooling(name: str, height: int, width: int, rows: int, columns: int) -> None:
    layer = check(getattr(nn, name)((rows, columns)), (3, height, width))
    assert layer.settings == {"to": f"{rows}x{columns}"}


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.booleans())
def test_linear(inputs: int, outputs: int, bias: bool) -> None:
    check(nn.Linear(inputs, outputs, bias=bias), (inputs,))


@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 5), st.integers(0, 6))
def test_the_textbook_forms_hold_where_they_are_given(n: int, kernel: int, stride: int, padding: int) -> None:
    side = Side(kernel, stride, padding, padding)
    assume(output_size(n, side) >= 1)
    working = work_out(n, side)
    for note in working.notes:
        if "_h" in note:
            *_, numbers, result = note.split(" = ")
            assert int(eval(numbers.replace("floor", "int"))) == int(result) == working.size
            assert ("p_h = k_h - 1" in note) <= (2 * padding == kernel - 1)
    left = [note for note in working.notes if "in no window" in note]
    assert bool(left) == ((n + 2 * padding - kernel) % stride > padding)


def test_the_ceiling_of_2012() -> None:
    assert work_out(224, Side(11, 4, ceiling=True)).text == "ceil((224 - 11 + 2*0)/4) + 1 = 55"
    assert work_out(224, Side(11, 4, ceiling=True)).notes == ("the last window hangs over the end by 3",)
    assert work_out(224, Side(11, 4)).text == "floor((224 - 11 + 2*0)/4) + 1 = 54"


def test_height_and_width_apart() -> None:
    (layer,) = describe(nn.Conv2d(1, 2, (3, 5), stride=(1, 2), padding=(1, 0)), (1, 9, 20)).layers
    assert layer.size_working == (
        "height: floor((9 - 3 + 2*1)/1) + 1 = 9",
        "width: floor((20 - 5 + 2*0)/2) + 1 = 8",
    )
