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
"""Bytes of code. A longer file is data, not a script."""
LARGEST_NOTEBOOK = 300_000_000
"""Bytes. Most of a large notebook is pictures in its outputs."""

_IGNORE = re.compile(r"#\s*alexlab:\s*ignore\[([a-z0-9, -]+)\]\s*(.*)")


@dataclass(frozen=True)
class Source:
    """One file.

    Attributes:
        cells: of a notebook, the first line of each code cell in `text`, and the number of the cell.
        executed: whether these numbers are those that the cells were executed with.
        ignored: line of `text` to the rules that its comment silences.
        unreasoned: lines whose comment silences rules and gives no reason.
    """

    path: str
    text: str
    tree: ast.Module
    cells: tuple[tuple[int, int], ...] = ()
    ignored: tuple[tuple[int, frozenset[str]], ...] = ()
    unreasoned: tuple[int, ...] = ()
    executed: bool = False

    def place(self, line: int) -> Place:
        """Return where a reader finds a line of `text`."""
        inside = [(first, cell) for first, cell in self.cells if first <= line]
        if not inside:
            return Place(self.path, line)
        first, cell = inside[-1]
        return Place(self.path, line - first + 1, cell, self.executed)

    def line(self, place: Place) -> str:
        """Return the text at `place`."""
        first = next((first for first, cell in self.cells if cell == place.cell), 1) if place.cell is not None else 1
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
    most = LARGEST_NOTEBOOK if path.suffix == ".ipynb" else LARGEST_FILE
    if path.stat().st_size > most:
        raise UserError(
            f"{path}: {path.stat().st_size:,} bytes; a script has less than {LARGEST_FILE:,}, a notebook less than "
            f"{LARGEST_NOTEBOOK:,}."
        )
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UserError(f"{path}: not a text file that Python reads ({error}).") from None
    cells: tuple[tuple[int, int], ...] = ()
    executed = False
    if path.suffix == ".ipynb":
        text, cells, executed = _code_of_notebook(path, text)
        if len(text) > LARGEST_FILE:
            raise UserError(f"{path}: {len(text):,} characters of code; a notebook has less than {LARGEST_FILE:,}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = (
            str(Source(str(path), "", ast.Module([], []), cells, executed=executed).place(line)) if line else str(path)
        )
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        raise UserError(f"{where}: Python cannot read this: {reason}. Mend the syntax, then check again.") from None
    ignored, unreasoned = _ignores(text)
    return Source(str(path), text, tree, cells, ignored, unreasoned, executed)


def parsed(source: Source, text: str) -> Source:
    """Parse a changed text of a file that was read. Raises SyntaxError."""
    return Source(source.path, text, ast.parse(text), source.cells, *_ignores(text), source.executed)


def _code_of_notebook(path: Path, text: str) -> tuple[str, tuple[tuple[int, int], ...], bool]:
    """Return the code cells one after the other, with IPython's own lines made Python's, so that lines keep their number.

    Cells have the numbers that a reader sees: those that they were executed with, where each has one of its own; else their place among
    the cells of code. Which it is comes last.
    """
    try:
        notebook = json.loads(text)
        found = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        cells = [cell for cell in found if cell.get("cell_type") == "code"]
        sources = ["".join(cell.get("source", cell.get("input", ""))) for cell in cells]
        counts = [cell.get("execution_count", cell.get("prompt_number")) for cell in cells]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path}: not a notebook; expected Jupyter's JSON with a list `cells`.") from None
    lines: list[str] = []
    starts: list[tuple[int, int]] = []
    given = [count for count, source in zip(counts, sources, strict=True) if source.strip()]
    executed = bool(given) and all(type(count) is int for count in given) and len(set(given)) == len(given)
    for place, (count, source) in enumerate(zip(counts, sources, strict=True), start=1):
        number = count if executed and type(count) is int else 0 if executed else place
        starts.append((len(lines) + 1, number))
        lines += python_of(re.split(r"\r\n|\r|\n", source))
    return "\n".join(lines) + "\n", tuple(starts), executed


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
