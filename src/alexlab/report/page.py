"""A run's report: one HTML file that holds everything, and the pictures beside it."""

import base64
import csv
import io
from typing import TYPE_CHECKING

import numpy as np

from alexlab.report import figures, sheets
from alexlab.runs.parts import as_recorded
from alexlab.showing import from_cell
from alexlab.templates import fill
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
    recorded = run.division
    assert recorded is not None  # a training has just ended
    split = as_recorded(run.dataset(), recorded, "test" if "test" in recorded else "watched")
    with io.StringIO((run.folder / "predictions.csv").read_text(encoding="utf-8")) as text:
        rows = list(csv.DictReader(text))
    wrong = [
        (i, from_cell(row["class"]), from_cell(row["predicted"]), float(row["probability"] or 0))
        for i, row in enumerate(rows)
        if row["class"] != row["predicted"]
    ]
    return figures.png(sheets.mistakes(split, wrong, len(rows)))


def _page(name: str, run: "Run", pictures: dict[str, bytes]) -> str:
    return fill(
        "alexlab.report",
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


def inline(data: bytes) -> str:
    """Return a PNG as the address of an image that lies in the page itself."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
