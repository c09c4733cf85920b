"""The changes that mend findings, as unified diffs.

A change is made in the text at the place of the syntax tree's node, and the mended script is read again: the diff is only
shown where the finding is gone then, no other has come, and the loss takes what the network answers.
"""

import ast
import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from alexlab.check.finding import Edit, Finding
from alexlab.check.reading.source import Source, parsed

MOST = 16
"""Changes that are tried on one script: each is read again."""
LONGEST = 10.0
"""Seconds for all of them."""


def with_diffs(
    findings: tuple[Finding, ...], source: Source, read: Callable[[Source], list[Finding] | None]
) -> tuple[Finding, ...]:
    """Return the findings with diffs that mend them; `read` finds mistakes in a script, None where it is too long or its loss fails."""
    tried, started = 0, time.monotonic()
    made = []
    for finding in findings:
        right = []
        for text in _mended(finding, source):
            tried += 1
            if tried > MOST or time.monotonic() - started > LONGEST:
                break
            after = read(parsed(source, text))
            if after is not None and _fewer(findings, after, finding):
                right.append(text)
        made.append(replace(finding, diff=_diff(source, right[0])) if len(right) == 1 else finding)
    return tuple(made)


def _fewer(before: tuple[Finding, ...], after: list[Finding], gone: Finding) -> bool:
    """Whether one finding of `gone`'s rule is gone, and no rule has more findings than before."""

    def count(findings: Sequence[Finding], rule: str) -> int:
        return sum(finding.rule == rule for finding in findings)

    fewer = count(after, gone.rule) < count(before, gone.rule)
    return fewer and all(count(after, each.rule) <= count(before, each.rule) for each in after)


def _diff(source: Source, text: str) -> str:
    before, after = source.text.splitlines(), text.splitlines()
    return "\n".join(difflib.unified_diff(before, after, source.path, source.path, n=1, lineterm=""))


@dataclass(frozen=True)
class _Change:
    """Bytes `start` to `end` of a line, both counted from the beginning of the text, become `new`."""

    start: int
    end: int
    new: str


def _mended(finding: Finding, source: Source) -> Iterator[str]:
    """Yield the whole script with the change, once for each call that may be meant."""
    if finding.edit is None:
        return
    place = finding.edit.place or finding.place
    if place is None or place.file != source.path or place.cell is not None:
        return
    text = source.text.encode()
    for change in _changes(finding.edit, source, place.line):
        try:
            mended = (text[: change.start] + change.new.encode() + text[change.end :]).decode()
            ast.parse(mended)
        except (SyntaxError, ValueError):
            continue
        if mended != source.text:
            yield mended


def _changes(edit: Edit, source: Source, line: int) -> list[_Change]:
    if edit.what in ("number", "evaluate"):
        change = _number(source, line) if edit.what == "number" else _before_evaluation(edit, source, line)
        return [change] if change is not None else []
    calls = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and _name(node) in edit.calls and node.lineno <= line <= (node.end_lineno or line)
    ]
    calls = [node for node in calls if node.lineno == line] or calls
    made = []
    for call in calls:
        if edit.what == "remove":
            made.append(_removal(source, call))
        elif edit.what == "flatten":
            made.append(_flattened(source, call))
        else:
            made.append(_argument(edit, source, call) if edit.what == "argument" else _line_after(edit, source, call))
    return [change for change in made if change is not None]


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _offset(source: Source, line: int, column: int) -> int:
    """Bytes before a place of the syntax tree, whose columns are bytes."""
    return sum(len(each.encode()) + 1 for each in source.text.split("\n")[: line - 1]) + column


