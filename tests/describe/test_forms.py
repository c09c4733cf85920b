"""Tables and drawings of every network as expected output, reviewed as text: tests/golden/describe.

`ALEXLAB_WRITE_GOLDEN=1 pytest tests/describe/test_forms.py` writes them anew; `git diff` then shows what changed.
"""

import csv
import json
import os
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest

from alexlab.describe import compare, describe
from alexlab.describe.activation_curves import activation_curves
from alexlab.describe.diagram import diagram
from alexlab.describe.pages import description_csv, description_markdown, description_page
from alexlab.describe.showing import comparison_text, description_json
from alexlab.describe.terminal import description_text
from alexlab.networks import NETWORKS

GOLDEN = Path(__file__).parent.parent / "golden" / "describe"
NAMES = [network.name for network in NETWORKS]


def equals_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("ALEXLAB_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        f"{path.name} is not as expected; the docstring says how to renew it"
    )


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_terminal(name: str, width: int) -> None:
    text = description_text(describe(name, batch=128), width)
    assert max(map(len, text.splitlines())) <= width
    equals_golden(f"{name}-{width}.txt", text)


@pytest.mark.parametrize("name", NAMES)
def test_diagrams(name: str) -> None:
    equals_golden(f"{name}.svg", diagram(describe(name)).svg())


def test_diagrams_beside_each_other_dark_and_of_activations() -> None:
    lenet, alexnet = describe("lenet5"), describe("alexnet-textbook")
    equals_golden("lenet5-alexnet-textbook.svg", diagram(lenet, alexnet).svg())
    equals_golden("lenet5-dark.svg", diagram(lenet, theme="dark").svg())
    equals_golden("activations.svg", activation_curves().svg())


def test_markdown() -> None:
    equals_golden("lenet5.md", description_markdown(describe("lenet5")))
    both = compare(describe("lenet5"), describe("alexnet-textbook"))
    equals_golden("lenet5-alexnet-textbook.md", comparison_text(both, "markdown"))
    equals_golden("lenet5-alexnet-textbook.txt", str(both))


def test_json_has_what_scripts_read() -> None:
    data = json.loads(description_json(describe("alexnet-227")))
    assert data["totals"]["parameters"] == 62_365_122
    first = data["layers"][0]
    assert (first["name"], first["kind"], first["output_shape"]) == ("0", "Conv2d", [96, 55, 55])
    assert (first["parameters"], first["receptive_field"]) == (11 * 11 * 96 + 96, [11, 11])
    assert sum(layer["multiply_adds"] for layer in data["layers"]) == data["totals"]["multiply_adds"]
    assert data["failure"] is None


def test_csv_has_a_row_a_layer() -> None:
    rows = list(csv.DictReader(StringIO(description_csv(describe("lenet5")))))
    assert len(rows) == 12
    assert rows[0]["size_working"] == "floor((28 - 5 + 2*2)/1) + 1 = 28"
    assert sum(int(row["parameters"]) for row in rows) == 61_706


def test_html_is_one_page_that_loads_nothing() -> None:
    for text in (
        description_page(describe("lenet5")),
        comparison_text(compare(describe("lenet5"), describe("mlp")), "html"),
    ):
        assert "http" not in text and "<script" not in text
        ElementTree.fromstring(
            text.partition("\n")[2].replace('<meta charset="utf-8">', "").split("<body>")[1].split("</body>")[0]
        )


def test_a_notebook_shows_tables_and_drawings() -> None:
    description = describe("mlp")
    assert "784*256 + 256" in description._repr_html_()
    assert "<table>" in compare(description, description)._repr_html_()
    assert diagram(description)._repr_svg_().startswith("<svg")
    assert "Parameters: 203,530" in str(description)
