"""Operations on tensors: each adds a node to the graph."""

import ast
import difflib
from typing import Any

from alexlab.check.graph import Batch, End, Node, ancestors
from alexlab.check.reading.names import NAMES
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.shapes import shape_of
from alexlab.check.reading.signatures import LOSSES, WEIGHTED
from alexlab.check.reading.values import UNKNOWN, Bound, External, Made, Measure, Tensor, Value
from alexlab.passes.functions import operation, parameters

_NUMBERS = frozenset(["item", "tolist", "__len__", "dim", "ndim", "nelement", "numel", "ndimension", "is_contiguous"])
_NO_GRADIENT = frozenset(
    [
        "detach",
        "data",
        "argmax",
        "argmin",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "long",
        "int",
        "bool",
        "sign",
        "round",
        "floor",
        "ceil",
        "sort_indices",
        "one_hot",
    ]
)
FUNCTIONAL_CONV = "functional_conv"
"""A convolution of a weight that is no layer's: of its settings nothing is known by their layer's names."""
_OF_SIZES = frozenset(["view", "reshape", "permute", "expand", "repeat"])


def node_of(
    reader: Reader,
    op: str,
    inputs: list[Value],
    attributes: dict[str, Any],
    at: ast.AST,
    owner: Made | None = None,
    training: bool | None = None,
) -> Tensor:
    """Make a new tensor, with shape and gradient; what is no tensor among `inputs` becomes one of unknown origin."""
    sources = [each if isinstance(each, Tensor) else reader.node("unknown", [], at) for each in inputs]
    made = reader.node(op, sources, at, attributes, owner=owner, training=training)
    made.node.shape = shape_of(op, tuple(each.node.shape for each in sources), attributes)
    trained = op in WEIGHTED or op in ("batch_norm", "model", FUNCTIONAL_CONV)
    held = any(each.node.grad for each in sources) or trained
    made.node.grad = held and reader.grad is not False and op not in _NO_GRADIENT
    return made


def named(op: str, names: tuple[str, ...], arguments: list[Value], keywords: dict[str, Value]) -> dict[str, Value]:
    """Return the arguments by name."""
    if op in _OF_SIZES:
        sizes = keywords.get("shape", keywords.get("dims"))
        if sizes is None:
            sizes = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], tuple | list) else tuple(arguments)
        return {"sizes": sizes}
    given = dict(zip(names, arguments, strict=False))
    given.update({{"axis": "dim"}.get(name, name): value for name, value in keywords.items()})
    return given


