"""LeNet-5 of 1998 in NumPy float64 with loops, from the paper's words alone: outputs, loss, gradients, second derivatives, one update.

Nothing here knows how `alexlab` computes; weights come as dictionaries by layer, C3's by the pair of maps that they connect.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
A, S = 1.7159, 2 / 3

# Table I, read column by column: which maps of S2 each map of C3 takes its input from.
READS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class Net:
    """The weights, and every unit's weighted sum `a` and state `x` after `forward`."""

    def __init__(self, weights: dict[str, Array], pictures: Array, j: float) -> None:
        self.w, self.pictures, self.j = weights, pictures, j

    def forward(self, image: Array) -> Array:
        """Return the distances y of one image (channels, height, width)."""
        w = self.w
        self.x0 = image
        self.a1 = np.zeros((6, image.shape[1] - 4, image.shape[2] - 4))
        for m in range(6):
            for r in range(self.a1.shape[1]):
                for c in range(self.a1.shape[2]):
                    self.a1[m, r, c] = (w["c1"][m] * image[:, r : r + 5, c : c + 5]).sum() + w["c1.bias"][m]
        self.x1 = A * np.tanh(S * self.a1)
        self.u2, self.a2 = self._subsample(self.x1, w["s2"], w["s2.bias"])
        self.x2 = A * np.tanh(S * self.a2)
        self.a3 = np.zeros((16, self.x2.shape[1] - 4, self.x2.shape[2] - 4))
        for m, reads in enumerate(READS):
            for r in range(self.a3.shape[1]):
                for c in range(self.a3.shape[2]):
                    sums = [(w[f"c3.{m}.{s}"] * self.x2[s, r : r + 5, c : c + 5]).sum() for s in reads]
                    self.a3[m, r, c] = sum(sums) + w["c3.bias"][m]
        self.x3 = A * np.tanh(S * self.a3)
        self.u4, self.a4 = self._subsample(self.x3, w["s4"], w["s4.bias"])
        self.x4 = A * np.tanh(S * self.a4)
        self.a5 = np.array([(w["c5"][m] * self.x4).sum() + w["c5.bias"][m] for m in range(120)])
        self.x5 = A * np.tanh(S * self.a5)
        self.a6 = np.array([(w["f6"][m] * self.x5).sum() + w["f6.bias"][m] for m in range(84)])
        self.x6 = A * np.tanh(S * self.a6)
        self.y = np.array([sum((self.x6[k] - picture[k]) ** 2 for k in range(84)) for picture in self.pictures])
        return self.y

    @staticmethod
    def _subsample(x: Array, coefficient: Array, bias: Array) -> tuple[Array, Array]:
        maps, h, w = len(x), x.shape[1] // 2, x.shape[2] // 2
        u = np.zeros((maps, h, w))
        for m in range(maps):
            for r in range(h):
                for c in range(w):
                    u[m, r, c] = (
                        x[m, 2 * r, 2 * c]
                        + x[m, 2 * r, 2 * c + 1]
                        + x[m, 2 * r + 1, 2 * c]
                        + x[m, 2 * r + 1, 2 * c + 1]
                    )
        return u, u * coefficient[:, None, None] + bias[:, None, None]

    def loss(self, label: int) -> float:
        """Equation 9 of the latest image."""
        return float(self.y[label] + math.log(math.exp(-self.j) + sum(math.exp(-y) for y in self.y)))

    def gradients(self, label: int) -> dict[str, Array]:
        """Return the derivatives of the loss by every weight."""
        total = math.exp(-self.j) + sum(math.exp(-y) for y in self.y)
        by_x6 = np.zeros(84)
        for i, picture in enumerate(self.pictures):
            by_y = (1.0 if i == label else 0.0) - math.exp(-self.y[i]) / total
            for k in range(84):
                by_x6[k] += by_y * 2 * (self.x6[k] - picture[k])
        return self._back(by_x6, lambda value: value)

    def second_derivatives(self) -> dict[str, Array]:
        """Return appendix C's: exact at F6's outputs, below with squared weights and slopes and without the slopes' own derivative."""
        total = math.exp(-self.j) + sum(math.exp(-y) for y in self.y)
        p = [math.exp(-y) / total for y in self.y]
        by_x6 = np.zeros(84)
        for k in range(84):
            firsts = [2 * (self.x6[k] - picture[k]) for picture in self.pictures]  # of y_i; its second derivative is 2
            mean = sum(p[i] * firsts[i] for i in range(len(p)))
            by_x6[k] = 2 * (1 - sum(p)) + sum(p[i] * firsts[i] ** 2 for i in range(len(p))) - mean**2
        return self._back(by_x6, lambda value: value**2)

    def _back(self, by_x6: Array, q) -> dict[str, Array]:  # type: ignore[no-untyped-def]
        """Take derivatives back; `q` is the identity for first ones and the square for second ones."""
        w, d = self.w, {name: np.zeros_like(value) for name, value in self.w.items()}
        by_a6 = by_x6 * q(self._slope(self.a6))
        by_x5 = np.zeros(120)
        for m in range(84):
            d["f6"][m] += by_a6[m] * q(self.x5)
            d["f6.bias"][m] += by_a6[m]
            by_x5 += by_a6[m] * q(w["f6"][m])
        by_a5 = by_x5 * q(self._slope(self.a5))
        by_x4 = np.zeros_like(self.x4)
        for m in range(120):
            d["c5"][m] += by_a5[m] * q(self.x4)
            d["c5.bias"][m] += by_a5[m]
            by_x4 += by_a5[m] * q(w["c5"][m])
        by_a4 = by_x4 * q(self._slope(self.a4))
        by_a3 = self._back_s("s4", by_a4, self.u4, self.x3, q, d) * q(self._slope(self.a3))
        by_x2 = np.zeros_like(self.x2)
        for m, reads in enumerate(READS):
            for r in range(by_a3.shape[1]):
                for c in range(by_a3.shape[2]):
                    d["c3.bias"][m] += by_a3[m, r, c]
                    for s in reads:
                        d[f"c3.{m}.{s}"] += by_a3[m, r, c] * q(self.x2[s, r : r + 5, c : c + 5])
                        by_x2[s, r : r + 5, c : c + 5] += by_a3[m, r, c] * q(w[f"c3.{m}.{s}"])
        by_a2 = by_x2 * q(self._slope(self.a2))
        by_a1 = self._back_s("s2", by_a2, self.u2, self.x1, q, d) * q(self._slope(self.a1))
        for m in range(6):
            for r in range(by_a1.shape[1]):
                for c in range(by_a1.shape[2]):
                    d["c1"][m] += by_a1[m, r, c] * q(self.x0[:, r : r + 5, c : c + 5])
                    d["c1.bias"][m] += by_a1[m, r, c]
        return d

    def _back_s(self, name: str, by_a: Array, u: Array, x: Array, q, d: dict[str, Array]) -> Array:  # type: ignore[no-untyped-def]
        by_x = np.zeros_like(x)
        for m in range(len(u)):
            for r in range(u.shape[1]):
                for c in range(u.shape[2]):
                    d[name][m] += by_a[m, r, c] * q(u[m, r, c])
                    d[f"{name}.bias"][m] += by_a[m, r, c]
                    by_x[m, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2] = by_a[m, r, c] * q(self.w[name][m])
        return by_x

    @staticmethod
    def _slope(a: Array) -> Array:
        return A * S * (1 - np.tanh(S * a) ** 2)

    def step(self, image: Array, label: int, seconds: dict[str, Array], rate: float, mu: float) -> float:
        """Return the loss of an image, and update each weight by it at its own rate."""
        self.forward(image)
        before, gradients = self.loss(label), self.gradients(label)
        for name, gradient in gradients.items():
            self.w[name] -= rate / (mu + seconds[name]) * gradient
        return before
