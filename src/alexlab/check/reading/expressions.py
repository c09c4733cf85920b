"""What an expression of a script is worth, as far as it can be known."""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from alexlab.check.reading import access, calls, tensors
from alexlab.check.reading.arithmetic import COMPARISONS, operated
from alexlab.check.reading.following import followed
from alexlab.check.reading.iteration import elements, sample
from alexlab.check.reading.limits import LONGEST_LOOP
from alexlab.check.reading.reader import Flow, Reader
from alexlab.check.reading.signatures import LAYERS
from alexlab.check.reading.values import (
    UNKNOWN,
    External,
    Function,
    Made,
    Scope,
    Tensor,
    Value,
    truth,
)


def evaluate(reader: Reader, expression: ast.expr) -> Value:
    """Return the value of `expression`, and follow what evaluating it does."""
    rule = _RULES.get(type(expression))
    if rule is None:
        return UNKNOWN
    value = followed(reader, rule, expression, UNKNOWN)
    return value if isinstance(expression, ast.Name | ast.Attribute) else reader.bounded(value)


def gradients_within(context: Value, grad: bool | None) -> bool | None:
    """Whether gradients are recorded inside `with context:`."""
    name = context.name if isinstance(context, Made | External) else ""
    if name in ("torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad"):
        given = context.arguments.get("0") if isinstance(context, Made) else None
        return given is False
    if name == "torch.enable_grad":
        return True
    if name in ("torch.set_grad_enabled", "torch.autograd.set_grad_enabled"):
        wanted = truth(context.arguments.get("0", UNKNOWN))
        return wanted
    return grad


