"""Following calls: functions, classes and methods of the script, and what belongs to a library."""

import ast
from typing import Any

from alexlab.check.graph import Batch
from alexlab.check.reading import access, iteration, library, networks, python, tensors
from alexlab.check.reading.limits import DEEPEST_CALL
from alexlab.check.reading.reader import Flow, Frame, Reader
from alexlab.check.reading.values import (
    UNKNOWN,
    Batches,
    Bound,
    Class,
    External,
    Function,
    Made,
    Object,
    OneOf,
    Parameter,
    Scope,
    Super,
    Tensor,
    Value,
    inside,
    is_network,
    is_whole,
)

BUILTINS = frozenset(
    [
        "len",
        "range",
        "enumerate",
        "zip",
        "int",
        "float",
        "str",
        "bool",
        "print",
        "isinstance",
        "list",
        "tuple",
        "dict",
        "set",
        "sum",
        "max",
        "min",
        "super",
        "setattr",
        "getattr",
        "hasattr",
        "sorted",
        "reversed",
        "map",
        "iter",
        "next",
        "abs",
        "round",
        "type",
        "open",
        "any",
        "all",
        "id",
        "property",
        "staticmethod",
        "classmethod",
        "object",
        "Exception",
        "input",
        "callable",
        "vars",
        "repr",
        "format",
        "hash",
        "issubclass",
        "exit",
        "quit",
    ]
)


