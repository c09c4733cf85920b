"""Following the statements of a script."""

import ast
from collections.abc import Callable, Sequence
from pathlib import Path

from alexlab.check.reading import arithmetic, expressions, iteration
from alexlab.check.reading.following import followed
from alexlab.check.reading.reader import Flow, Frame, Reader
from alexlab.check.reading.source import read_source
from alexlab.check.reading.values import (
    UNKNOWN,
    Class,
    External,
    Function,
    Made,
    Object,
    Scope,
    Tensor,
    Value,
    truth,
)
from alexlab.errors import UserError


def follow(reader: Reader, body: Sequence[ast.stmt]) -> Flow:
    """Follow statements until one leaves the block."""
    for statement in body:
        reader.step()
        rule = _RULES.get(type(statement))
        flow = followed(reader, rule, statement, Flow.NEXT) if rule is not None else Flow.NEXT
        if flow is not Flow.NEXT:
            return flow
    return Flow.NEXT


def assign(reader: Reader, target: ast.expr, value: Value) -> None:
    """Give `target` (a name, attribute, element or a tuple of them) its value."""
    if isinstance(target, ast.Name):
        scope = reader.scope
        if target.id in scope.outside:
            scope = (scope.outer.find(target.id) if scope.outer else None) or reader.modules.get(scope.file, scope)
        reader.write(scope.names, target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        for each, part in zip(target.elts, iteration.unpacked(value, target.elts), strict=True):
            assign(reader, each.value if isinstance(each, ast.Starred) else each, part)
    elif isinstance(target, ast.Attribute):
        receiver = expressions.evaluate(reader, target.value)
        if isinstance(receiver, Object):
            setter = receiver.cls.find(target.attr)
            if not (isinstance(setter, Function) and setter.kind == "property"):
                reader.write(receiver.attributes, target.attr, value)
        elif isinstance(receiver, Made):
            reader.write(receiver.attributes, target.attr, value)
        elif isinstance(receiver, Class):
            reader.write(receiver.names, target.attr, value)
        elif target.attr == "grad" and value is None:  # parameter.grad = None
            reader.event("zero_grad", UNKNOWN, target)
    elif isinstance(target, ast.Subscript):
        receiver = expressions.evaluate(reader, target.value)
        key = expressions.evaluate(reader, target.slice)
        if isinstance(receiver, Tensor):
            receiver.node.attributes.pop("classes", None)  # labels that are written to are others
        if isinstance(receiver, dict) and isinstance(key, str | int):
            reader.write(receiver, key, value)
        elif isinstance(receiver, list):
            reader.change_list(receiver)
            if isinstance(key, int) and -len(receiver) <= key < len(receiver):
                receiver[key] = value
            else:
                receiver[:] = [UNKNOWN]
        elif isinstance(receiver, Made) and isinstance(key, int | str):
            names = list(receiver.children)
            if isinstance(key, int) and key < 0 and names:
                key = names[key] if -key <= len(names) else key
            reader.write(receiver.children, str(key), value)


def _assign(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Assign)
    value = expressions.evaluate(reader, statement.value)
    for target in statement.targets:
        assign(reader, target, value)
    return Flow.NEXT


def _annotated(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.AnnAssign)
    if statement.value is not None:
        assign(reader, statement.target, expressions.evaluate(reader, statement.value))
    return Flow.NEXT


def _augmented(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.AugAssign)
    before = expressions.evaluate(reader, statement.target)
    value = expressions.evaluate(reader, statement.value)
    if isinstance(before, list) and isinstance(statement.op, ast.Add):
        reader.extend_list(before, value if isinstance(value, list | tuple) else [UNKNOWN])
        return Flow.NEXT
    after = arithmetic.operated(reader, statement.op, before, value, statement)
    if isinstance(after, Tensor) and after.node.grad and isinstance(statement.op, ast.Add):
        reader.event("accumulate", UNKNOWN, statement, node=after.node, name=ast.unparse(statement.target))
    assign(reader, statement.target, after)
    return Flow.NEXT


def _expression(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Expr)
    expressions.evaluate(reader, statement.value)
    return Flow.NEXT


def _if(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.If)
    known = truth(expressions.evaluate(reader, statement.test))
    if known is not None:
        return follow(reader, statement.body if known else statement.orelse)
    return reader.branch(lambda: follow(reader, statement.body), lambda: follow(reader, statement.orelse))


def _for(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.For | ast.AsyncFor)
    over = expressions.evaluate(reader, statement.iter)
    items = iteration.elements(over)
    sample = iteration.sample(reader, over, statement) if items is None else UNKNOWN

    def bind(value: Value) -> None:
        assign(reader, statement.target, sample if items is None else value)

    flow = reader.loop(statement, over, items, bind, lambda: follow(reader, statement.body))
    return follow(reader, statement.orelse) if flow is Flow.NEXT and statement.orelse else flow


def _while(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.While)
    if truth(expressions.evaluate(reader, statement.test)) is False:
        return Flow.NEXT
    return reader.loop(statement, UNKNOWN, None, lambda value: None, lambda: follow(reader, statement.body))


def _with(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.With | ast.AsyncWith)
    grad = reader.grad
    try:
        for item in statement.items:
            context = expressions.evaluate(reader, item.context_expr)
            _given(reader, item.context_expr, context)
            reader.grad = expressions.gradients_within(context, reader.grad)
            if item.optional_vars is not None:
                assign(reader, item.optional_vars, context)
        return follow(reader, statement.body)
    finally:
        reader.grad = grad


def _given(reader: Reader, written: ast.expr, context: Value) -> None:
    """Let what a context that is not PyTorch's own is given leave the reader's sight.

    It may change a network's mode, and change it back.
    """
    if isinstance(context, Made) and context.name.startswith(("torch.", "contextlib.")):
        return
    names = [part.id for part in ast.walk(written) if isinstance(part, ast.Name)]
    reader.escaped([expressions.evaluate(reader, ast.Name(name, ast.Load())) for name in names], written)


def _function(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    function = expressions.function_of(reader, statement)
    value: Value = function
    for decorator in reversed(statement.decorator_list):
        by = expressions.evaluate(reader, decorator)
        if isinstance(by, Function):  # of the script: what it makes of the function is followed
            made = reader.call(by, [value], {}, statement)
            value = made if isinstance(made, Function) else value
        else:
            expressions.decorated(reader, function, by)
    reader.write(reader.scope.names, statement.name, value)
    return Flow.NEXT


def _class(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.ClassDef)
    bases = [expressions.evaluate(reader, base) for base in statement.bases]
    made = Class(statement.name, bases, {}, reader.place(statement))
    decorators = [expressions.evaluate(reader, decorator) for decorator in statement.decorator_list]
    made.is_dataclass = any(getattr(each, "name", "") == "dataclasses.dataclass" for each in decorators)
    made.fields = [
        each.target.id
        for each in statement.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]
    scope = Scope(made.names, reader.scope, reader.scope.file, owner=made)
    reader.frames[-1].scope, outer = scope, reader.scope
    try:
        follow(reader, statement.body)
    finally:
        reader.frames[-1].scope = outer
    for value in made.names.values():
        if isinstance(value, Function):
            value.owner = made
            value.scope = outer  # the names of a class are not seen from its methods
    reader.write(reader.scope.names, statement.name, made)
    return Flow.NEXT


def _return(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Return)
    value = expressions.evaluate(reader, statement.value) if statement.value is not None else None
    reader.frames[-1].returns.append(value)
    return Flow.RETURN


def _try(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Try | ast.TryStar)
    flow = follow(reader, statement.body)
    if flow is Flow.NEXT:
        flow = follow(reader, statement.orelse)
    elif flow is Flow.RAISE and statement.handlers:
        flow = follow(reader, statement.handlers[0].body)
    finally_ = follow(reader, statement.finalbody)
    return flow if finally_ is Flow.NEXT else finally_


def _match(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Match)
    subject = expressions.evaluate(reader, statement.subject)
    bodies: list[Callable[[], Flow]] = []
    for case in statement.cases:
        if isinstance(case.pattern, ast.MatchValue) and isinstance(subject, str | int):
            wanted = expressions.evaluate(reader, case.pattern.value)
            if isinstance(wanted, str | int) and case.guard is None:
                if wanted == subject:
                    return follow(reader, case.body)
                continue
        if isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and not bodies:
            return follow(reader, case.body)
        bodies.append(lambda body=case.body: follow(reader, body))  # type: ignore[misc]
    return reader.branch(*bodies, lambda: Flow.NEXT) if bodies else Flow.NEXT


def _import(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Import)
    for alias in statement.names:
        local = _local_module(reader, alias.name, 0)
        if local is not None and "." not in alias.name:
            reader.write(reader.scope.names, alias.asname or alias.name, local)
        else:
            name = alias.name if alias.asname else alias.name.split(".")[0]
            reader.write(reader.scope.names, alias.asname or name, External(name))
    return Flow.NEXT


def _import_from(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.ImportFrom)
    module = statement.module or ""
    local = _local_module(reader, module, statement.level)
    for alias in statement.names:
        if alias.name == "*":
            if isinstance(local, Scope):
                for name, value in list(local.names.items()):
                    reader.write(reader.scope.names, name, value)
            else:
                reader.scope.stars.append(module)
            continue
        if isinstance(local, Scope):
            value = local.names.get(alias.name, UNKNOWN)
        else:
            value = External(f"{module}.{alias.name}") if statement.level == 0 else UNKNOWN
        reader.write(reader.scope.names, alias.asname or alias.name, value)
    return Flow.NEXT


def _local_module(reader: Reader, name: str, level: int) -> Scope | None:
    """Read a module that lies beside the script, and return its names; None for a library."""
    if not name:
        return None
    folder = Path(reader.scope.file).parent
    for _ in range(level - 1):
        folder = folder.parent
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    key = str(path)
    if key in reader.modules:
        return reader.modules[key]
    if not path.is_file() or len(reader.modules) > 40:
        return None
    try:
        reader.sources[key] = read_source(path)
    except UserError:
        return None
    return read_module(reader, key, main=False)


def read_module(reader: Reader, key: str, main: bool) -> Scope:
    """Follow a file from its first statement to its last; returns its names."""
    scope = Scope({"__name__": "__main__" if main else Path(key).stem, "__file__": key}, file=key)
    reader.modules[key] = scope
    reader.frames.append(Frame(scope))
    try:
        follow(reader, reader.sources[key].tree.body)
    finally:
        reader.frames.pop()
    return scope


def _global(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Global | ast.Nonlocal)
    reader.scope.outside.update(statement.names)
    return Flow.NEXT


def _delete(reader: Reader, statement: ast.stmt) -> Flow:
    assert isinstance(statement, ast.Delete)
    for target in statement.targets:
        if isinstance(target, ast.Name) and target.id in reader.scope.names:
            reader.write(reader.scope.names, target.id, UNKNOWN)
        elif isinstance(target, ast.Subscript):
            receiver = expressions.evaluate(reader, target.value)
            if isinstance(receiver, list):
                reader.change_list(receiver)
                receiver[:] = [UNKNOWN]
    return Flow.NEXT


_RULES: dict[type[ast.stmt], Callable[[Reader, ast.stmt], Flow]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Return: _return,
    ast.Raise: lambda reader, statement: Flow.RAISE,
    ast.Break: lambda reader, statement: Flow.BREAK,
    ast.Continue: lambda reader, statement: Flow.CONTINUE,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Match: _match,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Delete: _delete,
}
