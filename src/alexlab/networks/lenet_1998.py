"""LeNet-5 as written in 1998: 60,000 trainable parameters and 340,908 connections.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", Proceedings of the
IEEE 86(11), 1998, section II and appendix A; its figure 2 is the network, table I the connections of C3, equation 9 the loss.

Two things the paper leaves open. The pictures of the ten digits are drawn in its figure 3 alone; `PICTURES` are drawn here in the same
7x12 pixels, in its style, and may differ from it by pixels. And j, the constant of equation 9, has no value there: see `RUBBISH`.
"""

import torch
import torch.nn.functional as F
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.shapes import output_shape
from alexlab.shape import Shape

TABLE_I = (
    # map of S2: 0    1    2    3    4    5        map of C3
    "X . . . X X X . . X X X X . X X",  # 0
    "X X . . . X X X . . X X X X . X",  # 1
    "X X X . . . X X X . . X . X X X",  # 2
    ". X X X . . X X X X . . X . X X",  # 3
    ". . X X X . . X X X X . X X . X",  # 4
    ". . . X X X . . X X X X . X X X",  # 5
)
"""Which maps of S2 (rows) each of C3's sixteen (columns) reads, as the paper prints it."""

PICTURES = (
    """
    .......
    ..###..
    .#...#.
    #.....#
    #.....#
    #.....#
    #.....#
    #.....#
    #.....#
    .#...#.
    ..###..
    .......
    """,
    """
    .......
    ...#...
    ..##...
    .#.#...
    ...#...
    ...#...
    ...#...
    ...#...
    ...#...
    ...#...
    .#####.
    .......
    """,
    """
    .......
    .#####.
    #.....#
    ......#
    ......#
    .....#.
    ....#..
    ...#...
    ..#....
    .#.....
    #######
    .......
    """,
    """
    .......
    #######
    .....#.
    ....#..
    ...#...
    ..####.
    ......#
    ......#
    ......#
    #.....#
    .#####.
    .......
    """,
    """
    .......
    .....#.
    ....##.
    ...#.#.
    ..#..#.
    .#...#.
    #....#.
    #######
    .....#.
    .....#.
    .....#.
    .......
    """,
    """
    .......
    #######
    #......
    #......
    #.####.
    ##....#
    ......#
    ......#
    ......#
    #.....#
    .#####.
    .......
    """,
    """
    .......
    ..####.
    .#.....
    #......
    #......
    #.####.
    ##....#
    #.....#
    #.....#
    #.....#
    .#####.
    .......
    """,
    """
    .......
    #######
    ......#
    ......#
    .....#.
    .....#.
    ....#..
    ....#..
    ...#...
    ...#...
    ...#...
    .......
    """,
    """
    .......
    .#####.
    #.....#
    #.....#
    #.....#
    .#####.
    #.....#
    #.....#
    #.....#
    #.....#
    .#####.
    .......
    """,
    """
    .......
    .#####.
    #.....#
    #.....#
    #.....#
    .#####.
    ......#
    ......#
    .....#.
    ....#..
    .###...
    .......
    """,
)
"""The digits as F6 is to draw them: `#` is +1 and `.` is -1, 7 wide and 12 high."""

AMPLITUDE, SLOPE = 1.7159, 2 / 3
"""Of the squashing function: f(1) = 1 and f(-1) = -1, where its curvature is greatest."""

RUBBISH = 1.0
"""j of equation 9, the distance from which an image counts as none of the classes; the paper only says that it is positive."""


class ScaledTanh(nn.Module):
    """The squashing function f(a) = A tanh(S a), any shape (appendix A)."""

    def forward(self, sums: torch.Tensor) -> torch.Tensor:
        """Squash each value."""
        return AMPLITUDE * torch.tanh(SLOPE * sums)

    def extra_repr(self) -> str:
        """Return the constants, for PyTorch's listing of the network."""
        return f"{AMPLITUDE} tanh({SLOPE:.4f} a)"


