"""Drawings: what is on them, to what scale, and the files they become."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image
from torch import nn

from alexlab.describe import describe
from alexlab.describe.diagram import diagram
from alexlab.describe.drawing import Drawing, Polygon, Words
from alexlab.describe.saving import save
from alexlab.describe.structure import blocks
from alexlab.errors import UserError
from alexlab.networks import NETWORKS
from tests.describe.networks import TwoTowers


def texts(drawing: Drawing) -> list[str]:
    return [shape.text for shape in drawing.marks if isinstance(shape, Words)]


def boxes(drawing: Drawing, fill: str) -> list[tuple[float, float]]:
    """Width and height of the front faces of one colour."""
    found = []
    for shape in drawing.marks:
        if isinstance(shape, Polygon) and shape.fill == fill and shape.light == 0:
            xs, ys = zip(*shape.points, strict=True)
            found.append((max(xs) - min(xs), max(ys) - min(ys)))
    return found


@pytest.mark.parametrize("name", [network.name for network in NETWORKS])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_lies_outside_the_paper(name: str, theme: str) -> None:
    drawing = diagram(describe(name), theme=theme)
    ElementTree.fromstring(drawing.svg())
    for shape in drawing.marks:
        if isinstance(shape, Polygon):
            assert all(0 <= x <= drawing.width and 0 <= y <= drawing.height for x, y in shape.points)
        if isinstance(shape, Words):
            reach = len(shape.text) * shape.size * 0.56
            left = {"start": 0.0, "middle": reach / 2, "end": reach}[shape.anchor]
            assert shape.at[0] - left >= 0 and shape.at[0] - left + reach <= drawing.width


def test_one_network_tells_what_figure_2_of_the_paper_tells() -> None:
    """Input, sizes of the maps and their number, kernels, stride, where max pooling stands, the dense layers."""
    found = texts(diagram(describe("alexnet-keras")))
    for text in (
        "3x224x224",
        "96",
        "55x55",
        "256",
        "27x27",
        "384",
        "13x13",
        "96 filters 11x11",
        "stride 4",
        "4096",
        "1000",
    ):
        assert text in found
    assert found.count("max pool 2x2, stride 2") == 3


def test_boxes_are_to_scale() -> None:
    drawn = boxes(diagram(describe("alexnet-textbook")), "convolution")
    shapes = [(96, 54), (256, 26), (384, 12), (384, 12), (256, 12)]
    for (wide, high), (maps, side) in zip(drawn, shapes, strict=True):
        assert wide / drawn[2][0] == pytest.approx(maps / 384)
        assert high / drawn[0][1] == pytest.approx(side / 54)


def test_one_scale_for_networks_beside_each_other() -> None:
    drawn = boxes(diagram(describe("lenet5"), describe("alexnet-textbook")), "input")
    assert drawn[1][0] / drawn[0][0] == pytest.approx(224 / 28)


def test_towers_are_drawn_as_towers() -> None:
    description = describe(TwoTowers(), (3, 31, 31))
    assert [(len(block.towers), block.crosses) for block in blocks(description)] == [
        (2, False),
        (2, True),
        (2, True),
        (1, True),
    ]
    drawing = diagram(description)
    assert len(boxes(drawing, "convolution")) == 4
    assert "2 x 6 filters 3x3" in texts(drawing) and "reads both towers" in texts(drawing)
    columns = diagram(description, describe("lenet5"))
    assert len(boxes(columns, "convolution")) == 4 + 2
    assert any("each reads all" in text for text in texts(columns))


def test_the_textbooks_two_columns() -> None:
    found = texts(diagram(describe("lenet5"), describe("alexnet-textbook")))
    for text in (
        "image, 1x28x28",
        "conv1: 6 filters 5x5, padding 2",
        "average pool 2x2, stride 2",
        "fc3: 120 units",
        "image, 1x224x224",
        "conv1: 96 filters 11x11, stride 4, padding 1",
        "max pool 3x3, stride 2",
        "fc6: 4096 units",
    ):
        assert text in found


@pytest.mark.parametrize("ending", [".svg", ".png", ".pdf"])
def test_files(ending: str, tmp_path: Path) -> None:
    drawing = diagram(describe("lenet5"))
    save(drawing, tmp_path / f"one{ending}")
    save(drawing, tmp_path / f"two{ending}")
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()
    if ending == ".png":
        with Image.open(tmp_path / "one.png") as image:
            assert image.size == pytest.approx((2 * drawing.width, 2 * drawing.height), abs=2)


def test_bad_files_and_networks(tmp_path: Path) -> None:
    drawing = diagram(describe("mlp"))
    with pytest.raises(UserError, match=r"expected \.svg, \.png or \.pdf"):
        save(drawing, tmp_path / "a.gif")
    with pytest.raises(UserError, match="does not exist"):
        save(drawing, tmp_path / "none" / "a.svg")
    with pytest.raises(UserError, match="no convolution and no fully connected layer"):
        diagram(describe(nn.ReLU(), (3,)))
    with pytest.raises(UserError, match="so it cannot be drawn"):
        diagram(describe(nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 4)), (3,)))
