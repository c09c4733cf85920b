"""The command `alexlab runs`."""

from pathlib import Path

import click

from alexlab.cli import options
from alexlab.cli.saying import say
from alexlab.showing import short


@click.command("runs")
@click.argument("folder", default=Path("runs"), type=click.Path(path_type=Path))
@options.as_json
def runs(folder: Path, as_json: bool) -> None:
    """List the runs below FOLDER (runs/), the newest first: their state and best figures."""
    from alexlab.errors import UserError
    from alexlab.runs.listing import list_runs
    from alexlab.valid_json import to_json

    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; `alexlab train` makes runs below runs/.")
    found = list_runs(folder)
    if as_json:
        say(to_json([run.facts() for run in found], indent=1))
        return
    from alexlab.cli.tables import print_table

    rows = [
        (
            str(run.folder),
            run.state,
            run.network,
            run.dataset,
            f"{short(run.epochs)}/{short(run.of)}",
            "-" if run.best is None else f"{run.best:.4f} ({run.watch})",
            "-" if run.test is None else f"{run.test:.4f}",
        )
        for run in found
    ]
    print_table(("run", "state", "network", "dataset", "epochs", "best", "final"), rows, right=(4, 5, 6))
    for run in found:
        if run.problem:
            say(f"{run.folder}: {run.problem}")
    if any(run.state in ("interrupted", "stopped", "failed") for run in found):
        say("Go on with one: alexlab train --resume RUN")