class Subsampling(nn.Module):
    """The sum of 2x2 values, times a trainable coefficient a map, plus a trainable bias: (N, C, 2H, 2W) to (N, C, H, W)."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps,), 0.25))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, maps_NCHW: torch.Tensor) -> torch.Tensor:
        """Subsample maps (N, C, H, W); a last odd row or column is not read."""
        means = F.avg_pool2d(maps_NCHW, kernel_size=2, stride=2)  # four times it is the sum, to the last bit
        return means * (4 * self.coefficient)[:, None, None] + self.bias[:, None, None]

    def connections(self, made: Shape) -> tuple[str, int]:
        """Return how many connections there are where maps of this shape are made, worked out: four values and a bias a unit."""
        maps, height, width = made
        return f"{height}*{width}*{maps} units * (2*2 + 1) each", height * width * maps * 5

    def extra_repr(self) -> str:
        """Return the settings, for PyTorch's listing of the network."""
        return f"{len(self.bias)} maps, sums of 2x2, each map with a coefficient and a bias"


class PartialConv2d(nn.Module):
    """A 5x5 convolution of which each map reads some maps alone: (N, 6, H, W) to (N, 16, H - 4, W - 4).

    Weights are kept for the 60 pairs of maps that are connected, in the order of `TABLE_I`'s columns; there are no others.

    Args:
        table: a line for each map that is read, a column for each that is made, X where they are connected.
    """

    def __init__(self, table: tuple[str, ...] = TABLE_I, kernel: int = 5) -> None:
        super().__init__()
        marks = [line.split() for line in table]
        self.reads = tuple(
            tuple(s for s in range(len(marks)) if marks[s][made] == "X") for made in range(len(marks[0]))
        )
        pairs = sum(map(len, self.reads))
        self.in_channels, self.out_channels, self.kernel_size = len(table), len(self.reads), (kernel, kernel)
        numbers = iter(range(pairs))
        places = [[next(numbers) if s in reads else pairs for s in range(len(table))] for reads in self.reads]
        self.places = torch.tensor(places, device="cpu")  # of each pair's weights; pairs for none
        self.weight = nn.Parameter(torch.empty(pairs, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(len(self.reads)))
        self.reset_parameters()

    def fan_in(self) -> torch.Tensor:
        """Return how many values each map's units read: (out_channels,)."""
        area = self.kernel_size[0] * self.kernel_size[1]
        return torch.tensor([float(len(reads) * area) for reads in self.reads], device="cpu")

    def pair_maps(self) -> torch.Tensor:
        """Return which map each pair's weights make: (pairs,)."""
        return torch.tensor([made for made, reads in enumerate(self.reads) for _ in reads], device="cpu")

    @property
    def connected(self) -> str:
        """Which of its maps are connected, in a few words."""
        return f"{len(self.weight)} of {self.places.numel()} pairs of maps"

    def connections(self, made: Shape) -> tuple[str, int]:
        """Return how many connections there are where maps of this shape are made, worked out: the connected pairs' and the biases."""
        maps, height, width = made
        k, pairs = self.kernel_size[0], len(self.weight)
        return f"{height}*{width} positions * ({k}*{k}*{pairs} + {maps})", height * width * (k * k * pairs + maps)

    def reset_parameters(self) -> None:
        """Start as PyTorch's convolutions do: uniform within 1 / sqrt(fan-in)."""
        self.draw(self.fan_in().rsqrt())

    def draw(self, ends: torch.Tensor) -> None:
        """Draw weights and biases uniform within `ends`, a number for each map that is made."""
        ends = ends.to(self.weight)
        with torch.no_grad():
            nn.init.uniform_(self.weight, -1, 1).mul_(ends[self.pair_maps()][:, None, None])
            nn.init.uniform_(self.bias, -1, 1).mul_(ends)

    def dense(self) -> torch.Tensor:
        """Return the weights as those of a full convolution, zeros where no maps are connected: (16, 6, 5, 5)."""
        return torch.cat([self.weight, torch.zeros_like(self.weight[:1])])[self.places]

    def forward(self, maps_NCHW: torch.Tensor) -> torch.Tensor:
        """Convolve maps (N, C, H, W)."""
        return F.conv2d(maps_NCHW, self.dense(), self.bias)

    def extra_repr(self) -> str:
        """Return the settings, for PyTorch's listing of the network."""
        k = self.kernel_size[0]
        return f"{self.in_channels}, {self.out_channels}, kernel_size={k}, {self.connected}"


class RadialBasis(nn.Module):
    """Distances from the classes' pictures: y_i = sum over j of (x_j - w_ij)^2, (N, 84) to (N, classes). The smallest is the class.

    Its weights are the pictures of the first digits, -1 and +1: a buffer, not trained, and part of the file of weights.
    """

    weight: torch.Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        rows = ["".join(picture.split()) for picture in PICTURES[:classes]]
        pixels = [[1.0 if mark == "#" else -1.0 for mark in row] for row in rows]
        self.register_buffer("weight", torch.tensor(pixels))

    def forward(self, drawn_NJ: torch.Tensor) -> torch.Tensor:
        """Return the squared distance of each image's 84 values from each picture."""
        return (drawn_NJ[:, None] - self.weight).square().sum(dim=2)

    def connections(self, made: tuple[int]) -> tuple[str, int]:
        """Return how many connections there are where so many classes are told apart, worked out: no biases."""
        return f"84*{made[0]}", 84 * made[0]

    def extra_repr(self) -> str:
        """Return the settings, for PyTorch's listing of the network."""
        return f"{len(self.weight)} pictures of 7x12"


class LeNet1998(nn.Module):
    """Images (N, C, 32, 32) to logits (N, classes), which are minus the distances of the output: the largest is the class.

    Attributes:
        rubbish: j of equation 9. With it the loss is a cross-entropy with one class more, "none of them", whose logit is -j:
            `alexlab.networks.answers` makes logits of that, and probabilities.
    """

    def __init__(self, classes: int, input: Shape, rubbish: float = RUBBISH) -> None:
        super().__init__()
        self.rubbish = rubbish
        self.c1 = nn.Conv2d(input[0], 6, kernel_size=5)
        self.squash1 = ScaledTanh()
        self.s2 = Subsampling(6)
        self.squash2 = ScaledTanh()
        self.c3 = PartialConv2d(TABLE_I)
        self.squash3 = ScaledTanh()
        self.s4 = Subsampling(16)
        self.squash4 = ScaledTanh()
        self.c5 = nn.Conv2d(16, 120, kernel_size=_left_by_s4(input))  # 5x5 at 32x32: one unit a map
        self.squash5 = ScaledTanh()
        self.flatten = nn.Flatten()
        self.f6 = nn.Linear(120, 84)
        self.squash6 = ScaledTanh()
        self.output = RadialBasis(classes)

    def distances(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Return the outputs of the paper, of which the smallest is the class: (N, classes)."""
        c1 = self.squash1(self.c1(images_NCHW))
        s2 = self.squash2(self.s2(c1))
        c3 = self.squash3(self.c3(s2))
        s4 = self.squash4(self.s4(c3))
        c5 = self.squash5(self.c5(s4))
        f6 = self.squash6(self.f6(self.flatten(c5)))
        y_NK: torch.Tensor = self.output(f6)
        return y_NK

    def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        return -self.distances(images_NCHW)


def lenet_1998(classes: int = 10, input: Shape = (1, 32, 32)) -> LeNet1998:
    """LeNet-5 as written. Images to logits (N, classes).

    Raises:
        UserError: more classes than there are pictures, or an image that is too small.
    """
    if classes > len(PICTURES):
        raise UserError(
            f"lenet-1998's output compares with the pictures of {len(PICTURES)} digits, which is the most classes that it can have; "
            f"asked for {classes}. `alexlab train lenet-relu` has as many as you like."
        )
    return LeNet1998(classes, input)


def _left_by_s4(input: Shape) -> tuple[int, int]:
    """How high and wide a map of S4 is: C5 reads it whole."""
    halved = nn.AvgPool2d(kernel_size=2, stride=2)
    layers = nn.Sequential(nn.Conv2d(input[0], 6, 5), halved, nn.Conv2d(6, 16, 5), halved)
    shape = output_shape(layers, input)
    if shape is None:
        raise UserError(
            f"an input of {'x'.join(map(str, input))} is too small for this network: 16x16 and larger work."
        )
    return shape[1], shape[2]
