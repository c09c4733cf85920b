"""LeNet-5 of 1998, one image at a time: loss, gradient and second derivatives of `networks.lenet_1998` in NumPy, and the update.

An image is so little work that what PyTorch does around each of its operations takes most of the time. Here all numbers lie in arrays
that are made once, the windows of the convolutions are views of them, and a layer's bias is one more weight of a value that is always 1.
Computed in the weights' own dtype; in float64 it equals a reference with loops to rounding. Figures: docs/which-lenet.md.

Source: LeCun, Bottou, Bengio, Haffner 1998, section II, equation 9 and appendix C.
"""

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alexlab.networks.lenet_1998 import AMPLITUDE, SLOPE, LeNet1998

Array = NDArray[Any]
KERNEL = 5
NAMES = ("c1", "s2", "c3", "s4", "c5", "f6")


class Layer:
    """Weights (units, inputs + 1), the last column the bias, with their gradient and their second derivative; views of flat arrays."""

    def __init__(self, weight: Array, gradient: Array, second: Array) -> None:
        self.weight, self.gradient, self.second = weight, gradient, second
        self.inner, self.inner_T = weight[:, :-1], weight[:, :-1].T


class OneImage:
    """The network as arrays of one image.

    `take` reads the weights of a network and `give` writes them back; between them, `learn` and `curvature` change these arrays alone.
    """

    def __init__(self, network: LeNet1998, height: int, width: int) -> None:
        self.network = network
        parameters = dict(network.named_parameters())
        self.dtype = parameters["f6.weight"].detach().numpy().dtype
        channels = network.c1.in_channels
        h1, w1 = height - KERNEL + 1, width - KERNEL + 1
        h2, w2 = h1 // 2, w1 // 2
        h3, w3 = h2 - KERNEL + 1, w2 - KERNEL + 1
        h4, w4 = h3 // 2, w3 // 2
        area, k5 = KERNEL * KERNEL, 16 * h4 * w4
        shapes = ((6, channels * area + 1), (6, 2), (16, 6 * area + 1), (16, 2), (120, k5 + 1), (84, 121))
        sizes = [math.prod(shape) for shape in shapes]
        self.weights, self.gradients, self.seconds, self.rates = (np.zeros(sum(sizes), self.dtype) for _ in range(4))
        cuts = np.cumsum(sizes)[:-1]
        parts = zip(*(np.split(flat, cuts) for flat in (self.weights, self.gradients, self.seconds)), strict=True)
        self.c1, self.s2, self.c3, self.s4, self.c5, self.f6 = (
            Layer(*(part.reshape(shape) for part in each)) for each, shape in zip(parts, shapes, strict=True)
        )
        self.layers = (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6)
        self.connected = network.c3.places.numpy() < len(network.c3.weight)  # by table I: (16, 6)
        self.pictures = network.output.weight.detach().numpy().astype(self.dtype)

        self.image = self._zeros(channels, height, width)
        self.columns1, self.window1 = self._columns(self.image)
        self.x1 = self._zeros(6, h1, w1)
        self.u2, self.x2 = self._zeros(6, h2, w2), self._zeros(6, h2, w2)
        self.columns3, self.window3 = self._columns(self.x2)
        self.x3, self.u4 = self._zeros(16, h3, w3), self._zeros(16, h4, w4)
        self.x4_1 = np.ones(k5 + 1, self.dtype)
        self.x4 = self.x4_1[:-1].reshape(16, h4, w4)
        self.x5_1 = np.ones(121, self.dtype)
        self.x5 = self.x5_1[:-1]
        self.x6 = self._zeros(84)
        self.a1, self.a3 = self._zeros(6, h1, w1), self._zeros(16, h3, w3)  # gradients of their sums, on the way back
        self.rows = self._zeros(6, KERNEL, h3, w2)
        self.from_columns = self._zeros(6 * area, h3 * w3)

    def _zeros(self, *shape: int) -> Array:
        return np.zeros(shape, self.dtype)

    def _columns(self, maps: Array) -> tuple[Array, Array]:
        """Return a matrix for the windows of `maps`, a column a position and a last row of ones, and the view to fill it from."""
        view = sliding_window_view(maps, (KERNEL, KERNEL), axis=(1, 2)).transpose(0, 3, 4, 1, 2)
        columns = np.ones((math.prod(view.shape[:3]) + 1, math.prod(view.shape[3:])), self.dtype)
        return columns, view

    def take(self) -> None:
        """Read the network's weights."""
        self._fill({name: p.detach().numpy() for name, p in self.network.named_parameters()}, "weight")

    def take_seconds(self, seconds: dict[str, Array]) -> None:
        """Read second derivatives by the names of the network's parameters."""
        self._fill(seconds, "second")

    def _fill(self, given: dict[str, Array], kind: str) -> None:
        for name, layer in zip(NAMES, self.layers, strict=True):
            into = getattr(layer, kind)
            weight = given[f"{name}.coefficient" if name in ("s2", "s4") else f"{name}.weight"]
            if name == "c3":
                padded = np.concatenate([weight, np.zeros_like(weight[:1])])
                weight = padded[self.network.c3.places.numpy()]
            into[:, :-1] = weight.reshape(len(into), -1)
            into[:, -1] = given[f"{name}.bias"]

    def give(self) -> None:
        """Write the weights into the network."""
        for name, values in self.by_name("weight").items():
            self.network.get_parameter(name).detach().numpy()[...] = values

    def by_name(self, kind: str) -> dict[str, Array]:
        """Return "weight", "gradient" or "second" by the names of the network's parameters, in their shapes."""
        found = {}
        for name, layer in zip(NAMES, self.layers, strict=True):
            values = getattr(layer, kind)
            inner = values[:, :-1]
            called = "coefficient" if name in ("s2", "s4") else "weight"
            if name == "c3":
                inner = inner.reshape(*self.connected.shape, KERNEL, KERNEL)[self.connected]
            shape = tuple(self.network.get_parameter(f"{name}.{called}").shape)
            found[f"{name}.{called}"] = inner.reshape(shape)
            found[f"{name}.bias"] = values[:, -1]
        return found

    def forward(self, image_CHW: Array, label: int) -> float:
        """Take an image through the network; return the loss of equation 9. `right` is then whether the class is the smallest output."""
        self.image[...] = image_CHW
        _gather(self.columns1, self.window1)
        np.dot(self.c1.weight, self.columns1, out=self.x1.reshape(6, -1))
        _squash(self.x1)
        _subsample(self.x1, self.s2.weight, self.u2, self.x2)
        _gather(self.columns3, self.window3)
        np.dot(self.c3.weight, self.columns3, out=self.x3.reshape(16, -1))
        _squash(self.x3)
        _subsample(self.x3, self.s4.weight, self.u4, self.x4)
        np.dot(self.c5.weight, self.x4_1, out=self.x5)
        _squash(self.x5)
        np.dot(self.f6.weight, self.x5_1, out=self.x6)
        _squash(self.x6)
        self.d = self.x6 - self.pictures
        y = np.einsum("ij,ij->i", self.d, self.d)
        self.right = int(y.argmin()) == label
        smallest = min(float(y.min()), self.network.rubbish)
        exponentials = np.exp(smallest - y)
        rubbish = math.exp(smallest - self.network.rubbish)
        total = float(exponentials.sum()) + rubbish
        self.p, self.p_rubbish, self.label = exponentials / total, rubbish / total, label
        return float(y[label]) - smallest + math.log(total)

    def backward(self) -> None:
        """Make the gradients of the latest loss."""
        g = -self.p
        g[self.label] += 1
        a6 = _slopes(self.x6)
        a6 *= 2 * (g @ self.d)
        np.multiply(a6[:, None], self.x5_1, out=self.f6.gradient)
        a5 = _slopes(self.x5)
        a5 *= self.f6.inner_T @ a6
        np.multiply(a5[:, None], self.x4_1, out=self.c5.gradient)
        a4 = _slopes(self.x4)
        a4 *= (self.c5.inner_T @ a5).reshape(a4.shape)
        self._through_s(a4, self.u4, self.s4.gradient, self.s4.weight[:, 0], self.x3, self.a3, squared=False)
        a3 = self.a3.reshape(16, -1)
        np.dot(a3, self.columns3.T, out=self.c3.gradient)
        a2 = _slopes(self.x2)
        a2 *= self._scattered(self.c3.inner_T, a3)
        self._through_s(a2, self.u2, self.s2.gradient, self.s2.weight[:, 0], self.x1, self.a1, squared=False)
        np.dot(self.a1.reshape(6, -1), self.columns1.T, out=self.c1.gradient)

    def curvature(self) -> None:
        """Add the second derivatives of the latest loss to `seconds`: Gauss-Newton's below F6's outputs, of which they are exact.

        A shared weight's is the sum over its connections of the sum's second derivative times the squared input (appendix C).
        """
        weighted = self.p @ self.d
        h = 2 * self.p_rubbish + 4 * (self.p @ (self.d * self.d) - weighted * weighted)
        h6 = _slopes(self.x6) ** 2 * h
        self.f6.second += h6[:, None] * self.x5_1**2
        h5 = _slopes(self.x5) ** 2 * (self.f6.inner_T**2 @ h6)
        self.c5.second += h5[:, None] * self.x4_1**2
        h4 = _slopes(self.x4) ** 2 * (self.c5.inner_T**2 @ h5).reshape(self.x4.shape)
        h3, h1 = np.zeros_like(self.x3), np.zeros_like(self.x1)
        self._through_s(h4, self.u4**2, self.s4.second, self.s4.weight[:, 0] ** 2, self.x3, h3, squared=True)
        self.c3.second += h3.reshape(16, -1) @ (self.columns3**2).T
        h2 = _slopes(self.x2) ** 2 * self._scattered(self.c3.inner_T**2, h3.reshape(16, -1))
        self._through_s(h2, self.u2**2, self.s2.second, self.s2.weight[:, 0] ** 2, self.x1, h1, squared=True)
        self.c1.second += h1.reshape(6, -1) @ (self.columns1**2).T

    def _through_s(
        self, a: Array, u: Array, into: Array, coefficient: Array, x: Array, before: Array, squared: bool
    ) -> None:
        """Take derivatives `a` of a subsampling's sums to its two weights a map, and to the sums of the convolution before it."""
        sums = np.stack([(a * u).sum(axis=(1, 2)), a.sum(axis=(1, 2))], axis=1)
        if squared:
            into += sums
        else:
            into[...] = sums
        slopes = _slopes(x)
        if squared:
            slopes *= slopes
        down = a * coefficient[:, None, None]
        _, h, w = down.shape
        for i in (0, 1):
            for j in (0, 1):
                np.multiply(slopes[:, i : 2 * h : 2, j : 2 * w : 2], down, out=before[:, i : 2 * h : 2, j : 2 * w : 2])

    def _scattered(self, weight_T: Array, a: Array) -> Array:
        """Return what derivatives of C3's sums are of its inputs: each window's are added where it lies."""
        h3, w3 = self.x3.shape[1:]
        windows = np.dot(weight_T, a, out=self.from_columns).reshape(6, KERNEL, KERNEL, h3, w3)
        self.rows[...] = 0
        for across in range(KERNEL):
            self.rows[..., across : across + w3] += windows[:, :, across]
        found = np.zeros_like(self.x2)
        for down in range(KERNEL):
            found[:, down : down + h3] += self.rows[:, down]
        return found

    def learn(self, images_NCHW: Array, labels_N: Array) -> tuple[float, int]:
        """Update the weights by each image in turn, at `rates`; return the sum of the losses and how many were right before."""
        loss, right = 0.0, 0
        for image_CHW, label in zip(images_NCHW, labels_N.tolist(), strict=True):
            loss += self.forward(image_CHW, label)
            right += self.right
            self.backward()
            self.gradients *= self.rates
            self.weights -= self.gradients
        return loss, right

    def estimate(self, images_NCHW: Array, labels_N: Array) -> None:
        """Set `seconds` to the mean second derivatives over these images."""
        self.seconds[...] = 0
        for image_CHW, label in zip(images_NCHW, labels_N.tolist(), strict=True):
            self.forward(image_CHW, label)
            self.curvature()
        self.seconds /= len(images_NCHW)

    def set_rates(self, rate: float, mu: float) -> None:
        """Give each weight its rate, rate / (mu + its second derivative); those that table I does not connect stay 0."""
        np.divide(rate, mu + self.seconds, out=self.rates)
        start = self.c1.weight.size + self.s2.weight.size
        rates3 = self.rates[start : start + self.c3.weight.size].reshape(self.c3.weight.shape)
        rates3[:, :-1].reshape(*self.connected.shape, KERNEL * KERNEL)[~self.connected] = 0


def _gather(columns: Array, window: Array) -> None:
    np.copyto(columns[:-1].reshape(window.shape), window)


def _squash(sums: Array) -> None:
    sums *= SLOPE
    np.tanh(sums, out=sums)
    sums *= AMPLITUDE


def _slopes(x: Array) -> Array:
    """Return f'(a) where f(a) = x: A S (1 - tanh^2)."""
    slopes = x * x
    slopes *= -SLOPE / AMPLITUDE
    slopes += AMPLITUDE * SLOPE
    return slopes


def _subsample(x: Array, weight: Array, u: Array, into: Array) -> None:
    _, h, w = u.shape
    np.add(x[:, : 2 * h : 2, : 2 * w : 2], x[:, 1 : 2 * h : 2, : 2 * w : 2], out=u)
    u += x[:, : 2 * h : 2, 1 : 2 * w : 2]
    u += x[:, 1 : 2 * h : 2, 1 : 2 * w : 2]
    np.multiply(u, weight[:, :1, None], out=into)
    into += weight[:, 1:, None]
    _squash(into)
