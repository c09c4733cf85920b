"""`alexlab evaluate`"""

from pathlib import Path
from typing import Any

import click

from alexlab.cli import options


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--on", metavar="DATASET", help="A dataset's name or an image folder; by default the run's own test images."
)
@options.device
@options.data_dir
@options.as_json
def evaluate(run: Path, on: str | None, device: str, data_dir: Path | None, as_json: bool) -> None:
    """Measure RUN: top-1, top-5, loss, precision and recall of each class, confusion matrix."""
    import json
    from functools import partial

    from alexlab.cli.progress import Shown
    from alexlab.training.run import Run

    opened = Run(run)
    with Shown() as watcher:
        facts = opened.evaluate(on, device, data_dir, partial(watcher.preparing, "evaluating")).facts()
    if as_json:
        click.echo(json.dumps(facts))
        return
    click.echo(f"{facts['on']}: {facts['images']:,} images")
    click.echo(f"top-1 {facts['top1']:.4f}  top-5 {facts['top5']:.4f}  loss {facts['loss']:.4f}")
    _print_classes(facts)


MOST_COLUMNS = 12


def _print_classes(facts: dict[str, Any]) -> None:
    from alexlab.cli.tables import print_table

    classes, confusion = facts["classes"], facts["confusion"]
    numbers = [str(i) for i in range(len(classes))] if len(classes) <= MOST_COLUMNS else []
    rows = []
    for i, each in enumerate(classes):
        name = f"{i} {each['class']}" if numbers else each["class"]
        shares = (_share(each["precision"]), _share(each["recall"]))
        rows.append((name, str(each["images"]), *shares, *(str(n) for n in confusion[i] if numbers)))
    heads = ("class", "images", "precision", "recall", *numbers)
    print_table(heads, rows, right=range(1, len(heads)))
    if numbers:
        click.echo("Columns by number: how many images of the row's class were taken for the column's.")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
