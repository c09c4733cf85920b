"""How predictions are printed: a table, CSV, or a JSON line each."""

import csv
import sys
from collections.abc import Callable

import click

from alexlab.inference.prediction import Prediction
from alexlab.valid_json import to_json


def printer(how: str) -> Callable[[Prediction], None]:
    """A function that prints one prediction: as "table", "csv" or "json"."""
    if how == "csv":
        csv.writer(sys.stdout).writerow(("path", "rank", "class", "probability", "error"))
    return {"table": _as_text, "csv": _as_csv, "json": _as_json}[how]


def _as_json(prediction: Prediction) -> None:
    click.echo(to_json(prediction.facts(), ascii=False))


def _as_csv(prediction: Prediction) -> None:
    writer = csv.writer(sys.stdout)
    if prediction.error is not None:
        writer.writerow((prediction.path, "", "", "", prediction.error))
    for rank, (name, probability) in enumerate(prediction.top, start=1):
        writer.writerow((prediction.path, rank, name, f"{probability:.6f}", ""))


def _as_text(prediction: Prediction) -> None:
    if prediction.error is not None:
        click.echo(f"error: {prediction.error}", err=True)
        return
    click.echo(prediction.path)
    width = max(len(name) for name, _ in prediction.top)
    for name, probability in prediction.top:
        click.echo(f"  {name:<{width}}  {probability:7.4f}  {'█' * round(20 * probability)}")
