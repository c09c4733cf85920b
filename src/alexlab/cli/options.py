"""Options that several commands share, and the kinds of their values."""

import math
from pathlib import Path
from typing import Any

import click


class Finite(click.FloatRange):
    """A finite number within bounds. click's own range lets nan through everywhere, and infinity where a bound is missing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number. Fails as click's types do where it is none, not finite or out of bounds."""
        number: float = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        bounded: float = super().convert(number, param, ctx)
        return bounded


device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to look for datasets first; then ALEXLAB_DATA and the cache.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
invert = click.option(
    "--invert",
    is_flag=True,
    help="Exchange dark and light first: of dark digits on white where the run was trained on light ones on black.",
)