def _span(source: Source, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
    return _offset(source, node.lineno, node.col_offset), _offset(source, end_line, end_column)


def _removal(source: Source, call: ast.Call) -> _Change | None:
    """Remove a layer from the list that holds it, or put what a function is given in its place."""
    start, end = _span(source, call)
    name = _name(call)
    if name[:1].isupper():
        held = next((parts for parts in _lists(source.tree) if call in parts), None)
        if held is not None and len(held) > 1:
            index = held.index(call)
            if index > 0:
                return _Change(_span(source, held[index - 1])[1], end, "")
            return _Change(start, _span(source, held[1])[0], "")
        prefix = ast.unparse(call.func).removesuffix(name)
        return _Change(start, end, f"{prefix}Identity()")
    given: ast.expr | None = call.args[0] if call.args else None
    if isinstance(call.func, ast.Attribute) and not ast.unparse(call.func.value).endswith(("functional", "torch", "F")):
        given = call.func.value
    segment = ast.get_source_segment(source.text, given) if given is not None else None
    return _Change(start, end, segment) if segment is not None else None


def _flattened(source: Source, call: ast.Call) -> _Change | None:
    """Put a layer that flattens before one in a list; flatten what a call is given."""
    start, _ = _span(source, call)
    if any(call in parts for parts in _lists(source.tree)) and _name(call)[:1].isupper():
        line = source.text.encode().split(b"\n")[call.lineno - 1][: call.col_offset]
        after = f"\n{_indent(source, call.lineno)}" if not line.strip() else " "
        return _Change(start, start, f"{ast.unparse(call.func).removesuffix(_name(call))}Flatten(),{after}")
    if len(call.args) != 1 or not isinstance(call.args[0], ast.Name | ast.Attribute | ast.Call):
        return None
    end = _span(source, call.args[0])[1]
    return _Change(end, end, ".flatten(1)")


def _lists(tree: ast.Module) -> Iterator[list[ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple):
            yield node.elts
        elif isinstance(node, ast.Call):
            yield node.args


def _argument(edit: Edit, source: Source, call: ast.Call) -> _Change | None:
    for keyword in call.keywords:
        if keyword.arg == edit.keyword:
            start, end = _span(source, keyword.value)
            return _Change(start, end, edit.value)
    if any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords):
        return None
    if edit.position is not None and edit.position < len(call.args):
        start, end = _span(source, call.args[edit.position])
        return _Change(start, end, edit.value)
    end = _span(source, call)[1] - 1
    before = source.text.encode()[:end].rstrip()
    comma = "" if before.endswith((b"(", b",")) else ", "
    return _Change(len(before), end, f"{comma}{edit.keyword}={edit.value}")


def _statement(source: Source, line: int) -> ast.stmt | None:
    """Return the simple statement that is alone in its lines, `line` among them."""
    found = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Return | ast.AnnAssign)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return found[0] if len(found) == 1 else None


def _indent(source: Source, line: int) -> str:
    text = source.text.split("\n")[line - 1]
    return text[: len(text) - len(text.lstrip())]


def _line_after(edit: Edit, source: Source, call: ast.Call) -> _Change | None:
    statement = _statement(source, call.lineno)
    if not isinstance(statement, ast.Expr) or statement.value is not call or not isinstance(call.func, ast.Attribute):
        return None
    end = _span(source, statement)[1]
    line = edit.value.format(receiver=ast.unparse(call.func.value))
    return _Change(end, end, f"\n{_indent(source, call.lineno)}{line}")


def _number(source: Source, line: int) -> _Change | None:
    """`total += loss` becomes `total += loss.item()`; `losses.append(loss)` likewise."""
    statement = _statement(source, line)
    value: ast.expr | None = statement.value if isinstance(statement, ast.AugAssign) else None
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and _name(statement.value) == "append":
        value = statement.value.args[0] if statement.value.args else None
    if not isinstance(value, ast.Name | ast.Attribute | ast.Call):
        return None
    end = _span(source, value)[1]
    return _Change(end, end, ".item()")


def _before_evaluation(edit: Edit, source: Source, line: int) -> _Change | None:
    """Return a line before the outermost loop or `with` around `line` in which nothing is trained."""
    around = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.For | ast.With | ast.While) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    untrained = [
        node for node in around if not any(_name(c) == "backward" for c in ast.walk(node) if isinstance(c, ast.Call))
    ]
    calls = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and node.lineno == line
        and node.args
        and not any(isinstance(each, ast.Call) for argument in node.args for each in ast.walk(argument))
        and isinstance(node.func, ast.Name | ast.Attribute)
        and not isinstance(getattr(node.func, "value", None), ast.Call)
    ]
    if not untrained or not calls:
        return None
    first = min(untrained, key=lambda node: node.lineno)
    start = _offset(source, first.lineno, first.col_offset)
    indent = _indent(source, first.lineno)
    return _Change(start, start, edit.value.format(receiver=ast.unparse(calls[0].func)) + f"\n{indent}")
