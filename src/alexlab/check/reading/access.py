"""Attributes and elements of values: `x.name`, `x[key]`."""

import ast

from alexlab.check.reading import iteration, library, tensors
from alexlab.check.reading.limits import LONGEST_NAME
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.values import (
    DATA_PARALLEL,
    UNKNOWN,
    Bound,
    Class,
    External,
    Function,
    Made,
    Object,
    Parameter,
    Scope,
    Super,
    Tensor,
    Value,
    inside,
    is_network,
)


def dotted(reader: Reader, expression: ast.expr) -> Value:
    """Return what `x.name` is worth."""
    assert isinstance(expression, ast.Attribute)
    return attribute(reader, reader.evaluate(expression.value), expression.attr, expression)


def attribute(reader: Reader, receiver: Value, name: str, at: ast.AST) -> Value:
    """Return `receiver.name`."""
    if isinstance(receiver, External):
        return External(f"{receiver.name}.{name}") if len(receiver.name) + len(name) < LONGEST_NAME else UNKNOWN
    if isinstance(receiver, Scope):
        return receiver.names.get(name, UNKNOWN)
    if isinstance(receiver, Object | Made) and name == "training" and is_network(receiver):
        mode = reader.mode(receiver)
        return mode if isinstance(mode, bool) else UNKNOWN
    if isinstance(receiver, Object):
        if name in receiver.attributes:
            return receiver.attributes[name]
        found = receiver.cls.find(name)
        if isinstance(found, Function):
            if found.kind == "property":
                return reader.call(found, [receiver], {}, at)
            if found.kind == "staticmethod":
                return found
            return Bound(receiver.cls if found.kind == "classmethod" else receiver, name, found)
        if name == "_modules" and is_network(receiver):
            return dict(inside(receiver))
        if name == "module" and found is None and is_network(receiver):  # where it may be within a DataParallel
            return receiver
        return Bound(receiver, name) if found is None else found
    if isinstance(receiver, Super):
        line = list(receiver.after.line())[1:]
        for each in line:
            if isinstance(each, Class) and isinstance(each.names.get(name), Function):
                return Bound(receiver.receiver, name, each.names[name])
        return Bound(receiver, name)
    if isinstance(receiver, Class):
        found = receiver.find(name)
        if isinstance(found, Function) and found.kind == "classmethod":
            return Bound(receiver, name, found)
        return found if found is not None else External(f"{receiver.name}.{name}")
    if isinstance(receiver, Made):
        return _of_made(receiver, name)
    if isinstance(receiver, Tensor):
        return tensors.attribute(reader, receiver, name, at)
    if isinstance(receiver, Parameter) and name == "data":
        return receiver
    if name in ("__name__", "__class__") and isinstance(receiver, Object):
        return receiver.cls
    return Bound(receiver, name)


def _of_made(made: Made, name: str) -> Value:
    if name in made.attributes:
        return made.attributes[name]
    if name in made.children:
        return made.children[name]
    if name in ("weight", "bias") and made.name.startswith("torch.nn."):
        return Parameter(made, name)
    if name in made.arguments and name in (
        "in_features",
        "out_features",
        "in_channels",
        "out_channels",
        "p",
        "dataset",
    ):
        return made.arguments[name]
    if made.name in DATA_PARALLEL and name == "module":
        return made.children.get("module", UNKNOWN)
    if made.name.startswith("torchvision.models.") and name in library.HEADS:
        head = Made(f"{made.name}.{name}", {}, made.place)
        made.attributes[name] = head
        return head
    return Bound(made, name)


def subscript(reader: Reader, expression: ast.expr) -> Value:
    """Return what `x[key]` and `x[start:stop:step]` are worth."""
    assert isinstance(expression, ast.Subscript)
    receiver = reader.evaluate(expression.value)
    if isinstance(expression.slice, ast.Slice):
        bounds = [
            None if part is None else reader.evaluate(part)
            for part in (expression.slice.lower, expression.slice.upper, expression.slice.step)
        ]
        if isinstance(receiver, Tensor):
            return tensors.combined(reader, "getitem", [receiver], expression)
        whole = iteration.elements(receiver)
        if whole is not None and all(bound is None or isinstance(bound, int) for bound in bounds):
            part_ = whole[slice(*bounds)]
            if isinstance(receiver, Made):
                names = list(receiver.children)[slice(*bounds)]
                children = dict(zip(names, part_, strict=True))
                return Made(receiver.name, {}, receiver.place, children)
            return tuple(part_) if isinstance(receiver, tuple) else part_
        return UNKNOWN
    key = reader.evaluate(expression.slice)
    if isinstance(receiver, Tensor):
        return tensors.indexed(reader, receiver, key, expression)
    if isinstance(receiver, dict) and (key is UNKNOWN or isinstance(key, Bound)):  # `args.name` of what is not known
        return reader.candidates(list(receiver.values()))
    if isinstance(receiver, dict) and isinstance(key, str | int | bool):
        return receiver.get(key, UNKNOWN)
    if isinstance(receiver, Made) and isinstance(key, str | int):
        if str(key) in receiver.children:
            return receiver.children[str(key)]
        names = list(receiver.children)
        return receiver.children[names[key]] if isinstance(key, int) and -len(names) <= key < len(names) else UNKNOWN
    if isinstance(receiver, Object) and isinstance(receiver.cls.find("__getitem__"), Function):
        return reader.call(receiver.cls.find("__getitem__"), [receiver, key], {}, expression)
    whole = iteration.elements(receiver)
    if (
        whole is not None
        and isinstance(key, int)
        and -len(whole) <= key < len(whole)
        and not isinstance(receiver, dict)
    ):
        return whole[key]
    return UNKNOWN