def function_of(reader: Reader, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Function:
    """Return the function that `node` defines, with its defaults as they are here."""
    defaults = [evaluate(reader, each) for each in node.args.defaults]
    keyword_defaults = [evaluate(reader, each) if each is not None else UNKNOWN for each in node.args.kw_defaults]
    return Function(node, reader.scope, defaults, keyword_defaults)


def decorated(reader: Reader, function: Function, decorator: Value) -> Function:
    """Note what a decorator of a library makes of a function."""
    name = decorator.name if isinstance(decorator, External | Made) else ""
    if name in ("torch.no_grad", "torch.inference_mode"):
        function.no_grad = True
    elif name in ("staticmethod", "classmethod", "property"):
        function.kind = name
    elif name == "functools.cached_property":
        function.kind = "property"
    return function


def _name(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Name)
    scope = reader.scope.find(expression.id)
    if scope is not None:
        return scope.names[expression.id]
    module: Scope | None = reader.scope
    while module is not None:
        for star in module.stars:
            if star == "torch.nn" and expression.id in LAYERS | {
                "Module": 0,
                "Sequential": 0,
                "ModuleList": 0,
                "init": 0,
            }:
                return External(f"torch.nn.{expression.id}")
            if star.startswith("fastai.") and expression.id.endswith(("earner", "Loaders", "DataBlock")):
                return External(f"{star}.{expression.id}")
            if star in ("torch.nn.functional", "torch"):
                return External(f"{star}.{expression.id}")
        module = module.outer
    return External(expression.id) if expression.id in calls.BUILTINS else UNKNOWN


def _constant(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Constant)
    value = expression.value
    return value if isinstance(value, int | float | str | bool) or value is None else UNKNOWN


def _tuple(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Tuple)
    return tuple(_spread(reader, expression.elts))


def _list(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.List)
    values = reader.keep(_spread(reader, expression.elts))
    reader.births[id(values)] = tuple(reader.rounds)
    return values


def _spread(reader: Reader, parts: Sequence[ast.expr]) -> list[Value]:
    values: list[Value] = []
    for part in parts:
        if isinstance(part, ast.Starred):
            inner = elements(evaluate(reader, part.value))
            reader.account(len(inner or []))
            values += [UNKNOWN] if inner is None else inner
        else:
            values.append(evaluate(reader, part))
    return values


def _dict(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Dict)
    made: dict[Any, Value] = {}
    for key, value in zip(expression.keys, expression.values, strict=True):
        inner = evaluate(reader, value)
        if key is None:
            if isinstance(inner, dict):
                made.update(inner)
            continue
        name = evaluate(reader, key)
        if isinstance(name, str | int | bool | tuple):
            try:
                made[name] = inner
            except TypeError:
                continue
    return reader.keep(made)


def _call(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Call)
    reader.step()
    function = evaluate(reader, expression.func)
    arguments = _spread(reader, expression.args)
    keywords: dict[str, Value] = {}
    for keyword in expression.keywords:
        value = evaluate(reader, keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
        elif isinstance(value, dict):
            keywords.update({str(key): each for key, each in value.items()})
        else:
            keywords["**"] = UNKNOWN
    return calls.call(reader, function, arguments, keywords, expression)


def _binary(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.BinOp)
    left, right = evaluate(reader, expression.left), evaluate(reader, expression.right)
    return operated(reader, expression.op, left, right, expression)


def _unary(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.UnaryOp)
    value = evaluate(reader, expression.operand)
    if isinstance(expression.op, ast.Not):
        known = truth(value)
        return UNKNOWN if known is None else not known
    if isinstance(value, Tensor):
        return tensors.combined(reader, "neg", [value], expression)
    if isinstance(expression.op, ast.USub) and isinstance(value, int | float):
        return -value
    return value if isinstance(expression.op, ast.UAdd) else UNKNOWN


def _boolean(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.BoolOp)
    stop = isinstance(expression.op, ast.Or)
    value: Value = UNKNOWN
    unknown = False
    for part in expression.values:
        value = evaluate(reader, part)
        known = truth(value)
        if known is stop and not (unknown and not isinstance(value, bool)):
            return value
        unknown = unknown or known is None
    return UNKNOWN if unknown else value


def _compare(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Compare)
    values = [evaluate(reader, each) for each in (expression.left, *expression.comparators)]
    if len(values) != 2:
        return UNKNOWN
    left, right = values
    op = type(expression.ops[0])
    if op in (ast.Is, ast.IsNot):
        if left is UNKNOWN or right is UNKNOWN or not (left is None or right is None):
            return UNKNOWN
        return (left is right) is (op is ast.Is)
    if op in (ast.In, ast.NotIn):
        if isinstance(right, list | tuple | dict | str) and isinstance(left, str | int):
            if isinstance(right, str) and not isinstance(left, str):
                return UNKNOWN
            if not isinstance(right, str) and any(not isinstance(each, str | int) for each in right):
                return UNKNOWN
            return (left in right) is (op is ast.In)
        return UNKNOWN
    name, compute = COMPARISONS[op]
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        return tensors.combined(reader, name, [left, right], expression)
    if (isinstance(left, int | float | str) and isinstance(right, int | float | str)) or None in (left, right):
        if UNKNOWN in (left, right) or isinstance(left, str) is not isinstance(right, str):
            return UNKNOWN if UNKNOWN in (left, right) or None in (left, right) else op is ast.NotEq
        try:
            return compute(left, right)
        except TypeError:
            return UNKNOWN
    return UNKNOWN


def _conditional(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.IfExp)
    known = truth(evaluate(reader, expression.test))
    if known is not None:
        return evaluate(reader, expression.body if known else expression.orelse)
    values: list[Value] = []

    def of(part: ast.expr) -> Flow:
        values.append(evaluate(reader, part))
        return Flow.NEXT

    reader.branch(lambda: of(expression.body), lambda: of(expression.orelse))
    return reader.join(values)


def _comprehension(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp)
    values: list[Value] = []
    known = True
    outer = reader.scope
    reader.frames[-1].scope = Scope({}, outer, outer.file)

    def level(depth: int) -> Flow:
        nonlocal known
        if depth == len(expression.generators):
            if isinstance(expression, ast.DictComp):
                values.append((evaluate(reader, expression.key), evaluate(reader, expression.value)))
            else:
                values.append(evaluate(reader, expression.elt))
            return Flow.NEXT
        generator = expression.generators[depth]
        over = evaluate(reader, generator.iter)
        items = elements(over)
        known = known and items is not None and len(items) <= LONGEST_LOOP
        drawn = sample(reader, over, expression) if items is None else UNKNOWN

        def body() -> Flow:
            nonlocal known
            for condition in generator.ifs:
                holds = truth(evaluate(reader, condition))
                if holds is False:
                    return Flow.NEXT
                known = known and holds is True
            return level(depth + 1)

        return reader.loop(
            expression, over, items, lambda v: reader.assign(generator.target, drawn if items is None else v), body
        )

    try:
        level(0)
    finally:
        reader.frames[-1].scope = outer
    if isinstance(expression, ast.DictComp):
        return dict(v for v in values if isinstance(v[0], str | int)) if known else UNKNOWN
    return reader.keep(values if known else [UNKNOWN])


def _lambda(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Lambda)
    return function_of(reader, expression)


def _walrus(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.NamedExpr)
    value = evaluate(reader, expression.value)
    reader.write(reader.scope.names, expression.target.id, value)
    return value


def _text(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.JoinedStr)
    for part in expression.values:
        if isinstance(part, ast.FormattedValue):
            evaluate(reader, part.value)
    return UNKNOWN


def _awaited(reader: Reader, expression: ast.expr) -> Value:
    assert isinstance(expression, ast.Await | ast.Yield | ast.YieldFrom | ast.Starred)
    if expression.value is not None:
        evaluate(reader, expression.value)
    return UNKNOWN


_RULES: dict[type[ast.expr], Callable[[Reader, ast.expr], Value]] = {
    ast.Name: _name,
    ast.Attribute: access.dotted,
    ast.Constant: _constant,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Dict: _dict,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.Subscript: access.subscript,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _walrus,
    ast.JoinedStr: _text,
    ast.Await: _awaited,
    ast.Yield: _awaited,
    ast.YieldFrom: _awaited,
}
