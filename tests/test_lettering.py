"""Any name is drawn as it is written, in every picture."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from alexlab import lettering
from alexlab.data.images import ArrayImages, Dataset, Split
from alexlab.data.understanding import in_words
from alexlab.describe import describe
from alexlab.describe.diagram import diagram
from alexlab.describe.raster import raster
from alexlab.lettering import advice, undrawn
from alexlab.report import drawings, figures, sheets
from alexlab.showing import label, width

NAMES = (
    "$",
    "$$",
    "$\\frac{$",
    "_^{",
    "a\nb",
    "<b>&amp;",
    "\u05d5\u05e8\u05d3 \u0648\u0631\u062f\u0629",
    "r" * 500,
    "玫瑰",
    "🌹",
    "\\",
    "_legend",
    "%s {0}",
)


def split(classes: int) -> Split:
    pixels = np.random.default_rng(0).integers(0, 256, (classes, 3, 8, 8), dtype=np.uint8)
    return Split(ArrayImages(pixels, [str(i) for i in range(classes)]), np.arange(classes))


def contact_sheet(names: tuple[str, ...]) -> Figure:
    dataset = Dataset(names[0], names[-1], names, split(len(names)), None, None, (3, 8, 8), None, None, (), "")
    return sheets.contact_sheet(dataset, None)


def mistakes(names: tuple[str, ...]) -> Figure:
    return sheets.mistakes(split(len(names)), [(i, name, name, 0.5) for i, name in enumerate(names)], len(names))


def confusion(names: tuple[str, ...]) -> Figure:
    return figures.confusion(np.eye(len(names), dtype=np.int64), names, names[0])


def answers(names: tuple[str, ...]) -> Figure:
    picture = Image.new("RGB", (8, 8))
    return drawings.answer_bars([picture] * len(names), [[(name, 0.5), ("x", 0.2)] for name in names], list(names))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("drawn", [contact_sheet, mistakes, confusion, answers])
def test_every_name_in_every_picture(drawn: Callable[[tuple[str, ...]], Figure]) -> None:
    for names in (NAMES, ("$", "$$")):
        width, height = Image.open(io.BytesIO(figures.png(drawn(names)))).size
        assert width > 300 and height > 100


def written(text: str) -> np.ndarray:
    figure = Figure(figsize=(4, 1))
    figure.text(0.1, 0.5, text)
    return np.asarray(Image.open(io.BytesIO(figures.png(figure))).convert("L"))


def test_a_formula_is_not_set_as_one() -> None:
    assert (written("$x$") < 128).sum() > 1.5 * (written("x") < 128).sum()


def test_letters_of_the_east_are_drawn_by_the_font_of_the_extra() -> None:
    pytest.importorskip(lettering.EXTRA)
    assert undrawn(["玫瑰", "バラ", "장미", "rose", "роза"]) == ""
    assert not np.array_equal(written("玫瑰"), written("郁金"))  # boxes would be alike


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no font but matplotlib's own."""
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [])
    monkeypatch.setattr(lettering, "_packaged", lambda: [])
    lettering._fonts_for.cache_clear()


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("no_fonts")
def test_letters_that_no_font_has_are_named_and_nothing_breaks() -> None:
    assert undrawn(["rose", "玫瑰", "瑰", "вода", "a\nb"]) == "玫瑰"
    assert advice("玫瑰") == "no installed font has 玫, 瑰: boxes in pictures; `pip install alexlab[cjk]` brings one."
    assert advice("一二三四五六", by_number=True).startswith(
        "no installed font has U+4E00, U+4E8C, U+4E09, U+56DB and 2 more:"
    )
    assert "alexlab[cjk]" not in advice("🌹")
    figure = Figure(figsize=(6, 2))
    figure.text(0.1, 0.5, "玫瑰")
    plain = np.asarray(Image.open(io.BytesIO(figures.png(figure))).convert("L"))
    assert (plain[-20:] < 200).any()  # the line at the lower edge
    assert not (written("rose")[-20:] < 200).any()
    lettering._fonts_for.cache_clear()


def test_a_diagram_of_a_network_so_named() -> None:
    from torch import nn

    for name in ("$x_^{$", "玫瑰"):
        network = type(name, (nn.Sequential,), {})(nn.Linear(4, 3))
        drawing = diagram(describe(network, (4,)))
        for form in ("png", "pdf"):
            assert raster(drawing, form)[:4] in (b"\x89PNG", b"%PDF")


@pytest.mark.parametrize(
    ("name", "most", "shown"),
    [
        ("rose", 24, "rose"),
        ("r" * 25, 24, "r" * 23 + "…"),
        ("r" * 24, 24, "r" * 24),
        ("玫瑰" * 7, 24, "玫瑰" * 5 + "玫…"),
        ("a\nb\x1b", 9, "a\\x0ab\\x…"),
    ],
)
def test_labels(name: str, most: int, shown: str) -> None:
    assert label(name, most) == shown and width(label(name, most)) <= most


def test_a_matrix_of_many_classes_says_that_its_names_are_left_out() -> None:
    names = tuple(f"class {i}" for i in range(figures.MOST_NAMED + 1))
    (axes,) = confusion(names).axes
    assert axes.get_xlabel() == "predicted: 41 classes by their numbers, in the order of the report's table"
    (axes,) = confusion(names[1:]).axes
    assert axes.get_xlabel() == "predicted" and [text.get_text() for text in axes.get_xticklabels()] == list(names[1:])


def test_a_start_of_a_training_stays_a_few_lines_whatever_the_classes_are_called() -> None:
    facts = {"images": {"train": 2}, "division": "x", "classes": {"a\nb": 1, "r" * 250: 1}, "left_out": {}}
    lines = in_words(facts)
    assert not any("\n" in line for line in lines) and "a\\x0ab 1, rrr" in lines[1] and len(lines[1]) < 80
