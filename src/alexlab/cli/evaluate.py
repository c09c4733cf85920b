"""The command `alexlab evaluate`."""

from pathlib import Path
from typing import Any

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.command("evaluate")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--on", metavar="DATASET", help="A dataset's name or an image folder; by default the run's own test images."
)
@click.option(
    "--views", type=click.Choice(["1", "5", "10"]), help="Average so many windows: centre, corners, mirrored."
)
@options.invert
@click.option("--with-trained", is_flag=True, help="Measure images that the run was trained on, too.")
@options.device
@options.data_dir
@options.as_json
def evaluate(
    runs: tuple[Path, ...],
    on: str | None,
    views: str | None,
    invert: bool,
    with_trained: bool,
    device: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Measure a run: top-1, top-5, loss, precision and recall of each class, confusion matrix.

    Several RUNS are measured together, as the mean of their probabilities. Images of --on that they were trained on are
    left out.
    """
    from functools import partial

    from alexlab.cli.progress import TerminalCallback
    from alexlab.runs.run import Run, evaluate_together
    from alexlab.valid_json import to_json

    opened = [Run(run) for run in runs]
    with TerminalCallback() as callback:
        progress = partial(callback.preparing, "evaluating")
        count = int(views) if views else None
        facts = evaluate_together(opened, on, device, data_dir, count, progress, invert, with_trained).facts()
    if as_json:
        say(to_json(facts))
        return
    say(f"{facts['on']}: {facts['images']:,} images")
    say(f"top-1 {facts['top1']:.4f}  top-5 {facts['top5']:.4f}  loss {facts['loss']:.4f}")
    say(f"balanced accuracy {facts['balanced_accuracy']:.4f}  macro-F1 {facts['macro_f1']:.4f}")
    _print_classes(facts)
    for note in facts.get("notes", ()):
        say(f"note: {note}", err=True)


MOST_COLUMNS = 12


def _print_classes(facts: dict[str, Any]) -> None:
    from alexlab.cli.tables import print_table

    classes, confusion = facts["classes"], facts["confusion"]
    numbers = [str(i) for i in range(len(classes))] if len(classes) <= MOST_COLUMNS else []
    rows = []
    for i, each in enumerate(classes):
        if not each["images"] and not numbers:
            continue  # one of many classes that these images have none of
        name = f"{i} {each['class']}" if numbers else each["class"]
        shares = (_share(each["precision"]), _share(each["recall"]))
        rows.append((name, str(each["images"]), *shares, *(str(n) for n in confusion[i] if numbers)))
    heads = ("class", "images", "precision", "recall", *numbers)
    print_table(heads, rows, right=range(1, len(heads)))
    if numbers:
        say("Columns by number: how many images of the row's class were taken for the column's.")
    elif without := len(classes) - len(rows):
        say(f"And {without:,} more class{'es' * (without > 1)}, of which there are no images here.")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