def call(reader: Reader, function: Value, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    """Return what calling `function` gives, and follow what it does."""
    reader.in_time()
    if isinstance(function, Function):
        return call_function(reader, function, arguments, keywords, at)
    if isinstance(function, Class):
        return instance(reader, function, arguments, keywords, at)
    if isinstance(function, OneOf):
        return reader.one_of([call(reader, each, arguments, keywords, at) for each in function.values])
    if isinstance(function, Bound) and isinstance(function.receiver, OneOf):
        methods = [access.attribute(reader, each, function.name, at) for each in function.receiver.values]
        return reader.one_of([call(reader, each, arguments, keywords, at) for each in methods])
    if isinstance(function, Bound):
        return _method(reader, function, arguments, keywords, at)
    if isinstance(function, Object):
        if function.cls.is_network:
            return networks.call_network(reader, function, arguments, keywords, at)
        called = function.cls.find("__call__")
        if isinstance(called, Function):
            return call_function(reader, called, [function, *arguments], keywords, at)
    if isinstance(function, Made) and function.name == "functools.partial":
        return call(
            reader,
            function.arguments["0"],
            [*function.children.values(), *arguments],
            {**function.attributes, **keywords},
            at,
        )
    if isinstance(function, Made) and is_network(function):
        return networks.call_network(reader, function, arguments, keywords, at)
    if isinstance(function, Made) and function.name.startswith("torchvision.transforms.") and arguments:
        if isinstance(arguments[0], Made) and arguments[0].name == "cv2.imread":
            reader.event("image", arguments[0], at)
        return UNKNOWN
    if isinstance(function, External):
        if function.name in BUILTINS:
            return python.builtin(reader, function.name, arguments, keywords, at)
        return library.called(reader, function.name, arguments, keywords, at)
    reader.escaped([*arguments, *keywords.values()], at)
    return UNKNOWN


def call_function(
    reader: Reader, function: Function, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """Follow a function of the script; returns the join of what it may return."""
    reader.step()
    function.called = True
    if len(reader.frames) > DEEPEST_CALL or sum(frame.function is function for frame in reader.frames) > 2:
        reader.escaped([*arguments, *keywords.values()], at)
        return UNKNOWN
    scope = Scope(_bound(function, arguments, keywords), function.scope, function.scope.file)
    scope.owner = function.owner
    frame = Frame(scope, function)
    reader.frames.append(frame)
    grad = reader.grad
    reader.grad = False if function.no_grad else grad
    conditional = reader.conditional
    try:
        if isinstance(function.node, ast.Lambda):
            return reader.evaluate(function.node.body)
        flow = reader.follow(function.node.body)
        if _is_generator(function.node):
            return UNKNOWN
        if flow is not Flow.RETURN and frame.returns and not all(is_whole(each) for each in frame.returns):
            frame.returns.append(None)
        return reader.join(frame.returns) if frame.returns else None
    finally:
        reader.grad = grad
        reader.conditional = conditional
        reader.frames.pop()


def _is_generator(node: ast.AST) -> bool:
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(each)
    return False


def _bound(function: Function, arguments: list[Value], keywords: dict[str, Value]) -> dict[str, Value]:
    """Return the names inside a call: parameters and their values; UNKNOWN where an argument is missing."""
    given = function.node.args
    positional = [each.arg for each in (*given.posonlyargs, *given.args)]
    names: dict[str, Value] = dict.fromkeys(positional, UNKNOWN)
    names.update(zip(positional[len(positional) - len(function.defaults) :], function.defaults, strict=True))
    names.update(zip(positional, arguments, strict=False))
    for each, default in zip(given.kwonlyargs, function.keyword_defaults, strict=True):
        names[each.arg] = default
    rest = {key: value for key, value in keywords.items() if key not in names}
    names.update({key: value for key, value in keywords.items() if key in names})
    if "**" in keywords:
        names.update({name: UNKNOWN for name in positional[len(arguments) :] if name not in keywords})
    if given.vararg is not None:
        names[given.vararg.arg] = tuple(arguments[len(positional) :])
    if given.kwarg is not None:
        names[given.kwarg.arg] = rest if "**" not in rest else UNKNOWN
    return names


def instance(reader: Reader, cls: Class, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    """Make a new object of a class of the script."""
    cls.made = True
    made = reader.keep(Object(cls, {}, reader.place(at)))
    if cls.is_network:
        reader.program.networks.append(made)
    start = cls.find("__init__")
    if isinstance(start, Function):
        call_function(reader, start, [made, *arguments], keywords, at)
    elif cls.derives_from("torch.nn.Sequential", "torch.nn.ModuleList"):
        made.attributes.update({str(index): value for index, value in enumerate(arguments)})
    elif cls.is_dataclass:
        for name in cls.fields:
            made.attributes[name] = cls.names.get(name, UNKNOWN)
        made.attributes.update(zip(cls.fields, arguments, strict=False))
        made.attributes.update(keywords)
    else:
        reader.escaped([*arguments, *keywords.values()], at)
    return made


def _method(reader: Reader, bound: Bound, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    receiver, name = bound.receiver, bound.name
    if bound.function is not None:
        if is_network(receiver) and name == "forward" and not reader.networks:
            return networks.call_network(reader, receiver, arguments, keywords, at)
        return call_function(reader, bound.function, [receiver, *arguments], keywords, at)
    if isinstance(receiver, Tensor):
        return tensors.method(reader, receiver, name, arguments, keywords, at)
    if isinstance(receiver, Super):
        if name == "__init__" and isinstance(receiver.receiver, Object):
            cls = receiver.receiver.cls
            if cls.derives_from("torch.nn.Sequential", "torch.nn.ModuleList"):
                for index, layer in enumerate(arguments):
                    reader.write(receiver.receiver.attributes, str(index), layer)
            return None
        if name == "forward" and isinstance(receiver.receiver, Object):
            return networks.chain(reader, [layer for _, layer in inside(receiver.receiver)], arguments, at)
        receiver = receiver.receiver
    if is_network(receiver):
        known, value = networks.network_method(reader, receiver, name, arguments, keywords, at)
        if known:
            return value
    if isinstance(receiver, Made):
        return library.method(reader, receiver, name, arguments, keywords, at)
    if isinstance(receiver, list | dict | str | tuple):
        return python.container_method(reader, receiver, name, arguments, keywords, at)
    if isinstance(receiver, Parameter):
        return library.initialised(reader, name, [receiver, *arguments], keywords, at)
    return _unknown_method(reader, receiver, name, arguments, keywords, at)


def _unknown_method(
    reader: Reader, receiver: Value, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """Follow a method of a value that is not known: what its name says of training, and what escapes to it."""
    if name == "backward":
        loss = next((value for value in arguments if isinstance(value, Tensor)), None)
        reader.event("backward", UNKNOWN, at, node=loss.node if loss else None)
        return None
    if name == "step" and receiver is UNKNOWN:
        for argument in arguments:
            if isinstance(argument, Function):  # a closure
                call_function(reader, argument, [], {}, at)
        optimiser = next((a for a in arguments if isinstance(a, Made) and a.name.startswith("torch.optim")), UNKNOWN)
        reader.event("step", optimiser, at)
        return UNKNOWN
    if name == "zero_grad":
        reader.event("zero_grad", UNKNOWN, at)
        return None
    if name in ("train", "eval") and receiver is UNKNOWN:
        return UNKNOWN
    if isinstance(receiver, Batches):
        if name != "next":
            return UNKNOWN
        if isinstance(receiver.source, Made) and receiver.source.name == "torch.utils.data.DataLoader":
            reader.event("call", "next", at, detail=keywords)
        return iteration.sample(reader, receiver, at)
    if name == "add_argument":
        reader.event("call", "argparse.add_argument", at, detail=keywords)
    if name == "size" and arguments == [0]:
        return Batch() if receiver is UNKNOWN and reader.networks else UNKNOWN
    if receiver is UNKNOWN and reader.networks and name in ("view", "reshape", "flatten", "permute", "contiguous"):
        return tensors.function(reader, name, UNKNOWN, arguments, keywords, at)
    held: list[Any] = [*arguments, *keywords.values()]
    if name not in (
        "add_scalar",
        "log",
        "write",
        "set_postfix",
        "set_description",
        "update",
        "info",
        "debug",
        "add_graph",
    ):
        reader.escaped(held, at)
    return UNKNOWN
