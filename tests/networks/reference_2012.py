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


# Backwards: of each step the gradient of what it read, from the gradient of what it made.


def convolution_back(x: Array, weight: Array, stride: int, padding: int, made: Array) -> tuple[Array, Array, Array]:
    """Gradients of the input, the weight and the bias."""
    _, _, rows, columns = weight.shape
    n, channels, height, width = x.shape
    down, across = made.shape[2:]
    canvas = np.zeros((n, channels, height + 2 * padding + stride, width + 2 * padding + stride))
    canvas[:, :, padding : padding + height, padding : padding + width] = x
    of_canvas, of_weight = np.zeros_like(canvas), np.zeros_like(weight)
    for i in range(rows):
        for j in range(columns):
            at = np.s_[:, :, i : i + stride * (down - 1) + 1 : stride, j : j + stride * (across - 1) + 1 : stride]
            of_weight[:, :, i, j] = np.einsum("nfhw,nchw->fc", made, canvas[at], optimize=True)
            of_canvas[at] += np.einsum("fc,nfhw->nchw", weight[:, :, i, j], made, optimize=True)
    of_x = of_canvas[:, :, padding : padding + height, padding : padding + width]
    return of_x, of_weight, made.sum(axis=(0, 2, 3))


def relu_back(x: Array, made: Array) -> Array:
    return np.where(x > 0, made, 0.0)


def max_pool_back(x: Array, made: Array, window: int = 3, stride: int = 2) -> Array:
    """Each window's gradient belongs to its largest pixel, the first of equal ones."""
    n, maps, _, _ = x.shape
    of_x = np.zeros_like(x)
    image, map_ = np.arange(n)[:, None], np.arange(maps)[None, :]
    for i in range(made.shape[2]):
        for j in range(made.shape[3]):
            seen = x[:, :, i * stride : i * stride + window, j * stride : j * stride + window]
            row, column = np.divmod(seen.reshape(n, maps, -1).argmax(axis=2), seen.shape[3])
            of_x[image, map_, i * stride + row, j * stride + column] += made[:, :, i, j]
    return of_x


