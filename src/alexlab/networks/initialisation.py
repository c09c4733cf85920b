"""How the weights start. Each function sets the weights of a network in place, from PyTorch's global random state.

A network's own initialisation is named in the catalogue, where those that set layers by name stand; a recipe may name another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from alexlab.errors import UserError
from alexlab.networks.catalogue import NETWORKS, FirstWeights
from alexlab.networks.lenet_1998 import PartialConv2d, Subsampling


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
    """Start as PyTorch's layers do: weights and biases uniform within 1 / sqrt(fan_in)."""
    for layer in _layers(network):
        layer.reset_parameters()


def xavier(network: nn.Module) -> None:
    """Start as Dive into Deep Learning does: Xavier-uniform weights (Glorot and Bengio 2010), PyTorch's biases."""
    for layer in _layers(network):
        nn.init.xavier_uniform_(layer.weight)


def he(network: nn.Module) -> None:
    """Draw normal weights with variance 2 / fan_in, biases 0 (He et al. 2015, equation 10): made for ReLU."""
    for layer in _layers(network):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def keras(network: nn.Module) -> None:
    """Start as Keras' layers do: Glorot-uniform weights, biases 0."""
    for layer in _layers(network):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def normal(network: nn.Module) -> None:
    """Draw normal weights with standard deviation 0.01; biases are 0."""
    for layer in _layers(network):
        nn.init.normal_(layer.weight, std=0.01)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def fan_in(network: nn.Module) -> None:
    """Start as LeCun et al. 1998, section II: weights and biases uniform within 2.4 / fan-in, the fan-in being each unit's own."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            end = 2.4 / layer.weight[0].numel()
            for parameter in layer.parameters(recurse=False):
                nn.init.uniform_(parameter, -end, end)
        elif isinstance(layer, Subsampling):
            for parameter in layer.parameters(recurse=False):
                nn.init.uniform_(parameter, -2.4 / 4, 2.4 / 4)
        elif isinstance(layer, PartialConv2d):
            layer.draw(2.4 / layer.fan_in())


def _by_layer(network: nn.Module, first: FirstWeights) -> None:
    """Set weights and biases by each layer's own name.

    Raises:
        UserError: the network's layers have other names.
    """
    start = {name: (deviation, bias) for name, deviation, bias in first.layers}
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


@dataclass(frozen=True)
class Initialisation:
    """A way to start weights: `set` sets a network's in place, `words` says it in a cell of a table."""

    words: str
    set: Callable[[nn.Module], None]


INITIALISATIONS: dict[str, Initialisation] = {
    "pytorch": Initialisation("uniform within 1 / sqrt(fan-in)", pytorch),
    "xavier": Initialisation("Xavier", xavier),
    "he": Initialisation("He", he),
    "keras": Initialisation("Glorot, biases 0", keras),
    "fan-in": Initialisation("uniform within 2.4 / fan-in", fan_in),
    "normal": Initialisation("N(0, 0.01), biases 0", normal),
    **{
        entry.name: Initialisation(entry.first_weights.words, partial(_by_layer, first=entry.first_weights))
        for entry in NETWORKS
        if entry.first_weights
    },
}
