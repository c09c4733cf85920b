"""How predictions are printed: a table, CSV, or a JSON line each."""

import csv
import sys
from collections.abc import Callable

from alexlab.cli.saying import say
from alexlab.inference.answer import Prediction
from alexlab.showing import cell, label, shown, width
from alexlab.valid_json import to_json


def printer(how: str) -> Callable[[Prediction], None]:
    """Return a function that prints one prediction: as "table", "csv" or "json"."""
    if how == "csv":
        csv.writer(sys.stdout).writerow(("path", "rank", "class", "probability", "error"))
    return {"table": _as_text, "csv": _as_csv, "json": _as_json}[how]


def _as_json(prediction: Prediction) -> None:
    say(to_json(prediction.facts(), ascii=False))


def _as_csv(prediction: Prediction) -> None:
    writer = csv.writer(sys.stdout)
    path = cell(shown(prediction.path))
    if prediction.error is not None:
        writer.writerow((path, "", "", "", cell(shown(prediction.error))))
    for rank, (name, probability) in enumerate(prediction.top, start=1):
        writer.writerow((path, rank, cell(shown(name)), f"{probability:.6f}", ""))
    if prediction.note:
        say(f"note: {shown(prediction.path)} {prediction.note}", err=True)


def _as_text(prediction: Prediction) -> None:
    if prediction.error is not None:
        say(f"error: {prediction.error}", err=True)
        return
    say(shown(prediction.path))
    names = [label(name, 60) for name, _ in prediction.top]
    widest = max(map(width, names))
    for name, (_, probability) in zip(names, prediction.top, strict=True):
        say(f"  {name}{' ' * (widest - width(name))}  {probability:7.4f}  {'█' * round(20 * probability)}")
    if prediction.note:
        say(f"  note: it {prediction.note}")
