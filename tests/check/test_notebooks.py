"""Notebooks: what IPython takes beside Python is passed over, a line for a line, and Python is left as it is."""

import ast
import json
from pathlib import Path

import pytest

from alexlab.check import check_script
from alexlab.check.reading.notebooks import python_of
from alexlab.check.rules import RULES

MAGIC = [
    "x = !ls",
    "a.b, c[0] = !ls -l",
    "x = %timeit -o f()",
    "files = !ls \\\n   -l \\\n   data",
    "!pip install torch \\\n    torchvision",
    "%matplotlib inline",
    "if True:\n    !ls\n    x = %pwd",
    "\n%%bash\nfor f in *; do\n  echo $f\ndone",
    "%%writefile net.py\nnot python (",
    "torch.nn.Linear?",
    "?print",
    "x??",
    "np.*load*?",
    "pip install torch",
    "conda install -y pytorch",
    "cd data",
    "rm -rf data/*.png",
    "%%time\nx = 1",
    "%%capture out\nx = 1",
]
PYTHON = [
    'print("%d"\n      % 3)',
    "x = 7 \\\n  % 3",
    'x = """\n!ls\n%cd\n"""',
    "x = '''it's\n!a'''  # don't (\nx",
    "x = 'a\\'' \\\n  '%s'",
    "x %= 3\nx != 3\nx == 3",
    "ls = [1]\ncat = ls\npip = 3",
    "x = {\n'a': '!b',\n}",
    "f'{x!r}'",
    "def f(a, *,\n      b=3):\n    return a if b else (\n        a % b)",
]


@pytest.mark.parametrize("cell", MAGIC)
def test_ipythons_lines_are_passed_over(cell: str) -> None:
    lines = cell.split("\n")
    made = python_of(lines)
    ast.parse("\n".join(made))
    assert len(made) == len(lines) and made != lines


@pytest.mark.parametrize("cell", PYTHON)
def test_python_stays_as_it_is(cell: str) -> None:
    ast.parse(cell)
    assert python_of(cell.split("\n")) == cell.split("\n")


def test_a_notebook_with_all_of_it_is_read_to_its_end() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-zero-grad")
    cells = [{"cell_type": "code", "source": source} for source in [*MAGIC, *PYTHON, rule.bad]]
    Path("book.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (finding,) = check_script(Path("book.ipynb")).findings
    step = next(i for i, line in enumerate(rule.bad.splitlines(), 1) if "optimizer.step()" in line)
    assert finding.rule == "no-zero-grad" and finding.place is not None
    assert (finding.place.cell, finding.place.line) == (len(cells), step)


def test_what_the_shell_gives_is_not_known() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-zero-grad")
    source = rule.bad.replace("for epoch in range(", "n = !nproc\nfor epoch in range(n or ")
    assert source != rule.bad
    Path("book.ipynb").write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}), encoding="utf-8")
    assert [finding.rule for finding in check_script(Path("book.ipynb")).findings] == ["no-zero-grad"]
