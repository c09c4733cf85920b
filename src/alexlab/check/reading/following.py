"""The one place where a statement or expression is followed, and where what fails in it ends."""

import ast
from collections.abc import Callable
from typing import TypeVar

from alexlab.check.reading.limits import GaveUp
from alexlab.check.reading.reader import Reader

N = TypeVar("N", bound=ast.AST)
T = TypeVar("T")


def followed(reader: Reader, rule: Callable[[Reader, N], T], node: N, otherwise: T) -> T:
    """Return what `rule` makes of `node`; where that raises, `otherwise`, and note that it could not be followed.

    A script may ask for what has no answer (`math.floor(math.inf)`, `x[::0]`), and no reader foresees all of it. What is
    named there has left the reader's sight: it may have been trained, or its mode changed.
    """
    reader.in_time()
    try:
        return rule(reader, node)
    except GaveUp:
        raise
    except Exception as error:
        reader.program.lost.setdefault(reader.place(node), f"{type(error).__name__}: {error}".removesuffix(": "))
        scopes = {part.id: reader.scope.find(part.id) for part in ast.walk(node) if isinstance(part, ast.Name)}
        reader.escaped([scope.names[name] for name, scope in scopes.items() if scope is not None], node)
        return otherwise
