"""Options that several commands share."""

from pathlib import Path

import click

device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to look for datasets first; then ALEXLAB_DATA and the cache.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
