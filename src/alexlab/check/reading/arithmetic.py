"""Arithmetic and comparisons of values of which some are not known."""

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from alexlab.check.graph import Batch
from alexlab.check.reading import tensors
from alexlab.check.reading.limits import LARGEST_NUMBER, LARGEST_VALUE
from alexlab.check.reading.reader import Reader
from alexlab.check.reading.values import UNKNOWN, Images, Length, Measure, Tensor, Value

SMALLEST_DATASET = 1_000
_LONG_WIDTH = re.compile(r"\d{4}|\*")
"""In a format such as `%9999999d`: what it makes is as long as it says."""
_OPERATORS: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("add", operator.add),
    ast.Sub: ("sub", operator.sub),
    ast.Mult: ("mul", operator.mul),
    ast.Div: ("div", operator.truediv),
    ast.FloorDiv: ("floor_divide", operator.floordiv),
    ast.Mod: ("remainder", operator.mod),
    ast.Pow: ("pow", operator.pow),
    ast.MatMult: ("matmul", operator.matmul),
    ast.BitAnd: ("bitwise_and", operator.and_),
    ast.BitOr: ("bitwise_or", operator.or_),
}
COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("eq", operator.eq),
    ast.NotEq: ("ne", operator.ne),
    ast.Lt: ("lt", operator.lt),
    ast.LtE: ("le", operator.le),
    ast.Gt: ("gt", operator.gt),
    ast.GtE: ("ge", operator.ge),
}


def operated(reader: Reader, op: ast.operator, left: Value, right: Value, at: ast.AST) -> Value:
    """Return `left op right`; UNKNOWN where it is not known, or too large."""
    name, compute = _OPERATORS.get(type(op), ("", None))
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        made = tensors.combined(reader, name or "unknown", [left, right], at)
        if name == "div" and isinstance(left, Tensor) and (isinstance(right, Images) or _is_whole(right)):
            summed = left.node.op == "add"
            reader.event("average", right, at, node=made.node, name="images", detail=summed)
        return made
    if isinstance(left, Measure) or isinstance(right, Measure):
        return _with_measure(reader, name, left, right, at)
    if isinstance(left, Batch) or isinstance(right, Batch):
        counted = name == "add" and isinstance(at, ast.AugAssign) and (left in (0, UNKNOWN) or isinstance(left, Images))
        return Images() if counted and right == Batch() else _with_batch(name, left, right)
    if compute is None or left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    plain = (int, float, str, list, tuple)
    if isinstance(left, plain) and isinstance(right, plain):
        if name == "pow" and not (isinstance(right, int | float) and abs(right) < 64):
            return UNKNOWN
        if name == "mul" and not all(isinstance(v, int | float) for v in (left, right)):
            times, held = (left, right) if isinstance(left, int) else (right, left)
            if not isinstance(times, int) or isinstance(held, int | float) or times * len(held) > LARGEST_VALUE:
                return UNKNOWN
        if name == "remainder" and isinstance(left, str) and _LONG_WIDTH.search(left):
            return UNKNOWN
        try:
            value = compute(left, right)
        except Exception:
            return UNKNOWN
        if isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
            return UNKNOWN
        return reader.bounded(value)
    return UNKNOWN


def _with_measure(reader: Reader, name: str, left: Value, right: Value, at: ast.AST) -> Value:
    """Add and divide measured numbers: their sum is one, and divided by how many batches there are, it is their mean."""
    measure = left if isinstance(left, Measure) else right
    if name == "add":
        reset = next((each.reset for each in (left, right) if isinstance(each, Measure) and each.reset), None)
        return Measure(measure.node, True, reset)
    whole = isinstance(right, Length | Images) or _is_whole(right)
    if name == "div" and measure is left and whole and _begun_anew(reader, measure):
        reader.event("average", right, at, node=measure.node, name="reset")
        return UNKNOWN
    if name == "div" and measure is left and isinstance(right, Length):
        reader.event("average", right.loader, at, node=measure.node)
    elif name == "div" and measure is left and (isinstance(right, Images) or _is_whole(right)):
        reader.event("average", right, at, node=measure.node, name="images", detail=measure.summed)
    return UNKNOWN


def _begun_anew(reader: Reader, measure: Measure) -> bool:
    """Whether a sum over a loop, which is divided behind it, is set back to zero within the loop."""
    inside = any(each.loop == measure.reset for each in reader.rounds)
    return measure.reset is not None and not inside and any(each.loop == measure.reset for each in measure.node.rounds)


def _is_whole(value: Value) -> bool:
    """Whether a number is large enough to be how many images a dataset has."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= SMALLEST_DATASET


def _with_batch(name: str, left: Value, right: Value) -> Value:
    times: Fraction | None = None
    if name == "mul" and isinstance(left, Batch) and isinstance(right, int):
        times = left.times * right
    elif name == "mul" and isinstance(right, Batch) and isinstance(left, int):
        times = right.times * left
    elif name in ("floor_divide", "div") and isinstance(left, Batch) and isinstance(right, int) and right:
        times = left.times / Fraction(right)
    small = times is not None and max(abs(times.numerator), times.denominator) <= LARGEST_NUMBER
    return Batch(times) if times is not None and small else UNKNOWN
