"""From a name to a network: the catalogue's, or the user's own `module.py:Class`."""

import importlib
import re
from numbers import Integral

import torch
from torch import nn

from alexlab.errors import UserError, unknown
from alexlab.networks.catalogue import find
from alexlab.networks.initialisation import INITIALISATIONS
from alexlab.networks.naming import is_own
from alexlab.networks.own import own_network
from alexlab.shape import Shape
from alexlab.showing import brief

TOO_LARGE = re.compile(r"memory|overflow", re.IGNORECASE)
"""In the error of PyTorch's that tells of a tensor which no memory holds, or whose size is no number of its own."""


def build(
    name: str,
    classes: int | None = None,
    input: Shape | None = None,
    initialisation: str = "network",
) -> nn.Module:
    """Build the network called `name`, a catalogue name or the user's own `module.py:Class` or `package.module:function`.

    Args:
        classes: how many classes it tells apart; by default as in its source.
        input: channels, height, width of one image; by default as in its source.
        initialisation: a name of INITIALISATIONS, or "network" for what the network's own source does.

    Returns:
        The network in training mode, float32, on the CPU (or the device of an enclosing `torch.device` context). It
        maps images (N, C, H, W) to logits (N, classes).

    Raises:
        UserError: no such network, or one that cannot take this class count or input.
    """
    if is_own(name):
        network = own_network(name, classes, input)
        own_initialisation = None
    else:
        entry = find(name)
        classes, input = entry.classes if classes is None else classes, input or entry.input
        if not (isinstance(classes, Integral) and classes >= 2):
            raise UserError(f"{name}: found {brief(classes)} classes; a classifier needs at least 2.")
        if not (isinstance(input, tuple | list) and len(input) == 3 and all(isinstance(n, Integral) for n in input)):
            raise UserError(
                f"{name}: found the input {brief(input)}; expected channels, height, width, as (1, 28, 28)."
            )
        module, _, function = entry.builder.partition(":")
        try:
            network = getattr(importlib.import_module(module), function)(classes=classes, input=input)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        except (MemoryError, RuntimeError, TypeError) as error:
            if not TOO_LARGE.search(str(error)):
                raise
            shown = "x".join(map(str, input))
            raise UserError(
                f"{name}: with an input of {shown} and {classes:,} classes it does not fit into memory."
            ) from error
        own_initialisation = entry.initialisation
    chosen = own_initialisation if initialisation == "network" else initialisation
    if chosen is not None:
        if chosen not in INITIALISATIONS:
            raise unknown("initialisation", chosen, [*INITIALISATIONS, "network"])
        if not (chosen == "pytorch" and own_initialisation == "pytorch"):  # the layers start so already
            with torch.no_grad():
                INITIALISATIONS[chosen].set(network)
    return network
