"""The catalogue of networks: a list that can be read. It imports no torch; `alexlab.networks.building` builds.

To add a network: write its function, and its entry here; tests hold the entry against the network, and the READMEs' tables against it.
"""

from dataclasses import dataclass

from alexlab.errors import unknown


@dataclass(frozen=True)
class FirstWeights:
    """Normal weights and constant biases to start from, layer by layer.

    Attributes:
        words: for a cell of a table.
        layers: of each layer its own name, the weights' standard deviation, and the bias.
    """

    words: str
    layers: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class Network:
    """Facts of one network.

    Attributes:
        name: as the command line takes it.
        title: one line for a list.
        builder: "module:function" of a callable (classes, input) that returns an nn.Module.
        input: channels, height, width that its source feeds it.
        classes: as in its source.
        parameters: exact count of trainable parameters at `input` and `classes`.
        source: where the definition comes from.
        differences: what departs from that source, or "none".
        initialisation: how its source starts its weights: a name of networks.initialisation, or its own name, and then
        first_weights: says what that is; recipes may name it for other networks whose layers have these names.
        fit: how its source brings an image to the input's shape: "stretch", "crop", "pad" or "frame".
        pixels: what its source feeds it, in words ("" where that says nothing about it); recipes say it in numbers.
    """

    name: str
    title: str
    builder: str
    input: tuple[int, int, int]
    classes: int
    parameters: int
    source: str
    differences: str = "none"
    initialisation: str = "pytorch"
    first_weights: FirstWeights | None = None
    fit: str = "stretch"
    pixels: str = ""


AS_WRITTEN = FirstWeights(
    "N(0, 0.01), biases 1 in conv 2, 4, 5 and the hidden layers",
    (
        ("conv1", 0.01, 0), ("conv2", 0.01, 1), ("conv3", 0.01, 0), ("conv4", 0.01, 1), ("conv5", 0.01, 1),
        ("fc6", 0.01, 1), ("fc7", 0.01, 1), ("fc8", 0.01, 0),
    ),
)  # fmt: skip
"""Krizhevsky, Sutskever, Hinton, NIPS 2012, section 5."""

AS_IT_RAN = FirstWeights(
    "N(0, 0.01), conv 3 to 5 N(0, 0.03), biases 1 in conv 2, 4, 5 and the hidden layers",
    (
        ("conv1", 0.01, 0), ("conv2", 0.01, 1), ("conv3", 0.03, 0), ("conv4", 0.03, 1), ("conv5", 0.03, 1),
        ("fc6", 0.01, 1), ("fc7", 0.01, 1), ("fc8", 0.01, 0),
    ),
)  # fmt: skip
"""computerhistory/AlexNet-Source-Code, network definition 145."""

CAFFES = FirstWeights(
    "N(0, 0.01), fc 1 and 2 N(0, 0.005), biases 0.1 in conv 2, 4, 5 and the hidden layers",
    (
        ("conv1", 0.01, 0), ("conv2", 0.01, 0.1), ("conv3", 0.01, 0), ("conv4", 0.01, 0.1), ("conv5", 0.01, 0.1),
        ("fc6", 0.005, 0.1), ("fc7", 0.005, 0.1), ("fc8", 0.01, 0),
    ),
)  # fmt: skip
"""BVLC/caffe, models/bvlc_alexnet/train_val.prototxt."""

