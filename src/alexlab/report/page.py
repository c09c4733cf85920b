"""A run's report: one HTML file that holds everything, and the pictures beside it."""

import base64
import csv
import io
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader

from alexlab.report import figures, sheets
from alexlab.runs import folder as run_folder
from alexlab.runs.parts import as_recorded
from alexlab.writing import write_file

if TYPE_CHECKING:
    from alexlab.runs.run import Run


def write_report(run: "Run") -> None:
    """Write curves.png, confusion.png, mistakes.png (as far as the run has got) and report.html into the run's folder."""
    pictures = {"curves.png": figures.png(figures.curves(run.metrics(), run.recipe.watch))}
    evaluation = run.final
    if evaluation:
        matrix = np.array(evaluation["confusion"])
        pictures["confusion.png"] = figures.png(figures.confusion(matrix, run.classes, evaluation["on"]))
        pictures["mistakes.png"] = _mistakes(run)
    for name, data in pictures.items():
        write_file(run.folder / name, data)
    write_file(run.folder / "report.html", _page("report.html", run, pictures).encode())


def run_html(run: "Run") -> str:
    """Epochs as a table, and the curves, for a notebook."""
    curves = figures.png(figures.curves(run.metrics(), run.recipe.watch))
    return _page("notebook.html", run, {"curves.png": curves})


def _mistakes(run: "Run") -> bytes:
    recorded = run_folder.read_json(run.folder / "split.json")
    split = as_recorded(run.dataset(), recorded, "test" if "test" in recorded else "watched")
    with io.StringIO((run.folder / "predictions.csv").read_text(encoding="utf-8")) as text:
        rows = list(csv.DictReader(text))
    wrong = [
        (i, row["class"], row["predicted"], float(row["probability"]))
        for i, row in enumerate(rows)
        if row["class"] != row["predicted"]
    ]
    return figures.png(sheets.mistakes(split, wrong, len(rows)))


def _page(name: str, run: "Run", pictures: dict[str, bytes]) -> str:
    return fill_page(
        name,
        run=run,
        recipe=run.recipe.model_dump(mode="json"),
        facts=run.facts,
        result=run.result,
        epochs=run.metrics("epoch"),
        evaluation=run.final,
        watch=run.recipe.watch,
        pictures={name.removesuffix(".png"): inline(data) for name, data in pictures.items()},
    )


def fill_page(name: str, **values: Any) -> str:
    """The page `name` of alexlab/report/pages with these values in it, everything escaped."""
    return _pages().get_template(name).render(**values)


def inline(data: bytes) -> str:
    """A PNG as the address of an image that lies in the page itself."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@cache
def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("alexlab.report", "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
