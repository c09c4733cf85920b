"""How the weights start. Each function sets the weights of a network in place, from PyTorch's global random state.

A network's own initialisation is named in the catalogue; a recipe may name another.
"""

from collections.abc import Callable

from torch import nn

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


INITIALISATIONS: dict[str, Callable[[nn.Module], None]] = {
    "pytorch": pytorch,
    "xavier": xavier,
    "he": he,
    "keras": keras,
    "normal": normal,
}