NETWORKS: tuple[Network, ...] = (
    Network(
        name="mlp",
        title="fully connected baseline, 784-256-10, ReLU",
        builder="alexlab.networks.mlp:mlp",
        input=(1, 28, 28),
        classes=10,
        parameters=203_530,
        source="Dive into Deep Learning, chapter Multilayer Perceptrons",
        differences="PyTorch's initial weights instead of N(0, 0.01)",
    ),
    Network(
        name="lenet-1998",
        title="LeNet-5 as written in 1998: partial connections, trainable subsampling, radial basis output",
        builder="alexlab.networks.lenet_1998:lenet_1998",
        input=(1, 32, 32),
        classes=10,
        parameters=60_000,
        source="LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section II",
        differences="the output's pictures of the digits are drawn after figure 3, not copied pixel by pixel",
        initialisation="fan-in",
        fit="frame",
        pixels="-0.1 (background) to 1.175",
    ),
    Network(
        name="lenet5",
        title="textbook LeNet: sigmoid, average pooling, padding 2 in conv1",
        builder="alexlab.networks.lenet:lenet5",
        input=(1, 28, 28),
        classes=10,
        parameters=61_706,
        source="Dive into Deep Learning, chapter Convolutional Neural Networks (LeNet)",
    ),
    Network(
        name="lenet-relu",
        title="tutorial LeNet for MNIST: ReLU, max pooling, 256-120-84-10",
        builder="alexlab.networks.lenet:lenet_relu",
        input=(1, 28, 28),
        classes=10,
        parameters=44_426,
        source="a LeNet tutorial in PyTorch, for MNIST",
        differences="logits: the source ends in softmax although its loss applies softmax again",
    ),
    Network(
        name="lenet-sigmoid-max",
        title="tutorial LeNet for Fashion-MNIST at 96: sigmoid, max pooling, 7056-120-84-10",
        builder="alexlab.networks.lenet:lenet_sigmoid_max",
        input=(1, 96, 96),
        classes=10,
        parameters=860_426,
        source="the same tutorial, in MXNet, for Fashion-MNIST",
    ),
    Network(
        name="alexnet-textbook",
        title="Dive into Deep Learning's AlexNet, grey, padding 1 in conv1",
        builder="alexlab.networks.alexnet:alexnet_textbook",
        input=(1, 224, 224),
        classes=10,
        parameters=46_764_746,
        source="Dive into Deep Learning, chapter Deep Convolutional Neural Networks (AlexNet)",
        pixels="0 to 1",
    ),
    Network(
        name="alexnet-227",
        title="paper-reading tutorial's AlexNet, grey, 227, extra 1000-10 head",
        builder="alexlab.networks.alexnet:alexnet_227",
        input=(1, 227, 227),
        classes=10,
        parameters=62_365_122,
        source="a blog that reads the paper, its Sequential listing",
        differences="its RGB class listing is this network with 3 channels once three mistakes are mended",
    ),
    Network(
        name="alexnet-paper",
        title="AlexNet as written in 2012: two towers, ReLU then LRN",
        builder="alexlab.networks.alexnet_2012:alexnet_paper",
        input=(3, 224, 224),
        classes=1000,
        parameters=60_965_224,
        source="Krizhevsky, Sutskever, Hinton, NIPS 2012",
        differences="none in the network; its 224 gives 55 positions by the ceiling of the 2012 code",
        initialisation="alexnet-paper",
        first_weights=AS_WRITTEN,
        fit="crop",
        pixels="0 to 255, minus the mean image",
    ),
    Network(
        name="alexnet-2012",
        title="AlexNet as it ran in 2012: two towers, LRN, pool, then ReLU in conv1",
        builder="alexlab.networks.alexnet_2012:alexnet_2012",
        input=(3, 224, 224),
        classes=1000,
        parameters=60_965_224,
        source="computerhistory/AlexNet-Source-Code, network definition 145; kernels of cuda-convnet (2011)",
        initialisation="alexnet-2012",
        first_weights=AS_IT_RAN,
        fit="crop",
        pixels="0 to 255, minus the mean image",
    ),
    Network(
        name="alexnet-caffe",
        title="Caffe's AlexNet: 227, one tower with two groups, LRN over all maps",
        builder="alexlab.networks.alexnet:alexnet_caffe",
        input=(3, 227, 227),
        classes=1000,
        parameters=60_965_224,
        source="BVLC/caffe, models/bvlc_alexnet",
        differences="reads RGB: a converted conv1 has its BGR filters turned round",
        initialisation="alexnet-caffe",
        first_weights=CAFFES,
        fit="crop",
        pixels="0 to 255, minus the mean image",
    ),
    Network(
        name="alexnet-torchvision",
        title="torchvision's AlexNet (2014 variant, one tower, 64-192-384-256-256)",
        builder="alexlab.networks.alexnet:AlexNetTorchvision",
        input=(3, 224, 224),
        classes=1000,
        parameters=61_100_840,
        source="torchvision.models.alexnet, after One weird trick (Krizhevsky 2014)",
        fit="crop",
        pixels="0 to 1, normalised by channel",
    ),
    Network(
        name="alexnet-keras",
        title="Keras tutorial's AlexNet: zeros left and top, LRN before ReLU",
        builder="alexlab.networks.alexnet:alexnet_keras",
        input=(3, 224, 224),
        classes=1000,
        parameters=62_378_344,
        source="a blog that explains AlexNet at length, its Keras listing",
        differences="the listing breaks off in conv3; the rest follows the paper, in one tower",
        initialisation="normal",
    ),
    Network(
        name="alexnet8",
        title="AlexNet8 for CIFAR-10: 3x3 filters, batch normalisation",
        builder="alexlab.networks.alexnet:alexnet8",
        input=(3, 32, 32),
        classes=10,
        parameters=9_638_474,
        source="a blog with Keras, AlexNet8",
        differences="logits instead of softmax; running variance with Bessel's correction",
        initialisation="keras",
    ),
)


def find(name: str) -> Network:
    """Return the catalogue's entry for `name`. Raises UserError with the nearest name where there is none."""
    for network in NETWORKS:
        if network.name == name:
            return network
    raise unknown("network", name, (network.name for network in NETWORKS), "alexlab networks")
