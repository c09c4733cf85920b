"""Notebooks: what IPython takes beside Python is passed over, a line for a line, and Python is left as it is."""

import ast
import json
from pathlib import Path

import pytest

from alexlab.check import check_script
from alexlab.check.formats import as_text
from alexlab.check.reading.notebooks import python_of
from alexlab.check.reading.source import LARGEST_FILE
from alexlab.check.rules import RULES
from alexlab.errors import UserError

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
    cells = [{"cell_type": "code", "source": source} for source in ["a, c = print, [0]", *MAGIC, *PYTHON, rule.bad]]
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


def written(cells: list[dict[str, object]]) -> Path:
    Path("book.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", **cell} for cell in cells]}), encoding="utf-8"
    )
    return Path("book.ipynb")


def test_cells_have_the_numbers_that_their_reader_sees_and_the_line_is_shown() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-zero-grad")
    bad = {"source": rule.bad, "outputs": []}
    executed = written([{"source": "x = 1", "execution_count": 7}, {**bad, "execution_count": 12}])
    (finding,) = check_script(executed).findings
    assert str(finding.place).startswith("book.ipynb:In [12]:")
    assert "    | optimizer.step()\n" in as_text(check_script(executed))
    again = written([{"source": "x = 1", "execution_count": 12}, {**bad, "execution_count": 12}])
    (finding,) = check_script(again).findings
    assert str(finding.place).startswith("book.ipynb:cell 2:")


def test_a_notebook_that_is_large_by_its_outputs_is_read() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-zero-grad")
    picture = {"output_type": "display_data", "data": {"image/png": "A" * (LARGEST_FILE + 1)}}
    assert [f.rule for f in check_script(written([{"source": rule.bad, "outputs": [picture]}])).findings] == [rule.name]
    with pytest.raises(UserError, match="characters of code"):
        check_script(written([{"source": "x = 1\n" * LARGEST_FILE}]))


def test_how_it_is_known_is_said_once() -> None:
    rules = [rule for rule in RULES if rule.name in ("no-zero-grad", "softmax-before-cross-entropy")]
    checked = check_script(written([{"source": "\n".join(rule.bad for rule in rules)}]))
    assert len(checked.findings) > 1 and as_text(checked).count("evidence: ") == 1
