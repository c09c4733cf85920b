"""What iterating over a value gives, and taking it apart."""

import ast
from collections.abc import Sequence
from typing import Any

from alexlab.check.datasets import sample_of
from alexlab.check.graph import Batch
from alexlab.check.reading.limits import LARGEST_VALUE
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.values import (
    UNKNOWN,
    Batches,
    Made,
    Object,
    Parameter,
    Parameters,
    Value,
    is_network,
    layers,
)


def elements(value: Value) -> list[Value] | None:
    """Return what iterating over `value` gives, where that is known and short."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, list):
        return None if UNKNOWN in value and len(value) == 1 else list(value)
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, range):
        return list(value) if len(value) <= LARGEST_VALUE else None
    if isinstance(value, Made) and value.name in (
        "torch.nn.Sequential",
        "torch.nn.ModuleList",
    ):
        return list(value.children.values())
    if isinstance(value, Made) and value.name == "torch.nn.ModuleDict":
        return list(value.children)
    if isinstance(value, Parameters):
        weighted = [(path, layer) for path, layer in layers(value.network) if layer.name.startswith("torch.nn.")]
        found = [(f"{path}.{n}", Parameter(layer, n)) for path, layer in weighted for n in ("weight", "bias")]
        return [pair if value.named else pair[1] for pair in found]
    if isinstance(value, Object) and value.cls.derives_from("torch.nn.Sequential", "torch.nn.ModuleList"):
        return [layer for layer in value.attributes.values() if is_network(layer)]
    return None


def sample(reader: Reader, over: Value, at: ast.AST) -> Value:
    """One element of what cannot be listed: a batch of a loader, or UNKNOWN."""
    if isinstance(over, Batches):
        inner = sample(reader, over.source, at)
        return (UNKNOWN, inner) if over.form == "enumerate" else inner
    if isinstance(over, Made):
        known = sample_of(over)
        if known is not None:
            batched, shape, classes = known
            first: tuple[Any, ...] = (Batch(),) if batched else ()
            images = reader.node("input", [], at, {"source": over})
            images.node.shape = (
                (*first, *shape) if shape is not None else ((*first, None, None, None) if batched else None)
            )
            labels = reader.node("labels", [], at, {"classes": classes, "source": over})
            labels.node.shape = first
            return images, labels
    return UNKNOWN


def unpacked(value: Value, targets: Sequence[ast.expr]) -> list[Value]:
    """Return the parts of `value` for so many targets, one of which may be starred."""
    parts = elements(value)
    starred = next((index for index, each in enumerate(targets) if isinstance(each, ast.Starred)), None)
    if parts is None:
        return [[UNKNOWN] if index == starred else UNKNOWN for index in range(len(targets))]
    if starred is not None and len(parts) >= len(targets) - 1:
        after = len(targets) - 1 - starred
        middle = parts[starred : len(parts) - after]
        return [*parts[:starred], list(middle), *(parts[len(parts) - after :] if after else [])]
    return parts if len(parts) == len(targets) else [UNKNOWN] * len(targets)
