"""The command `alexlab look`."""

from pathlib import Path

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.command("look")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--layer", "layers", multiple=True, metavar="NAME", help="Whose feature maps to draw; by default every convolution."
)
@click.option("--out", type=click.Path(path_type=Path), help="The folder of the pictures; by default RUN/look.")
@options.device
@options.data_dir
@options.as_json
def look(
    run: Path,
    images: tuple[Path, ...],
    layers: tuple[str, ...],
    out: Path | None,
    device: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Look inside RUN: its first filters, what it answers, training images that it finds alike, and feature maps.

    IMAGES are pictures to show; without any, eight that the run held out. Writes PNG files, and look.html that holds them all.
    """
    from alexlab.report.look import look as look_inside
    from alexlab.runs.run import Run
    from alexlab.valid_json import to_json

    page = look_inside(Run(run), images, layers, out, data_dir, device)
    pictures = [str(path) for path in sorted(page.parent.glob("*.png"))]
    if as_json:
        say(to_json({"page": str(page), "pictures": pictures}))
        return
    for path in (*pictures, page):
        say(str(path))
