"""The graph of a network that exists: a copy of it runs once, in evaluation mode, on two images of noise.

Every call of a PyTorch function is seen before PyTorch takes it apart (`torch.overrides.TorchFunctionMode`), so that the
graph has `softmax` and `dropout` and not their parts, whatever the network's own control flow is. Where a network needs
data to run (it looks at values), it runs with its real weights instead; nothing of the original is changed in either case.
"""

import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from alexlab.check.finding import Place
from alexlab.check.graph import End, Graph, Node, Uncalled, Values
from alexlab.check.reading.signatures import WEIGHTED
from alexlab.networks.shapes import Shape
from alexlab.passes.functions import operation, parameters

IMAGES = 2
"""How many images the network is given: enough to tell the batch from an image."""

_HERE = str(Path(__file__).parent)
_TORCH = str(Path(torch.__file__).parent)
_VIEWS = frozenset({"view", "reshape"})


def copied(network: nn.Module, data: bool, own: bool = False) -> nn.Module:
    """A copy of `network` without data (on the meta device), or one that shares its weights and copies its buffers.

    With `own` it has weights of its own too, to be trained.

    Hooks that are not PyTorch's own stay behind: they would act on the caller's objects.
    """
    memo: dict[int, Any] = {}
    for module in network.modules():
        for value in _tensors(vars(module)):
            if id(value) in memo:
                continue
            if isinstance(value, nn.Parameter):
                shared = value.detach().clone() if own else value.detach()
                content = shared if data else torch.empty_like(value, device="meta")
                memo[id(value)] = nn.Parameter(content, requires_grad=value.requires_grad)
            else:
                memo[id(value)] = value.detach().clone() if data else torch.empty_like(value, device="meta")
    made = copy.deepcopy(network, memo)
    for module in made.modules():
        for hooks in (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._backward_hooks,
            module._backward_pre_hooks,
        ):
            for key, hook in list(hooks.items()):
                if not type(hook).__module__.startswith("torch.nn.utils"):
                    del hooks[key]
    return made


