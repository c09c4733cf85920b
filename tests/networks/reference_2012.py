"""AlexNet of 2012 in NumPy float64, written from the facts of the paper and of the 2012 source, before the networks.

It shares no code with alexlab: loops over kernel positions, maps and windows, and einsum for the sums over channels.
The two definitions are the two tables below; everything else is arithmetic. Sizes come from the weights, so that the
same code runs the true network and a small one.

Weights are `{"a": {"conv1": (weight, bias), ...}, "b": {...}, "fc8": (weight, bias)}`, weights as (out, in, height,
width) or (out, in). Images are (N, 3, H, W); the result is (N, classes).
"""

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Weights = dict[str, Any]

# What follows each convolution, in order.
AS_WRITTEN: dict[str, tuple[str, ...]] = {
    "conv1": ("relu", "lrn", "pool"),
    "conv2": ("relu", "lrn", "pool"),
    "conv3": ("relu",),
    "conv4": ("relu",),
    "conv5": ("relu", "pool"),
}
AS_IT_RAN: dict[str, tuple[str, ...]] = {
    "conv1": ("lrn", "pool", "relu"),
    "conv2": ("relu", "lrn", "within", "pool"),
    "conv3": ("relu",),
    "conv4": ("relu",),
    "conv5": ("pool", "relu"),
}
# stride, padding; read by both definitions.
GEOMETRY = {"conv1": (4, 0), "conv2": (1, 2), "conv3": (1, 1), "conv4": (1, 1), "conv5": (1, 1)}


def convolution(x: Array, weight: Array, bias: Array, stride: int, padding: int) -> Array:
    """1 + ceil((2 padding + size - filter) / stride) positions a side; what hangs over the border counts as zero."""
    filters, _, rows, columns = weight.shape
    n, channels, height, width = x.shape
    down = 1 + ceil((2 * padding + height - rows) / stride)
    across = 1 + ceil((2 * padding + width - columns) / stride)
    canvas = np.zeros((n, channels, height + 2 * padding + stride, width + 2 * padding + stride))
    canvas[:, :, padding : padding + height, padding : padding + width] = x
    out = np.zeros((n, filters, down, across)) + bias[None, :, None, None]
    for i in range(rows):
        for j in range(columns):
            seen = canvas[:, :, i : i + stride * (down - 1) + 1 : stride, j : j + stride * (across - 1) + 1 : stride]
            out += np.einsum("fc,nchw->nfhw", weight[:, :, i, j], seen, optimize=True)
    return out


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def max_pool(x: Array, window: int = 3, stride: int = 2) -> Array:
    """ceil((size - window) / stride) + 1 positions a side; a window that hangs over sees the pixels that exist."""
    n, maps, height, width = x.shape
    down, across = ceil((height - window) / stride) + 1, ceil((width - window) / stride) + 1
    out = np.empty((n, maps, down, across))
    for i in range(down):
        for j in range(across):
            seen = x[:, :, i * stride : i * stride + window, j * stride : j * stride + window]
            out[:, :, i, j] = seen.max(axis=(2, 3))
    return out


def cross_map(x: Array, factor: float, n: int = 5, k: float = 2.0, beta: float = 0.75) -> Array:
    """b_i = a_i / (k + factor * sum_j a_j^2)^beta over n neighbouring maps, clipped at the first and the last map."""
    out = np.empty_like(x)
    maps = x.shape[1]
    for i in range(maps):
        total = np.zeros_like(x[:, 0])
        for j in range(max(0, i - n // 2), min(maps - 1, i + n // 2) + 1):
            total += x[:, j] ** 2
        out[:, i] = x[:, i] / (k + factor * total) ** beta
    return out


def within_map(x: Array, scale: float = 0.001, n: int = 5, k: float = 1.0, power: float = 0.75) -> Array:
    """The same over an n x n window of one map, clipped at the border; scale is always divided by n^2."""
    out = np.empty_like(x)
    _, _, height, width = x.shape
    for i in range(height):
        for j in range(width):
            rows = slice(max(0, i - n // 2), min(height, i + n // 2 + 1))
            columns = slice(max(0, j - n // 2), min(width, j + n // 2 + 1))
            total = (x[:, :, rows, columns] ** 2).sum(axis=(2, 3))
            out[:, :, i, j] = x[:, :, i, j] / (k + scale / n**2 * total) ** power
    return out


def network(weights: Weights, images: Array, after: dict[str, tuple[str, ...]], factor: float, hidden: float) -> Array:
    """Logits of the two towers.

    Args:
        after: AS_WRITTEN or AS_IT_RAN.
        factor: of the sum of squares in LRN: 1e-4 as written, 1e-4 / 5 as it ran.
        hidden: what fc6 and fc7 are multiplied by: 0.5 at test time, 1 in training with every unit kept.
    """
    step: dict[str, Callable[[Array], Array]] = {
        "relu": relu,
        "pool": max_pool,
        "within": within_map,
        "lrn": lambda x: cross_map(x, factor),
    }

    def convolutional(tower: str, layer: str, x: Array) -> Array:
        weight, bias = weights[tower][layer]
        stride, padding = GEOMETRY[layer]
        x = convolution(x, weight, bias, stride, padding)
        for name in after[layer]:
            x = step[name](x)
        return x

    def dense(weight_bias: tuple[Array, Array], x: Array) -> Array:
        weight, bias = weight_bias
        product: Array = np.einsum("oi,ni->no", weight, x, optimize=True)
        return product + bias

    maps2 = {t: convolutional(t, "conv2", convolutional(t, "conv1", images)) for t in "ab"}
    both2 = np.concatenate([maps2["a"], maps2["b"]], axis=1)
    maps5 = {}
    for t in "ab":
        x = convolutional(t, "conv3", both2)
        x = convolutional(t, "conv4", x)
        maps5[t] = convolutional(t, "conv5", x)
    both5 = np.concatenate([maps5["a"], maps5["b"]], axis=1).reshape(len(images), -1)
    both6 = np.concatenate([hidden * relu(dense(weights[t]["fc6"], both5)) for t in "ab"], axis=1)
    both7 = np.concatenate([hidden * relu(dense(weights[t]["fc7"], both6)) for t in "ab"], axis=1)
    return dense(weights["fc8"], both7)
