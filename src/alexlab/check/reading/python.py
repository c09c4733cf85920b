"""What Python's own functions and containers give."""

import ast
from collections.abc import Callable
from typing import Any

from alexlab.check.graph import Batch
from alexlab.check.reading import tensors
from alexlab.check.reading.access import attribute
from alexlab.check.reading.iteration import elements, sample
from alexlab.check.reading.library import full_name
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.signatures import LAYERS, WEIGHTED
from alexlab.check.reading.values import (
    UNKNOWN,
    Batches,
    Bound,
    Class,
    External,
    Images,
    Length,
    Made,
    Measure,
    Object,
    Super,
    Tensor,
    Value,
    is_network,
)

LONGEST_ROUNDING = 300
"""Digits: `round(7, -10**9)` would be worked out with a number of so many."""


def builtin(reader: Reader, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST) -> Value:
    """Return what a built-in function gives."""
    first = arguments[0] if arguments else UNKNOWN
    if name == "super":
        scope = reader.scope
        receiver = next(iter(scope.names.values()), UNKNOWN) if len(arguments) < 2 else arguments[1]
        after = first if isinstance(first, Class) else scope.owner
        return Super(receiver, after) if after is not None else UNKNOWN
    items = elements(first)
    if name == "range":
        if arguments and all(isinstance(each, int) for each in arguments) and (len(arguments) < 3 or arguments[2] != 0):
            return range(*arguments)
        return UNKNOWN
    if name == "enumerate":
        start = arguments[1] if len(arguments) > 1 else keywords.get("start", 0)
        if items is None or not isinstance(start, int):
            return Batches(first, "enumerate")
        return [(start + index, value) for index, value in enumerate(items)]
    if name == "zip":
        columns = []
        for each in arguments:
            columns.append(elements(each))
            reader.account(len(columns[-1] or []))
        if any(column is None for column in columns):
            return UNKNOWN
        return [tuple(row) for row in zip(*(column or [] for column in columns), strict=False)]
    if name == "isinstance" and len(arguments) == 2:
        return _is_instance(first, arguments[1])
    if name == "iter":
        return first if isinstance(first, Batches) else Batches(first)
    if name == "next":
        return sample(reader, first, at)
    if name == "len":
        if isinstance(first, Tensor):
            shape = first.node.shape
            return Batch() if shape is None else (shape[0] if shape and shape[0] is not None else UNKNOWN)
        if isinstance(first, Made) and first.name == "torch.utils.data.DataLoader":
            return Length(first)
        if _is_dataset(reader, first):
            return Images(first)
        if (
            isinstance(at, ast.Call)
            and isinstance(at.args[0], ast.Attribute)
            and at.args[0].attr in ("dataset", "sampler")
        ):
            return Images()  # of a loader that is not known
        return len(items) if items is not None else UNKNOWN
    if name in ("list", "tuple", "reversed", "sorted", "set"):
        if items is None:
            return [] if not arguments and name == "list" else UNKNOWN
        if name in ("sorted", "set"):
            return UNKNOWN
        made = reader.keep(list(reversed(items)) if name == "reversed" else list(items))
        return tuple(made) if name == "tuple" else made
    if name == "dict":
        return reader.keep(dict(keywords)) if not arguments else UNKNOWN
    if name in ("int", "float", "bool", "str", "abs", "round", "max", "min", "sum"):
        return _number(reader, name, arguments, items, at)
    if name == "getattr" and len(arguments) >= 2 and isinstance(arguments[1], str):
        return attribute(reader, first, arguments[1], at)
    if name == "hasattr" and len(arguments) == 2 and isinstance(arguments[1], str):
        return _has(first, arguments[1])
    if name == "setattr" and len(arguments) == 3 and isinstance(arguments[1], str) and isinstance(first, Object):
        reader.write(first.attributes, arguments[1], arguments[2])
        return None
    if name == "map" and len(arguments) == 2 and items is not None:
        return [reader.call(first, [each], {}, at) for each in elements(arguments[1]) or []] or UNKNOWN
    return UNKNOWN


def _is_dataset(reader: Reader, value: Value) -> bool:
    """Return whether `value` is a dataset: one of a library, or what a loader loads."""
    if isinstance(value, Object) and value.cls.derives_from("torch.utils.data.Dataset"):
        return True
    if isinstance(value, Made) and value.name.startswith(("torchvision.datasets.", "alexlab.split")):
        return True
    return isinstance(value, Made | Object) and any(
        isinstance(made, Made) and made.arguments.get("dataset") is value for made in reader.program.made
    )


def _has(value: Value, name: str) -> Value:
    if isinstance(value, Object):
        return name in value.attributes or value.cls.find(name) is not None or UNKNOWN
    short = value.name.removeprefix("torch.nn.") if isinstance(value, Made) else ""
    if short in LAYERS and name in ("weight", "bias"):
        weighted = LAYERS[short][0] in (*WEIGHTED, "batch_norm", "layer_norm", "group_norm")
        return weighted and (name == "weight" or value.arguments.get("bias", True))
    return UNKNOWN