def _tensors(values: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    for value in values.values():
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            yield from _tensors({str(key): each for key, each in value.items() if isinstance(each, torch.Tensor)})
        elif isinstance(value, list | tuple):
            yield from _tensors({str(key): each for key, each in enumerate(value) if isinstance(each, torch.Tensor)})


def trace(network: nn.Module, input: Shape, loss: str | None = None) -> Graph:
    """The graph of `network` on images of shape `input` (channels, height, width), without changing the network.

    Args:
        loss: "cross_entropy" or another name of `End.loss`, where it is known what the network is trained with.

    Returns:
        The graph; with `failure` where the network cannot take these images.
    """
    graph = Graph()
    data = all(weight.device.type == "cpu" for weight in (*network.parameters(), *network.buffers()))
    device = "cpu" if data else "meta"
    with torch.random.fork_rng(devices=[]):
        try:
            made = copied(network, data).eval()
        except Exception as error:
            graph.reason = f"the network cannot be copied: {type(error).__name__}: {error}"
            return graph
        images = noise(input) if data else torch.empty(IMAGES, *input, device="meta")
        if _run(made, images, device, graph):
            return graph
    graph.ends = [End(loss, end.answer, end.answer.place, network=end.network) for end in graph.ends]
    return graph


def noise(input: Shape) -> torch.Tensor:
    """The two images of noise, always the same."""
    return torch.randn(IMAGES, *input, generator=torch.Generator().manual_seed(0))


def _run(network: nn.Module, images: torch.Tensor, device: str, graph: Graph) -> bool:
    """Run the network and fill `graph`. Returns whether it failed."""
    recorder = _Recorder(graph, network)
    recorder.start(images)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(torch.device(device))
            stack.enter_context(recorder.layers())
            stack.enter_context(recorder)
            answer = network(images)
    except Exception as error:
        graph.reason = graph.reason or f"{type(error).__name__}: {error}"
        return True
    graph.evaluation = graph.nodes
    recorder.finish(answer)
    graph.answer = answer
    return False


class _Recorder(TorchFunctionMode):
    """Sees each call of a PyTorch function and adds it to the graph."""

    def __init__(self, graph: Graph, network: nn.Module) -> None:
        super().__init__()
        self.graph = graph
        self.network = network
        self.nodes: dict[int, Node] = {}
        self.alive: list[Any] = []  # a tensor that is gone could leave its identity to another
        self.weights = {id(weight) for weight in (*network.parameters(), *network.buffers())}
        self.paths = {id(module): path for path, module in network.named_modules()}
        self.stack: list[nn.Module] = [network]
        self.called: set[nn.Module] = set()
        self.constant = {id(module) for module in network.modules() if _has_equal_weights(module)}

    def start(self, images: torch.Tensor) -> None:
        self._add(Node("input", shape=tuple(images.shape), network=self.network), images)

    def finish(self, answer: Any) -> None:
        for path, module in self.network.named_modules():
            if module not in self.called and not any(True for _ in module.children()):
                self.graph.uncalled.append(Uncalled(path, type(module).__name__))
        for each in leaves(answer):
            if id(each) in self.nodes:
                self.graph.ends.append(End(None, self.nodes[id(each)], None, network=self.network))

    def _add(self, node: Node, tensor: torch.Tensor) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)
        self.graph.nodes.append(node)

    @contextmanager
    def layers(self) -> Iterator[None]:
        """Follow which layer computes."""
        handles = []
        for module in self.network.modules():
            handles.append(module.register_forward_pre_hook(self._enter))
            handles.append(module.register_forward_hook(self._leave, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        self.stack.append(module)
        self.called.add(module)

    def _leave(self, module: nn.Module, inputs: Any, answer: Any) -> None:
        if self.stack and self.stack[-1] is module:
            self.stack.pop()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        try:
            answer = func(*args, **kwargs)
        except Exception as error:
            if self.graph.failure is None:
                self.graph.failure = self._node(name, args, kwargs, None)
                self.graph.reason = f"{type(error).__name__}: {error}"
            raise
        made = [each for each in leaves(answer) if id(each) not in self.weights]
        for each in made:
            node = self._node(name, args, kwargs, tuple(each.shape))
            if each.device.type != "meta" and each.dim() > 1 and each.shape[0] == IMAGES and each.is_floating_point():
                node.values = Values(bool((each == 0).all()), bool((each[0] == each[1]).all()))
            self._add(node, each)
        return answer

    def _node(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], shape: tuple[int, ...] | None) -> Node:
        short = name.rstrip("_") if not name.startswith("__") else name
        op = operation(name)
        sources = []
        for each in leaves([*args, *kwargs.values()]):
            if id(each) in self.nodes:
                sources.append(self.nodes[id(each)])
            elif id(each) not in self.weights:
                self._add(Node("constant", shape=tuple(each.shape)), each)
                sources.append(self.nodes[id(each)])
        module = self.stack[-1]
        attributes = _attributes(op, parameters(short), args, kwargs)
        if op in WEIGHTED and id(module) in self.constant:
            attributes["constant"] = True
        if op in WEIGHTED:
            weight = kwargs.get("weight", args[1] if len(args) > 1 else None)
            attributes["unregistered"] = isinstance(weight, nn.Parameter) and id(weight) not in self.weights
        return Node(
            op,
            tuple(sources),
            attributes,
            shape,
            _place(),
            self.paths.get(id(module), ""),
            module,
            self.network,
            training=module.training,
        )


def _attributes(op: str, names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    if op in ("linear", "conv"):
        weight = kwargs.get("weight", args[1] if len(args) > 1 else None)
        sizes = tuple(weight.shape) if isinstance(weight, torch.Tensor) else ()
        if op == "linear" and len(sizes) == 2:
            bias = kwargs.get("bias", args[2] if len(args) > 2 else None)
            return {"in_features": sizes[1], "out_features": sizes[0], "bias": bias is not None}
        groups = kwargs.get("groups", args[6] if len(args) > 6 else 1)
        if op == "conv" and len(sizes) > 2:
            return {
                "in_channels": sizes[1] * groups,
                "out_channels": sizes[0],
                "kernel_size": sizes[2:],
                "groups": groups,
                "stride": kwargs.get("stride", args[3] if len(args) > 3 else 1),
                "padding": kwargs.get("padding", args[4] if len(args) > 4 else 0),
                "bias": kwargs.get("bias", args[2] if len(args) > 2 else None) is not None,
            }
        return {}
    if op in _VIEWS:
        given_sizes = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else tuple(args[1:])
        return {"sizes": tuple(given_sizes)}
    given = dict(zip(names, args[1:], strict=False))
    given.update(kwargs)
    return {key: value for key, value in given.items() if not isinstance(value, torch.Tensor)}


def _has_equal_weights(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() < 2 or weight.device.type == "meta" or weight.numel() < 2:
        return False
    first = weight.detach().flatten()[0]
    return bool(weight.detach()[0].flatten()[:64].eq(first).all()) and bool(weight.detach().eq(first).all())


def leaves(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list | tuple) else []


def _place() -> Place | None:
    """The line of the network's own code that made the call."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_HERE):
            if frame.f_code.co_name == "_run":
                return None
        elif not file.startswith(_TORCH) and not file.startswith("<"):
            return Place(file, frame.f_lineno)
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def likely_input(network: nn.Module) -> Shape | None:
    """An image shape that the network takes, from its first layer and the sizes in use; None where none of them works."""
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)), None)
    if first is None:
        return None
    if isinstance(first, nn.Linear):
        shapes: list[Shape] = [(1, 28, 28), (3, 32, 32), (1, 32, 32), (3, 224, 224), (3, 64, 64), (1, 8, 8)]
        return next((s for s in shapes if s[0] * s[1] * s[2] == first.in_features), None)
    channels = first.in_channels
    sides = (
        (28, 32, 224, 227, 64, 96, 299, 256, 128, 384)
        if channels == 1
        else (32, 224, 227, 64, 96, 299, 28, 256, 128, 384)
    )
    for side in sides:
        if trace(network, (channels, side, side)).ends:
            return (channels, side, side)
    return None
