"""AlexNet of 2012 in its two towers: `alexnet_paper` as written, `alexnet_2012` as it ran. 60,965,224 parameters each.

As written: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012. As it ran: computerhistory/AlexNet-Source-Code (released in 2025), network definition 145, and cuda-convnet
(2011) for the arithmetic of its layers. Both read pixels of 0 to 255 minus the mean image; at another scale the
initial weights and the constants of LRN mean something else. What each starts from is in `initialisation`.

A tower is what one GPU held. It meets the other one only where conv3, fc6, fc7 and fc8 read both.
"""

from typing import NamedTuple

import torch
from torch import nn

from alexlab.networks.layers.dropout import UnscaledDropout
from alexlab.networks.layers.normalisation import LocalResponseNorm, WithinMapNorm
from alexlab.networks.shapes import flattened
from alexlab.shape import Shape


class Widths(NamedTuple):
    """Filters of each convolution and units of each hidden layer, in one tower."""

    conv1: int = 48
    conv2: int = 128
    conv3: int = 192
    conv4: int = 192
    conv5: int = 128
    hidden: int = 2048


FULL = Widths()


class Tower(nn.Module):
    """The layers of one GPU, by name and in order, cut into stages where a layer reads both towers.

    A stage reads its argument alone, so the two towers may live in two processes that send each other their results.
    """

    READS_BOTH = ("conv3", "fc6", "fc7")

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self.stages: list[list[str]] = [[]]
        for name, layer in layers.items():
            self.add_module(name, layer)
            if name in self.READS_BOTH:
                self.stages.append([])
            self.stages[-1].append(name)

    def stage(self, number: int, both: torch.Tensor) -> torch.Tensor:
        """Return what this tower makes of what it reads.

        Args:
            number: 0 to 3.
            both: for stage 0 the images (N, C, H, W), after that the results of both towers' last stage, side by side
                in dimension 1: (N, 256, 13, 13), (N, 9216) and (N, 4096) at full size.

        Returns:
            Half as many maps or units as the next stage reads: (N, 128, 13, 13), (N, 4608), (N, 2048), (N, 2048).
        """
        for name in self.stages[number]:
            both = self.get_submodule(name)(both)
        return both


class TwoTowers(nn.Module):
    """Images (N, C, H, W) to logits (N, classes): the towers a and b, and the last layer, which reads both."""

    def __init__(self, a: Tower, b: Tower, fc8: nn.Linear) -> None:
        super().__init__()
        self.a, self.b, self.fc8 = a, b, fc8

    def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        both = images_NCHW
        for number in range(len(self.a.stages)):
            both = torch.cat([self.a.stage(number, both), self.b.stage(number, both)], dim=1)
        logits_NK: torch.Tensor = self.fc8(both)
        return logits_NK


def alexnet_paper(classes: int = 1000, input: Shape = (3, 224, 224), widths: Widths = FULL) -> TwoTowers:
    """AlexNet as written: ReLU after every convolution, then LRN with alpha not divided. Images to logits."""

    def lrn() -> LocalResponseNorm:
        return LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=False)

    def tower() -> Tower:
        return Tower({
            "ceiling": _ceiling(), "conv1": _conv1(input, widths),
            "relu1": nn.ReLU(), "lrn1": lrn(), "pool1": _pool(),
            "conv2": nn.Conv2d(widths.conv1, widths.conv2, kernel_size=5, padding=2),
            "relu2": nn.ReLU(), "lrn2": lrn(), "pool2": _pool(),
            "conv3": nn.Conv2d(2 * widths.conv2, widths.conv3, kernel_size=3, padding=1),  # reads both towers
            "relu3": nn.ReLU(),
            "conv4": nn.Conv2d(widths.conv3, widths.conv4, kernel_size=3, padding=1),
            "relu4": nn.ReLU(),
            "conv5": nn.Conv2d(widths.conv4, widths.conv5, kernel_size=3, padding=1),
            "relu5": nn.ReLU(), "pool5": _pool(),
            **_hidden_layers(input, widths),
        })  # fmt: skip

    return TwoTowers(tower(), tower(), nn.Linear(2 * widths.hidden, classes))


def alexnet_2012(classes: int = 1000, input: Shape = (3, 224, 224), widths: Widths = FULL) -> TwoTowers:
    """AlexNet as it ran: conv1 is linear into its LRN, conv2 has a second normalisation. Images to logits.

    Differs from alexnet_paper in LRN (alpha divided by 5), in the order after conv1 (LRN, pool, ReLU) and conv5 (pool,
    ReLU: the same function, with fewer values to compare), in the within-map normalisation after conv2's LRN, and in
    its initial weights.
    """

    def lrn() -> LocalResponseNorm:
        return LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=True)

    def tower() -> Tower:
        return Tower({
            "ceiling": _ceiling(), "conv1": _conv1(input, widths),
            "lrn1": lrn(), "pool1": _pool(), "relu1": nn.ReLU(),
            "conv2": nn.Conv2d(widths.conv1, widths.conv2, kernel_size=5, padding=2),
            "relu2": nn.ReLU(), "lrn2": lrn(), "within2": WithinMapNorm(size=5, scale=0.001), "pool2": _pool(),
            "conv3": nn.Conv2d(2 * widths.conv2, widths.conv3, kernel_size=3, padding=1),  # reads both towers
            "relu3": nn.ReLU(),
            "conv4": nn.Conv2d(widths.conv3, widths.conv4, kernel_size=3, padding=1),
            "relu4": nn.ReLU(),
            "conv5": nn.Conv2d(widths.conv4, widths.conv5, kernel_size=3, padding=1),
            "pool5": _pool(), "relu5": nn.ReLU(),
            **_hidden_layers(input, widths),
        })  # fmt: skip

    return TwoTowers(tower(), tower(), nn.Linear(2 * widths.hidden, classes))


def _ceiling() -> nn.ZeroPad2d:
    """Stride - 1 zeros on the right and bottom make PyTorch's floor the ceiling of the 2012 code: 224 gives 55."""
    return nn.ZeroPad2d((0, 3, 0, 3))  # left, right, top, bottom


def _conv1(input: Shape, widths: Widths) -> nn.Conv2d:
    return nn.Conv2d(input[0], widths.conv1, kernel_size=11, stride=4)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


def _hidden_layers(input: Shape, widths: Widths) -> dict[str, nn.Module]:
    geometry = nn.Sequential(_ceiling(), nn.Conv2d(input[0], 1, kernel_size=11, stride=4), _pool(), _pool(), _pool())
    positions = flattened(geometry, input)  # of one map after conv5's pool: 6 x 6 at 224
    return {
        "flatten": nn.Flatten(),
        "fc6": nn.Linear(2 * widths.conv5 * positions, widths.hidden),  # reads both towers
        "relu6": nn.ReLU(),
        "drop6": UnscaledDropout(p=0.5),
        "fc7": nn.Linear(2 * widths.hidden, widths.hidden),  # reads both towers
        "relu7": nn.ReLU(),
        "drop7": UnscaledDropout(p=0.5),
    }