def cross_map_back(x: Array, factor: float, made: Array, n: int = 5, k: float = 2.0, beta: float = 0.75) -> Array:
    """By the quotient rule: a_j stands above in b_j, and below in each b_i that has it for a neighbour."""
    of_x = np.zeros_like(x)
    maps = x.shape[1]
    for i in range(maps):
        near = range(max(0, i - n // 2), min(maps - 1, i + n // 2) + 1)
        total = np.zeros_like(x[:, 0])
        for j in near:
            total += x[:, j] ** 2
        below = k + factor * total
        of_x[:, i] += made[:, i] / below**beta
        for j in near:
            of_x[:, j] -= made[:, i] * x[:, i] * beta * below ** (-beta - 1) * factor * 2 * x[:, j]
    return of_x


def within_map_back(
    x: Array, made: Array, scale: float = 0.001, n: int = 5, k: float = 1.0, power: float = 0.75
) -> Array:
    """The same over windows of one map."""
    of_x = np.zeros_like(x)
    _, _, height, width = x.shape
    for i in range(height):
        for j in range(width):
            rows = slice(max(0, i - n // 2), min(height, i + n // 2 + 1))
            columns = slice(max(0, j - n // 2), min(width, j + n // 2 + 1))
            below = k + scale / n**2 * (x[:, :, rows, columns] ** 2).sum(axis=(2, 3))
            of_x[:, :, i, j] += made[:, :, i, j] / below**power
            common = made[:, :, i, j] * x[:, :, i, j] * power * below ** (-power - 1) * scale / n**2 * 2
            of_x[:, :, rows, columns] -= common[:, :, None, None] * x[:, :, rows, columns]
    return of_x


def gradients(
    weights: Weights,
    images: Array,
    after: dict[str, tuple[str, ...]],
    factor: float,
    hidden: float,
    upstream: Array,
) -> tuple[Array, Weights]:
    """Gradients of the sum of logits times `upstream` (N, classes): of the images, and of all weights and biases, as `Weights` has them.

    The other arguments are those of `network`.
    """
    forward: dict[str, Callable[[Array], Array]] = {
        "relu": relu,
        "pool": max_pool,
        "within": within_map,
        "lrn": lambda x: cross_map(x, factor),
    }
    back: dict[str, Callable[[Array, Array], Array]] = {
        "relu": relu_back,
        "pool": max_pool_back,
        "within": within_map_back,
        "lrn": lambda x, made: cross_map_back(x, factor, made),
    }
    read: dict[tuple[str, str], list[Array]] = {}  # what each step of a tower's layer read, the convolution's own first
    found: Weights = {"a": {}, "b": {}}

    def convolutional(tower: str, layer: str, x: Array) -> Array:
        weight, bias = weights[tower][layer]
        seen = read[tower, layer] = [x]
        x = convolution(x, weight, bias, *GEOMETRY[layer])
        for name in after[layer]:
            seen.append(x)
            x = forward[name](x)
        return x

    def convolutional_back(tower: str, layer: str, made: Array) -> Array:
        x, *seen = read[tower, layer]
        for name, of in zip(reversed(after[layer]), reversed(seen), strict=True):
            made = back[name](of, made)
        of_x, *found[tower][layer] = convolution_back(x, weights[tower][layer][0], *GEOMETRY[layer], made)
        return of_x

    def dense(tower: str, layer: str, x: Array) -> Array:
        weight, bias = weights[tower][layer]
        read[tower, layer] = [x, np.einsum("oi,ni->no", weight, x, optimize=True) + bias]
        return hidden * relu(read[tower, layer][1])

    def dense_back(tower: str, layer: str, made: Array) -> Array:
        x, sums = read[tower, layer]
        made = relu_back(sums, hidden * made)
        found[tower][layer] = [np.einsum("no,ni->oi", made, x, optimize=True), made.sum(axis=0)]
        product: Array = np.einsum("oi,no->ni", weights[tower][layer][0], made, optimize=True)
        return product

    def halves(both: Array) -> dict[str, Array]:
        return dict(zip("ab", np.split(both, 2, axis=1), strict=True))

    both2 = np.concatenate([convolutional(t, "conv2", convolutional(t, "conv1", images)) for t in "ab"], axis=1)
    maps5 = {t: convolutional(t, "conv5", convolutional(t, "conv4", convolutional(t, "conv3", both2))) for t in "ab"}
    maps = np.concatenate([maps5["a"], maps5["b"]], axis=1)
    both6 = np.concatenate([dense(t, "fc6", maps.reshape(len(images), -1)) for t in "ab"], axis=1)
    both7 = np.concatenate([dense(t, "fc7", both6) for t in "ab"], axis=1)

    found["fc8"] = [np.einsum("nk,ni->ki", upstream, both7, optimize=True), upstream.sum(axis=0)]
    of7 = halves(np.einsum("ki,nk->ni", weights["fc8"][0], upstream, optimize=True))
    of6 = halves(dense_back("a", "fc7", of7["a"]) + dense_back("b", "fc7", of7["b"]))
    of5 = halves((dense_back("a", "fc6", of6["a"]) + dense_back("b", "fc6", of6["b"])).reshape(maps.shape))
    of3 = {t: convolutional_back(t, "conv4", convolutional_back(t, "conv5", of5[t])) for t in "ab"}
    of2 = halves(convolutional_back("a", "conv3", of3["a"]) + convolutional_back("b", "conv3", of3["b"]))
    of1 = {t: convolutional_back(t, "conv2", of2[t]) for t in "ab"}
    return convolutional_back("a", "conv1", of1["a"]) + convolutional_back("b", "conv1", of1["b"]), found
