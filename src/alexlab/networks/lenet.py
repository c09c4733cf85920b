"""LeNet as three tutorials draw it. Each function is its source's listing, line by line.

Sources:
    lenet5             Dive into Deep Learning, chapter "Convolutional Neural Networks (LeNet)".
    lenet_relu         the LeNet tutorial for MNIST, without the softmax that it puts before the cross-entropy.
    lenet_sigmoid_max  the same tutorial's network for Fashion-MNIST at 96x96.

All of them go back to Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document
Recognition", Proceedings of the IEEE 86(11), 1998, and differ from it in subsampling (there with weights), in the
partial connections of the second convolution, and in the output layer (there radial basis functions): that network is `lenet_1998`.
"""

from torch import nn

from alexlab.networks.shapes import flattened
from alexlab.shape import Shape


def lenet5(classes: int = 10, input: Shape = (1, 28, 28)) -> nn.Sequential:
    """Textbook LeNet: sigmoid, average pooling, padding 2 in the first convolution. Images to logits (N, classes)."""
    features = nn.Sequential(
        nn.Conv2d(input[0], 6, kernel_size=5, padding=2), nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    return nn.Sequential(
        *features,
        nn.Linear(flattened(features, input), 120), nn.Sigmoid(),  # 16 x 5 x 5 = 400 at 28x28
        nn.Linear(120, 84), nn.Sigmoid(),
        nn.Linear(84, classes),
    )  # fmt: skip


def lenet_relu(classes: int = 10, input: Shape = (1, 28, 28)) -> nn.Sequential:
    """Tutorial LeNet for MNIST: ReLU, max pooling, no padding. Images to logits (N, classes)."""
    features = nn.Sequential(
        nn.Conv2d(input[0], 6, kernel_size=5), nn.ReLU(),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.ReLU(),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    return nn.Sequential(
        *features,
        nn.Linear(flattened(features, input), 120), nn.ReLU(),  # 16 x 4 x 4 = 256 at 28x28
        nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, classes),
    )  # fmt: skip


def lenet_sigmoid_max(classes: int = 10, input: Shape = (1, 96, 96)) -> nn.Sequential:
    """Tutorial LeNet for Fashion-MNIST at 96x96: sigmoid, max pooling, no padding. Images to logits (N, classes)."""
    features = nn.Sequential(
        nn.Conv2d(input[0], 6, kernel_size=5), nn.Sigmoid(),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    return nn.Sequential(
        *features,
        nn.Linear(flattened(features, input), 120), nn.Sigmoid(),  # 16 x 21 x 21 = 7056 at 96x96
        nn.Linear(120, 84), nn.Sigmoid(),
        nn.Linear(84, classes),
    )  # fmt: skip
