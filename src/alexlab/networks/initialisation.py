"""How the weights start. Each function sets the weights of a network in place, from PyTorch's global random state.

A network's own initialisation is named in the catalogue; a recipe may name another.
"""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from alexlab.errors import UserError


class Uninitialised(TorchFunctionMode):
    """Within it, layers keep whatever is in their memory: for networks whose weights are to be read from a file."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


Layers = nn.Conv2d | nn.Linear


def _layers(network: nn.Module) -> list[Layers]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def pytorch(network: nn.Module) -> None:
    """As PyTorch's layers start: weights and biases uniform within 1 / sqrt(fan_in)."""
    for layer in _layers(network):
        layer.reset_parameters()


def xavier(network: nn.Module) -> None:
    """As Dive into Deep Learning trains: Xavier-uniform weights (Glorot and Bengio 2010), PyTorch's biases."""
    for layer in _layers(network):
        nn.init.xavier_uniform_(layer.weight)


def he(network: nn.Module) -> None:
    """Normal weights with variance 2 / fan_in, biases 0 (He et al. 2015, equation 10): made for ReLU."""
    for layer in _layers(network):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def keras(network: nn.Module) -> None:
    """As Keras' layers start: Glorot-uniform weights, biases 0."""
    for layer in _layers(network):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def normal(network: nn.Module) -> None:
    """Normal weights with standard deviation 0.01, biases 0."""
    for layer in _layers(network):
        nn.init.normal_(layer.weight, std=0.01)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def alexnet_paper(network: nn.Module) -> None:
    """As written: all weights N(0, 0.01); biases 1 in conv2, conv4, conv5 and the hidden layers, else 0.

    Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 5.
    """
    _by_name(
        network,
        conv1=(0.01, 0), conv2=(0.01, 1), conv3=(0.01, 0), conv4=(0.01, 1), conv5=(0.01, 1),
        fc6=(0.01, 1), fc7=(0.01, 1), fc8=(0.01, 0),
    )  # fmt: skip


def alexnet_2012(network: nn.Module) -> None:
    """As it ran: like alexnet_paper, but with standard deviation 0.03 in conv3, conv4 and conv5.

    Source: computerhistory/AlexNet-Source-Code, network definition 145.
    """
    _by_name(
        network,
        conv1=(0.01, 0), conv2=(0.01, 1), conv3=(0.03, 0), conv4=(0.03, 1), conv5=(0.03, 1),
        fc6=(0.01, 1), fc7=(0.01, 1), fc8=(0.01, 0),
    )  # fmt: skip


def alexnet_caffe(network: nn.Module) -> None:
    """As Caffe starts its AlexNet: like alexnet_paper, but biases 0.1 for 1, and 0.005 in fc6 and fc7.

    Source: BVLC/caffe, models/bvlc_alexnet/train_val.prototxt.
    """
    _by_name(
        network,
        conv1=(0.01, 0), conv2=(0.01, 0.1), conv3=(0.01, 0), conv4=(0.01, 0.1), conv5=(0.01, 0.1),
        fc6=(0.005, 0.1), fc7=(0.005, 0.1), fc8=(0.01, 0),
    )  # fmt: skip


def _by_name(network: nn.Module, **start: tuple[float, float]) -> None:
    """Normal weights and constant biases by the layer's own name: (standard deviation, bias) of each.

    Raises:
        UserError: the network's layers have other names.
    """
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)}
    own_names = {name: name.rpartition(".")[2] for name in layers}
    if set(own_names.values()) != set(start):
        raise UserError(
            f"this initialisation sets the layers {', '.join(start)}; the network has {', '.join(layers) or 'none'}. "
            "Choose 'network' or an initialisation without layer names."
        )
    for name, layer in layers.items():
        deviation, bias = start[own_names[name]]
        nn.init.normal_(layer.weight, std=deviation)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, bias)


INITIALISATIONS: dict[str, Callable[[nn.Module], None]] = {
    "pytorch": pytorch,
    "xavier": xavier,
    "he": he,
    "keras": keras,
    "normal": normal,
    "alexnet-paper": alexnet_paper,
    "alexnet-2012": alexnet_2012,
    "alexnet-caffe": alexnet_caffe,
}
