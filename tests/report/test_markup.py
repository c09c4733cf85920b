"""Names that are markup stand in every page as they are written, and make no element of it."""

import re
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from torch import nn

from alexlab import api
from alexlab.data.opening import open_dataset
from alexlab.describe import compare, describe
from alexlab.describe.diagram import diagram
from alexlab.describe.showing import comparison_text, description_shown
from alexlab.report.dataset import write_contact_sheet
from alexlab.report.look import look
from alexlab.report.page import run_html
from tests.conftest import write_photographs

MARKUP = "<script>alert('x')</script> & <b title=\"y\">"
FILE_NAME = "<script>alert(1) & <b title='y'>"
"""Markup that can be the name of a file."""


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_data(self, data: str) -> None:
        self.text += data


def _is_shown(text: str, name: str) -> None:
    page = _Page(text)
    assert not page.tags["script"] and not page.tags["b"]
    assert name in page.text


def _network(name: str, fits: bool = True) -> nn.Module:
    network: nn.Module = type(name, (nn.Sequential,), {})()
    network.add_module(f"layer {name.replace('.', '')}", nn.Linear(4, 3))
    network.add_module("last", nn.Linear(3 if fits else 5, 2))
    return network


def test_describe() -> None:
    for fits in (True, False):
        description = describe(_network(MARKUP, fits), (4,))
        assert (description.failure is None) == fits
        _is_shown(description_shown(description, "html"), MARKUP)
        _is_shown(description._repr_html_(), f"layer {MARKUP}")


def test_compare() -> None:
    compared = compare(describe(_network(MARKUP), (4,)), describe("mlp"))
    _is_shown(comparison_text(compared, "html"), f"mlp against {MARKUP}")
    _is_shown(compared._repr_html_(), f"mlp against {MARKUP}")


def test_markdown_and_drawings() -> None:
    network = describe(_network(MARKUP), (4,))
    compared = compare(network, describe("mlp"))
    broken = describe(_network(MARKUP, fits=False), (4,))
    for text in (
        description_shown(network, "markdown"),
        description_shown(broken, "markdown"),
        comparison_text(compared, "markdown"),
    ):
        assert "<" not in re.sub(r"\\<|<br>", "", text)
    for drawn in (diagram(network), diagram(network, describe("lenet5"))):
        elements = ElementTree.fromstring(drawn.svg()).iter()
        assert not {element.tag.rpartition("}")[2] for element in elements} & {"script", "b"}
        assert MARKUP in unescape(drawn.svg())


NETWORK = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
"""


def test_the_pages_and_pictures_of_a_run() -> None:
    file = Path(f"{FILE_NAME}.py")
    file.write_text(NETWORK)
    data = write_photographs(Path(FILE_NAME), classes=("<script>alert(2)", "$\\frac{$ & <b>"))
    dataset = f"folder:{data}"
    run = api.train(f"{file}:net", dataset, epochs=1, device="cpu", out=f"run {FILE_NAME}", input=(3, 16, 16))
    report = (run.folder / "report.html").read_text()
    for text in (report.replace("<li><b>", "<li>"), run_html(run).replace("<p><b>", "<p>")):
        _is_shown(text, f"{file}:net")
    _is_shown(report.replace("<li><b>", "<li>"), "$\\frac{$ & <b>")
    page = look(run, device="cpu")
    _is_shown(page.read_text(), f"{file}:net")
    write_contact_sheet(open_dataset(dataset), None, "quick", Path("shown.png"))
    assert Path("shown.png").stat().st_size > 1000


@pytest.mark.parametrize("name", ["$\\frac{$", "a $ b", "$$", "\\", "_legend"])
def test_a_class_whose_name_is_a_formula_is_drawn(name: str) -> None:
    data = write_photographs(Path("photographs"), classes=(name, "other"))
    write_contact_sheet(open_dataset(f"folder:{data}"), None, "quick", Path("shown.png"))
    assert Path("shown.png").stat().st_size > 1000
