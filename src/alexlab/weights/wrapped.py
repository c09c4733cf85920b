"""What other programs put around weights: dictionaries of a training's state, and names of the modules that held the network."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

Weights = dict[str, torch.Tensor]

WRAPPERS = (
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "module",
    "ema", "ema_state_dict", "model_ema", "state_dict_ema",
)  # fmt: skip
"""Under what trainers keep the weights, the trained ones before their moving average."""
DEEPEST = 3
HOLDERS = re.compile(
    r"(?<![^.])(?:module|_orig_mod)\."
)  # DataParallel and torch.compile, around the network or a part of it
ATTRIBUTES = ("model.", "net.", "network.", "backbone.")
"""What a module that trains a network, such as Lightning's, calls it."""
MOST_NAMED = 3

Noted = Callable[[str], None]


def unwrapped(found: Any) -> tuple[Weights, str] | None:
    """Return the weights in what a file holds, and under which keys they lie; None where it holds none."""
    keys: list[str] = []
    while len(keys) <= DEEPEST:
        if not isinstance(found, Mapping) or not found:
            return None
        if all(isinstance(value, torch.Tensor) for value in found.values()):
            return {str(name): tensor.detach() for name, tensor in found.items()}, ".".join(keys)
        inner = next((key for key in WRAPPERS if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            return None
        keys.append(inner)
        found = found[inner]
    return None


def plain(weights: Weights, expected: Collection[str] = ()) -> tuple[Weights, list[str]]:
    """Return the weights by the names that the network itself gives them, and what was done to those in the file.

    Args:
        expected: the names of the network's weights; what has these is left as it is.
    """
    done: list[str] = []
    held = {HOLDERS.sub("", name): tensor for name, tensor in weights.items()}
    if set(weights) != set(expected) and len(held) == len(weights) and set(held) != set(weights):
        taken = dict.fromkeys(found for name in weights for found in HOLDERS.findall(name))
        done.append(_taken_off(taken))
        weights = held
    while set(weights) != set(expected) and (prefix := _attribute(weights)):
        done.append(_taken_off([prefix]))
        if others := [name for name in weights if not name.startswith(prefix)]:
            more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
            done.append(f"left out {', '.join(others[:MOST_NAMED])}{more}")
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    return weights, done


def _attribute(weights: Weights) -> str | None:
    """Return what stands before half of the names or more: a loss with weights of its own, or an average, may be beside the network."""
    return next(
        (each for each in ATTRIBUTES if 2 * sum(name.startswith(each) for name in weights) >= len(weights) > 0), None
    )


def _taken_off(prefixes: Collection[str]) -> str:
    return f"prefix {' and '.join(map(repr, prefixes))} taken off"
