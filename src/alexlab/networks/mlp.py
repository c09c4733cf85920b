"""The fully connected baseline of the LeNet and AlexNet chapters: 784-256-10 with ReLU.

Source: Dive into Deep Learning (Zhang, Lipton, Li, Smola), chapter "Multilayer Perceptrons".
"""

from math import prod

from torch import nn

from alexlab.shape import Shape


def mlp(classes: int = 10, input: Shape = (1, 28, 28)) -> nn.Sequential:
    """Images (N, C, H, W) to logits (N, classes). Any input size works: the first layer is as wide as the image."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(prod(input), 256), nn.ReLU(),
        nn.Linear(256, classes),
    )  # fmt: skip
