"""The command `alexlab predict`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from alexlab.cli import options
from alexlab.cli.saying import say
from alexlab.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alexlab.inference.answer import Prediction, Source

    Images = Iterable[tuple[str, Source]]


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many classes to name.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: path, rank, class, probability, error.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "int8"]),
    default="float32",
    show_default=True,
    help="bfloat16 and int8 are faster where the processor has them; doubtful images are computed again in float32.",
)
@options.invert
@options.device
@options.as_json
def predict(
    run: Path, images: tuple[str, ...], top: int, as_csv: bool, precision: str, invert: bool, device: str, as_json: bool
) -> None:
    """Classify IMAGES with RUN, a run's folder or a file that `alexlab export` wrote: files, folders, or - for standard input.

    An image that cannot be read is reported, the others are answered, and the exit code is 1.
    """
    import sys

    from alexlab.cli.answers import printer
    from alexlab.inference.reading import image_files

    ask = _file if run.suffix == ".onnx" and not run.is_dir() else _run
    once = len(images) == 1 and not Path(images[0]).is_dir()
    found = ask(run, image_files(images, sys.stdin.buffer), top, device, precision, once, invert)
    answer = printer("json" if as_json else "csv" if as_csv else "table")
    failed = False
    for prediction in found:
        answer(prediction)
        failed = failed or prediction.error is not None
    sys.exit(1 if failed else 0)


def _run(
    run: Path, images: "Images", top: int, device: str, precision: str, once: bool, invert: bool
) -> "Iterator[Prediction]":
    from alexlab.runs.run import Run
    from alexlab.speed.device import choose_device
    from alexlab.speed.door import about_precision

    opened = Run(run)
    if note := about_precision(precision, choose_device(device)):
        say(f"note: {note}", err=True)
    return opened.predictions(images, top, device, precision, once, invert)


def _file(
    path: Path, images: "Images", top: int, device: str, precision: str, once: bool, invert: bool
) -> "Iterator[Prediction]":
    """As `_run`, without torch: its import would take longer than the answer."""
    from alexlab.export.onnx_file import OnnxFile

    if precision != "float32" or device not in ("auto", "cpu"):
        raise UserError(f"{path}: an exported file answers on the CPU, in the precision that it was exported in.")
    if invert:
        raise UserError(f"{path}: an exported file does not invert; ask the run that it was exported from.")
    return OnnxFile(path, once=once).predictions(images, top)