def _number(reader: Reader, name: str, arguments: list[Value], items: list[Value] | None, at: ast.AST) -> Value:
    values = items if items is not None and len(arguments) == 1 else arguments
    held = [value for value in values if isinstance(value, Tensor)]
    if held:
        if name in ("sum", "max", "min"):
            return tensors.combined(reader, "add" if name == "sum" else name, held, at)
        return Measure(held[0].node) if name == "float" and len(arguments) == 1 else UNKNOWN
    if values and all(isinstance(value, Measure | Images | Length) for value in values):
        if name == "float" and len(values) == 1:
            return values[0]
        if name == "sum" and all(isinstance(value, Measure) for value in values):
            return Measure(values[0].node, summed=True)
        return UNKNOWN
    compute: dict[str, Callable[..., Any]] = {
        "int": int, "float": float, "bool": bool, "str": str, "abs": abs, "round": round, "max": max, "min": min,
    }  # fmt: skip
    if all(isinstance(value, int | float) for value in values) and values and arguments:
        if name == "round" and len(values) == 2 and abs(values[1]) > LONGEST_ROUNDING:
            return UNKNOWN
        try:
            return sum(values) if name == "sum" else compute[name](*values)
        except (TypeError, ValueError, OverflowError):
            return UNKNOWN
    return UNKNOWN


def _is_instance(value: Value, kind: Value) -> Value:
    if isinstance(kind, tuple):
        answers = [_is_instance(value, each) for each in kind]
        return True if True in answers else (UNKNOWN if UNKNOWN in answers else False)
    if isinstance(value, Made) and isinstance(kind, External):
        wanted = full_name(kind.name)
        if wanted == "torch.nn.Module":
            return is_network(value)
        if value.name.startswith("torch.nn.") and wanted.startswith("torch.nn."):
            return True if value.name == wanted else ("_" in wanted.rsplit(".", 1)[-1] and UNKNOWN)
        return UNKNOWN
    if isinstance(value, Object):
        if isinstance(kind, Class):
            return kind in list(value.cls.line())
        if isinstance(kind, External):
            return value.cls.derives_from(full_name(kind.name)) or (
                kind.name == "torch.nn.Module" and is_network(value)
            )
    if isinstance(value, Made) and isinstance(kind, Class):
        return False
    if isinstance(value, Tensor) and isinstance(kind, External):
        return True if kind.name == "torch.Tensor" else (False if kind.name in ("tuple", "list", "dict") else UNKNOWN)
    plain: dict[str, type | tuple[type, ...]] = {
        "int": int,
        "float": float,
        "str": str,
        "list": list,
        "tuple": tuple,
        "dict": dict,
    }
    if isinstance(kind, External) and kind.name in plain and isinstance(value, int | float | str | list | tuple | dict):
        return isinstance(value, plain[kind.name])
    return UNKNOWN


def container_method(
    reader: Reader, held: Value, name: str, arguments: list[Value], keywords: dict[str, Value], at: ast.AST
) -> Value:
    """Follow a method of a list, dict, string or tuple."""
    first = arguments[0] if arguments else UNKNOWN
    if isinstance(held, list):
        if name in ("insert", "pop", "clear", "remove", "reverse", "sort"):
            reader.change_list(held)
        if name == "append":
            reader.extend_list(held, [first])
            if isinstance(first, Tensor) and first.node.grad:
                reader.event(
                    "accumulate", held, at, node=first.node, name="append", detail=reader.births.get(id(held), ())
                )
        elif name == "extend":
            reader.extend_list(held, first if isinstance(first, list | tuple) else [UNKNOWN])
        elif name == "insert" and len(arguments) == 2 and isinstance(first, int):
            held.insert(first, arguments[1])
        elif name == "pop":
            index = first if arguments else -1
            return held.pop(index) if isinstance(index, int) and -len(held) <= index < len(held) else UNKNOWN
        elif name in ("clear", "remove", "reverse", "sort"):
            held[:] = [] if name == "clear" else list(reversed(held)) if name == "reverse" else [UNKNOWN]
        return None
    if isinstance(held, dict):
        if name == "items":
            return [(key, value) for key, value in held.items()]
        if name in ("keys", "values"):
            return list(held) if name == "keys" else list(held.values())
        if name in ("get", "pop"):
            if (first is UNKNOWN or isinstance(first, Bound)) and name == "get":
                return reader.candidates(list(held.values()))
            key_known = isinstance(first, str | int)
            return held.get(first, arguments[1] if len(arguments) > 1 else None) if key_known else UNKNOWN
        if name == "update":
            for key, value in {**(first if isinstance(first, dict) else {}), **keywords}.items():
                reader.write(held, key, value)
        return UNKNOWN
    if isinstance(held, str) and name in ("lower", "upper", "strip") and not arguments:
        return getattr(held, name)()
    return UNKNOWN
