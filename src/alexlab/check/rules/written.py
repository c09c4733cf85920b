"""What a script says in so many words: its syntax trees, for mistakes that are no matter of tensors."""

import ast
from collections.abc import Iterator

from alexlab.check.reading.source import Source
from alexlab.check.rule import Evidence


def sources(evidence: Evidence) -> Iterator[Source]:
    """Yield the files that were read."""
    if evidence.program is not None and evidence.program.complete:
        yield from evidence.program.sources.values()


def last_name(expression: ast.AST) -> str:
    """Return the last name of `a.b.c` or of `c`; "" for anything else."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Yield the calls of functions whose last name is one of these."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last_name(node.func) in names:
            yield node


def given(tree: ast.AST, name: str) -> list[ast.expr]:
    """Return what is assigned to `name` in a file, each assignment; a loop's variable and such are no expression of their own."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            found.append(node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            found += [node.value] if isinstance(node.target, ast.Name) and node.target.id == name else []
    return found


def bindings(tree: ast.AST, name: str) -> int:
    """Return in how many places of a file `name` is bound."""
    names = sum(isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id == name for n in ast.walk(tree))
    return names + sum(isinstance(n, ast.arg) and n.arg == name for n in ast.walk(tree))
