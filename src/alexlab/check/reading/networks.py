"""Following the calls of networks and of layers."""

import ast

from alexlab.check.reading import library, tensors
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.signatures import LAYERS, LOSSES
from alexlab.check.reading.values import (
    DATA_PARALLEL,
    UNKNOWN,
    Function,
    Made,
    Object,
    Parameters,
    Tensor,
    Value,
    inside,
    layers,
    truth,
)


def call_network(
    reader: Reader, network: Value, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """Follow `network(images)`; record the answer where the network is the outermost."""
    if isinstance(network, Made) and _operation(network) in (*LOSSES, "mse_loss"):
        return _apply(reader, network, arguments, keywords, at)
    outermost = not reader.networks
    if outermost:
        arguments = [each if each is not UNKNOWN else reader.node("input", [], at) for each in arguments]
    reader.networks.append(network)
    training = reader.mode(network)
    try:
        answer = forward(reader, network, arguments, keywords, at)
    finally:
        reader.networks.pop()
    if outermost:
        if answer is UNKNOWN:
            reader.networks.append(network)
            try:
                answer = tensors.node_of(reader, "unknown", [a for a in arguments if isinstance(a, Tensor)], {}, at)
            finally:
                reader.networks.pop()
            answer.node.grad = reader.grad is not False
        first = _first_tensor(answer)
        if first is not None:
            reader.event("forward", network, at, node=first.node, training=training, detail=list(arguments))
    return answer


def _first_tensor(answer: Value) -> Tensor | None:
    waiting, seen = [answer], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            return value
        if isinstance(value, list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            waiting += reversed(value.values() if isinstance(value, dict) else value)
    return None


def forward(reader: Reader, network: Value, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    """Follow the forward pass of a network, of the script or of a library."""
    if isinstance(network, Object):
        forward = network.cls.find("forward")
        if isinstance(forward, Function):
            answer = reader.call(forward, [network, *arguments], keywords, at)
            if answer is None and _returns_nothing(forward.node):
                place = reader.sources[forward.scope.file].place(forward.node.lineno)
                reader.event("unanswered", network, at, detail=place)
            return answer
        if network.cls.derives_from("torch.nn.Sequential"):
            return chain(reader, [layer for _, layer in inside(network)], arguments, at)
        return UNKNOWN
    return _apply(reader, network, arguments, keywords, at)


def _returns_nothing(forward: ast.AST) -> bool:
    """Return whether a forward pass ends with what it has just computed, and without returning, raising or yielding.

    One that keeps its answer, in an attribute or a list, means it.
    """
    ends = (ast.Return, ast.Raise, ast.Yield, ast.YieldFrom)
    if any(isinstance(each, ends) and getattr(each, "value", True) is not None for each in ast.walk(forward)):
        return False
    assigned = [target for each in ast.walk(forward) if isinstance(each, ast.Assign) for target in each.targets]
    added = [each.target for each in ast.walk(forward) if isinstance(each, ast.AugAssign)]
    return bool(assigned) and all(isinstance(target, ast.Name | ast.Tuple) for target in [*assigned, *added])


def chain(reader: Reader, parts: list[Value], arguments: list[Value], at: ast.AST) -> Value:
    """Follow layers one after the other."""
    value: Value = arguments[0] if arguments else UNKNOWN
    for part in parts:
        value = reader.call(part, [value], {}, at) if part is not UNKNOWN else UNKNOWN
    return value


def _operation(layer: Made) -> str:
    short = layer.name.removeprefix("torch.nn.")
    return LAYERS[short][0] if short in LAYERS else ""


def _apply(reader: Reader, layer: Made, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    """Apply a layer of torch.nn, or a network of a library, to its input."""
    if layer.name == "torch.nn.Sequential":
        return chain(reader, list({**layer.children, **layer.attributes}.values()), arguments, at)
    if layer.name in DATA_PARALLEL:
        return reader.call(layer.children.get("module", UNKNOWN), arguments, keywords, at)
    value = arguments[0] if arguments else next(iter(keywords.values()), UNKNOWN)
    op = _operation(layer)
    if op in LOSSES or op == "mse_loss":
        given = {"input": value, "target": arguments[1] if len(arguments) > 1 else UNKNOWN, **keywords}
        given.update(layer.arguments)
        return tensors.loss(reader, op, given.pop("input"), given, at)
    if not layer.name.startswith("torch.nn."):
        return library.zoo(reader, layer, value, at)
    attributes = dict(layer.arguments)
    if op == "flatten":
        attributes.setdefault("start_dim", 1)
    if op == "unflatten":
        attributes = {}
    if op == "dropout":
        mode = reader.mode(layer)
        attributes["training"] = mode if isinstance(mode, bool) else UNKNOWN
        attributes["explicit"] = True
        attributes["literal"] = False
    if not op:
        reader.escaped(arguments, at)
        made = tensors.node_of(reader, "unknown", [value], {}, at, owner=layer)
        many = ("LSTM", "GRU", "RNN", "MultiheadAttention")
        return UNKNOWN if layer.name.removeprefix("torch.nn.") in many else made
    own = reader.mode(layer)
    return tensors.node_of(reader, op, [value], attributes, at, layer, own if isinstance(own, bool) else None)


def network_method(
    reader: Reader, network: Value, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> tuple[bool, Value]:
    """Follow a method that every nn.Module has; return whether `name` is one, and what it gives."""
    if name in ("train", "eval"):
        wanted = False if name == "eval" else truth(arguments[0] if arguments else keywords.get("mode", True))
        reader.set_mode(network, wanted)
        reader.event("mode", network, at, training=wanted)
        return True, network
    if name in ("to", "cuda", "cpu"):
        reader.event("move", network, at, detail=tensors.device_of(name, arguments, keywords))
    if name in ("to", "cuda", "cpu", "float", "half", "double", "type", "requires_grad_", "bfloat16", "share_memory"):
        return True, network
    if name in ("parameters", "named_parameters"):
        return True, Parameters(network, name == "named_parameters")
    if name == "zero_grad":
        reader.event("zero_grad", network, at)
        return True, None
    if name in ("modules", "children", "named_modules", "named_children"):
        found: list[Value] = []
        if name in ("children", "named_children"):
            pairs = list(inside(network))
        else:
            pairs = [("", network), *((path, each) for path, each in layers(network) if each is not network)]
        for path, layer in pairs:
            found.append((path, layer) if name.startswith("named") else layer)
        return True, found
    if name == "apply" and arguments:
        for _, layer in layers(network):
            reader.call(arguments[0], [layer], {}, at)
        if isinstance(network, Object):
            reader.call(arguments[0], [network], {}, at)
        return True, network
    if name == "add_module" and len(arguments) == 2 and isinstance(arguments[0], str):
        held = network.attributes if isinstance(network, Object) else network.children
        reader.write(held, arguments[0], arguments[1])
        return True, None
    if name in ("load_state_dict", "state_dict", "register_buffer", "register_parameter", "register_forward_hook"):
        if name == "load_state_dict":
            reader.event("init", network, at, name="loaded")
        if name == "register_buffer" and arguments and isinstance(network, Object) and isinstance(arguments[0], str):
            reader.write(network.attributes, arguments[0], UNKNOWN)
        return True, UNKNOWN
    if name in ("append", "extend", "insert") and isinstance(network, Made):
        added = arguments[-1:] if name != "extend" else (arguments[0] if isinstance(arguments[0], list) else [UNKNOWN])
        for layer in added:
            reader.write(network.children, str(len(network.children)), layer if name != "insert" else UNKNOWN)
        return True, network
    if name == "items" and isinstance(network, Made):
        return True, list(network.children.items())
    if name in ("values", "keys") and isinstance(network, Made):
        return True, list(network.children.values() if name == "values" else network.children)
    if name == "forward":
        return True, call_network(reader, network, arguments, keywords, at)
    return False, UNKNOWN
