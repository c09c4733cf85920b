"""The command `alexlab studio`."""

from pathlib import Path

import click

from alexlab.cli import options
from alexlab.cli.saying import say
from alexlab.errors import UserError
from alexlab.runs.folder import RUNS


@click.command("studio")
@click.argument("runs", type=click.Path(path_type=Path, file_okay=False), default=RUNS)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; others than loopback take a token."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="0 for any that is free.")
@click.option(
    "--token", envvar="ALEXLAB_TOKEN", help="What a browser brings; by default one is made where one is needed."
)
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder below which image folders may be trained on; repeatable.",
)
@options.data_dir
def studio(runs: Path, host: str, port: int, token: str | None, roots: tuple[Path, ...], data_dir: Path | None) -> None:
    """See the networks of the runs below RUNS think, judge them, use them and train others, in the browser."""
    try:
        from alexlab.web.studio.learning import Trainings
        from alexlab.web.studio.opened import Runs
        from alexlab.web.studio.server import serve
    except ModuleNotFoundError as error:
        raise UserError(f"the studio takes {error.name}: pip install 'alexlab[studio]'.") from None

    if not runs.is_dir() and runs != RUNS:
        raise UserError(f"{runs}: no such folder; expected one with runs that `alexlab train` made.")
    serve(Runs(runs, data_dir), Trainings(runs, data_dir, roots), host, port, token, ready=say)
