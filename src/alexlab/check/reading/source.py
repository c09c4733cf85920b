"""The text of a script or notebook, its syntax tree, its places and its `# alexlab: ignore[rule]` comments."""

import ast
import io
import json
import re
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

from alexlab.check.finding import Place
from alexlab.check.reading.notebooks import python_of
from alexlab.errors import UserError

LARGEST_FILE = 2_000_000
"""Bytes. A longer file is data, not a script."""

_IGNORE = re.compile(r"#\s*alexlab:\s*ignore\[([a-z0-9, -]+)\]\s*(.*)")


@dataclass(frozen=True)
class Source:
    """One file.

    Attributes:
        cells: of a notebook, the first line of each code cell in `text`, and the number of the cell.
        ignored: line of `text` to the rules that its comment silences.
        unreasoned: lines whose comment silences rules and gives no reason.
    """

    path: str
    text: str
    tree: ast.Module
    cells: tuple[tuple[int, int], ...] = ()
    ignored: tuple[tuple[int, frozenset[str]], ...] = ()
    unreasoned: tuple[int, ...] = ()

    def place(self, line: int) -> Place:
        """Return where a reader finds a line of `text`."""
        inside = [(first, cell) for first, cell in self.cells if first <= line]
        if not inside:
            return Place(self.path, line)
        first, cell = inside[-1]
        return Place(self.path, line - first + 1, cell)

    def line(self, place: Place) -> str:
        """Return the text at `place`."""
        first = next((first for first, cell in self.cells if cell == place.cell), 1)
        lines = self.text.splitlines()
        number = first + place.line - 1
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def ignores(self, rule: str, place: Place) -> bool:
        """Return whether a comment silences `rule` at `place`."""
        return any(rule in rules and self.place(line) == place for line, rules in self.ignored)


def read_source(path: Path) -> Source:
    """Parse a Python file or notebook. Raises UserError where it cannot be read as one."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a Python script or a notebook.")
    if path.stat().st_size > LARGEST_FILE:
        raise UserError(f"{path}: {path.stat().st_size:,} bytes; a script or notebook has less than {LARGEST_FILE:,}.")
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UserError(f"{path}: not a text file that Python reads ({error}).") from None
    cells: tuple[tuple[int, int], ...] = ()
    if path.suffix == ".ipynb":
        text, cells = _code_of_notebook(path, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = str(Source(str(path), "", ast.Module([], []), cells).place(line)) if line else str(path)
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        raise UserError(f"{where}: Python cannot read this: {reason}. Mend the syntax, then check again.") from None
    ignored, unreasoned = _ignores(text)
    return Source(str(path), text, tree, cells, ignored, unreasoned)


def parsed(path: str, text: str, cells: tuple[tuple[int, int], ...]) -> Source:
    """Parse a changed text of a file that was read. Raises SyntaxError."""
    return Source(path, text, ast.parse(text), cells, *_ignores(text))


def _code_of_notebook(path: Path, text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the code cells one after the other, with IPython's own lines made Python's, so that lines keep their number."""
    try:
        notebook = json.loads(text)
        found = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        sources = [
            (number, "".join(cell.get("source", cell.get("input", ""))))
            for number, cell in enumerate(found, start=1)
            if cell.get("cell_type") == "code"
        ]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path}: not a notebook; expected Jupyter's JSON with a list `cells`.") from None
    lines: list[str] = []
    starts: list[tuple[int, int]] = []
    for number, source in sources:
        starts.append((len(lines) + 1, number))
        lines += python_of(re.split(r"\r\n|\r|\n", source))
    return "\n".join(lines) + "\n", tuple(starts)


def _ignores(text: str) -> tuple[tuple[tuple[int, frozenset[str]], ...], tuple[int, ...]]:
    """Lines with a comment `# alexlab: ignore[rule] reason`, and those of them without a reason.

    A comment on a line of its own counts for the next line.
    """
    ignored, unreasoned = [], []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return (), ()
    for token in tokens:
        match = _IGNORE.search(token.string) if token.type == tokenize.COMMENT else None
        if match:
            alone = token.line.strip().startswith("#")
            line = token.start[0] + alone
            if match[2].strip():
                ignored.append((line, frozenset(name.strip() for name in match[1].split(","))))
            else:
                unreasoned.append(token.start[0])
    return tuple(ignored), tuple(unreasoned)
