"""What IPython takes in a cell beside Python: magics, shell lines and questions, made statements that say nothing."""

import re
from collections.abc import Iterator

_PYTHON = ("time", "timeit", "capture", "prun", "debug")
"""The magics of a cell whose other lines are Python."""
_LINE = re.compile(
    r"""\s*(?:
        [%!?]                                                             # a magic, a shell line, a question
        | [\w.*]+\?{1,2}\s*$                                              # a question
        | (?:pip3?|conda|mamba)\s+(?:install|uninstall|list|show)\b             # a magic without its sign
        | (?:cd|ls|mkdir|rm|cp|mv|cat|pwd)\s+(?!(?:in|is|if|and|or|not)\b)[\w.~/$-]
    )""",
    re.VERBOSE,
)
_ASSIGNED = re.compile(r"(\s*[A-Za-z_][\w.,\s\[\]'\"]*?)\s*=\s*(?=[%!])")
_OPENS = re.compile(r"\\.|'''|\"\"\"|['\"]|[()\[\]{}]|#")


def python_of(cell: list[str]) -> list[str]:
    """Return the lines of a cell as Python has them, each in its place.

    What a magic or the shell gives is not known to a reader; where the cell runs it is an empty list.
    """
    first = next((line.lstrip() for line in cell if line.strip()), "")
    if first.startswith("%%") and first[2:].partition(" ")[0] not in _PYTHON:
        return ["#" + line for line in cell]
    return list(_lines(cell))


def _lines(cell: list[str]) -> Iterator[str]:
    quote, depth, goes_on, in_magic = "", 0, False, False
    for line in cell:
        if in_magic:
            in_magic = line.endswith("\\")
            yield "#" + line
            continue
        if not quote and not depth and not goes_on:  # a statement begins
            made = _without_magic(line)
            if made != line:
                in_magic = line.endswith("\\")
                yield made
                continue
        quote, depth = _after(line, quote, depth)
        goes_on = line.endswith("\\")
        yield line


def _without_magic(line: str) -> str:
    if assigned := _ASSIGNED.match(line):
        return f"{assigned[1]} = eval('[]')  #{line[assigned.end() :]}"
    if _LINE.match(line):
        bare = line.lstrip()
        return f"{line[: len(line) - len(bare)]}pass  #{bare}"
    return line


def _after(line: str, quote: str, depth: int) -> tuple[str, int]:
    """Return the quote and the number of brackets that are open at the end of a line."""
    at = 0
    while found := (re.compile(rf"\\.|{quote}") if quote else _OPENS).search(line, at):
        at, part = found.end(), found[0]
        if part.startswith("\\"):
            continue
        if quote:
            quote = ""
        elif part == "#":
            break
        elif part in "([{":
            depth += 1
        elif part in ")]}":
            depth = max(0, depth - 1)
        else:
            quote = part
    return (quote if len(quote) == 3 or line.endswith("\\") else ""), depth
