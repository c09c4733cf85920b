"""The command `alexlab export`."""

from pathlib import Path

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="What to write: NAME.onnx, NAME.pt2, or a folder.",
)
@click.option(
    "--format",
    type=click.Choice(["onnx", "torch", "triton"]),
    default="onnx",
    show_default=True,
    help="torch: a program of torch.export, NAME.pt2; triton: a folder of NVIDIA Triton's model repository.",
)
@click.option(
    "--from",
    "begins",
    type=click.Choice(["pixels", "input"]),
    default="pixels",
    show_default=True,
    help="Where the graph begins: decoded pixels of any size, or the network's input for a path to it of your own.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    show_default=True,
    help="int8: a quarter of the size, calibrated on training images; the accuracy that it costs is printed.",
)
@click.option(
    "--on",
    type=click.Path(path_type=Path),
    help="An image or a folder of them to hold the export against; by default the run's own test images.",
)
@options.data_dir
@options.as_json
def export(
    run: Path,
    out: Path,
    format: str,
    begins: str,
    precision: str,
    on: Path | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Write RUN as one file that answers without alexlab: from decoded RGB pixels to the probability of each class.

    The path to the network's input is part of the graph, the classes' names are in its metadata. The file is held against the run on
    up to 2,000 images, and not written where it says something else.
    """
    from alexlab.cli.progress import TerminalCallback
    from alexlab.export.exporting import export as write
    from alexlab.export.program import BEGINS
    from alexlab.runs.run import Run
    from alexlab.valid_json import to_json

    with TerminalCallback() as callback:
        made = write(Run(run), out, format, begins, precision, on, data_dir, callback.preparing)
    if as_json:
        say(to_json({"path": str(made.path), "bytes": made.bytes, **made.facts, "agreement": made.agreement.facts()}))
        return
    say(f"{made.path}: {made.facts['network']}, {made.bytes / 1e6:,.1f} MB; from {BEGINS[begins]}")
    say(f"held against the run on {made.agreement.words}")
    if begins == "pixels" and format == "onnx":
        say(f"next: alexlab predict {made.path} IMAGE...")
