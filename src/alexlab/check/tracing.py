"""The graph of a network that exists: of a pass of a copy of it, in evaluation mode, on two images of noise.

Where the network lies on the CPU it runs with its real weights, since it may look at values; elsewhere on the meta device.
Nothing of the original is changed in either case.
"""

from typing import Any

import torch
from torch import nn

from alexlab.check.finding import Place
from alexlab.check.graph import End, Graph, Node, Uncalled, Values
from alexlab.check.reading.signatures import WEIGHTED
from alexlab.networks.lazy import has_lazy
from alexlab.passes.copying import copied, without_hooks
from alexlab.passes.functions import operation
from alexlab.passes.trace import Op, Trace, Value, values
from alexlab.passes.watching import Tracer
from alexlab.shape import Shape

IMAGES = 2
"""How many images the network is given: enough to tell the batch from an image."""

_VIEWS = frozenset({"view", "reshape"})
_COMMONEST = (32, 224, 227, 64, 96, 299, 28, 256, 128, 384)


def trace(network: nn.Module, input: Shape, loss: str | None = None) -> Graph:
    """Return the graph of `network` on images of shape `input` (channels, height, width), without changing the network.

    Args:
        loss: "cross_entropy" or another name of `End.loss`, where it is known what the network is trained with.

    Returns:
        The graph; with `failure` where the network cannot take these images.
    """
    data = all(weight.device.type == "cpu" for weight in (*network.parameters(), *network.buffers()))
    with torch.random.fork_rng(devices=[]):
        try:
            made = without_hooks(copied(network, "shared" if data else "none"))
        except Exception as error:
            return Graph(reason=f"the network cannot be copied: {type(error).__name__}: {error}")
        images = noise(input, network) if data else torch.empty(IMAGES, *input, device="meta")
        return graph_of(made, Tracer(made, counting=False, look=_seen).run((images,), training=False), loss)


def noise(input: Shape, network: nn.Module) -> torch.Tensor:
    """Return the two images of noise, of shape (2, C, H, W) and the type of the network's weights, always the same."""
    images = torch.randn(IMAGES, *input, dtype=torch.float32, generator=torch.Generator().manual_seed(0))
    return images.to(type_of(network))


def type_of(network: nn.Module) -> torch.dtype:
    """Return the floating type that a network computes with: that of its first weight, float32 where it has none."""
    return next((weight.dtype for weight in network.parameters() if weight.is_floating_point()), torch.float32)


def graph_of(network: nn.Module, watched: Trace, loss: str | None) -> Graph:
    """Return the graph of a pass that was watched; `loss` is what its answers are given to, where known."""
    (images,) = watched.inputs
    first = Node("input", shape=images.shape, network=network)
    graph = Graph(nodes=[first])
    nodes = {images.number: first}
    equal = {module for module in network.modules() if _has_equal_weights(module)}

    def sources(op: Op) -> tuple[Node, ...]:
        for value in op.inputs():
            if value.number not in nodes and value.number not in watched.stored:
                nodes[value.number] = Node("constant", shape=value.shape)
                graph.nodes.append(nodes[value.number])
        return tuple(nodes[value.number] for value in op.inputs() if value.number in nodes)

    def node(op: Op, made: Value | None) -> Node:
        place = Place(*op.line) if op.line else None
        attributes = _attributes(op, watched.stored, op.module in equal)
        shape = made.shape if made else None
        found = Node(operation(op.function), sources(op), attributes, shape, place, op.path, op.module, network)
        found.training = op.module.training
        found.values = made.seen if made else None
        return found

    for op in watched.ops:
        if op.function == "__setitem__":  # what is written into stays what it was, for a reader
            target = op.arguments["input"].number
            nodes.update({made.number: nodes[target] for made in op.outputs if target in nodes})
            continue
        for made in op.outputs:
            nodes[made.number] = node(op, made)
            graph.nodes.append(nodes[made.number])
    if watched.failed:
        error = watched.failed.error
        graph.reason = f"{type(error).__name__}: {error}"
        graph.failure = node(watched.failed.op, None) if watched.failed.op else None
        return graph
    graph.evaluation = graph.nodes
    graph.answer = watched.answer
    for path, module in network.named_modules():
        if module not in watched.called and not any(True for _ in module.children()):
            graph.uncalled.append(Uncalled(path, type(module).__name__))
    ends = [nodes[value.number] for value in values(watched.outputs) if value.number in nodes]
    graph.ends = [End(loss, each, each.place, network=network) for each in ends]
    return graph


def _seen(made: torch.Tensor) -> Values | None:
    if made.device.type == "meta" or made.dim() < 2 or made.shape[0] != IMAGES or not made.is_floating_point():
        return None
    return Values(bool((made == 0).all()), bool((made[0] == made[1]).all()))


def _attributes(op: Op, stored: dict[int, str], is_constant: bool) -> dict[str, Any]:
    """Return the arguments of a call that are no tensors; of a layer with weights, what their shapes say."""
    name, given = operation(op.function), op.arguments
    if name in WEIGHTED:
        weight = given.get("weight")
        found = _of_weights(name, weight, given) if isinstance(weight, Value) else {}
        if is_constant:
            found["constant"] = True
        found["unregistered"] = isinstance(weight, Value) and weight.is_parameter and weight.number not in stored
        return found
    if name in _VIEWS:
        sizes = tuple(value for key, value in given.items() if key.isdigit() and key != "0")
        return {"sizes": sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple) else sizes}
    named = {key: value for key, value in given.items() if not key.isdigit() and key not in ("input", "tensors")}
    return {key: value for key, value in named.items() if not isinstance(value, Value)}


def _of_weights(name: str, weight: Value, given: dict[str, Any]) -> dict[str, Any]:
    bias = given.get("bias") is not None
    if name == "linear" and len(weight.shape) == 2:
        return {"in_features": weight.shape[1], "out_features": weight.shape[0], "bias": bias}
    if name == "conv" and len(weight.shape) > 2:
        groups = given.get("groups", 1)
        return {
            "in_channels": weight.shape[1] * groups,
            "out_channels": weight.shape[0],
            "kernel_size": weight.shape[2:],
            "groups": groups,
            "stride": given.get("stride", 1),
            "padding": given.get("padding", 0),
            "bias": bias,
        }
    return {}


def _has_equal_weights(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() < 2 or weight.device.type == "meta" or weight.numel() < 2:
        return False
    first = weight.detach().flatten()[0]
    return bool(weight.detach()[0].flatten()[:64].eq(first).all()) and bool(weight.detach().eq(first).all())


def likely_input(network: nn.Module) -> Shape | None:
    """Return an image shape that the network takes, from its first layer and the sizes in use; None where none works."""
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)), None)
    if first is None or has_lazy(network):
        return None
    if isinstance(first, nn.Linear):
        shapes: list[Shape] = [(1, 28, 28), (3, 32, 32), (1, 32, 32), (3, 224, 224), (3, 64, 64), (1, 8, 8)]
        return next((s for s in shapes if s[0] * s[1] * s[2] == first.in_features), None)
    channels = first.in_channels
    sides = (28, 32, *(side for side in _COMMONEST if side not in (28, 32))) if channels == 1 else _COMMONEST
    for side in sides:
        if trace(network, (channels, side, side)).ends:
            return (channels, side, side)
    return None