def function(
    reader: Reader, name: str, tensor: Value, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """`torch.name(tensor, ...)`, `F.name(tensor, ...)` or `tensor.name(...)`."""
    name = name.rstrip("_") if not name.startswith("_") else name
    op = FUNCTIONAL_CONV if operation(name) == "conv" else operation(name)
    if name in ("requires_grad", "retain_grad", "register_hook", "share_memory"):
        return tensor
    given = named(op, parameters(name), arguments, keywords)
    if op in ("view", "reshape") and isinstance(given.get("sizes"), Tensor):
        given = {}
    if op in LOSSES or op == "mse_loss":
        return loss(reader, op, tensor, given, at)
    inputs: list[Value] = [tensor]
    if op in ("cat", "stack"):
        inputs = list(tensor) if isinstance(tensor, list | tuple) else [tensor]
    else:
        inputs += [value for value in [*arguments, *keywords.values()] if isinstance(value, Tensor)]
    attributes = {key: value for key, value in given.items() if not isinstance(value, Tensor)}
    if op == "dropout":
        attributes.setdefault("training", True)
        attributes["explicit"] = "training" in given
        attributes["literal"] = isinstance(at, ast.Call) and any(
            isinstance(part, ast.Constant) and part.value is True
            for part in [*at.args[2:3], *(k.value for k in at.keywords if k.arg == "training")]
        )
    made = node_of(reader, op, inputs, attributes, at)
    if op in ("max", "min", "topk", "sort", "mode", "median", "kthvalue") and (
        "dim" in given or op in ("topk", "sort")
    ):
        indices = node_of(reader, "argmax" if op != "min" else "argmin", [tensor], attributes, at)
        return made, indices
    if op in ("chunk", "split", "unbind"):
        return UNKNOWN
    return made


def loss(reader: Reader, op: str, answer: Value, given: dict[str, Value], at: ast.AST) -> Tensor:
    """Return the loss of an answer and a target, and make it an end of the graph."""
    target = given.get("target")
    sources = [answer if isinstance(answer, Tensor) else reader.node("unknown", [], at)]
    attributes = {key: value for key, value in given.items() if not isinstance(value, Tensor)}
    inputs: list[Value] = [*sources, *([target] if isinstance(target, Tensor) else [])]
    made = node_of(reader, op, inputs, attributes, at)
    if op in LOSSES:
        classes = [_classes_of(target.node)] if isinstance(target, Tensor) else []
        network = next((node.network for node in ancestors(sources[0].node) if node.network is not None), None)
        known = classes[0] if len(classes) == 1 else None
        node = sources[0].node
        for each in node.inputs if node.attributes.get("candidates") else [node]:
            reader.program.graph.ends.append(End(op, each, reader.place(at), known, each.network or network, made.node))
    reader.event("loss", op, at, node=made.node)
    return made


_SAME_LABELS = frozenset(
    [
        "to",
        "long",
        "int",
        "type",
        "cuda",
        "cpu",
        "view",
        "reshape",
        "flatten",
        "squeeze",
        "unsqueeze",
        "clone",
        "detach",
        "contiguous",
        "getitem",
    ]
)
"""What leaves labels the labels they are, or some of them."""


def _classes_of(node: Node) -> int | None:
    """How many classes the target of a loss has; None where it is not known, as where labels are made into others."""
    while node.op in _SAME_LABELS and node.inputs:
        node = node.inputs[0]
    found = node.attributes.get("classes") if node.op == "labels" else None
    return found if isinstance(found, int) else None


def combined(reader: Reader, op: str, values: list[Value], at: ast.AST) -> Tensor:
    """Return what an arithmetic operation makes of values of which one is a tensor."""
    by = next((value for value in values if isinstance(value, int | float)), None)
    given = {} if by is None else {"by": by}
    return node_of(reader, op, [value for value in values if isinstance(value, Tensor)], given, at)


def indexed(reader: Reader, tensor: Tensor, key: Value, at: ast.AST) -> Tensor:
    """Return `tensor[key]`."""
    made = node_of(reader, "getitem", [tensor], {"key": key}, at)
    if isinstance(key, int) and tensor.node.shape:
        made.node.shape = tensor.node.shape[1:]
    return made


def attribute(reader: Reader, tensor: Tensor, name: str, at: ast.AST) -> Value:
    """Return `tensor.name`."""
    shape = tensor.node.shape
    if name == "shape":
        if shape is None:
            return Made("torch.Size", {"tensor": tensor}, reader.place(at), {"0": Batch()})
        return tuple(UNKNOWN if size is None else size for size in shape)
    if name == "data":
        return node_of(reader, "detach", [tensor], {}, at)
    if name in ("T", "mT"):
        return node_of(reader, "t", [tensor], {}, at)
    if name in ("device", "dtype", "grad", "ndim", "grad_fn", "is_cuda"):
        return len(shape) if name == "ndim" and shape is not None else UNKNOWN
    return Bound(tensor, name)


def device_of(name: str, arguments: list[Value], keywords: dict[str, Value]) -> str | None:
    """Return where `x.to(...)`, `x.cuda()` and `x.cpu()` take a tensor or a network: "cpu", "other"; None where nowhere."""
    if name == "cpu":
        return "cpu"
    given = keywords.get("device", arguments[0] if arguments else None)
    if isinstance(given, Made) and given.name == "torch.device":
        given = given.arguments["type"]
    if given is None:
        return "other" if name == "cuda" else None
    if isinstance(given, str):
        return "cpu" if given == "cpu" else "other"
    if isinstance(given, External | Tensor):  # torch.float32; the device of another
        return "other" if isinstance(given, Tensor) or ".cuda." in given.name else None
    return "other"


def method(
    reader: Reader, tensor: Tensor, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """`tensor.name(...)`."""
    if name == "backward":
        reader.event("backward", tensor, at, node=tensor.node)
        return None
    if name == "size":
        shape = tensor.node.shape
        index = arguments[0] if arguments else keywords.get("dim")
        if index is None:
            return attribute(reader, tensor, "shape", at)
        if shape is None:
            return Batch() if index == 0 else UNKNOWN
        if isinstance(index, int) and -len(shape) <= index < len(shape):
            return UNKNOWN if shape[index] is None else shape[index]
        return UNKNOWN
    if name in _NUMBERS:
        if name in ("dim", "ndimension") and tensor.node.shape is not None:
            return len(tensor.node.shape)
        return Measure(tensor.node) if name == "item" else UNKNOWN
    if name == "numpy":
        return node_of(reader, "detach", [tensor], {}, at)
    if name in ("to", "cuda", "cpu", "type"):
        tensor.node.attributes["device"] = device_of(name, arguments, keywords) or tensor.node.attributes.get("device")
    if name in ("to", "cuda", "cpu", "contiguous") or name in ("requires_grad_", "retain_grad", "register_hook"):
        return tensor
    near = misspelt(name)
    if near:
        reader.event("call", "torch.Tensor", at, detail=(name, near))
    return function(reader, name, tensor, arguments, keywords, at)


def misspelt(name: str) -> str:
    """Return the method of a tensor that is meant by one that it does not have; "" where none is near."""
    if name in NAMES["torch.Tensor"] or name.startswith("_"):
        return ""
    return next(iter(difflib.get_close_matches(name, NAMES["torch.Tensor"], 1, 0.9)), "")
