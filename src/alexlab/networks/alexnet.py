"""AlexNet as libraries and tutorials have it, in one tower. Each function or class is its source's listing.

All go back to A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", NIPS 2012; each docstring says how its source departs from it.
"""

from collections import OrderedDict

import torch
from torch import nn

from alexlab.networks.layers.normalisation import LocalResponseNorm
from alexlab.networks.shapes import flattened, output_shape
from alexlab.shape import Shape


def alexnet_textbook(classes: int = 10, input: Shape = (1, 224, 224)) -> nn.Sequential:
    """Dive into Deep Learning, chapter "Deep Convolutional Neural Networks (AlexNet)". Images to logits (N, classes).

    Departs from the paper: grey input, padding 1 in conv1 (54 positions instead of 55), one tower, no LRN.
    """
    features = nn.Sequential(
        nn.Conv2d(input[0], 96, kernel_size=11, stride=4, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    return nn.Sequential(
        *features,
        nn.Linear(flattened(features, input), 4096), nn.ReLU(), nn.Dropout(p=0.5),  # 256 x 5 x 5 = 6400 at 224x224
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(4096, classes),
    )  # fmt: skip


def alexnet_227(classes: int = 10, input: Shape = (1, 227, 227)) -> nn.Sequential:
    """Build a paper-reading tutorial's Sequential: 227 input, extra head from 1000 to `classes`. Images to logits.

    Departs from the paper: grey input, one tower, no LRN, a second head with nothing but dropout before it.
    """
    features = nn.Sequential(
        nn.Conv2d(input[0], 96, kernel_size=11, stride=4), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    return nn.Sequential(
        *features,
        nn.Linear(flattened(features, input), 4096), nn.ReLU(), nn.Dropout(p=0.5),  # 256 x 6 x 6 = 9216 at 227x227
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(4096, 1000), nn.Dropout(p=0.5),
        nn.Linear(1000, classes),
    )  # fmt: skip


class AlexNetTorchvision(nn.Module):
    """The network that torchvision ships, with its layer names and order, so that its weight files load.

    Source: torchvision.models.alexnet (BSD-3), after A. Krizhevsky, "One weird trick for parallelizing convolutional
    neural networks", 2014. Departs from the 2012 paper: one tower, 64-192-384-256-256 filters, padding 2 in conv1,
    no LRN, dropout before each hidden linear layer instead of after it, adaptive average pooling to 6x6.
    """

    def __init__(self, classes: int = 1000, input: Shape = (3, 224, 224)) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(input[0], 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, classes),
        )
        if output_shape(self.features, input) is None:
            flattened(self.features, input)  # raises, and says which sizes work

    def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        x = self.features(images_NCHW)
        x = self.avgpool(x)
        x = torch.flatten(x, 1)
        logits_NK: torch.Tensor = self.classifier(x)
        return logits_NK


def alexnet_caffe(classes: int = 1000, input: Shape = (3, 227, 227)) -> nn.Sequential:
    """Caffe's AlexNet, for its weight file (networks.caffe). Images to logits (N, classes).

    Source: BVLC/caffe, models/bvlc_alexnet/train_val.prototxt. Departs from the paper: 227 input, one tower whose
    conv2, conv4 and conv5 have two groups, so that LRN sums over all 96 and 256 maps and not those of one tower; LRN
    with k = 1 and alpha divided by 5; biases start at 0.1 instead of 1; dropout scales up in training.
    """

    def lrn() -> LocalResponseNorm:
        return LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=1.0, alpha_divided=True)

    def pool() -> nn.MaxPool2d:
        return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)

    features = OrderedDict(
        conv1=nn.Conv2d(input[0], 96, kernel_size=11, stride=4), relu1=nn.ReLU(), norm1=lrn(), pool1=pool(),
        conv2=nn.Conv2d(96, 256, kernel_size=5, padding=2, groups=2), relu2=nn.ReLU(), norm2=lrn(), pool2=pool(),
        conv3=nn.Conv2d(256, 384, kernel_size=3, padding=1), relu3=nn.ReLU(),
        conv4=nn.Conv2d(384, 384, kernel_size=3, padding=1, groups=2), relu4=nn.ReLU(),
        conv5=nn.Conv2d(384, 256, kernel_size=3, padding=1, groups=2), relu5=nn.ReLU(), pool5=pool(),
        flatten=nn.Flatten(),
    )  # fmt: skip
    values = flattened(nn.Sequential(features), input)  # 256 x 6 x 6 = 9216 at 227x227
    classifier = OrderedDict(
        fc6=nn.Linear(values, 4096), relu6=nn.ReLU(), drop6=nn.Dropout(p=0.5),
        fc7=nn.Linear(4096, 4096), relu7=nn.ReLU(), drop7=nn.Dropout(p=0.5),
        fc8=nn.Linear(4096, classes),
    )  # fmt: skip
    return nn.Sequential(features | classifier)


def alexnet_keras(classes: int = 1000, input: Shape = (3, 224, 224)) -> nn.Sequential:
    """Build the Keras tutorial's AlexNet with LRN. Images to logits (N, classes).

    The tutorial's listing breaks off in conv3; what follows it here is the paper's, in one tower.
    Departs from the paper: three zeros on the left and top, LRN **before** ReLU and with TensorFlow's constants
    (depth radius 5, bias 1, alpha 1, beta 0.5), 2x2 max pooling (Keras' default), one tower, all weights N(0, 0.01)
    and all biases 0 (see initialisation.normal).
    """

    def tensorflow_lrn() -> LocalResponseNorm:
        # tf.nn.local_response_normalization sums 2 * 5 + 1 maps and does not divide alpha by their number.
        return LocalResponseNorm(size=11, alpha=1.0, beta=0.5, k=1.0, alpha_divided=False)

    features = nn.Sequential(
        nn.ZeroPad2d((3, 0, 3, 0)),  # left, right, top, bottom
        nn.Conv2d(input[0], 96, kernel_size=11, stride=4), tensorflow_lrn(), nn.ReLU(),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), tensorflow_lrn(), nn.ReLU(),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    return nn.Sequential(
        *features,
        nn.Linear(flattened(features, input), 4096), nn.ReLU(), nn.Dropout(p=0.5),  # 256 x 6 x 6 = 9216 at 224x224
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(4096, classes),
    )  # fmt: skip


def alexnet8(classes: int = 10, input: Shape = (3, 32, 32)) -> nn.Sequential:
    """Build AlexNet8 for CIFAR-10, a Keras tutorial's. Images to logits (N, classes).

    Departs from the paper: 3x3 filters, no padding in conv1 and conv2, batch normalisation before ReLU in place of
    LRN, hidden layers of 2048, initialisation of Keras (see initialisation.keras). Departs from its source: logits
    instead of softmax (the loss applies it), and the running variance is PyTorch's, with Bessel's correction.
    """

    def keras_batch_norm(channels: int) -> nn.BatchNorm2d:
        # Keras: momentum 0.99 weighs the old value, PyTorch's weighs the new one; epsilon 0.001.
        return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)

    features = nn.Sequential(
        nn.Conv2d(input[0], 96, kernel_size=3), keras_batch_norm(96), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=3), keras_batch_norm(256), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
    )  # fmt: skip
    return nn.Sequential(
        *features,
        nn.Linear(flattened(features, input), 2048), nn.ReLU(), nn.Dropout(p=0.5),  # 256 x 2 x 2 = 1024 at 32x32
        nn.Linear(2048, 2048), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(2048, classes),
    )  # fmt: skip
