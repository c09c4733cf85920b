"""The commands `alexlab weights open`, `alexlab weights export` and `alexlab weights fetch`."""

from pathlib import Path

import click

from alexlab.cli.saying import say


@click.group("weights")
def weights() -> None:
    """Weights from elsewhere, and for elsewhere.

    To train on from published weights: alexlab train alexnet-torchvision DATASET --pretrained torchvision
    """


@weights.command("open")
@click.argument("file")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run's folder, which must not exist.")
@click.option("--mean", type=click.Path(path_type=Path), help="Caffe's mean image, a .binaryproto file.")
@click.option(
    "--classes", type=click.Path(path_type=Path), help="A text file, a name a line; by default ILSVRC-2012's."
)
def open_weights(file: str, out: Path, mean: Path | None, classes: Path | None) -> None:
    """Make a run of published weights, ready for predict, evaluate --on and look.

    FILE is torchvision's .pth, or a trainer's .pth.tar or .ckpt with such weights, or Caffe's .caffemodel; the word torchvision fetches the
    published one.
    """
    from alexlab.cli.progress import TerminalCallback
    from alexlab.runs.published import run_from_weights

    with TerminalCallback() as callback:
        run = run_from_weights(file, out, mean, classes, callback.preparing, callback.noted)
    say(f"run: {run.folder} ({run.recipe.network}, {len(run.classes):,} classes)")
    say(f"next: alexlab predict {run.folder} IMAGE...")


@weights.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", default=".", show_default=True, type=click.Path(path_type=Path), help="The folder of the file.")
def export_weights(run: Path, out: Path) -> None:
    """Write the weights of RUN, an alexnet-torchvision, as torchvision's file alexnet-owt-HASH.pth."""
    from alexlab.runs.published import export
    from alexlab.runs.run import Run

    say(str(export(Run(run), out)))


@weights.command("fetch")
def fetch_weights() -> None:
    """Fetch torchvision's published weights (244 MB), and print where they lie."""
    from alexlab.cli.progress import TerminalCallback
    from alexlab.weights.published import published

    with TerminalCallback() as callback:
        path = published("torchvision", callback.preparing)
    say(str(path))
